//! Bearer tokens: the first time, and every time after.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use divan::Bencher;
use fraiseql::auth::Tokens;
use fraiseql::config::{Config, Facts, Mode, Need, Overrides};
use futures_util::FutureExt;
use serde_json::{Value, json};

const SECRET: &str = "a secret that only the issuer and this bench know";

/// Bytes of claims beside those that every token has.
const CLAIMS_BYTES: [usize; 2] = [0, 700];

fn tokens() -> Tokens {
    let text = format!("[auth]\njwt_secret = \"{SECRET}\"\n");
    let facts = Facts { mode: Mode::Run, cores: 2, grpc_built_in: true };
    let config = Config::parse("fraiseql.toml", &text, &|_| None, &Overrides::default(), facts, Need::Schema).unwrap();
    Tokens::new(&config).unwrap().unwrap()
}

fn token(number: usize, claims_bytes: usize) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims =
        json!({"sub": "ada", "jti": number, "roles": ["admin"], "exp": now + 3_600, "x": "x".repeat(claims_bytes)});
    let encode = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let message = format!("{}.{}", encode(json!({"alg": "HS256", "typ": "JWT"})), encode(claims));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, message.as_bytes())))
}

/// A token that held a moment ago; nothing has to be waited for.
#[divan::bench(args = CLAIMS_BYTES)]
fn token_known(bencher: Bencher, claims_bytes: usize) {
    let (tokens, token) = (tokens(), token(0, claims_bytes));
    let identify = || tokens.identify(&token).now_or_never().unwrap().unwrap();
    identify();
    bencher.bench_local(identify);
}

#[divan::bench(args = CLAIMS_BYTES)]
fn token_new(bencher: Bencher, claims_bytes: usize) {
    let tokens = tokens();
    let mut number = 0;
    bencher
        .with_inputs(|| {
            number += 1;
            token(number, claims_bytes)
        })
        .bench_local_values(|token| tokens.identify(&token).now_or_never().unwrap().unwrap());
}
