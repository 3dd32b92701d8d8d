//! **Job:** what the owner can see and do: the list, page by page, and a replay.
//! **Owns:** the bad questions.
//! **Never:** depends on how fast the receiver is.

use serde_json::json;

use super::{Receiver, buy, cancel, deliveries, owner, seqs, shop, until, until_all_accepted};
use crate::support::assert_problem;

const REPLAY: &str = "/v1/admin/webhook/replay";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_tells_everything_after_an_entry_again() {
    let receiver = Receiver::start().await;
    let server = shop(&receiver.url()).start();
    for user in ["ann", "bob", "cyd"] {
        let order = buy(&server, user).await;
        cancel(&server, user, &order).await;
    }
    until_all_accepted(&server, &receiver).await;
    let first = receiver.heard();
    for (after, again) in [(4, 3), (0, 6), (7, 0)] {
        let before = receiver.heard().len();
        let answer = owner(&server, "POST", REPLAY, Some(&json!({"after": after}).to_string())).await;
        assert_eq!((answer.status, answer.json()), (200, json!({"after": after, "last_seq": 7})), "{}", answer.text());
        until("they are told", async || receiver.heard().len() == before + again).await;
        let told = receiver.heard().split_off(before);
        assert!(told.iter().all(|one| one.seq() > after && first.iter().any(|same| same.id == one.id)), "{told:?}");
        for one in &told {
            let same = first.iter().find(|same| same.seq() == one.seq()).expect("it was told before");
            assert_eq!((&same.id, &same.body), (&one.id, &one.body));
        }
        let mut numbers = seqs(&told);
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), again, "each once");
    }
    for (body, status) in [
        (r#"{"after":8}"#, 422),
        (r#"{"after":-1}"#, 422),
        (r#"{"after":"4"}"#, 422),
        (r#"{"after":1,"before":2}"#, 422),
        ("{}", 422),
        ("{", 400),
    ] {
        let code = if status == 400 { "malformed" } else { "validation" };
        assert_problem(&owner(&server, "POST", REPLAY, Some(body)).await, status, code);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_is_read_page_by_page() {
    let receiver = Receiver::start().await;
    let server = shop(&receiver.url()).start();
    for number in 0..7 {
        buy(&server, &format!("buyer-{number}")).await;
    }
    until("all are known to be delivered", async || deliveries(&server, "status=delivered").await.len() == 7).await;
    let (mut after, mut found) = (json!(0), Vec::new());
    while !after.is_null() {
        let path = format!("/v1/admin/webhook/deliveries?status=delivered&limit=3&after={after}");
        let page = owner(&server, "GET", &path, None).await.json();
        assert_eq!(page["url"], receiver.url());
        found.extend(page["deliveries"].as_array().expect("a list").iter().map(|one| one["seq"].as_u64()));
        after = page["next"].clone();
    }
    assert_eq!(found, (2..=8).map(Some).collect::<Vec<_>>());
    assert!(deliveries(&server, "status=dead").await.is_empty());
    for query in ["status=lost", "after=x", "after=-1", "limit=0", "limit=1001", "colour=red"] {
        let answer = owner(&server, "GET", &format!("/v1/admin/webhook/deliveries?{query}"), None).await;
        assert_problem(&answer, 422, "validation");
    }
}
