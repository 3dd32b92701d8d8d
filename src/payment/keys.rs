//! **Job:** the keys that notifications are checked with, of all providers.
//! **Owns:** how they are made of the configuration, and which provider is on: the one whose keys are there.
//! **Never:** is changed: new keys are a new value, put in the place of the old one. Never says a part of a key.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use doorbuster_actors::payment::Provider;

use super::event::{Refusal, Report};
use super::headers::Headers;
use super::platform_keys::PlatformKeys;
use super::wechat::API_V3_KEY_BYTES;
use super::{alipay, own, standard_webhooks, stripe, wechat};
use crate::config::{Config, Secret};

/// Largest file of public keys, in bytes: dozens of certificates.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// The keys of all providers.
#[derive(Default)]
pub struct Keys {
    own: Vec<Secret>,
    stripe: Vec<Secret>,
    standard: Vec<standard_webhooks::Key>,
    wechat: Option<wechat::Keys>,
    alipay: Option<alipay::Keys>,
}

/// A key that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {reason}")]
pub struct UnfitKey {
    /// Its name in the configuration.
    key: &'static str,
    /// What is wrong, without a part of it.
    reason: String,
}

impl Keys {
    /// What the configuration says, with the files of public keys.
    ///
    /// # Errors
    /// The first that cannot be used.
    pub fn read(config: &Config) -> Result<Self, UnfitKey> {
        let (payment, providers) = (&config.payment, &config.providers);
        let (stripe, standard) = (&providers.stripe, &providers.standard);
        Ok(Self {
            own: given([&payment.webhook_secret, &payment.webhook_previous_secret]),
            stripe: given([&stripe.secret, &stripe.previous_secret]),
            standard: [
                standard_key("payment.standard.secret", &standard.secret)?,
                standard_key("payment.standard.previous_secret", &standard.previous_secret)?,
            ]
            .into_iter()
            .flatten()
            .collect(),
            wechat: wechat_keys(config)?,
            alipay: alipay_keys(config)?,
        })
    }

    /// Whether the keys of this provider are there: without them there is no such provider.
    #[must_use]
    pub fn has(&self, provider: Provider) -> bool {
        match provider {
            Provider::Own => !self.own.is_empty(),
            Provider::Stripe => !self.stripe.is_empty(),
            Provider::Standard => !self.standard.is_empty(),
            Provider::Wechat => self.wechat.is_some(),
            Provider::Alipay => self.alipay.is_some(),
        }
    }

    /// What a notification of this provider says, at `now` in seconds since 1970; none if its keys are not there.
    #[must_use]
    pub fn report(
        &self,
        provider: Provider,
        headers: &Headers<'_>,
        body: &[u8],
        now: u64,
    ) -> Option<Result<Report, Refusal>> {
        self.has(provider).then_some(())?;
        match provider {
            Provider::Own => Some(own::read(headers, body, &self.own, now)),
            Provider::Stripe => Some(stripe::read(headers, body, &self.stripe, now)),
            Provider::Standard => Some(standard_webhooks::read(headers, body, &self.standard, now)),
            Provider::Wechat => self.wechat.as_ref().map(|keys| wechat::read(headers, body, keys, now)),
            Provider::Alipay => self.alipay.as_ref().map(|keys| alipay::read(body, keys)),
        }
    }
}

fn given(secrets: [&Secret; 2]) -> Vec<Secret> {
    secrets.into_iter().filter(|secret| !secret.is_empty()).cloned().collect()
}

fn standard_key(key: &'static str, secret: &Secret) -> Result<Option<standard_webhooks::Key>, UnfitKey> {
    if secret.is_empty() {
        return Ok(None);
    }
    let read = standard_webhooks::Key::read(secret.expose());
    read.map(Some).map_err(|reason| UnfitKey { key, reason: reason.to_owned() })
}

fn wechat_keys(config: &Config) -> Result<Option<wechat::Keys>, UnfitKey> {
    let (key, wechat) = ("payment.wechat.public_key_file", &config.providers.wechat);
    match (&wechat.public_key_file, wechat.api_v3_key.is_empty()) {
        (None, true) => Ok(None),
        (None, false) => Err(UnfitKey { key, reason: "is needed beside payment.wechat.api_v3_key".to_owned() }),
        (Some(_), true) => Err(UnfitKey {
            key: "payment.wechat.api_v3_key",
            reason: "is needed beside payment.wechat.public_key_file".to_owned(),
        }),
        (Some(path), false) => Ok(Some(wechat::Keys {
            platform: platform_keys(key, path)?,
            api_v3: [
                api_v3_key("payment.wechat.api_v3_key", &wechat.api_v3_key)?,
                api_v3_key("payment.wechat.previous_api_v3_key", &wechat.previous_api_v3_key)?,
            ]
            .into_iter()
            .flatten()
            .collect(),
        })),
    }
}

fn api_v3_key(key: &'static str, secret: &Secret) -> Result<Option<[u8; API_V3_KEY_BYTES]>, UnfitKey> {
    if secret.is_empty() {
        return Ok(None);
    }
    let bytes = secret.expose().as_bytes().try_into();
    bytes.map(Some).map_err(|_length| UnfitKey { key, reason: format!("must have {API_V3_KEY_BYTES} bytes") })
}

fn alipay_keys(config: &Config) -> Result<Option<alipay::Keys>, UnfitKey> {
    let (key, alipay) = ("payment.alipay.public_key_file", &config.providers.alipay);
    match (&alipay.public_key_file, &alipay.app_id) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(UnfitKey { key, reason: "is needed beside payment.alipay.app_id".to_owned() }),
        (Some(_), None) => Err(UnfitKey {
            key: "payment.alipay.app_id",
            reason: "is needed beside payment.alipay.public_key_file".to_owned(),
        }),
        (Some(path), Some(app_id)) => {
            Ok(Some(alipay::Keys { platform: platform_keys(key, path)?, app_id: app_id.clone() }))
        }
    }
}

fn platform_keys(key: &'static str, path: &Path) -> Result<PlatformKeys, UnfitKey> {
    let unfit = |reason: String| UnfitKey { key, reason: format!("{} {reason}", path.display()) };
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text));
    read.map_err(|error| unfit(format!("cannot be read: {error}")))?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(unfit(format!("has more than {MAX_FILE_BYTES} bytes")));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    PlatformKeys::read(&name, &text).map_err(unfit)
}

#[cfg(test)]
mod tests;
