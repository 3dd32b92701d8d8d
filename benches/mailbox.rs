//! **Job:** what it costs to hand a message to an actor, against a plain bounded channel and against calling it.
//! **Owns:** the counter at the other end, which is the same for all of them.
//! **Never:** counts a message as delivered because it was sent: each round ends when the counter says what it got.
//!
//! A round is 65,536 messages, from the thread of the receiver or from another, one by one or in batches of 64. Who
//! finds the box full makes room for the receiver and tries again, so that a rate is that of the whole way.

use std::hint::black_box;
use std::time::{Duration, Instant};

use actix::dev::SendError;
use actix::{Actor, Addr, Arbiter, Context, Handler, Message, System};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use crossbeam::channel::{Sender, TrySendError, bounded};
use tokio::sync::oneshot;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Messages of a round: so many that the wake-up at its end does not count.
const LETTERS: u64 = 65_536;

/// Messages of a bundle.
const BUNDLE: u64 = 64;
const _: () = assert!(LETTERS.is_multiple_of(BUNDLE));

/// Messages that may wait, in the mailbox and in the channel.
const CAPACITY: usize = 16_384;

/// How the messages are sent.
#[derive(Debug, Clone, Copy)]
enum Form {
    OneByOne,
    Bundles,
}

/// What is sent.
#[derive(Message)]
#[rtype(result = "()")]
enum Post {
    Message(u64),
    Bundle(Vec<u64>),
    /// "What did you get since I last asked?"
    Report(oneshot::Sender<Counter>),
}

/// What the receiver got.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counter {
    messages: u64,
    sum: u64,
}

impl Form {
    fn name(self) -> &'static str {
        match self {
            Self::OneByOne => "one by one",
            Self::Bundles => "bundles of 64",
        }
    }

    /// The messages of one round.
    fn posts(self) -> impl Iterator<Item = Post> {
        let size = match self {
            Self::OneByOne => 1,
            Self::Bundles => BUNDLE,
        };
        (0..LETTERS / size).map(move |number| match self {
            Self::OneByOne => Post::Message(number),
            Self::Bundles => Post::Bundle((number * BUNDLE..(number + 1) * BUNDLE).collect()),
        })
    }
}

impl Counter {
    fn count(&mut self, message: u64) {
        self.messages += 1;
        self.sum += black_box(message);
    }

    fn take(&mut self, post: Post) {
        match post {
            Post::Message(message) => self.count(message),
            Post::Bundle(messages) => messages.into_iter().for_each(|message| self.count(message)),
            Post::Report(asker) => asker.send(std::mem::take(self)).expect("the bench waits"),
        }
    }

    fn check(&self) {
        assert_eq!(*self, Self { messages: LETTERS, sum: LETTERS * (LETTERS - 1) / 2 }, "every message came once");
    }
}

impl Actor for Counter {
    type Context = Context<Self>;
}

impl Handler<Post> for Counter {
    type Result = ();

    fn handle(&mut self, post: Post, _ctx: &mut Context<Self>) {
        self.take(post);
    }
}

/// An actor on a thread of its own.
struct ActorThread {
    arbiter: Arbiter,
    address: Addr<Counter>,
}

impl ActorThread {
    fn start() -> Self {
        let arbiter = Arbiter::new();
        #[expect(clippy::disallowed_methods, reason = "what its mailbox refuses at first is sent again")]
        let address = Counter::start_in_arbiter(&arbiter.handle(), |ctx| {
            ctx.set_mailbox_capacity(CAPACITY);
            Counter::default()
        });
        Self { arbiter, address }
    }

    fn send_from_another_thread(&self, form: Form) -> Counter {
        let (asker, answer) = oneshot::channel();
        for post in form.posts().chain([Post::Report(asker)]) {
            let mut refused = refused(&self.address, post);
            while let Some(post) = refused {
                std::thread::yield_now();
                refused = self::refused(&self.address, post);
            }
        }
        answer.blocking_recv().expect("the actor lives")
    }

    fn send_from_the_same_thread(&self, form: Form) -> Counter {
        let (asker, answer) = oneshot::channel();
        let address = self.address.clone();
        self.arbiter.spawn(async move {
            for post in form.posts().chain([Post::Report(asker)]) {
                let mut refused = refused(&address, post);
                while let Some(post) = refused {
                    tokio::task::yield_now().await;
                    refused = self::refused(&address, post);
                }
            }
        });
        answer.blocking_recv().expect("the actor lives")
    }
}

/// Sends a message; answers it if the mailbox is full.
fn refused(address: &Addr<Counter>, post: Post) -> Option<Post> {
    match address.try_send(post) {
        Ok(()) => None,
        Err(SendError::Full(post)) => Some(post),
        Err(SendError::Closed(_)) => panic!("the actor lives"),
    }
}

/// The receiver of a channel on a thread of its own, which ends with the channel.
fn channel_thread() -> Sender<Post> {
    let (sender, receiver) = bounded(CAPACITY);
    std::thread::spawn(move || {
        let mut counter = Counter::default();
        receiver.into_iter().for_each(|post| counter.take(post));
    });
    sender
}

fn through_channel(sender: &Sender<Post>, form: Form) -> Counter {
    let (asker, answer) = oneshot::channel();
    for post in form.posts().chain([Post::Report(asker)]) {
        sender.send(post).expect("the receiver lives");
    }
    answer.blocking_recv().expect("the receiver lives")
}

/// Fills the channel, empties it, and so on.
fn through_own_channel(form: Form) -> Counter {
    let (sender, receiver) = bounded(CAPACITY);
    let mut counter = Counter::default();
    for post in form.posts() {
        if let Err(TrySendError::Full(post)) = sender.try_send(post) {
            receiver.try_iter().for_each(|post| counter.take(post));
            sender.try_send(post).expect("it was emptied just now");
        }
    }
    receiver.try_iter().for_each(|post| counter.take(post));
    counter
}

fn direct_call(form: Form) -> Counter {
    let mut counter = Counter::default();
    form.posts().for_each(|post| counter.take(black_box(post)));
    counter
}

fn measure(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, form: Form, round: impl Fn(Form) -> Counter) {
    let rounds = |count| {
        let started = Instant::now();
        (0..count).for_each(|_round| round(form).check());
        started.elapsed()
    };
    group.bench_function(format!("{name}, {}", form.name()), |bencher| bencher.iter_custom(rounds));
}

fn main() {
    let system = System::new();
    let (actor, channel) = (ActorThread::start(), channel_thread());
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("mailbox");
    group.throughput(Throughput::Elements(LETTERS)).sample_size(10).measurement_time(Duration::from_secs(2));
    group.warm_up_time(Duration::from_millis(500));
    for form in [Form::OneByOne, Form::Bundles] {
        measure(&mut group, "call", form, direct_call);
        measure(&mut group, "same thread, channel", form, through_own_channel);
        measure(&mut group, "same thread, actor", form, |form| actor.send_from_the_same_thread(form));
        measure(&mut group, "other thread, channel", form, |form| through_channel(&channel, form));
        measure(&mut group, "other thread, actor", form, |form| actor.send_from_another_thread(form));
    }
    group.finish();
    criterion.final_summary();
    actor.arbiter.stop();
    drop(system);
}
