//! **Job:** carries letters that are not purchases to the counter, and waits for their answers.
//! **Owns:** how long an answer may take, and how many questions may be in the house.
//! **Never:** decides, or waits for two answers at once.

use std::sync::Arc;
use std::time::Duration;

use doorbuster_actors::directory::Listing;
use doorbuster_actors::entry::{Balance, Entry, Order};
use doorbuster_actors::ids::{Core, OrderNumber};
use doorbuster_actors::letters::{Instruction, Query, Step};
use doorbuster_actors::observe::{StorageState, WriterCounters};
use doorbuster_actors::permit::{House, Permit};
use doorbuster_actors::postbox::Postbox;
use doorbuster_actors::reply::{Instructed, NotDone, Outcome, Receipt, Unavailable};

use super::problem::Problem;
use crate::gate::Refusal;

/// How long a request may wait for its answer. Just under the five seconds within which every request is answered.
const ANSWER_WITHIN: Duration = Duration::from_millis(4_500);

/// The clerk of one thread.
#[derive(Clone)]
pub struct Clerk {
    /// Where letters go.
    pub postbox: Postbox,
    /// How many questions may be in the house.
    pub house: Arc<House>,
    /// Whether the ledger can be written.
    pub writer: Arc<WriterCounters>,
}

impl Clerk {
    /// The orders asked for.
    pub async fn find(&self, listing: &Arc<Listing>, query: Query) -> Result<Vec<Order>, Problem> {
        let found = self.postbox.find(listing, query, self.enter()?).found();
        Ok(in_time(found).await.unwrap_or(Err(Unavailable::OutcomeUnknown))?)
    }

    /// The order after the step.
    pub async fn settle(&self, listing: &Arc<Listing>, number: OrderNumber, step: Step) -> Result<Order, Problem> {
        self.check_writable()?;
        match within(self.postbox.settle(listing, number, step, self.enter()?)).await {
            Outcome::Confirmed(order) | Outcome::Replayed(order) => Ok(order.into_order()),
            Outcome::Rejected(rejection) => Err(rejection.into()),
            Outcome::Unavailable(unavailable) => Err(unavailable.into()),
        }
    }

    /// Changes a sale.
    pub async fn instruct(&self, listing: &Arc<Listing>, instruction: Instruction) -> Result<(), Problem> {
        self.check_writable()?;
        instructed(self.postbox.instruct(listing, instruction, self.enter()?)).await
    }

    /// Puts a new item up on its core. Waits as long as it takes: whoever calls must know the outcome before the next
    /// item gets its number.
    pub async fn install(&self, core: Core, entry: Entry) -> Result<(), Problem> {
        self.check_writable()?;
        told(self.postbox.install(core, entry, self.enter()?).instructed().await)
    }

    /// The balances of an item.
    pub async fn audit(&self, listing: &Arc<Listing>) -> Result<Balance, Problem> {
        let audited = self.postbox.audit(listing, self.enter()?).audited();
        Ok(in_time(audited).await.unwrap_or(Err(Unavailable::OutcomeUnknown))?)
    }

    fn enter(&self) -> Result<Permit, Problem> {
        Ok(self.house.enter().ok_or(Refusal::Overloaded)?)
    }

    /// What cannot be written is not decided: each decision that has to be taken back costs a reading of the ledger.
    fn check_writable(&self) -> Result<(), Problem> {
        match self.writer.storage() {
            StorageState::Open => Ok(()),
            StorageState::Full => Err(Unavailable::StorageFull.into()),
            StorageState::Locked | StorageState::Moved => Err(Unavailable::StorageLocked.into()),
        }
    }
}

async fn instructed(receipt: Receipt<Instructed>) -> Result<(), Problem> {
    let unknown = Err(NotDone::Unavailable(Unavailable::OutcomeUnknown));
    told(in_time(receipt.instructed()).await.unwrap_or(unknown))
}

fn told(instructed: Instructed) -> Result<(), Problem> {
    match instructed {
        Ok(()) => Ok(()),
        Err(NotDone::Rejected(rejection)) => Err(rejection.into()),
        Err(NotDone::Unavailable(unavailable)) => Err(unavailable.into()),
    }
}

/// The outcome of a letter; unknown if it takes too long.
pub(crate) async fn within(receipt: Receipt<Outcome>) -> Outcome {
    in_time(receipt.outcome()).await.unwrap_or(Outcome::Unavailable(Unavailable::OutcomeUnknown))
}

pub(crate) async fn in_time<T>(answer: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(ANSWER_WITHIN, answer).await.ok()
}
