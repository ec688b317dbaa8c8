//! What signatures are checked with: keys from a secret, a PEM file or a JWK set, and which of them a
//! token means.

use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde::Deserialize;
use serde_json::Value as Json;

use super::Refused;

/// Keys of one issuer that are considered.
const KEYS_MAX: usize = 100;
/// Keys that a token which names none is tried with.
const TRIALS_MAX: usize = 8;
/// `ring` checks RSA from this size on.
const RSA_BITS_MIN: usize = 2048;
/// Of the DER form, a key of that size takes more than its modulus.
const RSA_DER_BYTES_MIN: usize = RSA_BITS_MIN / 8;

/// The keys that are valid at one time.
#[derive(Debug, Default)]
pub(super) struct KeySet {
    keys: Vec<Key>,
    /// The keys were published together, so that a token may mean one that is not known yet.
    published: bool,
}

/// One key, and the algorithms that go with it.
#[derive(Debug)]
pub(super) struct Key {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    pub decoding: DecodingKey,
}

/// The members of a JWK that matter here, RFC 7517 section 4 and RFC 7518 section 6.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

// === impl KeySet ===

impl KeySet {
    pub fn secret(secret: &[u8]) -> KeySet {
        KeySet { keys: vec![Key::new(None, DecodingKey::from_secret(secret))], published: false }
    }

    /// One public key in PEM: SPKI, or PKCS #1 for RSA.
    pub fn pem(pem: &[u8]) -> Result<KeySet, &'static str> {
        let holds = |words: &str| pem.windows(words.len()).any(|window| window == words.as_bytes());
        if holds("PRIVATE KEY-----") {
            return Err("it holds a private key; `openssl pkey -in FILE -pubout` writes its public key");
        }
        if holds(" CERTIFICATE-----") {
            return Err("it holds a certificate; `openssl x509 -in FILE -pubkey -noout` writes its public key");
        }
        if let Ok(key) = DecodingKey::from_rsa_pem(pem) {
            if key.try_get_as_bytes().is_ok_and(|der| der.len() < RSA_DER_BYTES_MIN) {
                return Err("its RSA key has fewer than 2048 bits");
            }
            return Ok(KeySet { keys: vec![Key::new(None, key)], published: false });
        }
        let point = DecodingKey::from_ec_pem(pem).or_else(|_| DecodingKey::from_ed_pem(pem));
        let key = Key::new(None, point.map_err(|_| "it holds no public key of RSA, P-256, P-384 or Ed25519 in PEM")?);
        if key.algorithms.is_empty() {
            return Err("its curve is not P-256, P-384 or Ed25519");
        }
        Ok(KeySet { keys: vec![key], published: false })
    }

    /// A JWK set. Keys for other purposes, and of kinds that are not known here, are left out.
    pub fn jwks(json: &[u8]) -> Result<KeySet, String> {
        #[derive(Deserialize)]
        struct Published {
            keys: Vec<Json>,
        }
        let set: Published =
            serde_json::from_slice(json).map_err(|error| format!("the answer is not a JWK set: {error}"))?;
        let keys = set.keys.into_iter().take(KEYS_MAX).filter_map(|key| serde_json::from_value(key).ok());
        Ok(KeySet { keys: keys.filter_map(Jwk::key).collect(), published: true })
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Algorithms that go with some key.
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        self.keys.iter().any(|key| key.algorithms.contains(&algorithm))
    }

    /// The keys that a token may be signed with, never empty.
    pub fn candidates(&self, id: Option<&str>, algorithm: Algorithm) -> Result<Vec<&Key>, Refused> {
        let mut named = self.keys.iter().filter(|key| key.is_named(id)).peekable();
        if named.peek().is_none() {
            return Err(Refused::UnknownKey);
        }
        let fitting: Vec<&Key> = named.filter(|key| key.algorithms.contains(&algorithm)).take(TRIALS_MAX).collect();
        if fitting.is_empty() { Err(self.unless_newer(id, Refused::Algorithm)) } else { Ok(fitting) }
    }

    /// What it means that no candidate made the signature.
    pub fn mismatch(&self, id: Option<&str>) -> Refused {
        self.unless_newer(id, Refused::Signature)
    }

    /// A token that names no key may mean one that has been published since.
    fn unless_newer(&self, id: Option<&str>, refused: Refused) -> Refused {
        if self.published && id.is_none() { Refused::UnknownKey } else { refused }
    }
}

// === impl Key ===

impl Key {
    fn new(id: Option<String>, decoding: DecodingKey) -> Key {
        let point_bytes = decoding.try_get_as_bytes().map_or(0, <[u8]>::len);
        let algorithms = match (decoding.family(), point_bytes) {
            // A curve has one algorithm, and its points one length.
            (AlgorithmFamily::Ec, 65) => vec![Algorithm::ES256],
            (AlgorithmFamily::Ec, 97) => vec![Algorithm::ES384],
            (AlgorithmFamily::Ec, _) => Vec::new(),
            (family @ (AlgorithmFamily::Hmac | AlgorithmFamily::Rsa | AlgorithmFamily::Ed), _) => {
                family.algorithms().to_vec()
            }
        };
        Key { id, algorithms, decoding }
    }

    /// Either side may leave the name out.
    fn is_named(&self, id: Option<&str>) -> bool {
        match (&self.id, id) {
            (Some(known), Some(id)) => known == id,
            (None, _) | (_, None) => true,
        }
    }
}

// === impl Jwk ===

impl Jwk {
    fn key(self) -> Option<Key> {
        let verifies = self.key_ops.as_ref().is_none_or(|uses| uses.iter().any(|usage| usage == "verify"));
        if !verifies || self.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return None;
        }
        let decoding = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => {
                let (n, e) = (number(&self.n)?, number(&self.e)?);
                if n.len() * 8 < RSA_BITS_MIN {
                    return None;
                }
                DecodingKey::from_rsa_raw_components(&n, &e)
            }
            ("EC", Some("P-256")) => DecodingKey::from_ec_der(&self.point(32)?),
            ("EC", Some("P-384")) => DecodingKey::from_ec_der(&self.point(48)?),
            ("OKP", Some("Ed25519")) => DecodingKey::from_ed_der(&bytes(&self.x)?),
            // `oct` among them: a secret that is published is none.
            _ => return None,
        };
        let mut key = Key::new(self.kid, decoding);
        if let Some(only) = self.alg {
            key.algorithms.retain(|algorithm| only.parse::<Algorithm>().is_ok_and(|only| only == *algorithm));
        }
        (!key.algorithms.is_empty()).then_some(key)
    }

    /// The uncompressed form of a point.
    fn point(&self, coordinate_bytes: usize) -> Option<Vec<u8>> {
        let (x, y) = (bytes(&self.x)?, bytes(&self.y)?);
        (x.len() == coordinate_bytes && y.len() == coordinate_bytes).then(|| [&[4], x.as_slice(), &y].concat())
    }
}

/// Bytes in base64url; some issuers pad.
fn bytes(text: &Option<String>) -> Option<Vec<u8>> {
    let text = text.as_ref()?;
    URL_SAFE_NO_PAD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
}

/// A number without the leading zeros that some issuers write, and `ring` refuses.
fn number(text: &Option<String>) -> Option<Vec<u8>> {
    let bytes = bytes(text)?;
    let first = bytes.iter().position(|byte| *byte != 0)?;
    Some(bytes[first..].to_vec())
}
