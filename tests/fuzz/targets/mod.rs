//! **Job:** what may be fed with any bytes: one function a target, which panics if a promise is broken.
//! **Owns:** the list of the targets, and what each holds.
//! **Never:** is a part of the product: tests replay a share of each, `make fuzz-campaign` goes on from there.

mod answers;
mod bytes;
mod documents;
mod feed;
mod http;
mod ledger;
mod recovery;
#[cfg(test)]
mod share;
mod token;
mod webhooks;

pub use answers::http_answers;
pub use documents::{catalogue, config, item_body, order_body};
pub use feed::{feed_entry, feed_lines};
pub use http::http_head;
pub use ledger::{ledger_fold, ledger_row};
pub use recovery::recovery;
pub use token::token;
pub use webhooks::{webhook_alipay, webhook_own, webhook_standard, webhook_stripe, webhook_wechat};

/// A target by its name.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("http_head", http_head),
    ("http_answers", http_answers),
    ("order_body", order_body),
    ("item_body", item_body),
    ("token", token),
    ("config", config),
    ("catalogue", catalogue),
    ("webhook_own", webhook_own),
    ("webhook_stripe", webhook_stripe),
    ("webhook_standard", webhook_standard),
    ("webhook_wechat", webhook_wechat),
    ("webhook_alipay", webhook_alipay),
    ("feed_entry", feed_entry),
    ("feed_lines", feed_lines),
    ("ledger_row", ledger_row),
    ("ledger_fold", ledger_fold),
    ("recovery", recovery),
];
