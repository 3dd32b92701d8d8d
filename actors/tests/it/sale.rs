//! The whole sale without HTTP: what buyers are promised, seen through messages and the data file.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use doorbuster_actors::SaleSettings;
use doorbuster_actors::entry::{Balance, Order, Status};
use doorbuster_actors::ids::{CoreId, OrderNumber};
use doorbuster_actors::request::{Control, NotDone, Query, Reason, Rejection, Transition, Unavailable};
use doorbuster_actors::sale::{Outcome, StorageState, Token, TokenOutcome};
use doorbuster_actors::stock::SalePolicy;
use parking_lot::Mutex;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::support::{
    NOTHING_TO_PAY, POLICY, TestSale, confirmed, in_time, item, keyed, one_unit, reopen, until, user,
};

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder for the test")
}

fn two_cores(settings: &mut SaleSettings) {
    settings.cores = 2;
}

fn replayed(outcome: Outcome) -> Order {
    match outcome {
        Outcome::Replayed(confirmed) => confirmed.into_order(),
        outcome @ (Outcome::Confirmed(_) | Outcome::Rejected(_) | Outcome::Unavailable(_)) => {
            panic!("not replayed: {outcome:?}")
        }
    }
}

/// Takes the write lock of the data file, as a shell or a backup would: a commit waits for it.
fn lock_out(folder: &TempDir) -> Connection {
    let connection = Connection::open(folder.path().join("sale.db")).expect("the data file");
    connection.busy_timeout(Duration::from_secs(5)).expect("a time-out");
    connection.execute_batch("BEGIN IMMEDIATE").expect("nobody else writes now");
    connection
}

/// Whether the future is still waiting, asked once.
async fn is_pending<F: Future + Unpin>(future: &mut F) -> bool {
    let mut future = pin!(future);
    std::future::poll_fn(move |cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
}

#[actix::test]
async fn a_thousand_buyers_of_a_hundred_units_make_a_hundred_orders_and_nine_hundred_refusals() {
    let folder = folder();
    let path = folder.path().join("sale.db");
    let sale = TestSale::open_with(&path, &[item("sku-1", 100)], two_cores).await;
    let replies = (0..1000).map(|number| sale.reserve("sku-1", one_unit(&format!("user-{number}")))).collect();
    let outcomes = TestSale::outcomes(replies).await;
    let sold_out = Outcome::Rejected(Rejection::SoldOut { remaining: 0 });
    let refused = outcomes.iter().filter(|outcome| **outcome == sold_out).count();
    let orders: Vec<Order> = outcomes.into_iter().filter(|outcome| *outcome != sold_out).map(confirmed).collect();
    assert_eq!((orders.len(), refused), (100, 900));

    let published = sale.published("sku-1");
    let layer_counters = &sale.view.cores[usize::from(published.core.0)].layer_counters;
    assert_eq!((layer_counters.entered(), layer_counters.passed()), (1000, 100));
    assert_eq!(layer_counters.answered().collect::<Vec<_>>(), [(Reason::SoldOut, 900)]);
    assert_eq!((sale.view.writer.ledger.entered(), sale.view.writer.ledger.passed()), (100, 100));
    assert_eq!((published.remaining(), published.mailbox.depth()), (0, 0));
    assert_eq!(sale.view.purchases.in_flight(), 0, "every permit came back");
    sale.close().await;

    let (_ledger, recovered) = reopen(&path).expect("an undamaged ledger");
    let stock = &recovered.stocks[0];
    assert_eq!((stock.orders(), stock.balance().live, stock.remaining()), (100, 100, 0));
    for order in orders {
        assert_eq!(stock.order(order.id.order), Some(order), "what was promised is in the file");
    }
}

#[actix::test]
async fn a_bundle_for_an_item_that_has_no_actor_yet_is_delivered_whole() {
    let folder = folder();
    let sale = TestSale::open(&folder.path().join("sale.db"), &[item("sku-1", 200)]).await;
    let replies = (0..200).map(|number| sale.reserve("sku-1", one_unit(&format!("user-{number}")))).collect();
    for outcome in TestSale::outcomes(replies).await {
        confirmed(outcome);
    }
    sale.close().await;
}

#[actix::test]
async fn a_letter_from_a_core_reaches_an_item_on_the_other_core_and_is_answered_where_it_came_from() {
    let folder = folder();
    let items: Vec<_> = (1..=20).map(|number| item(&format!("sku-{number}"), 10)).collect();
    let sale = TestSale::open_with(&folder.path().join("sale.db"), &items, two_cores).await;
    let on = |core| {
        let mut ids = items.iter().map(|item| item.id.clone());
        ids.find(|id| sale.view.core_for(id) == core).expect("a hash reaches both cores").to_string()
    };
    let (here, there) = (on(CoreId(0)), on(CoreId(1)));
    for id in [&here, &there] {
        for worker in [CoreId(0).worker(), CoreId(1).worker(), sale.guest] {
            let reservation = one_unit(&format!("user-{}", worker.0));
            let reply = sale.reserve_at(worker, id, reservation, Token::none());
            assert_eq!(confirmed(in_time("an outcome", reply.outcome()).await).item.as_str(), id);
        }
    }
    assert_eq!(sale.view.cores.iter().map(|core| core.layer_counters.passed()).collect::<Vec<_>>(), [3, 3]);
    sale.close().await;
}

#[actix::test]
async fn an_asker_who_has_gone_changes_nothing_for_the_others() {
    let folder = folder();
    let sale = TestSale::open(&folder.path().join("sale.db"), &[item("sku-1", 2)]).await;
    drop(sale.reserve("sku-1", one_unit("gone")));
    confirmed(sale.buy("sku-1", one_unit("alice")).await);
    assert_eq!(sale.find("sku-1", user("gone")).await.expect("an answer").len(), 1, "his order stands");
    assert_eq!(sale.view.purchases.in_flight(), 0);
    sale.close().await;
}

#[actix::test]
async fn nothing_is_answered_before_the_commit_it_rests_on() {
    let folder = folder();
    let sale = TestSale::open(&folder.path().join("sale.db"), &[item("sku-1", 1)]).await;
    let lock = lock_out(&folder);
    let mine = keyed(one_unit("alice"), "key-1");
    let first = sale.reserve("sku-1", mine.clone());
    let again = sale.reserve("sku-1", mine);
    let other = sale.reserve("sku-1", one_unit("bob"));
    let question = sale.ask("sku-1", Query::AllOf { user: user("alice") });
    until("the actor has taken up the last message", || sale.published("sku-1").mailbox.depth() == 0).await;
    until("the writer tries to commit", || sale.view.status.is_committing()).await;
    let (mut first, mut again) = (Box::pin(first.outcome()), Box::pin(again.outcome()));
    let (mut other, mut question) = (Box::pin(other.outcome()), Box::pin(question.found()));
    assert!(is_pending(&mut first).await, "an order");
    assert!(is_pending(&mut again).await, "its replay");
    assert!(is_pending(&mut other).await, "a refusal because of it");
    assert!(is_pending(&mut question).await, "a question about it");
    assert_eq!(sale.view.writer.entries(), 0);

    lock.execute_batch("ROLLBACK").expect("the lock is given up");
    let order = confirmed(in_time("an order", first).await);
    assert_eq!(replayed(in_time("a replay", again).await), order);
    assert_eq!(in_time("a refusal", other).await, Outcome::Rejected(Rejection::SoldOut { remaining: 0 }));
    assert_eq!(in_time("a question", question).await, Ok(vec![order]));
    sale.close().await;
}

#[actix::test]
async fn a_data_file_that_somebody_else_locks_sells_nothing_and_recovers_by_itself() {
    let folder = folder();
    let sale = TestSale::open(&folder.path().join("sale.db"), &[item("sku-1", 5)]).await;
    confirmed(sale.buy("sku-1", one_unit("alice")).await);
    let lock = lock_out(&folder);
    assert_eq!(sale.buy("sku-1", one_unit("bob")).await, Outcome::Unavailable(Unavailable::StorageLocked));
    assert_eq!(sale.view.status.storage(), StorageState::Locked);
    until("the unit is back", || sale.published("sku-1").remaining() == 4).await;
    lock.execute_batch("ROLLBACK").expect("the lock is given up");
    until("the ledger can be written again", || sale.view.status.storage() == StorageState::Open).await;
    assert_eq!(sale.find("sku-1", user("bob")).await, Ok(Vec::new()));
    assert_eq!(confirmed(sale.buy("sku-1", one_unit("bob")).await).id.order, OrderNumber(2));
    sale.close().await;
}

#[actix::test]
async fn a_decision_that_rests_on_entries_that_were_taken_back_is_refused() {
    let folder = folder();
    let path = folder.path().join("sale.db");
    let sale = TestSale::open(&path, &[item("sku-1", 2)]).await;
    let lock = lock_out(&folder);
    let first = sale.reserve("sku-1", one_unit("alice"));
    until("the first order waits for the lock", || sale.view.status.is_committing()).await;
    // Decided while the first commit still tries, so it is order number 2 of an item that has no order.
    let second = sale.reserve("sku-1", one_unit("bob"));
    until("the second is decided", || sale.view.cores[0].layer_counters.passed() == 2).await;
    let locked = Outcome::Unavailable(Unavailable::StorageLocked);
    assert_eq!(in_time("the first outcome", first.outcome()).await, locked);
    lock.execute_batch("ROLLBACK").expect("the lock is given up");
    assert_eq!(in_time("the second outcome", second.outcome()).await, locked, "although it could be written now");
    until("the ledger can be written again", || sale.view.status.storage() == StorageState::Open).await;
    assert_eq!(confirmed(sale.buy("sku-1", one_unit("carol")).await).id.order, OrderNumber(1));
    sale.close().await;
    assert_eq!(reopen(&path).expect("an undamaged ledger").1.stocks[0].orders(), 1);
}

#[actix::test]
async fn a_restart_keeps_orders_keys_limits_and_flags() {
    let folder = folder();
    let path = folder.path().join("sale.db");
    let items = [item("sku-1", 3), item("sku-2", 3), item("sku-3", 3)];
    let sale = TestSale::open_with(&path, &items, two_cores).await;
    let mine = keyed(one_unit("alice"), "key-1");
    let order = confirmed(sale.buy("sku-1", mine.clone()).await);
    assert_eq!(sale.control("sku-2", Control::Pause).await, Ok(()));
    assert_eq!(sale.control("sku-1", Control::Restock { quantity: 4 }).await, Ok(()));
    assert_eq!(sale.control("sku-3", Control::Close).await, Ok(()));
    sale.close().await;

    let sale = TestSale::open(&path, &items).await;
    let published = sale.published("sku-1");
    assert_eq!((published.supply(), published.remaining()), (7, 6));
    assert_eq!(replayed(sale.buy("sku-1", mine.clone()).await), order);
    let mut two = mine;
    two.quantity = 2;
    assert_eq!(sale.buy("sku-1", two).await, Outcome::Rejected(Rejection::KeyReused));
    let limit = Rejection::LimitReached { limit: 1, held: 1 };
    assert_eq!(sale.buy("sku-1", one_unit("alice")).await, Outcome::Rejected(limit));
    assert_eq!(sale.buy("sku-2", one_unit("alice")).await, Outcome::Rejected(Rejection::SalePaused));
    assert_eq!(sale.buy("sku-3", one_unit("alice")).await, Outcome::Rejected(Rejection::SaleClosed));
    assert_eq!(confirmed(sale.buy("sku-1", one_unit("bob")).await).id.order, OrderNumber(2));
    sale.close().await;
}

#[actix::test]
async fn two_restarts_in_a_row_give_the_same_state() {
    let folder = folder();
    let path = folder.path().join("sale.db");
    let sale = TestSale::open_with(&path, &[item("sku-1", 30), item("sku-2", 30)], two_cores).await;
    for (id, number) in (0..60).map(|number| (["sku-1", "sku-2"][number % 2], number / 3)) {
        let _answered = sale.buy(id, keyed(one_unit(&format!("user-{number}")), "key")).await;
    }
    sale.close().await;
    let (ledger, first) = reopen(&path).expect("an undamaged ledger");
    ledger.close().expect("a clean end");
    let (ledger, second) = reopen(&path).expect("an undamaged ledger");
    drop(ledger);
    assert!(first.stocks.iter().all(|stock| stock.orders() > 0));
    assert_eq!((first.stocks, first.entries, first.latest), (second.stocks, second.entries, second.latest));
}

#[actix::test]
async fn the_mailbox_gauge_knows_the_most_letters_that_ever_waited() {
    let folder = folder();
    let sale = TestSale::open(&folder.path().join("sale.db"), &[item("sku-1", 5)]).await;
    // The guest's router runs on this thread, so no message leaves before the first await.
    let replies: Vec<_> = (0..50).map(|number| sale.reserve("sku-1", one_unit(&format!("user-{number}")))).collect();
    assert_eq!(sale.published("sku-1").mailbox.depth(), 50);
    TestSale::outcomes(replies).await;
    let _one_more = sale.buy("sku-1", one_unit("late")).await;
    assert_eq!((sale.published("sku-1").mailbox.depth(), sale.published("sku-1").mailbox.high_water()), (0, 50));
    sale.close().await;
}

#[actix::test]
async fn a_full_house_admits_nobody_until_a_letter_is_answered() {
    let folder = folder();
    let path = folder.path().join("sale.db");
    let sale = TestSale::open_with(&path, &[item("sku-1", 100)], |settings| settings.max_in_flight = 8).await;
    for round in 0..3 {
        let replies = (0..8).map(|number| sale.reserve("sku-1", one_unit(&format!("user-{round}-{number}"))));
        let replies: Vec<_> = replies.collect();
        assert!(sale.view.purchases.enter().is_none());
        assert_eq!(sale.view.purchases.in_flight(), 8);
        TestSale::outcomes(replies).await;
        assert_eq!(sale.view.purchases.in_flight(), 0);
    }
    sale.close().await;
}

#[actix::test]
async fn a_token_stays_with_an_order_and_goes_back_with_a_refusal() {
    let folder = folder();
    let sale = TestSale::open(&folder.path().join("sale.db"), &[item("sku-1", 1)]).await;
    let outcomes = Arc::new(Mutex::new(Vec::new()));
    let token = || {
        let outcomes = Arc::clone(&outcomes);
        Token::new(move |outcome| outcomes.lock().push(outcome))
    };
    let buy = |reservation| sale.reserve_at(sale.guest, "sku-1", reservation, token()).outcome();
    let mine = keyed(one_unit("alice"), "key-1");
    confirmed(buy(mine.clone()).await);
    replayed(buy(mine).await);
    assert_eq!(buy(one_unit("bob")).await, Outcome::Rejected(Rejection::SoldOut { remaining: 0 }));
    assert_eq!(*outcomes.lock(), [TokenOutcome::Spent, TokenOutcome::Returned, TokenOutcome::Returned]);
    sale.close().await;
}

#[actix::test]
async fn a_recall_tells_what_a_key_made_and_never_sells() {
    let folder = folder();
    let sale = TestSale::open(&folder.path().join("sale.db"), &[item("sku-1", 5)]).await;
    let mine = keyed(one_unit("alice"), "key-1");
    let unknown = Outcome::Rejected(Rejection::UnknownOrder);
    assert_eq!(sale.lookup_by_key("sku-1", &mine).await, unknown);
    let order = confirmed(sale.buy("sku-1", mine.clone()).await);
    assert_eq!(replayed(sale.lookup_by_key("sku-1", &mine).await), order);
    assert_eq!(
        sale.lookup_by_key("sku-1", &keyed(one_unit("bob"), "key-1")).await,
        unknown,
        "a key belongs to its user"
    );
    let mut two = mine;
    two.quantity = 2;
    assert_eq!(sale.lookup_by_key("sku-1", &two).await, Outcome::Rejected(Rejection::KeyReused));
    assert_eq!(sale.published("sku-1").remaining(), 4);
    sale.close().await;
}

#[actix::test]
async fn a_paused_sale_sells_nothing_until_it_is_resumed_and_a_closed_one_nothing_ever() {
    let folder = folder();
    let sale = TestSale::open(&folder.path().join("sale.db"), &[item("sku-1", 5)]).await;
    assert_eq!(sale.control("sku-1", Control::Pause).await, Ok(()));
    assert_eq!(sale.buy("sku-1", one_unit("alice")).await, Outcome::Rejected(Rejection::SalePaused));
    let before = sale.view.writer.entries();
    assert_eq!(sale.control("sku-1", Control::Pause).await, Ok(()), "twice is once");
    assert_eq!(sale.view.writer.entries(), before);
    assert_eq!(sale.control("sku-1", Control::Resume).await, Ok(()));
    confirmed(sale.buy("sku-1", one_unit("alice")).await);
    assert_eq!(sale.control("sku-1", Control::Close).await, Ok(()));
    assert_eq!(sale.buy("sku-1", one_unit("bob")).await, Outcome::Rejected(Rejection::SaleClosed));
    let refused = Err(NotDone::Rejected(Rejection::SaleClosed));
    assert_eq!(sale.control("sku-1", Control::Resume).await, refused);
    assert_eq!(sale.find("sku-1", user("alice")).await.expect("an answer").len(), 1);
    sale.close().await;
}

#[actix::test]
async fn a_restock_sells_again() {
    let folder = folder();
    let sale = TestSale::open(&folder.path().join("sale.db"), &[item("sku-1", 0)]).await;
    assert_eq!(sale.buy("sku-1", one_unit("alice")).await, Outcome::Rejected(Rejection::SoldOut { remaining: 0 }));
    assert_eq!(sale.control("sku-1", Control::Restock { quantity: 1 }).await, Ok(()));
    confirmed(sale.buy("sku-1", one_unit("alice")).await);
    assert_eq!((sale.published("sku-1").supply(), sale.published("sku-1").remaining()), (1, 0));
    sale.close().await;
}

#[actix::test]
async fn a_question_is_answered_with_the_askers_own_orders_only() {
    let folder = folder();
    let mut two_each = item("sku-1", 10);
    two_each.per_user_limit = 2;
    let sale = TestSale::open(&folder.path().join("sale.db"), &[two_each]).await;
    let first = confirmed(sale.buy("sku-1", one_unit("alice")).await);
    let of_bob = confirmed(sale.buy("sku-1", one_unit("bob")).await);
    let second = confirmed(sale.buy("sku-1", one_unit("alice")).await);
    assert!(second.created_at >= first.created_at);
    assert_eq!(sale.find("sku-1", user("alice")).await, Ok(vec![second.clone(), first]), "the newest first");
    let one = |name: &str, number| sale.ask("sku-1", Query::Own { user: user(name), number }).found();
    assert_eq!(one("alice", second.id.order).await, Ok(vec![second]));
    assert_eq!(one("alice", of_bob.id.order).await, Ok(Vec::new()), "bob's order is as good as none");
    assert_eq!(one("alice", OrderNumber(0)).await, Ok(Vec::new()));
    assert_eq!(one("alice", OrderNumber(u32::MAX)).await, Ok(Vec::new()));
    assert_eq!(sale.find("sku-1", user("carol")).await, Ok(Vec::new()));
    sale.close().await;
}

#[actix::test]
async fn an_order_that_is_given_up_is_sold_to_the_next() {
    let folder = folder();
    let sale = TestSale::open(&folder.path().join("sale.db"), &[item("sku-1", 1)]).await;
    let order = confirmed(sale.buy("sku-1", one_unit("alice")).await);
    let cancel = |name: &str| Transition::Cancel { user: user(name) };
    let unknown = Outcome::Rejected(Rejection::UnknownOrder);
    assert_eq!(sale.transition("sku-1", order.id.order, cancel("bob")).await, unknown, "not his");
    let cancelled = confirmed(sale.transition("sku-1", order.id.order, cancel("alice")).await);
    assert_eq!(cancelled, Order { status: Status::Cancelled, ..order });
    assert_eq!(confirmed(sale.buy("sku-1", one_unit("bob")).await).id.order, OrderNumber(2));
    let twice = Rejection::InvalidTransition { status: Status::Cancelled };
    assert_eq!(sale.transition("sku-1", OrderNumber(1), cancel("alice")).await, Outcome::Rejected(twice));
    assert_eq!(sale.audit("sku-1").await, Balance { supply: 1, remaining: 0, live: 1 });
    sale.close().await;
}

#[actix::test]
async fn an_order_that_nobody_pays_expires_by_itself_and_its_unit_comes_back_once() {
    let folder = folder();
    let path = folder.path().join("sale.db");
    let policy = SalePolicy { pay_within: Some(Duration::from_millis(30)), ..POLICY };
    let sale = TestSale::open_with(&path, &[item("sku-1", 1)], |settings| settings.policy = policy).await;
    let order = confirmed(sale.buy("sku-1", one_unit("alice")).await);
    until("the unit is back", || sale.published("sku-1").remaining() == 1).await;
    let now = sale.find("sku-1", user("alice")).await.expect("an answer");
    assert_eq!(now, [Order { status: Status::Expired, ..order }]);
    assert_eq!(sale.audit("sku-1").await, Balance { supply: 1, remaining: 1, live: 0 });
    assert_eq!(sale.published("sku-1").released(), 1);
    sale.close().await;
    assert_eq!(reopen(&path).expect("an undamaged ledger").1.entries, 3, "created, placed, expired");
}

#[actix::test]
async fn a_unit_is_sold_again_behind_the_entry_that_brought_it_back() {
    const ROUNDS: u32 = 20;
    let folder = folder();
    let path = folder.path().join("sale.db");
    let policy = SalePolicy { pay_within: Some(Duration::from_millis(1)), ..POLICY };
    let sale = TestSale::open_with(&path, &[item("sku-1", 1)], |settings| settings.policy = policy).await;
    for round in 0..ROUNDS {
        until("the unit is back", || sale.published("sku-1").remaining() == 1).await;
        confirmed(sale.buy("sku-1", one_unit(&format!("user-{round}"))).await);
    }
    until("the last unit is back", || sale.published("sku-1").remaining() == 1).await;
    assert_eq!(sale.audit("sku-1").await, Balance { supply: 1, remaining: 1, live: 0 });
    sale.close().await;
    let (_ledger, recovered) = reopen(&path).expect("each entry follows from those before it");
    assert_eq!(recovered.entries, u64::from(1 + 2 * ROUNDS));
}

#[actix::test]
async fn an_order_without_anything_to_pay_is_paid_at_once() {
    let folder = folder();
    let path = folder.path().join("sale.db");
    let sale = TestSale::open_with(&path, &[item("sku-1", 1)], |settings| settings.policy = NOTHING_TO_PAY).await;
    let order = confirmed(sale.buy("sku-1", one_unit("alice")).await);
    assert_eq!((order.status, order.pay_by), (Status::Paid, None));
    assert_eq!(sale.view.writer.entries(), 2, "placed and paid in one commit");
    sale.close().await;
}

#[actix::test]
async fn a_letter_that_comes_after_the_drain_is_told_so() {
    let folder = folder();
    let path = folder.path().join("sale.db");
    let sale = TestSale::open(&path, &[item("sku-1", 5)]).await;
    confirmed(sale.buy("sku-1", one_unit("alice")).await);
    sale.drain().await.expect("a clean end");
    assert_eq!(sale.buy("sku-1", one_unit("bob")).await, Outcome::Unavailable(Unavailable::ShuttingDown));
    let (_ledger, recovered) = reopen(&path).expect("the drained writer has let go of the file");
    assert_eq!(recovered.stocks[0].orders(), 1);
    sale.close().await;
}

#[actix::test]
async fn a_key_that_was_used_is_published_for_the_door() {
    let folder = folder();
    let path = folder.path().join("sale.db");
    for life in ["in the first life", "after a restart"] {
        let sale = TestSale::open(&path, &[item("sku-1", 5)]).await;
        if sale.published("sku-1").remaining() == 5 {
            confirmed(sale.buy("sku-1", keyed(one_unit("alice"), "key-1")).await);
        }
        let number = sale.published("sku-1").number;
        let knows = |name: &str, key: &str| {
            let key = key.parse().expect("legal");
            sale.view.used_keys.contains(sale.view.used_keys.fingerprint(number, &user(name), &key))
        };
        assert!(knows("alice", "key-1"), "{life}");
        assert!(!knows("alice", "key-2") && !knows("bob", "key-1"), "{life}");
        sale.close().await;
    }
}
