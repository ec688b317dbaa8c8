//! Tokens as their bearers meet the service: signed here with known keys, held or refused there.

mod published;
mod refusals;
mod vectors;

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, RsaKeyPair};
use serde_json::{Value as Json, json};

use super::{Identity, Refused, Tokens};
use crate::config::{Config, Facts, Mode, Need, Overrides};

const SECRET: &str = "a secret of sixty-four bytes, which is enough for every algorithm";
const RSA: &str = include_str!("../../../tests/keys/rsa.pem");
const P256: &str = include_str!("../../../tests/keys/p256.pem");
const P384: &str = include_str!("../../../tests/keys/p384.pem");
const ED25519: &str = include_str!("../../../tests/keys/ed25519.pem");

/// A configuration whose `[auth]` has these keys.
fn config(auth: &str) -> Result<Config, String> {
    let facts = Facts { mode: Mode::Run, cores: 2, grpc_built_in: true };
    let text = format!("[auth]\n{auth}");
    Config::parse("fraiseql.toml", &text, &|_| None, &Overrides::default(), facts, Need::Schema)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

#[track_caller]
fn tokens(auth: &str) -> Tokens {
    Tokens::new(&config(auth).unwrap()).unwrap_or_else(|problem| panic!("{problem}")).unwrap()
}

fn secret() -> String {
    format!("jwt_secret = \"{SECRET}\"\n")
}

/// Seconds since 1970, so many from now.
fn in_secs(secs: i64) -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64 + secs
}

fn encode(json: &Json) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

/// A token of any header and claims, signed with a private key or a secret.
fn signed(header: &Json, claims: &Json, key: &str) -> String {
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = sign(header["alg"].as_str().unwrap(), message.as_bytes(), key);
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A token that holds for a minute.
fn valid(algorithm: &str, key: &str) -> String {
    signed(&json!({"alg": algorithm, "typ": "JWT"}), &json!({"sub": "ada", "exp": in_secs(60)}), key)
}

fn sign(algorithm: &str, message: &[u8], key: &str) -> Vec<u8> {
    let random = SystemRandom::new();
    let shared =
        |algorithm| ring::hmac::sign(&ring::hmac::Key::new(algorithm, key.as_bytes()), message).as_ref().to_vec();
    let rsa = |padding: &'static dyn signature::RsaEncoding| {
        let pair = RsaKeyPair::from_pkcs8(&der(key)).unwrap();
        let mut made = vec![0; pair.public().modulus_len()];
        pair.sign(padding, &random, message, &mut made).unwrap();
        made
    };
    let curve = |algorithm: &'static EcdsaSigningAlgorithm| {
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, &der(key), &random).unwrap();
        pair.sign(&random, message).unwrap().as_ref().to_vec()
    };
    match algorithm {
        "HS256" => shared(ring::hmac::HMAC_SHA256),
        "HS384" => shared(ring::hmac::HMAC_SHA384),
        "HS512" => shared(ring::hmac::HMAC_SHA512),
        "RS256" => rsa(&signature::RSA_PKCS1_SHA256),
        "RS384" => rsa(&signature::RSA_PKCS1_SHA384),
        "RS512" => rsa(&signature::RSA_PKCS1_SHA512),
        "PS256" => rsa(&signature::RSA_PSS_SHA256),
        "PS384" => rsa(&signature::RSA_PSS_SHA384),
        "PS512" => rsa(&signature::RSA_PSS_SHA512),
        "ES256" => curve(&signature::ECDSA_P256_SHA256_FIXED_SIGNING),
        "ES384" => curve(&signature::ECDSA_P384_SHA384_FIXED_SIGNING),
        "EdDSA" => {
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der(key)).unwrap();
            pair.sign(message).as_ref().to_vec()
        }
        _ => Vec::new(),
    }
}

fn der(pem: &str) -> Vec<u8> {
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    STANDARD.decode(base64).unwrap()
}

async fn identify(tokens: &Tokens, token: &str) -> Result<Identity, Refused> {
    tokens.identify(token).await.map(|identity| (*identity).clone())
}

#[tokio::test]
async fn every_algorithm_holds_with_its_key() {
    let keys = [
        ("HS256", secret(), SECRET),
        ("HS384", secret(), SECRET),
        ("HS512", secret(), SECRET),
        ("RS256", "public_key_file = \"tests/keys/rsa.pub.pem\"\n".to_owned(), RSA),
        ("RS384", "public_key_file = \"tests/keys/rsa.pub.pem\"\n".to_owned(), RSA),
        ("RS512", "public_key_file = \"tests/keys/rsa.pub.pem\"\n".to_owned(), RSA),
        ("PS256", "public_key_file = \"tests/keys/rsa.pub.pem\"\n".to_owned(), RSA),
        ("PS384", "public_key_file = \"tests/keys/rsa.pub.pem\"\n".to_owned(), RSA),
        ("PS512", "public_key_file = \"tests/keys/rsa.pub.pem\"\n".to_owned(), RSA),
        ("ES256", "public_key_file = \"tests/keys/p256.pub.pem\"\n".to_owned(), P256),
        ("ES384", "public_key_file = \"tests/keys/p384.pub.pem\"\n".to_owned(), P384),
        ("EdDSA", "public_key_file = \"tests/keys/ed25519.pub.pem\"\n".to_owned(), ED25519),
    ];
    for (algorithm, key, private) in keys {
        let tokens = tokens(&format!("{key}algorithms = [\"{algorithm}\"]"));
        let token = valid(algorithm, private);
        let identity = identify(&tokens, &token).await;
        assert_eq!(identity.unwrap().claims["sub"], "ada", "{algorithm}");
        // The last character may hold bits that say nothing, so another one is changed.
        let at = token.len() - 10;
        let other = if &token[at..=at] == "A" { "B" } else { "A" };
        let forged = format!("{}{other}{}", &token[..at], &token[at + 1..]);
        assert_eq!(identify(&tokens, &forged).await, Err(Refused::Signature), "{algorithm}");
        // A token of any other algorithm is turned away before its signature is looked at.
        for (another, _, private) in keys_of_others(algorithm) {
            let refused = identify(&tokens, &valid(another, private)).await;
            assert_eq!(refused, Err(Refused::Algorithm), "{another} where {algorithm} is accepted");
        }
    }
}

fn keys_of_others(algorithm: &str) -> impl Iterator<Item = (&'static str, (), &'static str)> {
    let all =
        [("HS256", (), SECRET), ("RS256", (), RSA), ("PS256", (), RSA), ("ES256", (), P256), ("EdDSA", (), ED25519)];
    all.into_iter().filter(move |(other, ..)| *other != algorithm)
}

#[tokio::test]
async fn roles_and_scopes_come_from_their_claims() {
    let claims = json!({
        "exp": in_secs(60), "roles": ["admin", "editor"], "scope": "read:a write:a",
        "realm_access": {"roles": ["nested"]}, "scp": ["read:b"]
    });
    let token = signed(&json!({"alg": "HS256"}), &claims, SECRET);
    let identity = identify(&tokens(&secret()), &token).await.unwrap();
    assert_eq!(
        (identity.roles, identity.scopes),
        (vec!["admin".to_owned(), "editor".to_owned()], vec!["read:a".to_owned(), "write:a".to_owned()],)
    );
    let named = tokens(&format!("{}roles_claim = \"realm_access.roles\"\nscope_claim = \"scp\"", secret()));
    let identity = identify(&named, &token).await.unwrap();
    assert_eq!((identity.roles, identity.scopes), (vec!["nested".to_owned()], vec!["read:b".to_owned()]));
}

#[tokio::test]
async fn a_repeat_is_looked_up() {
    let tokens = tokens(&secret());
    let token = valid("HS256", SECRET);
    let first = tokens.identify(&token).await.unwrap();
    let second = tokens.identify(&token).await.unwrap();
    assert!(std::sync::Arc::ptr_eq(&first, &second));
}

#[tokio::test]
async fn a_remembered_token_expires_all_the_same() {
    let tokens = tokens(&format!("{}clock_skew_secs = 0", secret()));
    let token = signed(&json!({"alg": "HS256"}), &json!({"exp": in_secs(1)}), SECRET);
    assert!(tokens.identify(&token).await.is_ok());
    let expired = async {
        while tokens.identify(&token).await.is_ok() {
            tokio::task::yield_now().await;
        }
        tokens.identify(&token).await.err()
    };
    let refused = tokio::time::timeout(std::time::Duration::from_secs(10), expired).await;
    assert_eq!(refused.unwrap(), Some(Refused::Expired));
}

#[test]
fn keys_that_cannot_be_used_are_refused_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        format!("public_key_file = \"{}\"", path.display())
    };
    let cases = [
        ("jwt_secret = \"short\"".to_owned(), "auth.jwt_secret: is 5 bytes long, and its algorithm needs 32 or more"),
        (format!("jwt_secret = \"{}\"\nalgorithms = [\"HS512\", \"HS256\"]", "x".repeat(40)), "needs 64 or more"),
        ("public_key_file = \"tests/keys/none.pem\"".to_owned(), "none.pem: No such file"),
        (file("empty.pem", ""), "it holds no public key"),
        (file("private.pem", RSA), "it holds a private key; `openssl pkey -in FILE -pubout`"),
        (file("certificate.pem", "-----BEGIN CERTIFICATE-----\n"), "it holds a certificate"),
        (
            "public_key_file = \"tests/keys/p384.pub.pem\"".to_owned(),
            "auth.algorithms: no accepted algorithm goes with the key of auth.public_key_file",
        ),
    ];
    for (auth, expected) in cases {
        let problem = Tokens::new(&config(&auth).unwrap()).unwrap_err().to_string();
        assert!(problem.contains(expected), "{auth}\n{problem}");
        assert!(!problem.contains("short\""), "the secret is shown");
    }
    assert!(Tokens::new(&config("issuer = \"a\"").unwrap()).unwrap().is_none(), "no key, no tokens");
}
