//! The table of refusals: each token is right but for one thing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue, header};
use serde_json::{Value as Json, json};

use super::super::bearer;
use super::*;

#[track_caller]
fn check(auth: &str, token: &str, expected: Result<(), Refused>) {
    let tokens = tokens(auth);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let found = runtime.block_on(identify(&tokens, token)).map(drop);
    assert_eq!(found, expected, "\n{auth}\n{token}");
    if let Err(refused) = found {
        assert!(token.is_empty() || !refused.message().contains(token), "the token is shown");
    }
}

/// What claims come to, signed well; `exp` is an hour from now unless they say otherwise.
#[track_caller]
fn claims(auth: &str, claims: Json, expected: Result<(), Refused>) {
    let mut all = json!({"exp": in_secs(3_600)});
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    all.as_object_mut().unwrap().retain(|_, claim| !claim.is_null());
    check(&format!("{}{auth}", secret()), &signed(&json!({"alg": "HS256"}), &all, SECRET), expected);
}

#[test]
fn times() {
    claims("", json!({}), Ok(()));
    claims("", json!({"exp": null}), Err(Refused::NoExpiry));
    claims("", json!({"exp": "tomorrow"}), Err(Refused::NoExpiry));
    claims("", json!({"exp": -1}), Err(Refused::NoExpiry));
    claims("", json!({"exp": 1e300}), Err(Refused::NoExpiry));
    claims("", json!({"exp": in_secs(60) as f64 + 0.5}), Ok(()));
    claims("", json!({"exp": in_secs(-20)}), Ok(()));
    claims("", json!({"exp": in_secs(-40)}), Err(Refused::Expired));
    claims("clock_skew_secs = 0", json!({"exp": in_secs(-2)}), Err(Refused::Expired));
    claims("clock_skew_secs = 600", json!({"exp": in_secs(-500)}), Ok(()));
    claims("", json!({"exp": 0}), Err(Refused::Expired));
    claims("", json!({"nbf": in_secs(-1)}), Ok(()));
    claims("", json!({"nbf": in_secs(20)}), Ok(()));
    claims("", json!({"nbf": in_secs(40)}), Err(Refused::NotYetValid));
    claims("", json!({"nbf": "soon"}), Err(Refused::Malformed));
}

#[test]
fn issuers_and_audiences() {
    claims("", json!({"iss": "anyone", "aud": "anything"}), Ok(()));
    let issuer = "issuer = \"https://a.example/\"";
    claims(issuer, json!({"iss": "https://a.example/"}), Ok(()));
    for other in [json!("https://a.example"), json!(""), json!(null), json!(7), json!(["https://a.example/"])] {
        claims(issuer, json!({"iss": other}), Err(Refused::Issuer));
    }
    let audience = "audience = [\"shop\", \"back-office\"]";
    for right in [json!("shop"), json!("back-office"), json!(["else", "shop"])] {
        claims(audience, json!({"aud": right}), Ok(()));
    }
    for other in [json!("shops"), json!(["else"]), json!([]), json!(null), json!(7), json!({"shop": true})] {
        claims(audience, json!({"aud": other}), Err(Refused::Audience));
    }
}

#[test]
fn forms() {
    let token = valid("HS256", SECRET);
    let parts: Vec<&str> = token.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    check(&secret(), &token, Ok(()));
    for malformed in [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        &format!("{header}.{payload}"),
        &format!("{header}.{payload}.{signature}.{signature}"),
        &format!("{header}..{payload}.{signature}"),
        &format!("{header}=.{payload}.{signature}"),
        &format!("{}.{payload}.{signature}", URL_SAFE_NO_PAD.encode("no json")),
        &format!("{}.{payload}.{signature}", encode(&json!(["HS256"]))),
        &format!("{}.{payload}.{signature}", encode(&json!({"typ": "JWT"}))),
        &format!("{}.{payload}.{signature}", encode(&json!({"alg": "HS256", "kid": 7}))),
        &format!("{}.{payload}.{signature}", URL_SAFE_NO_PAD.encode("{\"alg\":\"none\",\"alg\":\"HS256\"}")),
    ] {
        check(&secret(), malformed, Err(Refused::Malformed));
    }
    for forged in [
        format!("{header}.{payload}."),
        format!("{header}.{}.{signature}", encode(&json!({"sub": "eve", "exp": in_secs(60)}))),
        format!("{}.{payload}.{signature}", encode(&json!({"alg": "HS256"}))),
        signed(&json!({"alg": "HS256"}), &json!({"exp": in_secs(60)}), "another secret of thirty-two bytes"),
        signed(&json!({"alg": "HS256"}), &json!({"exp": in_secs(60)}), ""),
    ] {
        check(&secret(), &forged, Err(Refused::Signature));
    }
    // Signed well, and still not what a token is.
    for payload in [json!([]), json!("text"), json!(null)] {
        check(&secret(), &signed(&json!({"alg": "HS256"}), &payload, SECRET), Err(Refused::Malformed));
    }
    let twice = format!("{header}.{}", URL_SAFE_NO_PAD.encode(format!("{{\"exp\":1,\"exp\":{}}}", in_secs(60))));
    let twice = format!("{twice}.{}", URL_SAFE_NO_PAD.encode(sign("HS256", twice.as_bytes(), SECRET)));
    check(&secret(), &twice, Err(Refused::Malformed));
    let long = signed(&json!({"alg": "HS256"}), &json!({"exp": in_secs(60), "x": "x".repeat(16_384)}), SECRET);
    check(&secret(), &long, Err(Refused::TooLong));
}

#[test]
fn algorithms_that_are_not_what_they_say() {
    let claims = json!({"exp": in_secs(60)});
    for none in ["none", "None", "NONE", "nOnE", "", "HS1", "hs256", "ES512", "ES256K"] {
        check(&secret(), &signed(&json!({"alg": none}), &claims, SECRET), Err(Refused::Algorithm));
    }
    // The public key is known to everybody; as a secret it must be worth nothing.
    let public = include_str!("../../../tests/keys/rsa.pub.pem");
    let file = "public_key_file = \"tests/keys/rsa.pub.pem\"";
    check(file, &signed(&json!({"alg": "HS256"}), &claims, public), Err(Refused::Algorithm));
    // Accepted, but not by this key.
    check(file, &signed(&json!({"alg": "ES256"}), &claims, P256), Err(Refused::Algorithm));
    check(file, &signed(&json!({"alg": "EdDSA"}), &claims, ED25519), Err(Refused::Algorithm));
    // This key could, but it is not accepted.
    check(file, &signed(&json!({"alg": "PS256"}), &claims, RSA), Err(Refused::Algorithm));
    // The signature of another algorithm of the same key.
    let both = format!("{file}\nalgorithms = [\"RS256\", \"PS256\"]");
    let message = format!("{}.{}", encode(&json!({"alg": "PS256"})), encode(&claims));
    let crossed = format!("{message}.{}", URL_SAFE_NO_PAD.encode(sign("RS256", message.as_bytes(), RSA)));
    check(&both, &crossed, Err(Refused::Signature));
}

#[test]
fn headers_that_ask_for_more() {
    let claims = json!({"exp": in_secs(60)});
    for critical in [json!(["exp"]), json!([]), json!(["b64"]), json!("b64"), json!({})] {
        let header = json!({"alg": "HS256", "crit": critical, "b64": false});
        check(&secret(), &signed(&header, &claims, SECRET), Err(Refused::Critical));
    }
    // Keys that a token brings along, or says where to fetch, are not looked at.
    let header = json!({"alg": "HS256", "kid": "../../etc/passwd", "jku": "http://evil.example/", "x5u": "http://evil.example/",
        "jwk": {"kty": "oct", "k": URL_SAFE_NO_PAD.encode("another secret of thirty-two bytes")}});
    check(&secret(), &signed(&header, &claims, SECRET), Ok(()));
    check(&secret(), &signed(&header, &claims, "another secret of thirty-two bytes"), Err(Refused::Signature));
}

#[test]
fn the_header_of_a_request() {
    let found = |values: &[&[u8]]| {
        let mut headers = HeaderMap::new();
        values.iter().for_each(|value| {
            headers.append(header::AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        });
        bearer(&headers).map(|token| token.map(str::to_owned))
    };
    let token = |text: &str| Ok(Some(text.to_owned()));
    assert_eq!(found(&[]), Ok(None));
    assert_eq!(found(&[b"Bearer a.b.c"]), token("a.b.c"));
    assert_eq!(found(&[b"bearer a.b.c"]), token("a.b.c"));
    assert_eq!(found(&[b"BEARER   a.b.c "]), token("a.b.c"));
    for wrong in [&b""[..], b"Bearer", b"Bearer ", b"a.b.c", b"Basic dTpw", b"Bearera.b.c", b"Bearer \xff"] {
        assert_eq!(found(&[wrong]), Err(Refused::Scheme), "{wrong:?}");
    }
    assert_eq!(found(&[b"Bearer a.b.c", b"Bearer a.b.c"]), Err(Refused::Scheme));
}
