//! **Job:** tells the operator where the server is, and in development mode how to buy something.
//! **Owns:** the text on standard output.
//! **Never:** prints a secret of an operator; the token of a development buyer is made to be pasted.

use std::io::Write as _;
use std::time::Duration;

use doorbuster_actors::item::SaleState;

use super::build::Server;
use super::operations::scheme;
use crate::auth::Mint;
use crate::background::within_a_moment;
use crate::config::{Loaded, Mode};

/// How long the printed token is valid: a working day of trying things out.
const TOKEN_LIFE: Duration = Duration::from_hours(12);

/// The user that the printed token is for.
const BUYER: &str = "ada";

/// Stands above everything else that a server in development mode says.
const DEVELOPMENT: &str = "\
************************************************************************
**                                                                    **
**   DEVELOPMENT MODE: NOT FOR REAL SALES.                            **
**   WHOEVER CAN REACH THE SHOP CAN BUY, AS MANY BUYERS AT ONCE.      **
**                                                                    **
************************************************************************
";

pub(super) fn print(loaded: &Loaded, server: &Server) {
    let config = &loaded.config;
    let (shop, ops) = (server.listen, &server.ops_listen);
    let base_path = &config.server.base_path;
    let scheme = scheme(server.shared.tls.as_deref());
    let redis = config.redis.url.as_ref().map_or("in process", |_| "Redis");
    let data = config.storage.path.display();
    tracing::info!(%shop, scheme, %ops, %data, gate = redis, prefix = %config.redis.prefix, "open");
    let mut text = match loaded.mode {
        Mode::Development => development(loaded),
        Mode::Production => String::new(),
    };
    let ops_url = ops.tcp().map_or_else(|| ops.to_string(), |ops| format!("http://{ops}/"));
    text.push_str(&format!(
        "Doorbuster is open.\n  shop  {scheme}://{shop}{base_path}/\n  ops   {ops_url}\n  data  {data}\n  \
         gate  {redis}\n"
    ));
    if let Some(warning) = server.shared.tls.as_ref().and_then(|tls| tls.warning()) {
        tracing::warn!("{warning}");
    }
    if let Some(warning) = server.medium.warning() {
        tracing::warn!(%data, "{warning}");
        text.push_str(&format!("\nWARNING: {warning}.\n"));
    }
    if loaded.mode == Mode::Development {
        text.push_str(&how_to_buy(loaded, server).unwrap_or_default());
    }
    // A closed or blocked standard output is no reason not to sell.
    within_a_moment(move || drop(std::io::stdout().write_all(text.as_bytes())));
}

/// Says that this is development mode, why, and what was given in vain; logs the same.
fn development(loaded: &Loaded) -> String {
    let unused: Vec<_> = loaded.unused.iter().map(|(key, origin)| format!("{key} ({origin})")).collect();
    let unused = unused.join(", ");
    let cause = loaded.cause;
    tracing::warn!(%cause, given_and_not_used = unused, "DEVELOPMENT MODE: whoever can reach the shop can buy");
    let mut text = format!("{DEVELOPMENT}Development mode, because {cause}.\n");
    if !unused.is_empty() {
        text.push_str(&format!("Given, and NOT used here: {unused}.\n"));
    }
    text
}

fn how_to_buy(loaded: &Loaded, server: &Server) -> Option<String> {
    let token = Mint::new(&loaded.config.auth).ok()?.token(BUYER, TOKEN_LIFE);
    let now = server.sale.view().clock.now();
    let open =
        server.sale.view().directory.all().into_iter().find(|published| published.state(now) == SaleState::Open)?;
    let item = open.definition().id.clone();
    Some(format!(
        "\nSecrets were generated beside the data file, in development.toml.\n\
         The dashboard asks for its admin_token.\n\
         Buy something as {BUYER}:\n\n  \
         curl -i {}://{}{}/v1/items/{item}/orders -H 'Content-Type: application/json' -d '{{\"quantity\":1}}' \
         -H 'Idempotency-Key: first' -H 'Authorization: Bearer {token}'\n\n",
        scheme(server.shared.tls.as_deref()),
        server.listen,
        loaded.config.server.base_path
    ))
}
