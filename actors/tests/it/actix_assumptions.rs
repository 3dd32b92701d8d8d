//! What the sale assumes of actix and what its documentation does not promise. A new version that breaks one of these
//! breaks group commit, the bounds of the mailboxes, or the answer to every message.

#![expect(clippy::disallowed_methods, reason = "what the sale must not use is part of what is looked at")]

use std::sync::mpsc;
use std::thread::ThreadId;

use actix::dev::SendError;
use actix::{Actor, ActorContext, Addr, Arbiter, AsyncContext, Context, Handler, MailboxError, Message};

/// The capacity of a mailbox that nobody has set.
const DEFAULT_CAPACITY: usize = 16;

#[derive(Message)]
#[rtype(result = "()")]
struct Line(u32);

/// "Tell yourself something."
#[derive(Message)]
#[rtype(result = "()")]
struct Aside;

#[derive(Message)]
#[rtype(result = "Vec<u32>")]
struct Read;

#[derive(Message)]
#[rtype(result = "ThreadId")]
struct WhichThread;

#[derive(Message)]
#[rtype(result = "()")]
struct Stop;

#[derive(Message)]
#[rtype(result = "()")]
struct Panic;

/// Writes down what it is told, and notes to itself 0 once, when it hears the first line.
#[derive(Default)]
struct Diary {
    lines: Vec<u32>,
    capacity_when_started: Option<usize>,
}

impl Actor for Diary {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        if let Some(capacity) = self.capacity_when_started {
            ctx.set_mailbox_capacity(capacity);
        }
    }
}

impl Handler<Line> for Diary {
    type Result = ();

    fn handle(&mut self, Line(number): Line, ctx: &mut Context<Self>) {
        if self.lines.is_empty() {
            ctx.notify(Aside);
        }
        self.lines.push(number);
    }
}

impl Handler<Aside> for Diary {
    type Result = ();

    fn handle(&mut self, _aside: Aside, _ctx: &mut Context<Self>) {
        self.lines.push(0);
    }
}

impl Handler<Read> for Diary {
    type Result = Vec<u32>;

    fn handle(&mut self, _read: Read, _ctx: &mut Context<Self>) -> Vec<u32> {
        self.lines.clone()
    }
}

impl Handler<WhichThread> for Diary {
    type Result = actix::MessageResult<WhichThread>;

    fn handle(&mut self, _which: WhichThread, _ctx: &mut Context<Self>) -> Self::Result {
        actix::MessageResult(std::thread::current().id())
    }
}

impl Handler<Stop> for Diary {
    type Result = ();

    fn handle(&mut self, _stop: Stop, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}

impl Handler<Panic> for Diary {
    type Result = ();

    fn handle(&mut self, _panic: Panic, _ctx: &mut Context<Self>) {
        panic!("as the test wants it");
    }
}

/// Sends lines until the mailbox refuses one; answers how many it took. Nothing is polled meanwhile: no `await`.
fn fill(address: &Addr<Diary>) -> usize {
    let refused = (1..).find_map(|number| address.try_send(Line(number)).err().map(|error| (number, error)));
    let (number, error) = refused.expect("a bounded mailbox refuses at last");
    assert!(matches!(error, SendError::Full(_)), "{error}");
    number as usize - 1
}

#[actix::test]
async fn a_long_lived_address_says_full_past_the_capacity_that_was_set() {
    let address = Diary::create(|ctx| {
        ctx.set_mailbox_capacity(40);
        Diary::default()
    });
    assert_eq!(fill(&address), 40);
}

#[actix::test]
async fn a_fresh_clone_of_an_address_has_a_free_slot_in_a_full_mailbox() {
    let address = Diary::default().start();
    fill(&address);
    for _ in 0..100 {
        assert!(address.clone().try_send(Line(1)).is_ok(), "clone-then-send bounds nothing");
    }
    assert!(address.try_send(Line(1)).is_err(), "the kept address still says so");
}

#[actix::test]
async fn a_capacity_set_in_started_does_not_hold_before_the_first_poll() {
    let address = Diary { capacity_when_started: Some(1000), ..Diary::default() }.start();
    assert_eq!(fill(&address), DEFAULT_CAPACITY, "whoever starts an actor and sends at once must use `create`");
}

#[actix::test]
async fn a_note_to_oneself_comes_after_all_that_is_in_the_mailbox() {
    let address = Diary::create(|ctx| {
        ctx.set_mailbox_capacity(1000);
        Diary::default()
    });
    for number in 1..=1000 {
        address.try_send(Line(number)).expect("room");
    }
    let lines = address.send(Read).await.expect("an answer");
    assert_eq!(lines, (1..=1000).collect::<Vec<_>>(), "the note comes after the question, too");
    let lines = address.send(Read).await.expect("an answer");
    assert_eq!(lines.last(), Some(&0), "and before anything that is sent later");
    assert_eq!(lines.len(), 1001);
}

#[actix::test]
async fn a_mailbox_whose_actor_has_stopped_says_closed() {
    let address = Diary::default().start();
    address.send(Stop).await.expect("an answer");
    while address.connected() {
        tokio::task::yield_now().await;
    }
    assert!(matches!(address.try_send(Line(1)), Err(SendError::Closed(_))));
}

#[actix::test]
async fn letters_from_one_sender_keep_their_order_over_threads() {
    let arbiter = Arbiter::new();
    let address = Diary::start_in_arbiter(&arbiter.handle(), |ctx| {
        ctx.set_mailbox_capacity(100_000);
        Diary { lines: vec![0], ..Diary::default() }
    });
    let lines = std::thread::spawn({
        let address = address.clone();
        move || (1..=10_000).for_each(|number| address.do_send(Line(number)))
    });
    lines.join().expect("it sends and ends");
    assert_eq!(address.send(Read).await.expect("an answer"), (0..=10_000).collect::<Vec<_>>());
    arbiter.stop();
}

#[actix::test]
async fn an_actor_handles_its_letters_on_the_thread_that_started_it() {
    let arbiter = Arbiter::new();
    let (sender, started) = mpsc::channel();
    arbiter.spawn_fn(move || {
        let address = Diary::default().start();
        sender.send((std::thread::current().id(), address)).expect("the test waits");
    });
    let (thread, address) = started.recv().expect("the arbiter runs it");
    assert_ne!(thread, std::thread::current().id());
    assert_eq!(address.send(WhichThread).await.expect("an answer"), thread);
    arbiter.stop();
}

/// Why `AbortOnPanic` exists: nothing but a closed mailbox tells of the panic, and the thread goes on.
#[actix::test]
async fn a_panic_in_a_handler_closes_the_mailbox_and_leaves_the_thread_running() {
    let arbiter = Arbiter::new();
    let address = Diary::start_in_arbiter(&arbiter.handle(), |_ctx| Diary::default());
    assert_eq!(address.send(Panic).await, Err(MailboxError::Closed));
    while address.connected() {
        tokio::task::yield_now().await;
    }
    assert!(matches!(address.try_send(Line(1)), Err(SendError::Closed(_))));
    let neighbour = Diary::start_in_arbiter(&arbiter.handle(), |_ctx| Diary::default());
    assert!(neighbour.send(Read).await.is_ok(), "other actors of the thread do not notice");
    arbiter.stop();
}
