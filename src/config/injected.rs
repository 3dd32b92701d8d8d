//! **Job:** tells variables that a container platform makes from those that an operator gave.
//! **Owns:** the shapes of the platforms' variables.
//! **Never:** takes a variable for the platform's by its name alone where an operator may have meant that name.
//!
//! Kubernetes puts the address of every service of a namespace into the environment of its containers, Docker that of
//! every linked container. For a service called `doorbuster` (or `doorbuster-…`) they begin as ours do:
//!
//! | name, after that of the service | value |
//! |---|---|
//! | `_SERVICE_HOST` | an IP address |
//! | `_SERVICE_PORT`, `_SERVICE_PORT_<NAME>` | a port |
//! | `_PORT`, `_PORT_<n>_<PROTOCOL>` | `tcp://10.0.0.1:80` |
//! | `_PORT_<n>_<PROTOCOL>_PROTO`, `…_PORT`, `…_ADDR` | `tcp`, a port, an IP address |
//! | `_NAME` | `/container/alias` |
//! | `_ENV_<NAME>` | anything |

use std::net::IpAddr;

/// The protocols of services.
const PROTOCOLS: [&str; 3] = ["TCP", "UDP", "SCTP"];

/// Whether a platform makes a variable with this value, and this name after our prefix. No key of ours is asked about.
pub(super) fn is_injected(name: &str, value: &str) -> bool {
    // The service's own name may go on after ours and contain any of these words: each place is tried.
    let starts = std::iter::once(0).chain(name.match_indices('_').map(|(at, _)| at + 1));
    starts.filter_map(|start| name.get(start..)).any(|rest| has_shape(rest, value))
}

fn has_shape(rest: &str, value: &str) -> bool {
    match rest {
        "SERVICE_HOST" => is_address(value),
        "PORT" => is_url(value),
        "NAME" => value.strip_prefix('/').is_some_and(|path| path.contains('/')),
        _longer if rest.strip_prefix("ENV_").is_some_and(|name| !name.is_empty()) => true,
        _longer if rest == "SERVICE_PORT" || rest.starts_with("SERVICE_PORT_") => is_port(value),
        _longer => rest.strip_prefix("PORT_").is_some_and(|port| is_port_variable(port, value)),
    }
}

/// `<n>_<PROTOCOL>`, alone or with what is told of it.
fn is_port_variable(rest: &str, value: &str) -> bool {
    let mut words = rest.split('_');
    let (Some(port), Some(protocol)) = (words.next(), words.next()) else { return false };
    if !is_port(port) || !PROTOCOLS.contains(&protocol) {
        return false;
    }
    match (words.next(), words.next()) {
        (None, _) => is_url(value),
        (Some("PROTO"), None) => is_protocol(value),
        (Some("PORT"), None) => is_port(value),
        (Some("ADDR"), None) => is_address(value),
        (Some(_), _) => false,
    }
}

fn is_url(value: &str) -> bool {
    let Some((protocol, address)) = value.split_once("://") else { return false };
    let Some((host, port)) = address.rsplit_once(':') else { return false };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    is_protocol(protocol) && is_address(host) && is_port(port)
}

fn is_protocol(value: &str) -> bool {
    PROTOCOLS.iter().any(|protocol| protocol.eq_ignore_ascii_case(value))
}

fn is_port(value: &str) -> bool {
    value.parse::<u16>().is_ok()
}

fn is_address(value: &str) -> bool {
    value.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_platforms_make_is_known_by_name_and_value() {
        for (name, value) in [
            ("SERVICE_HOST", "10.0.0.7"),
            ("SERVICE_HOST", "fd00::7"),
            ("SERVICE_PORT", "80"),
            ("SERVICE_PORT_HTTP", "80"),
            ("SERVICE_PORT_OPS_HTTP", "9190"),
            ("PORT", "tcp://10.0.0.7:80"),
            ("PORT", "tcp://[fd00::7]:80"),
            ("PORT_80_TCP", "tcp://10.0.0.7:80"),
            ("PORT_53_UDP", "udp://10.0.0.7:53"),
            ("PORT_80_TCP_PROTO", "tcp"),
            ("PORT_80_TCP_PORT", "80"),
            ("PORT_80_TCP_ADDR", "10.0.0.7"),
            ("NAME", "/web/doorbuster"),
            ("ENV_PATH", "/usr/bin"),
        ] {
            for service in ["", "SERVER_", "OPS_LISTEN_2_", "PORT_", "SERVICE_"] {
                assert!(is_injected(&format!("{service}{name}"), value), "{service}{name}={value}");
            }
        }
    }

    #[test]
    fn what_an_operator_has_misspelt_is_not_the_platforms() {
        for (name, value) in [
            ("PORT", "8080"),
            ("SERVER_PORT", "8080"),
            ("SERVER_PORT", "0.0.0.0:8080"),
            ("PORT", "http://10.0.0.7:80"),
            ("PORT", "tcp://shop:80"),
            ("SERVICE_HOST", "shop.example.com"),
            ("SERVICE_PORT", "auto"),
            ("PORT_80", "tcp://10.0.0.7:80"),
            ("PORT_80_HTTP", "tcp://10.0.0.7:80"),
            ("PORT_80_TCP_ADDRESS", "10.0.0.7"),
            ("PORT_FILE", "/run/ports"),
            ("NAME", "doorbuster"),
            ("ENV", "production"),
            ("ENV_", "production"),
            ("SERVER_LISTENS", "10.0.0.7"),
            ("REDIS_HOST", "10.0.0.7"),
            ("REDIS_URI", "tcp://10.0.0.7:6379"),
        ] {
            assert!(!is_injected(name, value), "{name}={value}");
        }
    }
}
