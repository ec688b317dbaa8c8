//! Tokens as metadata: the same callers, refusals and masks as on the other wires.

use bytes::Bytes;
use serde_json::{Value as Json, json};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::grpc::{Client, Plain, details};
use crate::tokens::{AUTH, bearer, in_secs};
use crate::world;

async fn ask(client: &Client, method: &str, request: Json, authorization: Option<&str>) -> Result<Vec<Json>, Status> {
    let messages = client.ask_as(authorization, method, request).await?;
    Ok(messages.iter().map(|message| client.decode(method, message)).collect())
}

/// gRPC's code and ours.
fn codes<T: std::fmt::Debug>(answer: Result<T, Status>) -> (Code, String) {
    let status = answer.unwrap_err();
    (status.code(), details(&status)["reason"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn roles_scopes_and_injected_claims() {
    let (_database, api) = world::api_with(AUTH).await;
    let client = Client::of(&api).await;
    let some = |claims: Json| Some(bearer(claims));
    let unauthenticated = (Code::Unauthenticated, "UNAUTHENTICATED".to_owned());
    let forbidden = (Code::PermissionDenied, "FORBIDDEN".to_owned());
    // Several times each, so that what was planned for one would show in the answer of another.
    for _ in 0..3 {
        for (authorization, masked, rejected) in [
            (None, None, None),
            (some(json!({"scope": "read:masked"})), Some("masked 1"), None),
            (some(json!({"scope": "read:rejected"})), None, Some("rejected 1")),
            (some(json!({"scope": "read:masked read:rejected"})), Some("masked 1"), Some("rejected 1")),
        ] {
            let authorization = authorization.as_deref();
            let by_name = json!({"limit": 1, "orderBy": [{"name": "ORDER_DIRECTION_ASC"}]});
            let found = ask(&client, "ListSecrets", by_name, authorization).await.unwrap().remove(0);
            assert_eq!(found.get("masked").and_then(Json::as_str), masked, "{found}");
            assert_eq!(found.get("rejected").and_then(Json::as_str), rejected, "{found}");
            let named = ask(&client, "ListSecrets", json!({"readMask": "rejected"}), authorization).await;
            match (rejected, authorization) {
                (Some(_), _) => assert_eq!(named.unwrap().len(), 3),
                (None, Some(_)) => assert_eq!(codes(named), forbidden),
                (None, None) => assert_eq!(codes(named), unauthenticated),
            }
        }
    }
    let admin = some(json!({"roles": ["admin"]}));
    assert_eq!(ask(&client, "ListAdminSecrets", json!({}), admin.as_deref()).await.unwrap().len(), 3);
    assert_eq!(codes(ask(&client, "ListTenantSecrets", json!({}), admin.as_deref()).await), forbidden);
    for n in [1, 2, 1] {
        let tenant = some(json!({"tenant_id": format!("tenant-{n}")}));
        let own = ask(&client, "ListTenantSecrets", json!({}), tenant.as_deref()).await.unwrap();
        assert_eq!((own.len(), &own[0]["name"]), (1, &json!(format!("Secret {n}"))));
        assert_eq!(codes(ask(&client, "ListAdminSecrets", json!({}), tenant.as_deref()).await), forbidden);
    }
    let expired = some(json!({"exp": in_secs(-60)}));
    let refused = ask(&client, "ListSecrets", json!({}), expired.as_deref()).await;
    assert_eq!(refused.as_ref().unwrap_err().message(), "the token has expired");
    assert_eq!(codes(refused), unauthenticated);
}

#[tokio::test]
async fn a_token_where_one_is_required() {
    let (_database, api) = world::api_with(&format!("{AUTH}required = true\n")).await;
    let endpoint = Endpoint::from_shared(format!("http://{}", api.address())).unwrap();
    let channel: Channel = endpoint.connect().await.unwrap();
    for path in [
        "/test.v1.TestService/ListItems",
        "/test.v1.TestService/Nothing",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    ] {
        let mut client = tonic::client::Grpc::new(channel.clone());
        client.ready().await.unwrap();
        let answer = client.server_streaming(Request::new(Bytes::new()), path.parse().unwrap(), Plain).await;
        assert_eq!(answer.unwrap_err().code(), Code::Unauthenticated, "{path}");
    }
    let mut health = HealthClient::new(channel);
    assert!(health.check(HealthCheckRequest::default()).await.is_ok(), "operators have no token");
}
