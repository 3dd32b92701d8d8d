//! **Job:** takes one step of a plan: buyers, payment providers, the owner of the sale, and the clock do something.
//! **Owns:** what each of them sends, and what is to be told of it.
//! **Never:** keeps state of its own: who knows what is the server's and the history's.

use std::time::Duration;

use doorbuster_actors::entry::Entries;
use doorbuster_actors::ids::{IdempotencyKey, OrderId, OrderNumber, UserId};
use doorbuster_actors::item::{Amount, Currency, ItemDefinition, SaleState};
use doorbuster_actors::payment::{Origin, Payment, PaymentResult, Provider};
use doorbuster_actors::request::{Control, Query, Rejection, Repayment, Reservation};
use doorbuster_actors::stock::Decision;
use doorbuster_actors::time::{Moment, Timestamp};

use super::history::Wanted;
use super::plan::{Act, Event, Fate, NAMES, Operation, Step, VISITOR, moment};
use super::server::{Answer, Server, say};
use super::violation::{Outcome, hold};

/// The contract's longest cool-down.
const A_DAY: Duration = Duration::from_hours(24);

fn user(name: &str) -> UserId {
    name.parse().expect("a legal user id")
}

fn key(text: &str) -> IdempotencyKey {
    text.parse().expect("a legal key")
}

/// An order that there is, or the next one, which there is not.
fn number(raw: u32, orders: usize) -> OrderNumber {
    OrderNumber(1 + raw % (u32::try_from(orders).expect("few") + 1))
}

impl Event {
    fn payment(self, price: i64, currency: Currency) -> Payment {
        let Self { reference, id, .. } = self;
        let (provider, event, reference) = if self.is_own {
            let kind = if matches!(self.result, PaymentResult::Refunded(_)) { "r" } else { "e" };
            (Provider::Own, format!("{kind}{reference}"), format!("{kind}{reference}"))
        } else {
            (Provider::Stripe, format!("evt_{id}"), format!("pi_{reference}"))
        };
        Payment {
            provider,
            reference: key(&reference),
            event: key(&event),
            result: self.result,
            amount: Amount::new((price + self.more).max(0)).expect("small"),
            currency: if self.is_foreign { "USD".parse().expect("a currency") } else { currency },
        }
    }
}

impl Server<'_> {
    /// Takes a step.
    pub(crate) fn take(&mut self, step: &Step) -> Outcome {
        self.now_ms += step.later_ms;
        self.hand_over()?;
        match &step.act {
            Act::Buy { buyer, item, quantity, key, fate } => {
                self.stats.attempts += 1;
                self.buy((NAMES[*buyer], *item), *quantity, *key, *fate)
            }
            Act::Pay { event, fate } => self.pay(*event, *fate),
            Act::Cancel { buyer, item, order, is_own, fate } => {
                self.cancel((NAMES[*buyer], *item), *order, *is_own, *fate)
            }
            Act::Look { buyer, item, key, fate } => self.look((NAMES[*buyer], *item), *key, *fate),
            Act::Operate { item, operation, fate } => self.operate(*item, *operation, *fate),
            Act::Tick { most } => self.tick(*most),
            Act::Pass { core } => self.pass(*core),
            Act::Idle => self.idle(),
            Act::FailNext(failure) => {
                self.failure = Some(*failure);
                Ok(())
            }
            Act::Restore { core } => self.restore(*core),
            Act::Restart(restart) => self.restart(restart),
            Act::SetClock { skew_ms, is_followed } => {
                self.skew_ms = *skew_ms;
                say!(self, "the wall clock is set, {skew_ms} ms off; followed: {is_followed}");
                if *is_followed {
                    self.follow_wall();
                }
                Ok(())
            }
            Act::ForgetThrottle => {
                say!(self, "Redis forgets everything");
                self.throttled.clear();
                Ok(())
            }
            Act::Feed { most, again, death } => self.feed((*most, *again), *death),
        }
    }

    /// Whether the gate lets an attempt pass; a key that made an order need not ask.
    fn admits(&mut self, (item, buyer, key, quantity): &Wanted, now: Timestamp) -> Outcome<bool> {
        let is_known = |key: &String| self.used_keys.contains(&(*item, buyer.clone(), key.clone()));
        if key.as_ref().is_some_and(is_known) {
            return Ok(true);
        }
        let published = &self.published[*item];
        if published.state(now) == SaleState::SoldOut {
            self.stats.see("refusal by the gate: sold out");
            self.check_sold_out(*item, *quantity, published.remaining())?;
            return Ok(false);
        }
        let is_admitted = self.has_attempts(buyer);
        if !is_admitted {
            self.stats.see("refusal by the throttle");
        }
        Ok(is_admitted)
    }

    fn has_attempts(&mut self, buyer: &str) -> bool {
        let Some(limit) = self.shop.throttle else { return true };
        let attempts = self.throttled.entry((buyer.to_owned(), self.now_ms / 1_000)).or_default();
        *attempts += 1;
        *attempts <= limit
    }

    fn buy(&mut self, (buyer, item): (&str, usize), quantity: u32, key: Option<u8>, fate: Fate) -> Outcome {
        let key_text = key.map(|key| format!("k{key}"));
        if item >= self.stocks.len() || fate == Fate::RequestLost {
            return Ok(());
        }
        let (policy, now) = (self.policy, self.moment()?);
        let wanted = (item, buyer.to_owned(), key_text.clone(), quantity);
        if !self.admits(&wanted, now.now)? {
            say!(self, "{buyer} is refused by the gate");
            return Ok(());
        }
        let reservation = Reservation { user: user(buyer), quantity, key: key_text.as_deref().map(self::key) };
        let state = self.published[item].state(now.now);
        let decision = self.stocks[item].reserve(reservation, &policy, now);
        check_window(state, &decision)?;
        let name = super::plan::ITEMS[item];
        let under = key_text.map_or(String::new(), |key| format!(" with key {key}"));
        say!(self, "{buyer} buys {quantity} of {name}{under} ({fate:?}) → {}", tale(&decision));
        let (entries, answer) = match decision {
            Decision::Placed(order, entries) => (entries, Answer::Placed(wanted, order)),
            Decision::Replayed(order) => {
                self.stats.see("replay");
                (Entries::new(), Answer::Replayed(wanted, order))
            }
            Decision::Rejected(rejection) => {
                self.stats.see(rejection.reason().as_str());
                if let Rejection::SoldOut { remaining } = rejection {
                    self.check_sold_out(item, quantity, remaining)?;
                }
                if let Rejection::CoolingDown { retry_after } = rejection {
                    hold(retry_after <= A_DAY, "I17", || format!("{buyer} is to wait for {retry_after:?}"))?;
                }
                (Entries::new(), Answer::Nothing)
            }
        };
        self.decided(self.core_of(item), entries, answer, fate == Fate::Answered)
    }

    /// Nobody is told "sold out" while units are left that nobody can be holding.
    fn check_sold_out(&self, item: usize, quantity: u32, remaining: u32) -> Outcome {
        let balance = self.stocks[item].balance();
        let are_held = u64::from(balance.live) + u64::from(quantity) > u64::from(balance.supply);
        let is_right = (are_held || quantity == 0) && remaining + balance.live == balance.supply;
        hold(is_right, "I11", || format!("{remaining} are said to be left for {quantity} at {balance:?}"))
    }

    fn pay(&mut self, event: Event, fate: Fate) -> Outcome {
        if fate == Fate::RequestLost || event.item >= self.stocks.len() {
            return Ok(());
        }
        let (policy, now) = (self.policy, self.moment()?);
        let is_heard = fate == Fate::Answered;
        let stock = &mut self.stocks[event.item];
        let currency = stock.definition().currency;
        let order = event.order.map(|raw| number(raw, stock.orders()));
        let price = order.and_then(|order| stock.order(order)).map_or(1_990, |order| order.total_price.minor());
        let payment = event.payment(price, currency);
        if let Some(number) = order {
            let received = stock.pay(number, &payment, &policy, now);
            let item = stock.number();
            if let Ok((verdict, order)) = received.answer {
                self.stats.see(verdict.as_str());
                say!(self, "{} for order {} of {} ({fate:?}) → {verdict:?}", word(&payment), number.0, order.item);
                let key = (item, number.0, payment.provider, payment.reference.as_str().to_owned());
                let is_elsewhere = (payment.provider != Provider::Own)
                    .then(|| (payment.provider, payment.reference.clone(), OrderId { item, order: number }));
                let money = payment.is_paid().then_some(key);
                let answer = Answer::Received { order: Some(order), money, is_elsewhere };
                return self.decided(self.core_of(event.item), received.entries, answer, is_heard);
            }
        }
        let (entries, verdict) = self.suspense.receive(&payment, "nobody's", now.now);
        self.stats.see(verdict.as_str());
        say!(self, "{} for no order ({fate:?}) → {verdict:?}", word(&payment));
        let key = (doorbuster_actors::entry::NO_ITEM, 0, payment.provider, payment.reference.as_str().to_owned());
        let money = payment.is_paid().then_some(key);
        self.decided(0, entries, Answer::Received { order: None, money, is_elsewhere: None }, is_heard)
    }

    /// Money that has turned out to be an order's is let go of where it was reported for none.
    fn hand_over(&mut self) -> Outcome {
        for (provider, reference, order) in std::mem::take(&mut self.hand_overs) {
            let now = self.moment()?.now;
            let entries = self.suspense.hand_over(provider, &reference, order, now);
            if !entries.is_empty() {
                self.stats.see("money handed over from no order to one");
                say!(self, "{reference:?} is handed over to order {order}");
            }
            self.decided(0, entries, Answer::Nothing, true)?;
        }
        Ok(())
    }

    fn cancel(&mut self, (buyer, item): (&str, usize), raw: u32, is_own: bool, fate: Fate) -> Outcome {
        if fate == Fate::RequestLost || item >= self.stocks.len() {
            return Ok(());
        }
        let now = self.moment()?;
        let stock = &mut self.stocks[item];
        let number = number(raw, stock.orders());
        let owner = stock.order(number).map(|order| order.user);
        let asking = owner.filter(|_| is_own).unwrap_or_else(|| user(buyer));
        let settled = stock.cancel(number, &asking, now);
        say!(
            self,
            "{asking} cancels order {} ({fate:?}) → {:?}",
            number.0,
            settled.answer.as_ref().map(|it| it.status)
        );
        let cancelled = |order| Answer::Cancelled(asking.to_string(), order);
        let answer = settled.answer.map_or(Answer::Nothing, cancelled);
        self.decided(self.core_of(item), settled.entries, answer, fate == Fate::Answered)
    }

    /// A buyer asks what a key has made, or which orders they have.
    fn look(&mut self, (buyer, item): (&str, usize), key: Option<u8>, fate: Fate) -> Outcome {
        if fate == Fate::RequestLost || item >= self.stocks.len() {
            return Ok(());
        }
        let stock = &self.stocks[item];
        let answer = if let Some(key) = key {
            let (text, quantity) = (format!("k{key}"), super::plan::quantity_of(key));
            match stock.lookup_by_key(&user(buyer), quantity, &self::key(&text)) {
                Decision::Replayed(order) => Answer::Replayed((item, buyer.to_owned(), Some(text), quantity), order),
                Decision::Placed(..) | Decision::Rejected(_) => Answer::Nothing,
            }
        } else {
            let orders = stock.find(&Query::AllOf { user: user(buyer) });
            Answer::Found { item, user: buyer.to_owned(), orders }
        };
        self.decided(self.core_of(item), Entries::new(), answer, fate == Fate::Answered)
    }

    fn operate(&mut self, item: usize, operation: Operation, fate: Fate) -> Outcome {
        if fate == Fate::RequestLost || item >= self.stocks.len() {
            return Ok(());
        }
        let (now, is_heard, core) = (self.moment()?, fate == Fate::Answered, self.core_of(item));
        let origin = Origin { operator: Some("op".into()), ..Origin::default() };
        if let Operation::Repay(event) = operation {
            return self.repay(item, event, origin, (now, is_heard));
        }
        let (entries, answer) = if let Operation::Revoke(raw) = operation {
            let stock = &mut self.stocks[item];
            let settled = stock.revoke(number(raw, stock.orders()), &origin, now);
            (settled.entries, settled.answer.map_or(Answer::Nothing, Answer::Settled))
        } else {
            let control = self.wanted(item, operation);
            let done = self.stocks[item].control(&control, Some(Box::new(origin)), now);
            let answer = match (&done, &control) {
                (Ok(_), Control::Restock { quantity }) => Answer::Moved { item, more: *quantity, less: 0 },
                (Ok(_), Control::Withdraw { quantity }) => Answer::Moved { item, more: 0, less: *quantity },
                (Ok(_) | Err(_), _) => Answer::Nothing,
            };
            (done.unwrap_or_default(), answer)
        };
        say!(self, "the owner: {operation:?} of {} ({fate:?}): {} rows", super::plan::ITEMS[item], entries.len());
        self.decided(core, entries, answer, is_heard)
    }

    /// What is left of the operations that are not about an order.
    fn wanted(&self, item: usize, operation: Operation) -> Control {
        let known = self.stocks[item].definition();
        let redefined = |change: &dyn Fn(&mut ItemDefinition)| {
            let mut definition = known.as_ref().clone();
            change(&mut definition);
            Control::Redefine(Box::new(definition))
        };
        match operation {
            Operation::Pause => Control::Pause,
            Operation::Resume => Control::Resume,
            Operation::Close => Control::Close,
            Operation::Reopen => Control::Reopen,
            Operation::Hide => Control::Hide,
            Operation::Show => Control::Show,
            Operation::Delete => Control::Delete,
            Operation::Restock(quantity) => Control::Restock { quantity },
            Operation::Withdraw(quantity) => Control::Withdraw { quantity },
            Operation::Limit(limit) => redefined(&|it| it.per_user_limit = limit),
            Operation::Window(opens_at, closes_at) => {
                redefined(&|it| (it.opens_at, it.closes_at) = (opens_at.map(moment), closes_at.map(moment)))
            }
            Operation::Price(price) => redefined(&|it| it.unit_price = Amount::new(price).expect("small")),
            Operation::Revoke(_) | Operation::Repay(_) => unreachable!("they are about an order"),
        }
    }

    fn repay(&mut self, item: usize, event: Event, origin: Origin, (now, is_heard): (Moment, bool)) -> Outcome {
        let stock = &mut self.stocks[item];
        let money = event.payment(0, stock.definition().currency);
        // The price of an order has no payment.
        let payment = event.id.is_multiple_of(2).then_some((money.provider, money.reference));
        let repayment = Repayment { payment, origin };
        let Some(raw) = event.order else {
            let entries = self.suspense.repay(&repayment, now.now).unwrap_or_default();
            return self.decided(0, entries, Answer::Nothing, is_heard);
        };
        let settled = stock.repay(number(raw, stock.orders()), &repayment, now);
        say!(self, "the owner settles {:?}: {} rows", repayment.payment, settled.entries.len());
        let answer = settled.answer.map_or(Answer::Nothing, Answer::Settled);
        self.decided(self.core_of(item), settled.entries, answer, is_heard)
    }

    fn tick(&mut self, most: usize) -> Outcome {
        let now = self.moment()?;
        for item in 0..self.stocks.len() {
            if !self.published[item].has_overdue(now.due) {
                let next = self.stocks[item].next_deadline();
                let is_due = next.is_some_and(|next| next <= now.due);
                hold(!is_due, "I7", || format!("the tick at {} does not know of {next:?}", now.due))?;
                continue;
            }
            let entries = self.stocks[item].expire(most, now);
            if !entries.is_empty() {
                say!(self, "the tick finds {} rows of expired orders of {}", entries.len(), super::plan::ITEMS[item]);
                self.decided(self.core_of(item), entries, Answer::Nothing, false)?;
            }
        }
        Ok(())
    }

    /// Everybody who comes gets what is left, and nobody gets more.
    pub(crate) fn sell_out(&mut self) -> Outcome {
        for item in 0..self.stocks.len() {
            if self.stocks[item].is_deleted() {
                continue;
            }
            for operation in [Operation::Reopen, Operation::Show, Operation::Resume, Operation::Window(None, None)] {
                self.operate(item, operation, Fate::Answered)?;
            }
            let left = self.stocks[item].remaining();
            say!(self, "visitors buy the {left} that are left of {}", super::plan::ITEMS[item]);
            for visitor in 0..=left {
                let wanted = (item, format!("{VISITOR}-{visitor}"), None, 1);
                let reservation = Reservation { user: user(&wanted.1), quantity: 1, key: None };
                let (policy, now) = (self.policy, self.moment()?);
                let decision = self.stocks[item].reserve(reservation, &policy, now);
                let is_right = match &decision {
                    Decision::Placed(..) => visitor < left,
                    Decision::Rejected(Rejection::SoldOut { remaining: 0 }) => visitor == left,
                    Decision::Rejected(_) | Decision::Replayed(_) => false,
                };
                hold(is_right, "I11", || format!("visitor {visitor} of {left} finds {decision:?}"))?;
                if let Decision::Placed(order, entries) = decision {
                    self.decided(self.core_of(item), entries, Answer::Placed(wanted, order), true)?;
                }
            }
        }
        self.settle()?;
        let left = self.judge.items.iter().find(|item| !item.deleted && item.remaining > 0);
        hold(left.is_none(), "I11", || format!("units are left: {left:?}"))
    }
}

/// What the stock says of window and switches is what everybody sees at that server time.
fn check_window(state: SaleState, decision: &Decision) -> Outcome {
    let is_right = match decision {
        Decision::Placed(..) => state == SaleState::Open,
        Decision::Rejected(Rejection::SaleNotStarted { .. }) => state == SaleState::Scheduled,
        Decision::Rejected(Rejection::SaleClosed) => state == SaleState::Closed,
        Decision::Rejected(Rejection::SalePaused) => state == SaleState::Paused,
        Decision::Rejected(_) | Decision::Replayed(_) => true,
    };
    hold(is_right, "I12", || format!("{decision:?} while the item is {state:?}"))
}

fn word(Payment { provider, reference, result, amount, currency, .. }: &Payment) -> String {
    format!("{} says of {}: {} {currency} {result:?}", provider.as_str(), reference.as_str(), amount.minor())
}

fn tale(decision: &Decision) -> String {
    match decision {
        Decision::Placed(order, _) => format!("decided, order {}", order.id.order.0),
        Decision::Replayed(order) => format!("order {} again", order.id.order.0),
        Decision::Rejected(rejection) => format!("{rejection:?}"),
    }
}
