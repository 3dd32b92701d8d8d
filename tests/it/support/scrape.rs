//! **Job:** reads what a running server tells Prometheus.
//! **Owns:** how a sample is found on the page.
//! **Never:** waits for a value.

use std::str::FromStr;

use super::{Client, Server, admin_authorization};

/// The page of metrics.
pub(crate) async fn metrics_page(server: &Server) -> String {
    let (token, mut client) = (admin_authorization(), Client::new(server.ops_address()));
    client.get("/metrics", &[("Authorization", &token)]).await.expect("an answer").text()
}

/// The value of a series, named with its labels.
pub(crate) async fn metric<T: FromStr>(server: &Server, series: &str) -> T {
    sample(&metrics_page(server).await, series)
}

/// The same on a page.
pub(crate) fn sample<T: FromStr>(page: &str, series: &str) -> T {
    let value = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok());
    value.unwrap_or_else(|| panic!("{series} is not exported:\n{page}"))
}
