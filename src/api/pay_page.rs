//! **Job:** shows buyers their own orders, and where each of them is paid.
//! **Owns:** what stands in the address of the payment page, and what of it is signed.
//! **Never:** gives such an address to anybody but the order's buyer: operators and providers see orders without it.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use doorbuster_actors::entry::{Order, Status};
use doorbuster_actors::item::{Amount, Currency};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::config::{Config, Mode, PayUrl, Place, Secret};
use crate::http::order_view::{OrderView, Shown};

/// Decimals of a currency that is not in use any more; the storefront takes as many.
const USUAL_DIGITS: u8 = 2;

/// Where orders are paid.
pub struct PayPage {
    template: PayUrl,
    key: Secret,
}

impl PayPage {
    /// The payment page of these settings, which are valid; none: the shop has none.
    #[must_use]
    pub fn of(config: &Config, mode: Mode) -> Option<Arc<Self>> {
        let payment = &config.payment;
        let template = PayUrl::parse(&payment.pay_url, mode == Mode::Development).ok()?;
        Some(Arc::new(Self { template, key: payment.pay_key().clone() }))
    }

    fn url(&self, order: &Order) -> String {
        let pay_by = order.pay_by.map(|pay_by| (pay_by.to_string(), pay_by.millis().div_euclid(1_000).to_string()));
        let (pay_by, expires) = pay_by.unwrap_or_default();
        self.template.filled(|place| match place {
            Place::OrderId => order.id.to_string(),
            Place::ItemId => order.item.to_string(),
            Place::Quantity => order.quantity.to_string(),
            Place::Amount => order.total_price.minor().to_string(),
            Place::AmountDecimal => decimal(order.total_price, order.currency),
            Place::Currency => order.currency.to_string(),
            Place::PayBy => pay_by.clone(),
            Place::Expires => expires.clone(),
            Place::Signature => self.signature(order),
        })
    }

    /// Hexadecimal HMAC-SHA256 of `<order_id>.<amount>.<currency>`.
    fn signature(&self, order: &Order) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.expose().as_bytes()).expect("any length is a key");
        mac.update(format!("{}.{}.{}", order.id, order.total_price.minor(), order.currency).as_bytes());
        hex::encode(mac.finalize().into_bytes())
    }
}

/// `19.90`: digits and a point, whatever the language.
fn decimal(amount: Amount, currency: Currency) -> String {
    let digits = usize::from(currency.minor_digits().unwrap_or(USUAL_DIGITS));
    let padded = format!("{:0>width$}", amount.minor(), width = digits + 1);
    let (whole, part) = padded.split_at(padded.len() - digits);
    if digits == 0 { whole.to_owned() } else { format!("{whole}.{part}") }
}

/// How a buyer sees their own orders.
#[derive(Clone)]
pub struct ForBuyers {
    /// As everybody does.
    pub shown: Shown,
    /// With the way to pay, as long as there is something to be paid.
    pub pay_page: Arc<ArcSwapOption<PayPage>>,
}

impl ForBuyers {
    /// The order, ready to be written.
    #[must_use]
    pub fn order<'o>(&self, order: &'o Order) -> OrderView<'o> {
        let view = self.shown.order(order);
        match order.status {
            Status::Pending => view.paid_at(self.pay_page.load().as_ref().map(|page| page.url(order))),
            Status::Paid | Status::Cancelled | Status::Expired | Status::RefundDue | Status::Refunded => view,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_has_the_decimals_of_its_currency() {
        let text = |minor, currency: &str| {
            decimal(Amount::new(minor).expect("in range"), currency.parse().expect("three letters"))
        };
        for (minor, currency, expected) in [
            (1_990, "CNY", "19.90"),
            (5, "EUR", "0.05"),
            (0, "EUR", "0.00"),
            (1_990, "JPY", "1990"),
            (0, "JPY", "0"),
            (12_345, "KWD", "12.345"),
            (7, "BHD", "0.007"),
            (12_345, "CLF", "1.2345"),
            (1_990, "DEM", "19.90"),
            (9_007_199_254_740_991, "USD", "90071992547409.91"),
        ] {
            assert_eq!(text(minor, currency), expected, "{minor} {currency}");
        }
    }
}
