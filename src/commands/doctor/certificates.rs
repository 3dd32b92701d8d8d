//! **Job:** checks until when the certificates hold that the configuration names, and whether the keys are theirs.
//! **Owns:** which keys of the configuration name one.
//! **Never:** asks who has signed one, or shows a private key.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use doorbuster_actors::time::Timestamp;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::finding::Finding;
use crate::certificates::{self, SOON, Span};
use crate::config::Config;

/// What the certificates of a file are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// One of ours, with those that lead to its authority: each is needed.
    Own,
    /// Authorities: any of them may do.
    Authorities,
}

/// The files, by their keys; with the key of the private key, if there is one.
fn files(config: &Config) -> Vec<(&'static str, Use, Option<&Path>, Option<&Path>)> {
    let (redis, webhook) = (&config.redis, &config.webhook);
    let (own, key) = (redis.tls_certificate_file.as_deref(), redis.tls_key_file.as_deref());
    let (public, public_key) = (&config.server.tls_certificate_file, &config.server.tls_key_file);
    vec![
        ("server.tls_certificate_file", Use::Own, public.as_deref(), public_key.as_deref()),
        ("redis.tls_ca_file", Use::Authorities, redis.tls_ca_file.as_deref(), None),
        ("redis.tls_certificate_file", Use::Own, own, key),
        ("webhook.tls_ca_file", Use::Authorities, webhook.tls_ca_file.as_deref(), None),
    ]
}

pub(super) fn findings(config: &Config) -> Vec<Finding> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let given = files(config).into_iter().filter_map(|(key, of, path, private)| Some((key, of, path?, private)));
    given.flat_map(|(key, of, path, private)| look(key, of, (path, private), now)).collect()
}

fn look(key: &'static str, of: Use, (path, private): (&Path, Option<&Path>), now: Duration) -> Vec<Finding> {
    let shown = path.display();
    let advice = "it must have certificates in PEM form (-----BEGIN CERTIFICATE-----)";
    let read = certificates::read(path).map_err(|reason| Finding::fail(key, format!("{shown}: {reason}"), advice));
    let mut findings = vec![match &read {
        Ok(chain) => {
            let spans: Vec<_> = chain.iter().map(certificates::span).collect();
            judge(key, of, &path.display().to_string(), &spans, now)
        }
        Err(finding) => finding.clone(),
    }];
    if let (Ok(chain), Some(private)) = (read, private) {
        findings.extend(key_fault(chain, private).map(|fault| {
            let advice = format!("install certificate and key together: {shown} and {}", private.display());
            Finding::fail(key, fault, advice)
        }));
    }
    findings
}

/// The state of one certificate, the better the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Unreadable,
    Expired(Duration),
    Early(Duration),
    Ends(Duration),
}

fn state(span: Option<Span>, now: Duration) -> State {
    match span {
        None => State::Unreadable,
        Some(Span { until, .. }) if until < now => State::Expired(until),
        Some(Span { from, .. }) if from > now => State::Early(from),
        Some(Span { until, .. }) => State::Ends(until),
    }
}

fn judge(key: &'static str, of: Use, path: &str, spans: &[Option<Span>], now: Duration) -> Finding {
    let states = spans.iter().map(|span| state(*span, now));
    // Of authorities the best one counts, of a chain the worst.
    let decisive = match of {
        Use::Own => states.min(),
        Use::Authorities => states.max(),
    };
    let advice =
        format!("renew the certificate in {path}, then SIGHUP or a restart; openssl x509 -in {path} -noout -dates");
    match decisive.unwrap_or(State::Unreadable) {
        State::Unreadable => Finding::fail(key, format!("{path}: a certificate cannot be understood"), advice),
        State::Expired(until) => Finding::fail(key, format!("{path}: expired on {}", day(until)), advice),
        State::Early(from) => Finding::fail(key, format!("{path}: holds only from {} on", day(from)), advice),
        State::Ends(until) if until < now + SOON => {
            Finding::warn(key, format!("{path}: ends on {}, within two weeks", day(until)), advice)
        }
        State::Ends(until) => Finding::ok(key, format!("{path}: holds until {}", day(until))),
    }
}

fn day(since: Duration) -> Timestamp {
    Timestamp::default().plus(since)
}

/// Why the private key is not that of the first certificate, if it is not.
fn key_fault(chain: Vec<CertificateDer<'static>>, private: &Path) -> Option<String> {
    let shown = private.display();
    let key = match PrivateKeyDer::from_pem_file(private) {
        Ok(key) => key,
        Err(error) => return Some(format!("{shown}: cannot be used: {error}")),
    };
    match CertifiedKey::from_der(chain, key, &default_provider()) {
        Ok(_) => None,
        Err(rustls::Error::InconsistentKeys(_)) => Some(format!("{shown} is not the key of the certificate")),
        Err(error) => Some(format!("{shown} cannot be used with the certificate: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    fn level(of: Use, spans: &[Option<Span>]) -> Level {
        judge("redis.tls_ca_file", of, "ca.pem", spans, 1_000 * DAY).level
    }

    fn holding(from: u32, until: u32) -> Span {
        Span { from: from * DAY, until: until * DAY }
    }

    #[test]
    fn a_certificate_that_has_ended_fails_and_one_that_ends_soon_is_told() {
        for (span, expected) in [
            (Some(holding(1, 999)), Level::Fail),
            (Some(holding(1, 1_013)), Level::Warn),
            (Some(holding(1, 1_015)), Level::Ok),
            (Some(holding(1_001, 2_000)), Level::Fail),
            (None, Level::Fail),
        ] {
            assert_eq!(level(Use::Own, &[span]), expected, "{span:?}");
            assert_eq!(level(Use::Authorities, &[span]), expected, "{span:?}");
        }
    }

    #[test]
    fn every_certificate_of_a_chain_counts_and_of_authorities_the_best() {
        let both = [Some(holding(1, 2_000)), Some(holding(1, 999))];
        assert_eq!(level(Use::Own, &both), Level::Fail);
        assert_eq!(level(Use::Authorities, &both), Level::Ok);
    }
}
