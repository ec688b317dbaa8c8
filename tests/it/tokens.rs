//! Tokens as an issuer makes them, and an issuer that publishes its key.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// `[auth]` with the secret of [`token`], to be followed by more of its keys.
pub const AUTH: &str = "[auth]\njwt_secret = \"a secret that only the issuer and the tests know\"\n";
const SECRET: &[u8] = b"a secret that only the issuer and the tests know";

/// A token that holds for ten minutes, unless its claims say otherwise.
pub fn token(claims: Json) -> String {
    let message = message(&json!({"alg": "HS256", "typ": "JWT"}), claims);
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The value of `Authorization` that goes with claims.
pub fn bearer(claims: Json) -> String {
    format!("Bearer {}", token(claims))
}

/// A token by the key that [`issuer`] publishes.
pub fn published_token(claims: Json) -> String {
    let message = message(&json!({"alg": "EdDSA", "kid": "first"}), claims);
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(key().sign(message.as_bytes())))
}

/// An address under which the key of [`published_token`] is published, until the runtime ends.
pub async fn issuer() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
    let x = URL_SAFE_NO_PAD.encode(key().public_key());
    let body = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "first", "x": x}]}).to_string();
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    url
}

/// Seconds since 1970, so many from now.
pub fn in_secs(secs: i64) -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64 + secs
}

fn message(header: &Json, claims: Json) -> String {
    let mut all = json!({"exp": in_secs(600)});
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(all.to_string()))
}

fn key() -> Ed25519KeyPair {
    let pem = include_str!("../keys/ed25519.pem");
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    Ed25519KeyPair::from_pkcs8_maybe_unchecked(&STANDARD.decode(base64).unwrap()).unwrap()
}
