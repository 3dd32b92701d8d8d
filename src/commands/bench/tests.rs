//! **Job:** holds what the generator promises of its clock, against a server that stalls once.
//! **Owns:** that server.
//! **Never:** needs a real server: `tests/it/bench.rs` has one.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use clap::Parser as _;

use super::*;
use crate::commands::{Cli, Command};

/// How long the server stalls.
const STALL: Duration = Duration::from_millis(600);

/// Before which answer.
const STALLED_ANSWER: usize = 50;

fn arguments(line: &str) -> Box<Bench> {
    let cli = Cli::try_parse_from(format!("doorbuster bench {line}").split_whitespace());
    let Command::Bench(bench) = cli.unwrap_or_else(|error| panic!("{error}")).command else { panic!("a bench") };
    bench
}

/// A server for one connection at a time that answers as the responder of the self-test, but stalls once.
fn stalling() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let _gone = answer_all(stream.expect("a connection"));
        }
    });
    address
}

fn answer_all(mut stream: TcpStream) -> std::io::Result<()> {
    let (mut buffer, mut chunk) = (Vec::new(), [0; 4_096]);
    for number in 0.. {
        while fixed_answer::request_length(&buffer).is_none_or(|length| buffer.len() < length) {
            match stream.read(&mut chunk)? {
                0 => return Ok(()),
                read => buffer.extend(&chunk[..read]),
            }
        }
        buffer.drain(..fixed_answer::request_length(&buffer).unwrap_or(0));
        if number == STALLED_ANSWER {
            thread::park_timeout(STALL);
        }
        stream.write_all(fixed_answer::answer().as_bytes())?;
    }
    Ok(())
}

fn confirmed_p90(line: &str) -> (u64, Report) {
    let bench = arguments(line);
    let pace = Pacing::of(&bench);
    let run_state = Arc::new(RunState::default());
    let orders = prepare::fixed(&bench, stalling(), &pace);
    let (tally, orders) =
        drive(orders, &pace, &run_state, None, &|_looks| progress::glance(&run_state)).expect("a run");
    let report = report(&orders, &pace, &tally, None, None);
    let confirmed = report.outcomes.iter().find(|line| line.name == "confirmed").expect("confirmed");
    (confirmed.latency_us.p90, report.clone())
}

/// Coordinated omission: 400 purchases a second are intended for 1.5 seconds; whoever wants to buy during the stall
/// waits, and their waiting counts, although only one request was on the wire.
#[test]
fn a_stall_counts_for_everybody_who_wanted_to_buy_in_it() {
    let (open, report) = confirmed_p90("--rate 400 --arrival constant --connections 1 --duration 1500ms --timeout 5s");
    assert!(open > 300_000, "p90 is {open} us, the stall lasted 600,000");
    assert_eq!(report.requests + report.unsent, 600);
    let (closed, _) = confirmed_p90("--connections 1 --requests 600");
    assert!(closed < 100_000, "a closed loop does not see it: {closed} us");
}

#[test]
fn what_could_not_be_sent_is_reported() {
    let (_, report) = confirmed_p90("--rate 100 --arrival constant --connections 1 --duration 700ms --timeout 5s");
    assert!(report.unsent > 0, "the stall lasts until after the end");
    assert_eq!(report.requests + report.unsent, 70);
}
