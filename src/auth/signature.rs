//! Signatures, checked by `ring` on behalf of `jsonwebtoken`.
//!
//! Its own backends would bring another implementation of what TLS uses already, one of them with a
//! timing leak in RSA. Nothing is signed here, and keys are read by `keys`.

use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::signature::{Error, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use ring::{error::Unspecified, hmac};

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes `jsonwebtoken` check signatures with `ring`, from the first call on.
pub(super) fn install() {
    // A second call finds this provider, or one that the program which holds this library has chosen.
    let _ = PROVIDER.install_default();
}

struct RingVerifier {
    algorithm: Algorithm,
    key: DecodingKey,
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    if key.family() != algorithm.family() {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    Ok(Box::new(RingVerifier { algorithm: *algorithm, key: key.clone() }))
}

// === impl RingVerifier ===

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        let key = self.key.kind();
        let checked = match self.algorithm {
            Algorithm::HS256 => shared(hmac::HMAC_SHA256, key, message, signature),
            Algorithm::HS384 => shared(hmac::HMAC_SHA384, key, message, signature),
            Algorithm::HS512 => shared(hmac::HMAC_SHA512, key, message, signature),
            Algorithm::RS256 => rsa(&RSA_PKCS1_2048_8192_SHA256, key, message, signature),
            Algorithm::RS384 => rsa(&RSA_PKCS1_2048_8192_SHA384, key, message, signature),
            Algorithm::RS512 => rsa(&RSA_PKCS1_2048_8192_SHA512, key, message, signature),
            Algorithm::PS256 => rsa(&RSA_PSS_2048_8192_SHA256, key, message, signature),
            Algorithm::PS384 => rsa(&RSA_PSS_2048_8192_SHA384, key, message, signature),
            Algorithm::PS512 => rsa(&RSA_PSS_2048_8192_SHA512, key, message, signature),
            Algorithm::ES256 => point(&ECDSA_P256_SHA256_FIXED, key, message, signature),
            Algorithm::ES384 => point(&ECDSA_P384_SHA384_FIXED, key, message, signature),
            Algorithm::EdDSA => point(&ED25519, key, message, signature),
            // What a later version of the library may know.
            _ => Err(Unspecified),
        };
        checked.map_err(|Unspecified| Error::new())
    }
}

fn shared(
    algorithm: hmac::Algorithm,
    key: &DecodingKeyKind,
    message: &[u8],
    signature: &[u8],
) -> std::result::Result<(), Unspecified> {
    match key {
        DecodingKeyKind::SecretOrDer(secret) => hmac::verify(&hmac::Key::new(algorithm, secret), message, signature),
        DecodingKeyKind::RsaModulusExponent { .. } => Err(Unspecified),
    }
}

fn rsa(
    algorithm: &'static RsaParameters,
    key: &DecodingKeyKind,
    message: &[u8],
    signature: &[u8],
) -> std::result::Result<(), Unspecified> {
    match key {
        DecodingKeyKind::SecretOrDer(der) => UnparsedPublicKey::new(algorithm, der).verify(message, signature),
        DecodingKeyKind::RsaModulusExponent { n, e } => {
            RsaPublicKeyComponents { n, e }.verify(algorithm, message, signature)
        }
    }
}

/// A point on a curve, whose encoding `ring` checks.
fn point(
    algorithm: &'static dyn VerificationAlgorithm,
    key: &DecodingKeyKind,
    message: &[u8],
    signature: &[u8],
) -> std::result::Result<(), Unspecified> {
    match key {
        DecodingKeyKind::SecretOrDer(point) => UnparsedPublicKey::new(algorithm, point).verify(message, signature),
        DecodingKeyKind::RsaModulusExponent { .. } => Err(Unspecified),
    }
}
