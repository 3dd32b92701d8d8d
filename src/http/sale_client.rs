//! **Job:** sends what is not a purchase to the sale, and waits for the reply.
//! **Owns:** how long a reply may take.
//! **Never:** decides, or waits for two replies at once.

use std::sync::Arc;
use std::time::Duration;

use doorbuster_actors::SaleHandle;
use doorbuster_actors::entry::{Balance, Order};
use doorbuster_actors::ids::OrderNumber;
use doorbuster_actors::item::ItemDefinition;
use doorbuster_actors::request::{Control, NotDone, OfBuyer, Query, Transition, Unavailable};
use doorbuster_actors::sale::{NewItem, Outcome, Permit, PublishedItem, ReplyFuture, SaleView};

use super::problem::Problem;
use crate::gate::Refusal;

/// How long a request may wait for its answer. Just under the five seconds within which every request is answered.
const ANSWER_WITHIN: Duration = Duration::from_millis(4_500);

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

    /// Changes a sale.
    pub async fn control(&self, published: &Arc<PublishedItem>, control: Control) -> Result<(), Problem> {
        self.check_writable()?;
        let controlled = in_time(self.handle.control(published, control, self.enter()?).controlled()).await;
        Ok(controlled.unwrap_or(Err(NotDone::Unavailable(Unavailable::OutcomeUnknown)))?)
    }

    /// Puts an item up for sale, unless there is one of its id. Waits as long as it takes: whoever calls must know the
    /// outcome before the next item gets its number.
    pub async fn create_item(&self, definition: ItemDefinition) -> Result<NewItem, Problem> {
        self.check_writable()?;
        Ok(self.handle.create_item(definition, self.enter()?).await?)
    }

    /// The balances of an item.
    pub async fn audit(&self, published: &Arc<PublishedItem>) -> Result<Balance, Problem> {
        let audited = self.handle.audit(published, self.enter()?).audited();
        Ok(in_time(audited).await.unwrap_or(Err(Unavailable::OutcomeUnknown))?)
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
