//! **Job:** opens the reply to a decision, once it is known whether it was written.
//! **Owns:** what each kind of reply becomes with the proof of a commit, and without it.
//! **Never:** sends it.

use crate::ids::WorkerId;
use crate::ledger::Committed;
use crate::messages::{Append, PendingReply, Reply};
use crate::reply::{Confirmed, Outcome};
use crate::request::{NotDone, Unavailable};

/// Opens the answer with the proof, or says why there is none. What nobody asked for is answered to nobody.
pub(super) fn open(append: Append, proof: Result<&Committed, Unavailable>) -> Option<(WorkerId, Reply)> {
    // The permit is given back with the reply.
    let Append { reply, permit: _permit, .. } = append;
    let opened = match reply {
        PendingReply::Found(port, orders) => (port.worker(), Reply::Found(port, proof.map(|_proof| orders))),
        PendingReply::Controlled(port, done) => {
            let done = match proof {
                Ok(_proof) => done.map_err(NotDone::Rejected),
                Err(why) => Err(NotDone::Unavailable(why)),
            };
            (port.worker(), Reply::Controlled(port, done))
        }
        PendingReply::Received(port, receipt) => {
            let received = match proof {
                Ok(_proof) => receipt.map_err(NotDone::Rejected),
                Err(why) => Err(NotDone::Unavailable(why)),
            };
            (port.worker(), Reply::Received(port, received))
        }
        PendingReply::Audited(port, balance) => (port.worker(), Reply::Audited(port, proof.map(|_proof| balance))),
        PendingReply::Unasked => return None,
        PendingReply::Placed(port, order) | PendingReply::Settled(port, order) => {
            let outcome = match proof {
                Ok(proof) => Outcome::Confirmed(Confirmed::new(order, proof)),
                Err(why) => Outcome::Unavailable(why),
            };
            (port.worker(), Reply::Outcome(port, outcome))
        }
        PendingReply::Replayed(port, order) => {
            let outcome = match proof {
                Ok(proof) => Outcome::Replayed(Confirmed::new(order, proof)),
                Err(why) => Outcome::Unavailable(why),
            };
            (port.worker(), Reply::Outcome(port, outcome))
        }
        PendingReply::Rejected(port, rejection) => {
            let outcome = match proof {
                Ok(_proof) => Outcome::Rejected(rejection),
                Err(why) => Outcome::Unavailable(why),
            };
            (port.worker(), Reply::Outcome(port, outcome))
        }
    };
    Some(opened)
}
