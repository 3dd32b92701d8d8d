//! **Job:** two sales, of 50 orders together, each by one client, one step after the other, and all that it was told.
//! **Owns:** the steps, what a client does with each answer, and the comparison of its memory with the data file.
//! **Never:** forgets an answer, or takes the lack of one for a "no".

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Result};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::campaign::reason;
use crate::recovery::recover;
use crate::support::{
    Attempt, Client, Item, Response, Server, Setup, admin_authorization, authorization, doorbuster, problem_code,
    report_paid, same_promise, text,
};

/// Their orders are paid, cancelled and let expire.
const VASE: &str = "vase";
const VASES: usize = 10;
/// Paid at once, so that nothing is open about an order. There are fewer of them than buyers.
const CUP: &str = "cup";
const CUPS: usize = 40;
const CUP_BUYERS: usize = 42;
/// How long a client asks again before it believes that a server which was only hit once does not recover.
pub(crate) const RECOVERS_WITHIN: Duration = Duration::from_secs(10);
/// How long an expiry may take beyond its time.
const EXPIRES_WITHIN: Duration = Duration::from_secs(15);

/// One thing that a client does.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Buy {
        item: &'static str,
        user: String,
    },
    Pay {
        user: String,
    },
    Cancel {
        user: String,
    },
    Instruct {
        verb: &'static str,
        quantity: u32,
    },
    /// Waits until the order has expired.
    SeeExpire {
        user: String,
    },
}

/// Which of the two sales.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wares {
    /// Fewer than buyers, paid at once.
    Cups,
    /// Paid, cancelled and expired orders, and an owner who steers.
    Vases,
}

impl Wares {
    fn steps(self) -> Vec<Step> {
        match self {
            Self::Cups => {
                (0..CUP_BUYERS).map(|number| Step::Buy { item: CUP, user: format!("cup-{number}") }).collect()
            }
            Self::Vases => {
                let late = || "late".to_owned();
                let mut steps = vec![Step::Buy { item: VASE, user: late() }];
                for number in 1..VASES {
                    let user = format!("vase-{number}");
                    steps.push(Step::Buy { item: VASE, user: user.clone() });
                    steps.push(if number % 3 == 0 { Step::Cancel { user } } else { Step::Pay { user } });
                }
                steps.push(Step::Instruct { verb: "restock", quantity: 3 });
                steps.push(Step::Instruct { verb: "withdraw", quantity: 2 });
                steps.push(Step::SeeExpire { user: late() });
                steps
            }
        }
    }

    /// A server for this sale whose data file lies in that folder.
    pub(crate) fn shop(self, folder: &Path) -> Setup {
        let pay_within = match self {
            Self::Cups => "\"0s\"",
            Self::Vases => "\"1500ms\"",
        };
        let items = [Item::new(VASE, 20), Item::new(CUP, u32::try_from(CUPS).expect("few"))];
        Setup::new(items)
            .set("storage.path", &format!("{:?}", data_file(folder).to_str().expect("temporary paths are text")))
            .set("payment.pay_within", pay_within)
    }
}

pub(crate) fn data_file(folder: &Path) -> std::path::PathBuf {
    folder.join("sale.db")
}

/// The sale as its client remembers it.
#[derive(Debug, Clone)]
pub(crate) struct Sale {
    wares: Wares,
    /// By user: each buys once. As it was told first.
    orders: BTreeMap<String, Value>,
    /// Every telling of an order.
    shown: Vec<Value>,
    /// The instructions that were obeyed for certain.
    obeyed: Vec<&'static str>,
    /// How many instructions were given.
    instructed: usize,
    /// Users who were told that there is nothing left.
    refused: BTreeSet<String>,
}

/// How the client takes "not now".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Asks again, because it has to pass.
    Asks,
    /// Takes note and goes on with the next step.
    Passes,
    /// Nothing is wrong any more: everything has to be answered for good at once.
    None,
}

/// The ways to a server.
struct Street {
    public: Client,
    owner: Client,
    patience: Patience,
}

impl Sale {
    /// Before its first step.
    pub(crate) fn of(wares: Wares) -> Self {
        let (orders, shown, obeyed, refused) = Default::default();
        Self { wares, orders, shown, obeyed, instructed: 0, refused }
    }

    pub(crate) fn wares(&self) -> Wares {
        self.wares
    }

    /// Does all steps, those already done too: a retry must find what the first attempt made. Ends early, with `false`,
    /// once the server is gone.
    pub(crate) async fn go(&mut self, server: &Server, patience: Patience) -> bool {
        self.begin(server, patience, usize::MAX).await
    }

    /// The same with the first so many steps.
    pub(crate) async fn begin(&mut self, server: &Server, patience: Patience, count: usize) -> bool {
        let (public, owner) = (Client::new(server.address()), Client::new(server.ops_address()));
        let mut street = Street { public, owner, patience };
        for step in self.wares.steps().into_iter().take(count) {
            let is_there = match &step {
                Step::SeeExpire { user } => self.see_expire(user, &mut street).await,
                Step::Buy { .. } | Step::Pay { .. } | Step::Cancel { .. } | Step::Instruct { .. } => {
                    self.take(&step, &mut street).await
                }
            };
            if !is_there {
                return false;
            }
        }
        true
    }

    async fn take(&mut self, step: &Step, street: &mut Street) -> bool {
        match step {
            Step::Instruct { verb, .. } if self.obeyed.contains(verb) => return true,
            Step::Instruct { .. } => self.instructed += 1,
            // Whoever has no order cannot pay it or give it up.
            Step::Pay { user } | Step::Cancel { user } if !self.orders.contains_key(user) => return true,
            Step::Buy { .. } | Step::Pay { .. } | Step::Cancel { .. } | Step::SeeExpire { .. } => {}
        }
        // An instruction has no key: given again it might be obeyed twice.
        let mut may_ask = street.patience == Patience::Asks && !matches!(step, Step::Instruct { .. });
        let begun = Instant::now();
        loop {
            let answer = match self.ask(step, street).await {
                Ok(answer) => answer,
                Err(error) => {
                    assert_ne!(error.kind(), ErrorKind::TimedOut, "hangs: no answer to {step:?}");
                    return false;
                }
            };
            if answer.status != 503 {
                self.hear(step, &answer);
                return true;
            }
            let code = problem_code(&answer);
            assert_ne!(street.patience, Patience::None, "{code} for {step:?} although nothing is wrong");
            may_ask &= begun.elapsed() < RECOVERS_WITHIN;
            if !may_ask {
                let is_bound = street.patience == Patience::Asks && !matches!(step, Step::Instruct { .. });
                assert!(!is_bound, "does not recover: still {code} for {step:?}");
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn ask(&self, step: &Step, street: &mut Street) -> Result<Response> {
        match step {
            Step::Buy { item, user } => {
                Attempt::new(user, item).key(&format!("key-{user}")).send(&mut street.public).await
            }
            Step::Pay { user } => {
                report_paid(&mut street.public, &format!("evt-{user}"), &self.orders[user.as_str()]).await
            }
            Step::Cancel { user } => {
                let path = format!("/v1/orders/{}/cancel", id(&self.orders[user.as_str()]));
                street.public.request("POST", &path, &[("Authorization", &authorization(user))], None).await
            }
            Step::Instruct { verb, quantity } => {
                let body = json!({ "quantity": quantity, "reason": "as planned" }).to_string();
                let path = format!("/v1/admin/items/{VASE}/{verb}");
                let headers = [("Authorization", admin_authorization())];
                let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
                street.owner.request("POST", &path, &headers, Some(&body)).await
            }
            Step::SeeExpire { user } => {
                let path = format!("/v1/orders/{}", id(&self.orders[user.as_str()]));
                street.public.get(&path, &[("Authorization", &authorization(user))]).await
            }
        }
    }

    fn hear(&mut self, step: &Step, answer: &Response) {
        match (step, answer.status) {
            (Step::Buy { user, .. }, 201) => {
                let order = answer.json();
                assert_eq!(order["user_id"], user.as_str(), "somebody else's order");
                let before = self.orders.entry(user.clone()).or_insert_with(|| order.clone());
                assert!(same_promise(before, &order), "lost: {before} became {order} for the same key");
                assert!(!self.refused.contains(user), "{user} was told that there is nothing left, and then {order}");
                self.shown.push(order);
            }
            (Step::Buy { user, item: CUP }, 409) => {
                assert!(!self.orders.contains_key(user), "lost: {user}'s order is unknown: {}", answer.text());
                assert_eq!(problem_code(answer), "sold-out", "{user}");
                self.refused.insert(user.clone());
            }
            (Step::Cancel { .. } | Step::SeeExpire { .. }, 200) => self.shown.push(answer.json()),
            (Step::Instruct { verb, .. }, 200) => self.obeyed.push(verb),
            // Money is always taken; an order that is no longer open cannot be given up.
            (Step::Pay { .. }, 200) | (Step::Cancel { .. }, 409) => {}
            (step, status) => panic!("answered with {status}: {step:?}: {}", answer.text()),
        }
    }

    /// Looks until the order has expired, or until it is clear that nothing can be written any more.
    async fn see_expire(&mut self, user: &str, street: &mut Street) -> bool {
        if street.patience == Patience::None || !self.orders.contains_key(user) {
            return true;
        }
        let step = Step::SeeExpire { user: user.to_owned() };
        let begun = Instant::now();
        let wait = if street.patience == Patience::Asks { EXPIRES_WITHIN } else { Duration::from_secs(2) };
        while begun.elapsed() < wait {
            match self.ask(&step, street).await {
                Ok(answer) if answer.status == 200 => {
                    self.hear(&step, &answer);
                    if answer.json()["status"] == "expired" {
                        return true;
                    }
                }
                Ok(answer) => assert_eq!(answer.status, 503, "{}", answer.text()),
                Err(error) => {
                    assert_ne!(error.kind(), ErrorKind::TimedOut, "hangs: no answer to {step:?}");
                    return false;
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(street.patience, Patience::Passes, "{user}'s order does not expire");
        true
    }

    /// Whether every buyer was answered for good: then all cups are sold, and nobody else was told that they are.
    fn is_complete(&self) -> bool {
        match self.wares {
            Wares::Cups => self.orders.len() == CUPS && self.refused.len() == CUP_BUYERS - CUPS,
            Wares::Vases => self.orders.len() == VASES,
        }
    }

    /// Compares the data file in a folder, which nobody has open, with what the client was told at the end of a sale.
    pub(crate) fn check(&self, folder: &Path) {
        let audit = doorbuster(&["verify"], &[("--db", &data_file(folder))]);
        assert_eq!(audit.status.code(), Some(0), "the audit found something:\n{}", text(&audit));
        let found = recover(&data_file(folder)).unwrap_or_else(|error| panic!("lost: the file is refused: {error}"));
        found.balance().unwrap_or_else(|what| panic!("oversold: {what}"));
        let orders = found.orders();
        for told in &self.shown {
            let Some(order) = orders.get(id(told)) else { panic!("lost: {told} is not in the file") };
            assert!(same_promise(told, &order.promise), "lost: {told} is now {}", order.promise);
            let status = told["status"].as_str().expect("a status");
            assert!(order.statuses.contains_key(status), "lost: {told} was never {status} in the file");
        }
        let users: Vec<_> = orders.values().map(|order| order.promise["user_id"].as_str().expect("a user")).collect();
        assert_eq!(users.len(), users.iter().collect::<BTreeSet<_>>().len(), "oversold: {users:?}");
        let cups = orders.values().filter(|order| order.promise["item_id"] == CUP).count();
        assert!(cups <= CUPS, "oversold: {cups} cups of {CUPS}");
        let (least, most) = (1 + self.obeyed.len(), 1 + self.instructed);
        let instructions = found.instructions(VASE).len();
        assert!((least..=most).contains(&instructions), "lost: {instructions} instructions, {least} to {most} given");
        assert!(self.is_complete(), "{} orders, {} refusals", self.orders.len(), self.refused.len());
        assert_eq!(orders.len(), self.orders.len(), "orders that nobody was told of");
    }
}

fn id(order: &Value) -> &str {
    order["order_id"].as_str().expect("an id")
}

/// The check of the check: what it is there to find, it finds.
#[tokio::test]
async fn a_memory_of_something_that_is_not_in_the_file_is_noticed() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let mut sale = Sale::of(Wares::Vases);
    let mut server = sale.wares().shop(folder.path()).start();
    assert!(sale.go(&server, Patience::Asks).await);
    assert!(server.terminate().success());
    sale.check(folder.path());
    let complaint = |change: &dyn Fn(&mut Sale)| {
        let mut other = sale.clone();
        change(&mut other);
        let checked = std::panic::catch_unwind(|| other.check(folder.path()));
        reason(&*checked.expect_err("nothing was noticed")).to_owned()
    };
    let says = [
        (complaint(&|sale| sale.shown[0]["order_id"] = json!("no such order")), "is not in the file"),
        (complaint(&|sale| sale.shown[0]["total_price"] = json!(7)), "is now"),
        (complaint(&|sale| sale.shown[0]["status"] = json!("refund_due")), "was never refund_due"),
        (complaint(&|sale| sale.obeyed.push("pause")), "instructions"),
    ];
    for (said, wanted) in &says {
        assert!(said.starts_with("lost: ") && said.contains(wanted), "{said}");
    }
}
