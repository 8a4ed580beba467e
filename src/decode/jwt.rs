//! JSON Web Tokens (RFC 7519), as far as they speak in clear: when they end and whose they are. Nothing is verified, and the token itself
//! is not kept.

use crate::model::Credential;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// Longest text taken for a token: proxies refuse headers beyond this, so no bearer token is longer.
const LONGEST: usize = 64 << 10;

/// `{"` in base64url: every compact JWS header begins so in practice, and nothing else does.
const START: &[u8] = b"eyJ";

/// Reads a compact JWS: three parts, the first a header that names its algorithm.
pub(super) fn decode(text: &[u8]) -> Option<Credential> {
    let text = text.trim_ascii();
    if text.len() > LONGEST || !text.starts_with(START) {
        return None;
    }
    let mut parts = text.split(|byte| *byte == b'.');
    let (header, claims, signature) = (parts.next()?, parts.next()?, parts.next()?);
    let is_symbol = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if parts.next().is_some() || !signature.iter().all(is_symbol) {
        return None;
    }
    json(header)?.get("alg")?.as_str()?;
    let claims = json(claims)?;
    let expires = claims.get("exp").and_then(seconds).and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
    let subject = claims.get("sub").and_then(|subject| subject.as_str()).map(Box::from);
    Some(Credential::Token { expires, subject })
}

fn json(part: &[u8]) -> Option<serde_json::Value> {
    let text = Zeroizing::new(URL_SAFE_NO_PAD.decode(part).ok()?);
    serde_json::from_slice(&text).ok()
}

/// A NumericDate (RFC 7519 section 2) may have a fraction.
#[expect(clippy::cast_possible_truncation, reason = "a float outside the range of i64 saturates, and no calendar reaches so far")]
fn seconds(date: &serde_json::Value) -> Option<i64> {
    date.as_i64().or_else(|| date.as_f64().map(|seconds| seconds as i64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn token(header: &str, claims: &str) -> Vec<u8> {
        format!("{}.{}.c2ln\n", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims)).into_bytes()
    }

    #[test]
    fn tokens_say_when_they_end_and_whose_they_are() {
        let read = |claims| decode(&token(r#"{"alg":"RS256"}"#, claims));
        let subject = Some("system:serviceaccount:a:b".into());
        let claims = r#"{"exp":1795291200,"sub":"system:serviceaccount:a:b"}"#;
        assert_eq!(read(claims), Some(Credential::Token { expires: Some(datetime!(2026-11-21 20:00 UTC)), subject }));
        assert_eq!(read("{}"), Some(Credential::Token { expires: None, subject: None }), "legacy tokens do not end");
        let expires = Some(datetime!(2026-11-21 20:00 UTC));
        assert_eq!(read(r#"{"exp":1795291200.5}"#), Some(Credential::Token { expires, subject: None }));
        assert_eq!(read(r#"{"exp":1e300}"#), Some(Credential::Token { expires: None, subject: None }));
    }

    #[test]
    fn what_only_looks_like_a_token_is_none() {
        assert_eq!(decode(&token(r#"{"typ":"JWT"}"#, "{}")), None);
        assert_eq!(decode(&token(r#"{"alg":"RS256"}"#, "not json")), None);
        assert_eq!(decode(b"eyJhbGciOiJub25lIn0"), None);
        assert_eq!(decode(b"eyJhbGciOiJub25lIn0.e30.a.b"), None);
        assert_eq!(decode(b"a.b.c"), None);
    }
}
