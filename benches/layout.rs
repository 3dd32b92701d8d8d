//! **Job:** what it costs where StockActors run: on the HTTP workers' own threads (`shared`), or on threads beside them
//! (`beside`).
//! **Owns:** the rounds in turn, and the crowd of each.
//! **Never:** compares runs of different rounds.
//!
//! Each round starts the real server once per layout, sells 20,000 orders over 64 connections (JWT, throttle on, FULL
//! durability), and divides the CPU time of the server by the orders it confirmed. Generator and server share the
//! cores, so the orders per second only rank the layouts; CPU per order is the figure. `cargo bench --bench layout`.

#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::Instant;

use support::{Attempt, Item, Server, Setup, crowd};

const ROUNDS: usize = 5;
const ORDERS: usize = 20_000;
const WORKERS: usize = 2;

/// What one run of one layout cost.
#[derive(Debug, Clone, Copy)]
struct Cost {
    cpu_per_order_us: f64,
    orders_per_second: f64,
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    for items in [1, 64] {
        let mut costs: [Vec<Cost>; 2] = [Vec::new(), Vec::new()];
        for _round in 0..ROUNDS {
            for (layout, costs) in ["shared", "beside"].into_iter().zip(&mut costs) {
                costs.push(runtime.block_on(sell(layout, items)));
            }
        }
        let [shared, beside] = costs;
        println!("{items} item(s), {ORDERS} orders, {WORKERS} workers, median of {ROUNDS} interleaved rounds");
        for (layout, costs) in [("shared", &shared), ("beside", &beside)] {
            let (cpu, rate) =
                (median(costs, |cost| cost.cpu_per_order_us), median(costs, |cost| cost.orders_per_second));
            println!("  {layout}  {cpu:6.1} µs CPU per order  {rate:8.0} orders/s");
        }
        let ratio: Vec<_> = shared.iter().zip(&beside).map(|(a, b)| a.cpu_per_order_us / b.cpu_per_order_us).collect();
        println!("  shared / beside, CPU per order: {:.2}", median(&ratio, |ratio| *ratio));
    }
}

async fn sell(layout: &str, items: usize) -> Cost {
    let stock = u32::try_from(ORDERS).expect("small");
    let mut server: Server = Setup::new((0..items).map(|item| Item::new(&format!("sku-{item}"), stock)))
        .set("server.workers", &WORKERS.to_string())
        .set("server.layout", &format!("\"{layout}\""))
        .set("gate.throttle.window", "\"5s\"")
        .start();
    let attempts = (0..ORDERS).map(|buyer| Attempt::new(&format!("buyer-{buyer}"), &format!("sku-{}", buyer % items)));
    let (started, cpu) = (Instant::now(), server.cpu_seconds());
    let tally = crowd(server.address(), attempts.collect()).await;
    let (cpu, elapsed) = (server.cpu_seconds() - cpu, started.elapsed().as_secs_f64());
    tally.assert_answered_with(&[]);
    server.terminate();
    assert_eq!(server.verify().0, 0, "the audit must be clean");
    #[expect(clippy::cast_precision_loss, reason = "a count far below 2⁵²")]
    let orders = ORDERS as f64;
    Cost { cpu_per_order_us: cpu * 1e6 / orders, orders_per_second: orders / elapsed }
}

fn median<T>(values: &[T], figure: impl Fn(&T) -> f64) -> f64 {
    let mut figures: Vec<_> = values.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
