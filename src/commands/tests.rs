//! **Job:** holds what the command line promises.
//! **Owns:** nothing.
//! **Never:** runs a command.

use std::time::Duration;

use clap::CommandFactory;

use super::*;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

fn flags(line: &str) -> Vec<(String, String)> {
    parse(line).unwrap_or_else(|error| panic!("{error}")).flags()
}

fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

#[test]
fn the_command_line_is_well_formed() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_of_the_manual_is_understood() {
    for line in [
        "doorbuster serve",
        "doorbuster serve --config c.toml --listen 127.0.0.1:0 --ops-listen 127.0.0.1:0 --db x.db",
        "doorbuster token --user alice --ttl 90s --count 3",
        "doorbuster token inspect",
        "doorbuster token inspect - --config c.toml --set auth.jwt_issuer=x",
        "doorbuster verify --db x.db --json",
        "doorbuster orders --db x.db --item sku-1 --format ndjson",
        "doorbuster orders --item a --item b --status paid --status refunded --from 2030-01-01 --to 2030-01-02 --bom",
        "doorbuster payments --verdict late --item a --from 2030-01-01T00:00:00+08:00 --format table --db x.db",
        "doorbuster serve --slow-item sku-1=5ms",
        "doorbuster top",
        "doorbuster top --url http://127.0.0.1:9190 --once --sort rate --limit 5 --search sku --db x.db",
        "doorbuster admin items",
        "doorbuster admin --url http://127.0.0.1:9190 --operator Ann withdraw sku-1 5 --reason typo --yes",
        "doorbuster admin set sku-1 --title New --closes-at 2030-01-01T00:00:00Z --json",
        "doorbuster admin cancel C0110000001N --reason broken",
        "doorbuster admin payments --verdict short --status all --order C0110000001N --db x.db",
        "doorbuster admin refunded P000000042",
        "doorbuster backup --db x.db --to y.db",
        "doorbuster salvage --db x.db --to y.db --json",
        "doorbuster inventory --config c.toml --listen 127.0.0.1:0 --set inventory.rate=5",
        "doorbuster bench",
        "doorbuster bench --url http://127.0.0.1:8080 --ops-url http://127.0.0.1:9190/ --item a,b --item c --rate 1e4",
        "doorbuster bench --profile spike --users 1000 --clicks 2 --stock 10 --warmup 1s --compare old.json --json",
        "doorbuster bench --self-test --connections 32 --duration 3s",
        "doorbuster doctor",
        "doorbuster doctor --config c.toml --db x.db --json --set redis.timeout=9ms",
        "doorbuster demo --once --users 5000",
        "doorbuster catalogue diff shop.toml --url http://127.0.0.1:9190",
        "doorbuster catalogue apply --yes --operator eve --set catalogue.path=x",
        "doorbuster config check",
        "doorbuster config show --config c.toml",
        "doorbuster completions bash",
        "doorbuster man --log-format json",
    ] {
        assert!(parse(line).is_ok(), "{line}");
    }
}

/// Calls that make no sense.
const WRONG: &[&str] = &[
    "doorbuster",
    "doorbuster sell",
    "doorbuster token",
    "doorbuster token --user änn",
    "doorbuster token",
    "doorbuster token inspect a b",
    "doorbuster token --user a inspect",
    "doorbuster token --user a --ttl 0s",
    "doorbuster token --user a --ttl 366days",
    "doorbuster token --user a --ttl 5",
    "doorbuster token --user a --count 0",
    "doorbuster token --user a --count 10000001",
    "doorbuster orders --format xml",
    "doorbuster orders --status sold",
    "doorbuster orders --from yesterday",
    "doorbuster payments --verdict paid",
    "doorbuster payments --item a/b",
    "doorbuster top --url https://127.0.0.1:9190",
    "doorbuster top --sort size",
    "doorbuster admin",
    "doorbuster admin withdraw sku-1 0",
    "doorbuster admin set sku-1",
    "doorbuster admin cancel C0110000001N",
    "doorbuster admin cancel a/b --reason x",
    "doorbuster admin pause a/b",
    "doorbuster admin payments --verdict stolen",
    "doorbuster admin items --token secret",
    "doorbuster admin items --operator Ä",
    "doorbuster top --limit 0",
    "doorbuster top --token secret",
    "doorbuster serve --slow-item sku-1",
    "doorbuster serve --slow-item sku-1=2s",
    "doorbuster backup --db x.db",
    "doorbuster serve --set server.workers",
    "doorbuster bench --url 127.0.0.1:8080",
    "doorbuster bench --url https://shop.test",
    "doorbuster bench --ops-url http://127.0.0.1:9190",
    "doorbuster bench --rate 0",
    "doorbuster bench --users 0",
    "doorbuster bench --duration 5",
    "doorbuster bench --self-test --url http://127.0.0.1:1",
    "doorbuster demo --once=maybe",
    "doorbuster config",
    "doorbuster catalogue",
    "doorbuster catalogue diff --yes",
];

#[test]
fn a_wrong_call_is_a_usage_error() {
    for line in WRONG {
        let code = parse(line).map_or_else(|error| error.exit_code(), |_| 0);
        assert_eq!(code, 2, "{line}");
    }
}

#[test]
fn set_and_shorthands_become_flags_in_the_order_that_lets_the_shorthand_stand() {
    let given = flags("doorbuster serve --set storage.path=a --set redis.prefix=k=v --db b --listen [::1]:0");
    let expected = [
        pair("storage.path", "a"),
        pair("redis.prefix", "k=v"),
        pair("server.listen", "[::1]:0"),
        pair("storage.path", "b"),
    ];
    assert_eq!(given, expected);
}

#[test]
fn set_counts_before_and_after_the_command() {
    let given = flags("doorbuster --set a.b=1 config show --set c.d=2 --set e.f=3");
    assert_eq!(given, [pair("a.b", "1"), pair("c.d", "2"), pair("e.f", "3")]);
    assert_eq!(flags("doorbuster --set a.b=1 --config x serve"), [pair("a.b", "1")]);
}

#[test]
fn a_token_lives_an_hour_unless_asked_otherwise() {
    let Ok(Cli { command: Command::Token(token), .. }) = parse("doorbuster token --user alice") else {
        panic!("a token command");
    };
    assert_eq!(
        (token.ttl, token.count, token.user.as_ref().map(ToString::to_string).as_deref()),
        (Duration::from_hours(1), None, Some("alice"))
    );
}

#[test]
fn only_variables_of_this_product_are_collected() {
    let sources = parse("doorbuster man").unwrap_or_else(|error| panic!("{error}")).sources();
    assert!(sources.environment.iter().all(|(name, _)| name.starts_with(ENVIRONMENT_PREFIX)));
    assert!(sources.file.is_none() && sources.flags.is_empty());
}
