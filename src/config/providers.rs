//! **Job:** the keys of payment providers.
//! **Owns:** the names of these keys; a provider is on when its keys are there.
//! **Never:** knows what a provider says.

use std::path::PathBuf;

use super::secret::Secret;
use super::value::Setting;

section! {
    /// `[payment.stripe]`: webhooks of Stripe, at `/v1/payments/events/stripe`.
    pub struct Stripe in "payment.stripe" {
        /// Signing secret of the webhook's endpoint, `whsec_…`, at least 32 bytes; read again on SIGHUP. Secret;
        /// default empty: no Stripe.
        pub secret: Secret = Secret::default(),
        /// The secret from before, still accepted while it is rolled; read again on SIGHUP. Secret; default empty:
        /// none.
        pub previous_secret: Secret = Secret::default(),
    }
}

section! {
    /// `[payment.standard]`: any provider that signs by Standard Webhooks, at `/v1/payments/events/standard`.
    pub struct Standard in "payment.standard" {
        /// Its secret `whsec_…` (Base64 of at least 24 bytes) or public key `whpk_…`; read again on SIGHUP. Secret;
        /// default empty: no such provider.
        pub secret: Secret = Secret::default(),
        /// The one from before, still accepted while it is rotated; read again on SIGHUP. Secret; default empty: none.
        pub previous_secret: Secret = Secret::default(),
    }
}

section! {
    /// `[payment.wechat]`: notifications of WeChat Pay v3, at `/v1/payments/events/wechat`.
    pub struct Wechat in "payment.wechat" {
        /// The merchant's API key (v3), 32 bytes, with which notifications are sealed; read again on SIGHUP. Secret;
        /// default empty: no WeChat Pay.
        pub api_v3_key: Secret = Secret::default(),
        /// The key from before, still used while it is changed; read again on SIGHUP. Secret; default empty: none.
        pub previous_api_v3_key: Secret = Secret::default(),
        /// PEM file with the platform's public key or certificate, or several of them while they change, each known by
        /// its serial: a certificate brings its own, a public key has its `PUB_KEY_ID_…` on the line above it or in the
        /// name of the file; read again on SIGHUP. Default empty: no WeChat Pay.
        pub public_key_file: Option<PathBuf> = None,
    }
}

section! {
    /// `[payment.alipay]`: asynchronous notifications of Alipay, at `/v1/payments/events/alipay`.
    pub struct Alipay in "payment.alipay" {
        /// File with Alipay's public key or certificate (Alipay's, not the application's), or several of them while
        /// they change: PEM, or the Base64 that the console shows; read again on SIGHUP. Default empty: no Alipay.
        pub public_key_file: Option<PathBuf> = None,
        /// The application that is paid; a notification for another one is not believed. Default empty: no Alipay.
        pub app_id: Option<String> = None,
    }
}

/// `[payment.*]`: the providers, one section each.
#[derive(Debug, Clone, Default)]
pub struct Providers {
    /// Stripe.
    pub stripe: Stripe,
    /// Standard Webhooks.
    pub standard: Standard,
    /// WeChat Pay.
    pub wechat: Wechat,
    /// Alipay.
    pub alipay: Alipay,
}

impl Providers {
    /// Every section and key with its explanation.
    pub(super) fn explanations() -> Vec<(&'static str, &'static str)> {
        [Stripe::EXPLANATIONS, Standard::EXPLANATIONS, Wechat::EXPLANATIONS, Alipay::EXPLANATIONS].concat()
    }

    /// Every key with its place.
    pub(super) fn settings(&mut self) -> Vec<(&'static str, &mut dyn Setting)> {
        let sections =
            [self.stripe.settings(), self.standard.settings(), self.wechat.settings(), self.alipay.settings()];
        sections.into_iter().flatten().collect()
    }
}
