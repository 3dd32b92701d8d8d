//! **Job:** the scenes of a recorded sale: everything that the ledger has an entry for, each from its beginning to its
//! end.
//! **Owns:** what is done in each, and which verdict its money must get.
//! **Never:** leaves the sale other than it found it: another scene comes next, whichever it is.

use serde_json::{Value, json};

use super::sale::{LAMP, Sale};
use crate::support::{Attempt, crowd, payment_event};

/// Buyers that come at the same time, so that commits hold several orders.
const CROWD: usize = 12;

/// One scene.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scene {
    /// Somebody buys, and money comes.
    Money(Money),
    MoneyOfNoOrder,
    Revoked,
    Retried,
    Steered,
    Resupplied,
    NewItems,
    Crowded,
    Consumed,
}

/// How money comes for an order.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Money {
    Once,
    Twice,
    Short,
    Over,
    InAnotherCurrency,
    AfterAFailure,
    AfterCancelling,
    AndGoes,
    AfterItsRefund,
}

impl Scene {
    pub(crate) const ALL: [Self; 17] = [
        Self::Money(Money::Once),
        Self::Money(Money::Twice),
        Self::Money(Money::Short),
        Self::Money(Money::Over),
        Self::Money(Money::InAnotherCurrency),
        Self::Money(Money::AfterAFailure),
        Self::Money(Money::AfterCancelling),
        Self::Money(Money::AndGoes),
        Self::Money(Money::AfterItsRefund),
        Self::MoneyOfNoOrder,
        Self::Revoked,
        Self::Retried,
        Self::Steered,
        Self::Resupplied,
        Self::NewItems,
        Self::Crowded,
        Self::Consumed,
    ];
}

/// The event of that name about the order, with other members where `changed` has them.
fn event(name: &str, kind: &str, order: &Value, changed: Value) -> Value {
    let mut event = payment_event(name, kind, order);
    if let Value::Object(changed) = changed {
        event.as_object_mut().expect("an object").extend(changed);
    }
    event
}

impl Sale {
    /// Plays a scene; `name` is in all that it makes.
    pub(crate) async fn scene(&mut self, scene: Scene, name: &str) {
        match scene {
            Scene::Steered => self.steer().await,
            Scene::Resupplied => {
                self.on_item(LAMP, "restock", json!({"quantity": 10})).await;
                self.on_item(LAMP, "withdraw", json!({"quantity": 3})).await;
            }
            Scene::NewItems => self.make_items(name).await,
            Scene::Crowded => {
                let attempts = (0..CROWD).map(|number| Attempt::new(&format!("{name}-{number}"), LAMP)).collect();
                let tally = crowd(self.server.address(), attempts).await;
                assert_eq!(tally.orders().len(), CROWD, "{:?}", tally.refusals());
                self.answers += CROWD;
            }
            Scene::Consumed => self.read_feed().await,
            Scene::MoneyOfNoOrder => self.take_money_of_no_order(name).await,
            Scene::Retried => {
                let attempt = Attempt::new(name, LAMP).quantity(2).key(name);
                let (first, again) = (self.buy(&attempt).await, self.buy(&attempt).await);
                assert_eq!(first["order_id"], again["order_id"]);
                self.cancel(&first).await;
            }
            Scene::Revoked => self.revoke(name).await,
            Scene::Money(money) => {
                let order = self.buy(&Attempt::new(name, LAMP).quantity(2)).await;
                self.take_money(money, name, &order).await;
            }
        }
    }

    async fn take_money(&mut self, money: Money, name: &str, order: &Value) {
        let price = order["total_price"].as_i64().expect("an amount");
        let (one, other) = (format!("{name}-one"), format!("{name}-other"));
        let paid = |event_id: &str, changed: Value| event(event_id, "succeeded", order, changed);
        let nothing = || json!({});
        if matches!(money, Money::AfterCancelling) {
            self.cancel(order).await;
        }
        let refund = |event_id: &str| event(event_id, "refunded", order, json!({"payment_id": one}));
        let reports = match money {
            Money::Twice => vec![
                (paid(&one, nothing()), "applied"),
                (paid(&one, nothing()), "duplicate"),
                (paid(&other, nothing()), "second_payment"),
            ],
            Money::Short => {
                vec![(paid(&one, json!({"amount": price - 1})), "short"), (paid(&other, nothing()), "applied")]
            }
            Money::Over => vec![(paid(&one, json!({"amount": price + 7})), "over")],
            Money::InAnotherCurrency => {
                vec![(paid(&one, json!({"currency": "JPY"})), "wrong_currency"), (paid(&other, nothing()), "applied")]
            }
            Money::AfterAFailure => {
                vec![(event(&one, "failed", order, nothing()), "failed"), (paid(&other, nothing()), "applied")]
            }
            Money::AfterCancelling => vec![(paid(&one, nothing()), "late"), (refund(&other), "applied")],
            Money::AndGoes => vec![(paid(&one, nothing()), "applied"), (refund(&other), "applied")],
            Money::AfterItsRefund => vec![(refund(&other), "over"), (paid(&one, nothing()), "applied")],
            Money::Once => vec![(paid(&one, nothing()), "applied")],
        };
        for (event, verdict) in reports {
            self.report(&event, verdict).await;
        }
    }

    async fn take_money_of_no_order(&mut self, name: &str) {
        let nobody = json!({"order_id": format!("nobody-{name}"), "total_price": 700, "currency": "CNY"});
        let (one, other) = (format!("{name}-one"), format!("{name}-other"));
        self.report(&payment_event(&one, "succeeded", &nobody), "unknown_order").await;
        self.report(&event(&other, "refunded", &nobody, json!({"payment_id": one})), "applied").await;
    }

    /// An operator gives a paid order up, and settles what is owed of it.
    async fn revoke(&mut self, name: &str) {
        let order = self.buy(&Attempt::new(name, LAMP)).await;
        self.report(&payment_event(name, "succeeded", &order), "applied").await;
        let id = order["order_id"].as_str().expect("an id");
        self.instruct("POST", &format!("/v1/admin/orders/{id}/cancel"), json!({})).await;
        let owed = self.ask_owner(&format!("/v1/admin/payments?order_id={id}")).await.json();
        let payment = owed["payments"][0]["payment_id"].as_str().unwrap_or_else(|| panic!("nothing owed: {owed}"));
        self.instruct("POST", &format!("/v1/admin/payments/{payment}/refunded"), json!({})).await;
        self.ask_owner("/v1/admin/journal").await;
    }

    async fn steer(&mut self) {
        for verb in ["pause", "resume", "close", "reopen", "hide", "show"] {
            self.on_item(LAMP, verb, json!({})).await;
        }
    }

    /// One that is changed, bought and sold out, and one that goes again.
    async fn make_items(&mut self, name: &str) {
        let (vase, jar) = (format!("vase-{name}"), format!("jar-{name}"));
        let fields = |title: &str| json!({"title": title, "unit_price": 500, "currency": "CNY", "stock": 1});
        let path = |item: &str| format!("/v1/admin/items/{item}");
        self.instruct("PUT", &path(&vase), fields("Vase")).await;
        self.instruct("PUT", &path(&vase), fields("A vase")).await;
        self.instruct("PUT", &path(&jar), fields("Jar")).await;
        let order = self.buy(&Attempt::new(name, &vase)).await;
        self.report(&payment_event(name, "succeeded", &order), "applied").await;
        self.instruct("DELETE", &path(&jar), json!({})).await;
    }

    async fn on_item(&mut self, item: &str, verb: &str, fields: Value) {
        self.instruct("POST", &format!("/v1/admin/items/{item}/{verb}"), fields).await;
    }
}
