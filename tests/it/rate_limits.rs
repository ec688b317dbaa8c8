//! One request too many: who is counted, and how each wire says so.

use serde_json::json;

use crate::http::Reply;
use crate::service::Api;
use crate::tokens::{AUTH, bearer};
use crate::world;

/// One request a second, after a few at once.
fn limit(burst: u32, key: &str) -> String {
    format!("[rate_limit]\nrequests_per_second = 1\nburst = {burst}\nkey = \"{key}\"\n")
}

async fn rest(api: &Api, authorization: Option<&str>) -> Reply {
    let headers: Vec<_> = authorization.map(|value| ("authorization", value)).into_iter().collect();
    api.send("GET", "/rest/items?limit=1", &headers, b"").await
}

#[tokio::test]
async fn the_wires_share_one_count_and_each_says_when_to_come_back() {
    let (_database, api) = world::api_with(&limit(3, "ip")).await;
    for _ in 0..3 {
        assert_eq!(rest(&api, None).await.status, 200);
    }
    let refused = rest(&api, None).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")));
    assert_eq!(refused.json()["error"]["code"], "RATE_LIMITED");

    let refused = api.post(&json!({"query": "{ __typename }"}), &[]).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")));
    assert_eq!(refused.json()["errors"][0]["extensions"]["code"], "RATE_LIMITED");

    for path in ["/health", "/ready"] {
        assert_eq!(api.get(path).await.status, 200, "operators are not counted");
    }
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    assert_eq!(rest(&api, None).await.status, 200, "a second later there is room for one more");
}

#[cfg(feature = "grpc-transport")]
#[tokio::test]
async fn grpc_clients_are_told_in_their_own_terms() {
    use crate::grpc::{Client, details};

    // Reflection counts too: the client learns the service before it asks.
    let (_database, api) = world::api_with(&limit(40, "ip")).await;
    let client = Client::of(&api).await;
    let mut refused = None;
    for _ in 0..60 {
        if let Err(status) = client.ask("ListItems", json!({"limit": 1})).await {
            refused = Some(status);
            break;
        }
    }
    let refused = refused.expect("sixty requests at once are more than forty");
    assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
    assert_eq!(details(&refused), json!({"reason": "RATE_LIMITED", "retry": true}));
}

#[tokio::test]
async fn each_subject_has_a_count_of_its_own() {
    let (_database, api) = world::api_with(&format!("{AUTH}{}", limit(2, "subject"))).await;
    let (ann, bob) = (bearer(json!({"sub": "ann"})), bearer(json!({"sub": "bob"})));
    for _ in 0..2 {
        assert_eq!(rest(&api, Some(&ann)).await.status, 200);
    }
    assert_eq!(rest(&api, Some(&ann)).await.status, 429);
    assert_eq!(rest(&api, Some(&bob)).await.status, 200);
    assert_eq!(rest(&api, None).await.status, 200, "who has no token is counted by address");
    let other_token = bearer(json!({"sub": "ann", "more": 1}));
    assert_eq!(rest(&api, Some(&other_token)).await.status, 429, "another token of the same subject");
}
