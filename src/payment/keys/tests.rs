//! **Job:** which providers are on, and which keys are refused.
//! **Owns:** a table of configurations.
//! **Never:** names a key's value.

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::payment::platform_keys::testing::{CERTIFICATE, PUBLIC_KEY};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const STANDARD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ALL: [Provider; 5] = [Provider::Own, Provider::Stripe, Provider::Standard, Provider::Wechat, Provider::Alipay];

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).expect("writable");
        path
    }

    /// A configuration with every provider.
    fn whole(&self) -> Config {
        let mut config = Config::default();
        config.payment.webhook_secret = secret(SECRET);
        config.providers.stripe.secret = secret(SECRET);
        config.providers.standard.secret = secret(STANDARD);
        config.providers.wechat.api_v3_key = secret(SECRET);
        config.providers.wechat.public_key_file = Some(self.file("wechat.pem", CERTIFICATE));
        config.providers.alipay.public_key_file = Some(self.file("alipay.pem", PUBLIC_KEY));
        config.providers.alipay.app_id = Some("2021".to_owned());
        config
    }
}

#[test]
fn a_provider_is_on_when_its_keys_are_there() {
    let none = Keys::read(&Config::default()).expect("no keys");
    let all = Keys::read(&Files::new().whole()).expect("keys");
    for provider in ALL {
        assert!(!none.has(provider) && all.has(provider), "{provider:?}");
        let headers = Headers::from_iter([]);
        assert!(none.report(provider, &headers, b"{}", 0).is_none());
        let report = all.report(provider, &headers, b"{}", 0);
        assert!(matches!(report, Some(Err(Refusal::NotAuthentic(_)))), "{provider:?}: {report:?}");
    }
}

#[test]
fn a_key_that_cannot_be_used_is_named_and_not_shown() {
    type Change = fn(&mut Config, &Files);
    let table: [(Change, &str); 12] = [
        (|config, _| config.providers.standard.secret = secret("canary"), "payment.standard.secret: must begin"),
        (
            |config, _| config.providers.standard.previous_secret = secret("whsec_canary"),
            "payment.standard.previous_secret",
        ),
        (|config, _| config.providers.wechat.api_v3_key = secret("canary"), "payment.wechat.api_v3_key: must have 32"),
        (
            |config, _| config.providers.wechat.previous_api_v3_key = secret("canary"),
            "payment.wechat.previous_api_v3_key",
        ),
        (|config, _| config.providers.wechat.api_v3_key = secret(""), "payment.wechat.api_v3_key: is needed"),
        (|config, _| config.providers.wechat.public_key_file = None, "payment.wechat.public_key_file: is needed"),
        (|config, _| config.providers.alipay.app_id = None, "payment.alipay.app_id: is needed"),
        (|config, _| config.providers.alipay.public_key_file = None, "payment.alipay.public_key_file: is needed"),
        (
            |config, files| config.providers.alipay.public_key_file = Some(files.file("empty.pem", "")),
            "payment.alipay.public_key_file: /",
        ),
        (
            |config, files| config.providers.wechat.public_key_file = Some(files.file("x.pem", "canary")),
            "payment.wechat.public_key_file: /",
        ),
        (
            |config, _| config.providers.wechat.public_key_file = Some("/dev/zero".into()),
            "payment.wechat.public_key_file: /dev/zero has more than",
        ),
        (
            |config, _| config.providers.wechat.public_key_file = Some("none.pem".into()),
            "payment.wechat.public_key_file: none.pem cannot be read",
        ),
    ];
    for (change, said) in table {
        let files = Files::new();
        let mut config = files.whole();
        change(&mut config, &files);
        let unfit = Keys::read(&config).err().expect(said).to_string();
        assert!(unfit.starts_with(said) && !unfit.contains("canary"), "{unfit}");
    }
}
