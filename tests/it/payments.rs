//! **Job:** payment providers, seen from the street: each notifies in its own words, signed or forged.
//! **Owns:** what each hears back, and what became of the order.
//! **Never:** looks inside: it reads what buyers and the owner read.

mod mixture;
pub(crate) mod notification;

use notification::{
    ALL, Event, NOTIFYING, Notification, PREVIOUS_STANDARD, PREVIOUS_STRIPE, Provider, STRIPE, shop, timed,
};
use serde_json::{Value, json};

use crate::support::{
    Attempt, Client, Item, Server, Setup, admin_authorization, assert_problem, authorization, now_s, problem_code,
};

const SKU: &str = "sku-1";
const PRICE: i64 = 1_990;

async fn buy(server: &Server, user: &str) -> String {
    let answer = Attempt::new(user, SKU).send(&mut Client::new(server.address())).await.expect("an answer");
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["order_id"].as_str().expect("an id").to_owned()
}

async fn status_of(server: &Server, user: &str, order: &str) -> String {
    let buyer = authorization(user);
    let answer = Client::new(server.address()).get(&format!("/v1/orders/{order}"), &[("Authorization", &buyer)]).await;
    answer.expect("an answer").json()["status"].as_str().expect("a status").to_owned()
}

async fn invariants(server: &Server) -> Value {
    let admin = admin_authorization();
    let answer = Client::new(server.ops_address()).get("/invariants", &[("Authorization", &admin)]).await;
    answer.expect("an answer").json()
}

fn paid(id: &str, order: &str) -> Event {
    Event::succeeded(id, order, PRICE)
}

#[tokio::test]
async fn each_provider_pays_an_order_once_and_hears_what_it_wants_to_hear() {
    let server = shop([Item::new(SKU, 9)]).start();
    let mut client = Client::new(server.address());
    for provider in ALL {
        let user = format!("{provider:?}");
        let order = buy(&server, &user).await;
        for verdict in ["applied", "duplicate"] {
            let answer = provider.notify(&paid("e1", &order), now_s()).send(&mut client).await;
            match provider {
                Provider::Alipay => assert_eq!((answer.status, answer.text().as_str()), (200, "success")),
                Provider::Wechat => assert_eq!((answer.status, answer.text().as_str()), (204, "")),
                Provider::Own | Provider::Stripe | Provider::Standard => {
                    assert_eq!((answer.status, &answer.json()["verdict"]), (200, &json!(verdict)), "{provider:?}");
                }
            }
            assert_eq!(status_of(&server, &user, &order).await, "paid", "{provider:?}");
        }
    }
    let books = invariants(&server).await;
    assert_eq!(books["items"][0]["money"][0]["applied"], 5 * PRICE, "{books}");
}

/// Of a checkout the session may name the order, and the payment behind it not.
#[tokio::test]
async fn two_events_about_one_payment_are_one_payment_though_only_one_names_the_order() {
    let mut server = shop([Item::new(SKU, 9)]).start();
    for (user, nameless_comes_first) in [("ann", true), ("bob", false)] {
        let order = buy(&server, user).await;
        let named = Event { payment: format!("pi_{user}"), ..paid(&format!("session-{user}"), &order) };
        let nameless = Event { id: format!("intent-{user}"), order: String::new(), ..named.clone() };
        let (events, verdicts) = if nameless_comes_first {
            ([&nameless, &named], ["unknown_order", "applied"])
        } else {
            ([&named, &nameless], ["applied", "duplicate"])
        };
        for (event, verdict) in events.into_iter().zip(verdicts) {
            let answer = Provider::Stripe.notify(event, now_s()).send(&mut Client::new(server.address())).await;
            assert_eq!((answer.status, &answer.json()["verdict"]), (200, &json!(verdict)), "{user}: {event:?}");
        }
        server.restart();
        let again = Provider::Stripe.notify(&nameless, now_s()).send(&mut Client::new(server.address())).await;
        assert_eq!(again.json()["verdict"], "duplicate", "after a restart, too: {}", again.text());
        assert_eq!(status_of(&server, user, &order).await, "paid");
        let books = invariants(&server).await;
        let owed: Vec<_> = books["unmatched"].as_array().expect("a list").iter().map(|money| &money["owed"]).collect();
        assert!(owed.iter().all(|owed| **owed == json!(0)), "nothing has to go back: {books}");
        assert_eq!(books["items"][0]["money"][0]["owed"], json!(0), "{books}");
        assert_eq!(books["holds"], json!(true), "{books}");
    }
    assert_eq!(server.verify().0, 0, "{}", server.verify().1);
}

/// The same with another amount, or, where the amount is sealed, with another seal.
fn tampered(body: &str) -> String {
    let tampered = body.replace("1990", "1991").replace("19.90", "19.91").replace("\"transaction\"", "\"refund\"");
    assert_ne!(tampered, body);
    tampered
}

#[tokio::test]
async fn what_is_forged_old_or_ahead_is_not_believed_and_pays_nothing() {
    let server = shop([Item::new(SKU, 9)]).start();
    let (order, mut client) = (buy(&server, "ann").await, Client::new(server.address()));
    for provider in ALL {
        let event = paid("e1", &order);
        let right = provider.notify(&event, now_s());
        let mut forged = vec![
            Notification { body: tampered(&right.body), ..right.clone() },
            provider.notify(&event, now_s()).forged(),
        ];
        if provider != Provider::Alipay {
            forged.push(provider.notify(&event, now_s() - 360));
            forged.push(provider.notify(&event, now_s() + 360));
            forged.push(Notification { headers: Vec::new(), ..right });
        }
        for (number, forged) in forged.into_iter().enumerate() {
            let answer = forged.send(&mut client).await;
            assert_eq!(
                (answer.status, problem_code(&answer).as_str()),
                (401, "unauthenticated"),
                "{provider:?} {number}"
            );
        }
    }
    assert_eq!(status_of(&server, "ann", &order).await, "pending");
}

#[tokio::test]
async fn while_a_secret_is_rolled_either_is_right_and_one_signature_of_two_is_enough() {
    let server = shop([Item::new(SKU, 9)]).start();
    let mut client = Client::new(server.address());
    let (first, second) = (buy(&server, "ann").await, buy(&server, "bob").await);
    let event = paid("e1", &first);
    let mut both = Provider::Stripe.notify(&event, now_s());
    let now = now_s();
    let others = timed("another-secret-of-at-least-32-bytes!!", now, &both.body);
    let right = timed(STRIPE, now, &both.body);
    let (time, mac) = right.split_once(',').expect("two parts");
    let other = others.split_once(',').expect("two parts").1;
    both.headers = vec![("Stripe-Signature".to_owned(), format!("{time},{other},{mac},v0=00"))];
    assert_eq!(both.send(&mut client).await.status, 200);
    let mut previous = Provider::Stripe.notify(&paid("e2", &second), now_s());
    previous.headers = vec![("Stripe-Signature".to_owned(), timed(PREVIOUS_STRIPE, now_s(), &previous.body))];
    assert_eq!(previous.send(&mut client).await.status, 200);
    assert_eq!(status_of(&server, "ann", &first).await, "paid");
    assert_eq!(status_of(&server, "bob", &second).await, "paid");
    let third = Provider::Standard.notify(&paid("e3", &second), now_s()).by_standard(PREVIOUS_STANDARD, "e3", now_s());
    assert_eq!(third.send(&mut client).await.json()["verdict"], "second_payment");
}

#[tokio::test]
async fn large_bodies_with_strange_members_are_read_and_endless_ones_are_not() {
    let server = shop([Item::new(SKU, 9)]).start();
    let mut client = Client::new(server.address());
    for (number, provider) in ALL.into_iter().enumerate() {
        let order = buy(&server, &format!("user-{number}")).await;
        let mut event = paid("large", &order);
        event.padding = 40_000;
        let answer = provider.notify(&event, now_s()).send(&mut client).await;
        assert!(matches!(answer.status, 200 | 204), "{provider:?}: {}", answer.text());
        assert_eq!(status_of(&server, &format!("user-{number}"), &order).await, "paid");
        event.padding = 70_000;
        assert_problem(&provider.notify(&event, now_s()).send(&mut client).await, 413, "payload-too-large");
    }
}

#[tokio::test]
async fn money_for_an_order_that_nobody_knows_is_on_record_and_owed() {
    let server = shop([Item::new(SKU, 9)]).start();
    let mut client = Client::new(server.address());
    for provider in ALL {
        for order in ["", "no such order"] {
            let answer = provider.notify(&paid(&format!("e{}", order.len()), order), now_s()).send(&mut client).await;
            assert!(matches!(answer.status, 200 | 204), "{provider:?}: {}", answer.text());
        }
    }
    let books = invariants(&server).await;
    assert_eq!((&books["unmatched"][0]["owed"], &books["holds"]), (&json!(10 * PRICE), &json!(true)), "{books}");
}

#[tokio::test]
async fn what_is_of_no_use_is_taken_and_what_says_too_little_is_not() {
    let server = shop([Item::new(SKU, 9)]).start();
    let mut client = Client::new(server.address());
    for provider in NOTIFYING {
        let answer = provider.of_no_use(now_s()).send(&mut client).await;
        assert_eq!(answer.status, if provider == Provider::Alipay { 200 } else { 204 }, "{provider:?}");
        let poor = Event { currency: "yuan".to_owned(), ..paid("e1", "x") };
        let answer = provider.notify(&poor, now_s()).send(&mut client).await;
        assert_problem(&answer, 422, "validation");
        assert_ne!(answer.text(), "success");
    }
    assert_eq!(invariants(&server).await["unmatched"], json!([]));
}

#[tokio::test]
async fn a_provider_without_keys_is_none() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let (order, mut client) = (buy(&server, "ann").await, Client::new(server.address()));
    for provider in NOTIFYING {
        assert_problem(&provider.notify(&paid("e1", &order), now_s()).send(&mut client).await, 404, "not-found");
    }
    for name in ["doorbuster", "paypal", "Stripe", "%00"] {
        let path = format!("/v1/payments/events/{name}");
        let answer = client.request("POST", &path, &[], Some("{}")).await.expect("an answer");
        assert_problem(&answer, 404, "not-found");
    }
}
