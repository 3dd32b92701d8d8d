//! **Job:** orders and payments as files for other programs: what they say, and that nothing misreads them.
//! **Owns:** a sale with buyers and items whose names look like something else, in currencies of all decimals.
//! **Never:** takes the columns from the program under test.

mod commands;
mod downloads;
mod spreadsheet;

use std::process::Output;

use serde_json::{Value, json};

use crate::support::{Attempt, Client, Item, Server, Setup, admin_authorization, doorbuster, report_paid};

/// Columns of `orders`. The first nine have been there for ever, and scripts count on their places.
const ORDERS: &str = "order_id,item_id,user_id,quantity,unit_price,total_price,currency,status,created_at,pay_by,title,\
                      unit_price_decimal,total_price_decimal";

/// Columns of `payments`.
const PAYMENTS: &str = "payment_id,order_id,item_id,user_id,provider,event_id,payment_reference,order_reference,\
                        verdict,amount,currency,owed,at,amount_decimal,owed_decimal";

async fn created(server: &Server, id: &str, title: &str, price: u64, currency: &str) {
    let body = json!({ "title": title, "unit_price": price, "currency": currency, "stock": 50, "per_user_limit": 5 });
    let mut owner = Client::new(server.ops_address());
    let path = format!("/v1/admin/items/{id}");
    let answer =
        owner.request("PUT", &path, &[("Authorization", &admin_authorization())], Some(&body.to_string())).await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 201, "{}", answer.text());
}

async fn bought(server: &Server, user: &str, item: &str, quantity: u32) -> Value {
    let answer = Attempt::new(user, item).quantity(quantity).send(&mut Client::new(server.address())).await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

async fn reported(server: &Server, event: &str, order: &Value) {
    let answer = report_paid(&mut Client::new(server.address()), event, order).await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// A sale of four items. Ann's order is paid, and once more; Bob's pending; what is paid for no order is owed.
async fn sold() -> Server {
    let server = Setup::new([Item::new("sku-1", 50).limit(5)]).start();
    created(&server, "1-2", "-50% 灯, \"gross\"", 500, "JPY").await;
    created(&server, "MAR1", "=HYPERLINK(\"http://x.test\")", 12_345, "KWD").await;
    let paid = bought(&server, "ann", "sku-1", 2).await;
    bought(&server, "bob", "1-2", 3).await;
    bought(&server, "@SUM(1+1)", "MAR1", 1).await;
    reported(&server, "first", &paid).await;
    reported(&server, "=second", &paid).await;
    let mut stranger = paid.clone();
    stranger["order_id"] = json!("C0110009999N");
    reported(&server, "third", &stranger).await;
    server
}

fn export(server: &Server, arguments: &[&str]) -> String {
    let output = run(server, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn run(server: &Server, arguments: &[&str]) -> Output {
    doorbuster(arguments, &[("--db", &server.data_file())])
}

fn lines(ndjson: &str) -> Vec<Value> {
    ndjson.lines().map(|line| serde_json::from_str(line).expect("JSON a line")).collect()
}

fn column(records: &[Value], name: &str) -> Vec<String> {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    records.iter().map(|record| plain(&record[name])).collect()
}
