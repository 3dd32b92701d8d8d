//! **Job:** sends what is not a purchase to the sale, and waits for the reply.
//! **Owns:** how long a reply may take.
//! **Never:** decides, or waits for two replies at once.

use std::sync::Arc;
use std::time::Duration;

use doorbuster_actors::SaleHandle;
use doorbuster_actors::entry::{Balance, Order};
use doorbuster_actors::ids::{OrderId, OrderNumber};
use doorbuster_actors::item::ItemDefinition;
use doorbuster_actors::payment::{MoneyBalance, Origin, Payment, Provider};
use doorbuster_actors::request::{Control, NotDone, OfBuyer, Query, Rejection, Repayment, Transition, Unavailable};
use doorbuster_actors::sale::{NewItem, Outcome, Permit, PublishedItem, Receipt, ReplyFuture, SaleView};

use super::problem::Problem;
use crate::gate::Refusal;

/// How long a request may wait for its answer. Just under the five seconds within which every request is answered.
const ANSWER_WITHIN: Duration = Duration::from_millis(4_500);

/// What is said of a reply that did not come in time.
const UNKNOWN: NotDone = NotDone::Unavailable(Unavailable::OutcomeUnknown);

/// What the handlers of one thread ask the sale with.
#[derive(Clone)]
pub struct SaleClient {
    /// The thread's handle.
    pub handle: SaleHandle,
}

impl SaleClient {
    /// What is published of the sale.
    #[must_use]
    pub fn view(&self) -> &SaleView {
        self.handle.view()
    }

    /// The orders asked for.
    pub async fn find(&self, published: &Arc<PublishedItem>, query: Query) -> Result<Vec<Order>, Problem> {
        let found = self.handle.find(published, query, self.enter()?).found();
        Ok(in_time(found).await.unwrap_or(Err(Unavailable::OutcomeUnknown))?)
    }

    /// The orders of one buyer, whatever they bought. Every core is asked at once, and each once.
    pub async fn find_of_buyer(&self, question: &OfBuyer) -> Result<Vec<Order>, Problem> {
        let mut asked = Vec::new();
        for core in self.view().all_cores() {
            asked.push(self.handle.find_of_buyer(core, question.clone(), self.enter()?));
        }
        let gather = async {
            let mut orders = Vec::new();
            for found in asked {
                orders.extend(found.found().await?);
            }
            Ok(orders)
        };
        let orders = in_time(gather).await.unwrap_or(Err(Unavailable::OutcomeUnknown))?;
        Ok(question.answer(orders))
    }

    /// The order after the transition.
    pub async fn transition(
        &self,
        published: &Arc<PublishedItem>,
        number: OrderNumber,
        transition: Transition,
    ) -> Result<Order, Problem> {
        self.check_writable()?;
        match within(self.handle.transition(published, number, transition, self.enter()?)).await {
            Outcome::Confirmed(order) | Outcome::Replayed(order) => Ok(order.into_order()),
            Outcome::Rejected(rejection) => Err(rejection.into()),
            Outcome::Unavailable(unavailable) => Err(unavailable.into()),
        }
    }

    /// What an event of a payment provider meant, once it is on record: money for an order that nobody knows too.
    pub async fn pay(&self, order_reference: &str, payment: Payment) -> Result<Receipt, Problem> {
        let provider = payment.provider;
        let receipt = self.receive(order_reference, payment).await?;
        self.view().payments.note(provider, receipt.verdict);
        Ok(receipt)
    }

    async fn receive(&self, order_reference: &str, payment: Payment) -> Result<Receipt, Problem> {
        self.check_writable()?;
        let named = order_reference.parse::<OrderId>().ok();
        // An event without an order may be about money that is known by another one.
        let order = named.or_else(|| self.view().known_payments.order_of(payment.provider, &payment.reference));
        if let Some(order) = order
            && let Some(published) = self.view().directory.find_number(order.item)
        {
            let reply = self.handle.pay(&published, order.order, payment.clone(), self.enter()?).received_payment();
            match in_time(reply).await {
                Some(Err(NotDone::Rejected(Rejection::UnknownOrder))) => {}
                received => {
                    let receipt = received.unwrap_or(Err(UNKNOWN))?;
                    self.hand_over(payment, order).await?;
                    return Ok(receipt);
                }
            }
        }
        let reply = self.handle.pay_unknown(payment, order_reference, self.enter()?).received_payment();
        Ok(in_time(reply).await.unwrap_or(Err(UNKNOWN))?)
    }

    /// The same money may have been reported before, for no order: there it is not owed any more. Again with each event
    /// that is repeated, until that is durable.
    async fn hand_over(&self, payment: Payment, order: OrderId) -> Result<(), Problem> {
        if payment.provider == Provider::Own || self.view().unmatched().is_empty() {
            return Ok(());
        }
        let reply = self.handle.hand_over(payment.provider, payment.reference, order, self.enter()?).controlled();
        Ok(in_time(reply).await.unwrap_or(Err(UNKNOWN))?)
    }

    /// Says that what is owed of a payment went back; without an order it is money that came for none.
    pub async fn repay(&self, order: Option<OrderId>, repayment: Repayment) -> Result<(), Problem> {
        self.check_writable()?;
        let reply = match order {
            Some(order) => {
                let published = self.view().directory.find_number(order.item).ok_or_else(Problem::not_found)?;
                self.handle.repay(&published, order.order, repayment, self.enter()?)
            }
            None => self.handle.repay_unknown(repayment, self.enter()?),
        };
        Ok(in_time(reply.controlled()).await.unwrap_or(Err(UNKNOWN))?)
    }

    /// Changes a sale.
    pub async fn control(
        &self,
        published: &Arc<PublishedItem>,
        control: Control,
        origin: Option<Box<Origin>>,
    ) -> Result<(), Problem> {
        self.check_writable()?;
        let controlled = in_time(self.handle.control(published, control, origin, self.enter()?).controlled()).await;
        Ok(controlled.unwrap_or(Err(UNKNOWN))?)
    }

    /// Removes an item that nobody has ordered. Waits as long as it takes, as [`SaleClient::create_item`].
    pub async fn delete_item(
        &self,
        published: &Arc<PublishedItem>,
        origin: Option<Box<Origin>>,
    ) -> Result<(), Problem> {
        self.check_writable()?;
        Ok(self.handle.delete_item(published, origin, self.enter()?).await?)
    }

    /// Puts an item up for sale, unless there is one of its id. Waits as long as it takes: whoever calls must know the
    /// outcome before the next item gets its number.
    pub async fn create_item(
        &self,
        definition: ItemDefinition,
        origin: Option<Box<Origin>>,
    ) -> Result<NewItem, Problem> {
        self.check_writable()?;
        Ok(self.handle.create_item(definition, origin, self.enter()?).await?)
    }

    /// The balances of an item: units and money.
    pub async fn audit(&self, published: &Arc<PublishedItem>) -> Result<(Balance, Vec<MoneyBalance>), Problem> {
        let audited = self.handle.audit(published, self.enter()?).audited();
        let books = in_time(audited).await.unwrap_or(Err(Unavailable::OutcomeUnknown))?;
        Ok((books.units.expect("an item has units"), books.money))
    }

    /// The money that came for no order.
    pub async fn audit_unknown(&self) -> Result<Vec<MoneyBalance>, Problem> {
        let audited = self.handle.audit_unknown(self.enter()?).audited();
        Ok(in_time(audited).await.unwrap_or(Err(Unavailable::OutcomeUnknown))?.money)
    }

    fn enter(&self) -> Result<Permit, Problem> {
        self.view().status.storage().check_answering()?;
        Ok(self.view().queries.enter().ok_or(Refusal::Overloaded)?)
    }

    /// What cannot be written is not decided: each decision that has to be taken back costs a reading of the ledger.
    fn check_writable(&self) -> Result<(), Problem> {
        Ok(self.view().status.storage().check_writable()?)
    }
}

/// The outcome of a message; unknown if it takes too long.
pub(crate) async fn within(reply: ReplyFuture<Outcome>) -> Outcome {
    in_time(reply.outcome()).await.unwrap_or(Outcome::Unavailable(Unavailable::OutcomeUnknown))
}

pub(crate) async fn in_time<T>(answer: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(ANSWER_WITHIN, answer).await.ok()
}
