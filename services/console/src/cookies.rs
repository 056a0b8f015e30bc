//! The console's cookies: random tokens that a browser keeps and no script sees.

use chrono::TimeDelta;
use data_encoding::BASE64URL_NOPAD;
use http::{HeaderMap, HeaderValue, header};
use rand::TryRng;
use rand::rngs::SysRng;
use sha2::{Digest, Sha256};
use store::control::TokenHash;
use zeroize::ZeroizeOnDrop;

/// Of a session.
pub const SESSION: &str = "__Host-claviger";
/// Of a sign-in on its way. No operation takes it.
pub const SIGN_IN: &str = "__Host-claviger-sign-in";
/// Of a browser, for years.
pub const DEVICE: &str = "__Host-claviger-device";

const TOKEN_BYTES: usize = 32;
/// 32 bytes in base64url.
const TOKEN_CHARS: usize = 43;

/// 256 random bits that prove somebody, as text.
#[derive(ZeroizeOnDrop)]
pub struct Token(String);

impl Token {
    /// Draws one.
    pub fn generate() -> Self {
        let mut bytes = [0; TOKEN_BYTES];
        SysRng.try_fill_bytes(&mut bytes).expect("the system has random numbers");
        Self(BASE64URL_NOPAD.encode(&bytes))
    }

    /// Reads one; anything that could not have been drawn is none.
    pub fn parse(text: &str) -> Option<Self> {
        let is_whole = text.len() == TOKEN_CHARS && BASE64URL_NOPAD.decode(text.as_bytes()).is_ok();
        is_whole.then(|| Self(text.to_owned()))
    }

    /// The text, for the one answer or link that carries it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    pub fn hash(&self) -> TokenHash {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

/// The token of a cookie. One that is sent twice is none: somebody may have planted the other.
pub fn read(headers: &HeaderMap, name: &str) -> Option<Token> {
    let mut values = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(key, _)| *key == name)
        .map(|(_, value)| value);
    let value = values.next()?;
    if values.next().is_some() { None } else { Token::parse(value) }
}

/// Has the browser keep a token for so long.
pub fn set(name: &str, token: &Token, max_age: TimeDelta) -> HeaderValue {
    written(name, token.expose(), max_age.num_seconds())
}

/// Has the browser forget it.
pub fn clear(name: &str) -> HeaderValue {
    written(name, "", 0)
}

fn written(name: &str, value: &str, max_age_seconds: i64) -> HeaderValue {
    let text = format!("{name}={value}; Path=/; Max-Age={max_age_seconds}; Secure; HttpOnly; SameSite=Strict");
    HeaderValue::try_from(text).expect("names and tokens are printable")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(cookie: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::try_from(cookie).unwrap())])
    }

    #[test]
    fn a_token_reads_back_from_its_cookie_and_nothing_else_does() {
        let token = Token::generate();
        let text = token.expose().to_owned();
        let found = read(&headers(&format!("a=b; {SESSION}={text}; {DEVICE}=x")), SESSION).unwrap();
        assert_eq!(found.hash(), token.hash());
        for bad in [
            format!("{SESSION}={text}; {SESSION}={text}"),
            format!("{SESSION}={text}A"),
            format!("{SESSION}={}", &text[1..]),
            format!("{SESSION}=\"{text}\""),
            format!("__host-claviger={text}"),
            format!("{SESSION}={}=", &text[1..]),
            format!("{SIGN_IN}={text}"),
        ] {
            assert!(read(&headers(&bad), SESSION).is_none(), "{bad}");
        }
    }
}
