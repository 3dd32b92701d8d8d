//! **Job:** money that came for no order that we know: what an event means there, and what of it went back.
//! **Owns:** an account with its account book, driven without a clock, a thread or a file.
//! **Never:** goes through HTTP: the tests of the server do.

use doorbuster_actors::entry::{Change, Entry};
use doorbuster_actors::ids::{ItemNumber, OrderId, OrderNumber};
use doorbuster_actors::item::Amount;
use doorbuster_actors::payment::{
    MoneyBalance, Origin, Payment, PaymentResult, Provider, RefundAmount, Settlement, Source, Verdict,
};
use doorbuster_actors::request::{Rejection, Repayment};
use doorbuster_actors::suspense::Suspense;
use doorbuster_actors::time::Timestamp;

/// What came, in minor units.
const AMOUNT: i64 = 3_980;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + ms)
}

fn event(id: &str, of: &str, result: PaymentResult, amount: i64) -> Payment {
    Payment {
        provider: Provider::Stripe,
        event: id.parse().expect("an event id"),
        reference: of.parse().expect("a payment id"),
        result,
        amount: Amount::new(amount).expect("in range"),
        currency: "CNY".parse().expect("a currency"),
    }
}

fn money(id: &str) -> Payment {
    event(id, "pi_1", PaymentResult::Succeeded, AMOUNT)
}

fn refund(id: &str, amount: i64, how: RefundAmount) -> Payment {
    event(id, "pi_1", PaymentResult::Refunded(how), amount)
}

/// An account with everything that was written down of it.
#[derive(Default)]
struct Kept {
    account: Suspense,
    entries: Vec<Entry>,
}

impl Kept {
    /// What the event meant, and how many entries it made.
    fn receive(&mut self, payment: &Payment, now: Timestamp) -> (Verdict, usize) {
        let (entries, verdict) = self.account.receive(payment, "no order", now);
        (verdict, self.enter(entries))
    }

    fn enter(&mut self, entries: impl IntoIterator<Item = Entry>) -> usize {
        let before = self.entries.len();
        self.entries.extend(entries);
        let balances = self.account.money();
        assert!(balances.iter().all(MoneyBalance::holds), "{balances:?} after {:?}", self.entries);
        let mut replayed = Suspense::default();
        for entry in &self.entries {
            replayed.apply(entry).expect("it was decided from this state");
        }
        assert_eq!(replayed, self.account, "the entries alone lead to the same state");
        self.entries.len() - before
    }

    fn owed(&self) -> i64 {
        self.account.owed().iter().map(|owed| owed.amount.minor()).sum()
    }
}

fn repayment() -> Repayment {
    let payment = Some((Provider::Stripe, "pi_1".parse().expect("a payment id")));
    Repayment { payment, origin: Origin { operator: Some("eve".into()), ..Origin::default() } }
}

#[test]
fn what_came_is_owed_once_until_it_has_gone_back() {
    let mut kept = Kept::default();
    assert_eq!(kept.receive(&money("e1"), at(0)), (Verdict::UnknownOrder, 1));
    assert_eq!(kept.receive(&money("e2"), at(1)), (Verdict::Duplicate, 0), "the same money under another event");
    assert_eq!(kept.owed(), AMOUNT);
    assert_eq!(kept.receive(&refund("r1", 980, RefundAmount::Single), at(2)), (Verdict::Applied, 1));
    assert_eq!(kept.receive(&refund("r1", 980, RefundAmount::Single), at(3)), (Verdict::Duplicate, 0));
    assert_eq!(kept.receive(&refund("r2", 980, RefundAmount::Total), at(4)), (Verdict::Duplicate, 0), "all so far");
    assert_eq!(kept.owed(), AMOUNT - 980);
    assert_eq!(kept.receive(&refund("r3", AMOUNT + 1, RefundAmount::Total), at(5)), (Verdict::Over, 1));
    assert_eq!(kept.owed(), 0);
}

#[test]
fn a_payment_that_failed_is_on_record_and_owes_nothing() {
    let mut kept = Kept::default();
    assert_eq!(kept.receive(&event("e1", "pi_1", PaymentResult::Failed, AMOUNT), at(0)), (Verdict::Failed, 1));
    assert_eq!((kept.owed(), kept.account.money()), (0, Vec::new()));
    let again = event("e1", "pi_1", PaymentResult::Failed, AMOUNT);
    assert_eq!(kept.receive(&again, at(1)), (Verdict::Duplicate, 0), "it is on record once");
    assert_eq!(kept.receive(&money("e2"), at(1)), (Verdict::UnknownOrder, 1), "the buyer tried again");
}

#[test]
fn a_refund_that_is_reported_before_its_money_waits_for_it() {
    for how in [RefundAmount::Single, RefundAmount::Total] {
        let mut kept = Kept::default();
        assert_eq!(kept.receive(&refund("r1", 980, how), at(0)), (Verdict::UnknownOrder, 1));
        assert_eq!(kept.receive(&refund("r1", 980, how), at(1)), (Verdict::Duplicate, 0));
        assert_eq!(kept.receive(&money("e1"), at(2)), (Verdict::UnknownOrder, 2), "{how:?}");
        assert_eq!(kept.owed(), AMOUNT - 980, "{how:?}");
    }
}

#[test]
fn money_that_turns_out_to_be_an_orders_is_let_go_of_once() {
    let mut kept = Kept::default();
    kept.receive(&money("e1"), at(0));
    let order = OrderId { item: ItemNumber(1), order: OrderNumber(1) };
    let payment = money("e1");
    let entries = kept.account.hand_over(payment.provider, &payment.reference, order, at(1));
    assert_eq!(kept.enter(entries), 1);
    assert_eq!(kept.owed(), 0);
    let reason = kept.entries[1].origin.as_ref().and_then(|origin| origin.reason.clone()).expect("a reason");
    assert_eq!(&*reason, format!("the same money was reported for order {order}"));
    let again = kept.account.hand_over(payment.provider, &payment.reference, order, at(2));
    assert_eq!(kept.enter(again), 0);
}

#[test]
fn an_operator_settles_what_is_owed_and_nothing_that_never_came() {
    let mut kept = Kept::default();
    assert_eq!(kept.account.repay(&repayment(), at(0)), Err(Rejection::NothingOwed));
    kept.receive(&money("e1"), at(0));
    let entries = kept.account.repay(&repayment(), at(1)).expect("it is owed");
    assert_eq!(kept.enter(entries), 1);
    let again = kept.account.repay(&repayment(), at(2)).expect("it was owed");
    assert_eq!((kept.enter(again), kept.owed()), (0, 0));
    let nameless = Repayment { payment: None, ..repayment() };
    assert_eq!(kept.account.repay(&nameless, at(3)), Err(Rejection::NothingOwed));
}

#[test]
fn an_entry_that_does_not_follow_is_refused_and_changes_nothing() {
    let mut kept = Kept::default();
    kept.receive(&money("e1"), at(0));
    let state = kept.account.clone();
    kept.receive(&refund("r1", AMOUNT, RefundAmount::Single), at(1));
    let entry = kept.entries[1].clone();
    let settled = |forge: &dyn Fn(&mut Settlement)| {
        let Change::Settled(mut settlement) = entry.change.clone() else { panic!("it went back: {entry:?}") };
        forge(&mut settlement);
        Entry { change: Change::Settled(settlement), ..entry.clone() }
    };
    let forgeries = [
        ("more than there was", settled(&|it| it.amount = Amount::new(AMOUNT + 1).expect("in range"))),
        ("another currency", settled(&|it| it.currency = "EUR".parse().expect("a currency"))),
        ("another payment", settled(&|it| it.payment = Some((Provider::Wechat, "pi_1".parse().expect("an id"))))),
        ("no payment", settled(&|it| it.payment = None)),
        ("of an order", settled(&|it| it.order = Some(OrderNumber(1)))),
        ("what paid an order", settled(&|it| it.source = Source::Applied)),
        ("an item", Entry { item: ItemNumber(1), ..entry.clone() }),
        ("units", Entry { remaining: 1, ..entry.clone() }),
        ("an older time", Entry { at: at(-1), ..entry.clone() }),
        ("something else", Entry { change: Change::Restocked { quantity: 0 }, ..entry.clone() }),
    ];
    for (what, forged) in forgeries {
        let mut tried = state.clone();
        assert!(tried.apply(&forged).is_err(), "{what} was accepted: {forged:?}");
        assert_eq!(tried, state, "{what} was refused and changed the state: {forged:?}");
    }
}
