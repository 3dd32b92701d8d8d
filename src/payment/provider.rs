//! **Job:** the payment providers that we understand.
//! **Owns:** their names.
//! **Never:** knows what any of them says.

/// Who reports payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Events in our own format.
    Own,
    /// Stripe.
    Stripe,
    /// Any provider that follows Standard Webhooks.
    Standard,
    /// WeChat Pay v3.
    Wechat,
    /// Alipay.
    Alipay,
}
