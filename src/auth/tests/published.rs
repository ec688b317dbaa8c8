//! Published keys: which are taken, when they are fetched again, and what happens while they cannot be.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jsonwebtoken::Algorithm;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use super::super::jwks::Jwks;
use super::super::keys::KeySet;
use super::super::token::Keys;
use super::*;

/// An issuer that answers what it is told to, and counts.
struct Issuer {
    answer: Arc<Mutex<(u16, String)>>,
    asked: Arc<AtomicUsize>,
    /// The last request.
    request: Arc<Mutex<String>>,
    url: String,
    _server: AbortOnDropHandle<()>,
}

impl Issuer {
    async fn start(status: u16, body: impl ToString) -> Issuer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
        let answer = Arc::new(Mutex::new((status, body.to_string())));
        let asked = Arc::new(AtomicUsize::new(0));
        let last = Arc::new(Mutex::new(String::new()));
        let (answers, count, kept) = (answer.clone(), asked.clone(), last.clone());
        let server = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 4096];
                let read = stream.read(&mut request).await.unwrap();
                assert!(request[..read].starts_with(b"GET /jwks.json HTTP/1.1\r\n"));
                *kept.lock().unwrap() = String::from_utf8_lossy(&request[..read]).into_owned();
                count.fetch_add(1, Ordering::SeqCst);
                let (status, body) = answers.lock().unwrap().clone();
                let head =
                    format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
            }
        });
        Issuer { answer, asked, request: last, url, _server: AbortOnDropHandle::new(server) }
    }

    fn answers(&self, status: u16, body: impl ToString) {
        *self.answer.lock().unwrap() = (status, body.to_string());
    }

    /// Tokens of this issuer, whose keys are fetched again as soon as an unknown one is named, or after
    /// `pause`.
    fn tokens(&self, pause: Duration) -> (Arc<Tokens>, AbortOnDropHandle<()>) {
        super::super::signature::install();
        let config = config(&format!("jwks_url = \"{}\"", self.url)).unwrap();
        let mut jwks = Jwks::new(&self.url).unwrap();
        jwks.pause = pause;
        let tokens = Arc::new(Tokens::over(&config.auth, Keys::Published(Arc::new(jwks))));
        let upkeep = AbortOnDropHandle::new(tokio::spawn(tokens.upkeep().unwrap()));
        (tokens, upkeep)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// The public half of a key, as a JWK.
fn jwk(kid: &str, private: &str) -> Json {
    let random = SystemRandom::new();
    match private {
        ED25519 => {
            use ring::signature::KeyPair;
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der(private)).unwrap();
            json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": URL_SAFE_NO_PAD.encode(pair.public_key())})
        }
        P256 => {
            use ring::signature::KeyPair;
            let algorithm = &ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
            let pair = EcdsaKeyPair::from_pkcs8(algorithm, &der(private), &random).unwrap();
            let point = pair.public_key().as_ref();
            json!({"kty": "EC", "crv": "P-256", "kid": kid,
                "x": URL_SAFE_NO_PAD.encode(&point[1..33]), "y": URL_SAFE_NO_PAD.encode(&point[33..])})
        }
        _ => {
            let pair = RsaKeyPair::from_pkcs8(&der(private)).unwrap();
            let public: ring::signature::RsaPublicKeyComponents<Vec<u8>> = pair.public().into();
            json!({"kty": "RSA", "kid": kid, "n": URL_SAFE_NO_PAD.encode(&public.n), "e": URL_SAFE_NO_PAD.encode(&public.e)})
        }
    }
}

fn set(keys: &[Json]) -> Json {
    json!({ "keys": keys })
}

/// A token by a key of a name; the number makes it another one each time.
fn token(algorithm: &str, kid: &str, private: &str) -> String {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let claims = json!({"exp": in_secs(60), "jti": NUMBER.fetch_add(1, Ordering::SeqCst)});
    signed(&json!({"alg": algorithm, "kid": kid}), &claims, private)
}

#[tokio::test]
async fn the_first_token_waits_for_the_keys() {
    let issuer = Issuer::start(200, set(&[jwk("a", RSA), jwk("b", P256), jwk("c", ED25519)])).await;
    let (tokens, _upkeep) = issuer.tokens(Duration::from_secs(3_600));
    for (algorithm, kid, private) in [("RS256", "a", RSA), ("ES256", "b", P256), ("EdDSA", "c", ED25519)] {
        assert!(tokens.identify(&token(algorithm, kid, private)).await.is_ok(), "{algorithm}");
    }
    // Without a name every key is tried that its algorithm goes with.
    assert!(tokens.identify(&valid("ES256", P256)).await.is_ok());
    assert_eq!(identify(&tokens, &token("RS256", "b", RSA)).await, Err(Refused::Algorithm));
    assert_eq!(identify(&tokens, &token("ES256", "b", P256).replace(".ey", ".fy")).await, Err(Refused::Signature));
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn keys_rotate() {
    let issuer = Issuer::start(200, set(&[jwk("old", P256)])).await;
    let (tokens, _upkeep) = issuer.tokens(Duration::ZERO);
    let old = token("ES256", "old", P256);
    assert!(tokens.identify(&old).await.is_ok());
    issuer.answers(200, set(&[jwk("old", P256), jwk("new", ED25519)]));
    assert!(tokens.identify(&token("EdDSA", "new", ED25519)).await.is_ok(), "a key that was not there is asked for");
    assert!(tokens.identify(&old).await.is_ok());
    issuer.answers(200, set(&[jwk("new", ED25519)]));
    assert_eq!(identify(&tokens, &token("ES256", "gone", P256)).await, Err(Refused::UnknownKey));
    // It held a moment ago, and was remembered; its key is gone.
    assert_eq!(identify(&tokens, &old).await, Err(Refused::UnknownKey));
    // So it is for a token without a name.
    issuer.answers(200, set(&[jwk("newer", RSA)]));
    assert!(tokens.identify(&valid("RS256", RSA)).await.is_ok());
}

#[tokio::test]
async fn made_up_keys_are_not_asked_for_at_once_again() {
    let issuer = Issuer::start(200, set(&[jwk("a", P256)])).await;
    let (tokens, _upkeep) = issuer.tokens(Duration::from_secs(3_600));
    for kid in 0..20 {
        let refused = identify(&tokens, &token("ES256", &format!("made-up-{kid}"), P256)).await;
        assert_eq!(refused, Err(Refused::UnknownKey));
    }
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn keys_are_kept_while_the_issuer_is_down() {
    let issuer = Issuer::start(200, set(&[jwk("a", P256)])).await;
    let (tokens, _upkeep) = issuer.tokens(Duration::ZERO);
    assert!(tokens.identify(&token("ES256", "a", P256)).await.is_ok());
    let padding = "x".repeat(300_000);
    let down = [
        (500, String::new()),
        (302, String::new()),
        (200, "<html>".to_owned()),
        (200, "{}".to_owned()),
        (200, json!({"keys": [], "padding": padding}).to_string()),
    ];
    for (status, body) in down {
        let before = issuer.asked();
        issuer.answers(status, &body);
        assert_eq!(identify(&tokens, &token("ES256", "other", P256)).await, Err(Refused::UnknownKey));
        assert!(issuer.asked() > before, "{status}");
        assert!(tokens.identify(&token("ES256", "a", P256)).await.is_ok(), "{status}");
    }
    issuer.answers(200, set(&[jwk("other", P256)]));
    assert!(tokens.identify(&token("ES256", "other", P256)).await.is_ok(), "it is up again");
}

#[tokio::test]
async fn keys_that_were_never_there_are_not_the_callers_fault() {
    let issuer = Issuer::start(503, "").await;
    let (tokens, _upkeep) = issuer.tokens(Duration::ZERO);
    let token = token("ES256", "a", P256);
    assert_eq!(identify(&tokens, &token).await, Err(Refused::KeysUnavailable));
    assert_eq!(identify(&tokens, &signed(&json!({"alg": "none"}), &json!({}), "")).await, Err(Refused::Algorithm));
    issuer.answers(200, set(&[jwk("a", P256)]));
    assert!(tokens.identify(&token).await.is_ok());
}

#[tokio::test]
async fn a_name_and_a_password_go_into_the_request() {
    let mut issuer = Issuer::start(200, set(&[jwk("a", P256)])).await;
    issuer.url = issuer.url.replace("http://", "http://us%20er:pass@");
    let (tokens, _upkeep) = issuer.tokens(Duration::ZERO);
    assert!(tokens.identify(&token("ES256", "a", P256)).await.is_ok());
    let request = issuer.request.lock().unwrap().to_ascii_lowercase();
    let basic = format!("authorization: basic {}\r\n", STANDARD.encode("us er:pass").to_ascii_lowercase());
    assert!(request.contains(&basic) && request.contains("\r\nhost: 127.0.0.1:"), "{request}");
}

#[test]
fn kinds_of_keys() {
    let fits = |key: Json| -> Vec<&str> {
        let keys = KeySet::jwks(set(&[key]).to_string().as_bytes()).unwrap();
        let all = [
            ("HS256", Algorithm::HS256),
            ("RS256", Algorithm::RS256),
            ("PS512", Algorithm::PS512),
            ("ES256", Algorithm::ES256),
            ("ES384", Algorithm::ES384),
            ("EdDSA", Algorithm::EdDSA),
        ];
        all.into_iter().filter(|(_, algorithm)| keys.fits(*algorithm)).map(|(name, _)| name).collect()
    };
    let with = |mut key: Json, name: &str, value: Json| {
        key[name] = value;
        key
    };
    assert_eq!(fits(jwk("a", RSA)), ["RS256", "PS512"]);
    assert_eq!(fits(jwk("a", P256)), ["ES256"]);
    assert_eq!(fits(jwk("a", ED25519)), ["EdDSA"]);
    assert_eq!(fits(with(jwk("a", RSA), "alg", json!("RS256"))), ["RS256"]);
    assert_eq!(fits(with(jwk("a", RSA), "use", json!("sig"))), ["RS256", "PS512"]);
    assert_eq!(fits(with(jwk("a", RSA), "key_ops", json!(["verify"]))), ["RS256", "PS512"]);
    let n = jwk("a", RSA)["n"].as_str().unwrap().to_owned();
    let zero = [&[0][..], &URL_SAFE_NO_PAD.decode(&n).unwrap()].concat();
    assert_eq!(fits(with(jwk("a", RSA), "n", json!(URL_SAFE_NO_PAD.encode(zero)))), ["RS256", "PS512"]);
    for useless in [
        with(jwk("a", RSA), "use", json!("enc")),
        with(jwk("a", RSA), "key_ops", json!(["encrypt"])),
        with(jwk("a", RSA), "alg", json!("RSA-OAEP")),
        with(jwk("a", RSA), "alg", json!("ES256")),
        with(jwk("a", RSA), "n", json!(&n[..160])),
        with(jwk("a", RSA), "n", json!("?")),
        with(jwk("a", P256), "crv", json!("P-384")),
        with(jwk("a", P256), "crv", json!("P-521")),
        with(jwk("a", P256), "crv", json!("secp256k1")),
        with(jwk("a", P256), "y", json!(null)),
        with(jwk("a", ED25519), "crv", json!("X25519")),
        json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode(SECRET)}),
        json!({"kty": "lattice"}),
        json!({"kid": "a"}),
        json!("a"),
    ] {
        assert_eq!(fits(useless.clone()), [""; 0], "{useless}");
    }
}
