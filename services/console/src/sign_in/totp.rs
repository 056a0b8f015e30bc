//! One-time codes (RFC 6238: SHA-1, six digits, thirty seconds) and recovery codes.

use data_encoding::{BASE32_NOPAD, BASE32_NOPAD_NOCASE};
use domain::ids::UserId;
use qrcode::QrCode;
use qrcode::render::svg;
use rand::TryRng;
use rand::rngs::SysRng;
use subtle::ConstantTimeEq;
use totp_rs::{Builder, Totp};
use zeroize::Zeroizing;

use crate::seal::Sealer;

const PURPOSE: &str = "totp";
const SECRET_BYTES: usize = 20;
const STEP_SECONDS: i64 = 30;
const DIGITS: usize = 6;
/// How many steps a clock may be off.
const SKEW: i64 = 1;
/// How many recovery codes there are.
pub const RECOVERY_CODES: usize = 10;
/// 60 bits: three groups of four in base32.
const RECOVERY_BYTES: usize = 8;
const RECOVERY_CHARS: usize = 12;
const QR_SIZE: u32 = 200;

/// A secret of one-time codes, for the one answer that shows it.
pub struct NewSecret {
    /// As it is stored.
    pub sealed: Vec<u8>,
    /// As people type it.
    pub text: String,
    /// As authenticators read it.
    pub uri: String,
    /// The same as a picture.
    pub qr_svg: String,
}

/// Draws a secret for somebody.
pub fn generate(sealer: &Sealer, user: UserId, email: &str, issuer: &str) -> NewSecret {
    let mut secret = Zeroizing::new([0; SECRET_BYTES]);
    SysRng.try_fill_bytes(secret.as_mut_slice()).expect("the system has random numbers");
    let sealed = sealer.seal(PURPOSE, &user.to_string(), secret.as_slice());
    let (text, uri) = described(secret.as_slice(), email, issuer);
    let code = QrCode::new(uri.as_bytes()).expect("an address fits into a code");
    let qr_svg = code.render::<svg::Color>().min_dimensions(QR_SIZE, QR_SIZE).build();
    NewSecret { sealed, text, uri, qr_svg }
}

fn described(secret: &[u8], email: &str, issuer: &str) -> (String, String) {
    let text = BASE32_NOPAD.encode(secret);
    let encode =
        |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
    let label = format!("{}:{}", encode(issuer), encode(email));
    let uri = format!(
        "otpauth://totp/{label}?secret={text}&issuer={}&algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}",
        encode(issuer)
    );
    (text, uri)
}

/// The step that a code is of, around this time in unix seconds. Whether it was used before is for the row to say.
pub fn step_of(sealer: &Sealer, user: UserId, sealed: &[u8], code: &str, unix_seconds: i64) -> Option<i64> {
    let code = read_code(code)?;
    let secret = sealer.open(PURPOSE, &user.to_string(), sealed)?;
    let totp = totp(&secret)?;
    let now = unix_seconds / STEP_SECONDS;
    let is_of = |step: &i64| {
        let time = u64::try_from(step * STEP_SECONDS).unwrap_or(0);
        bool::from(totp.generate(time).to_string().as_bytes().ct_eq(code.as_bytes()))
    };
    (now - SKEW..=now + SKEW).rev().find(is_of)
}

fn totp(secret: &[u8]) -> Option<Totp> {
    Builder::new().with_secret(secret.to_vec()).build().ok()
}

/// Six digits, with spaces and hyphens wherever people put them; nothing else is a code.
fn read_code(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    (digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
}

/// Draws recovery codes: as they are shown once, and as they are stored.
pub fn recovery_codes(sealer: &Sealer, user: UserId) -> (Vec<String>, Vec<Vec<u8>>) {
    let draw = || {
        let mut bytes = [0; RECOVERY_BYTES];
        SysRng.try_fill_bytes(&mut bytes).expect("the system has random numbers");
        let text = BASE32_NOPAD.encode(&bytes);
        let code = &text[..RECOVERY_CHARS];
        (format!("{}-{}-{}", &code[..4], &code[4..8], &code[8..]), sealer.hash_recovery_code(&user.to_string(), code))
    };
    (0..RECOVERY_CODES).map(|_| draw()).unzip()
}

/// What is stored of a recovery code that somebody typed, if it can be one.
pub fn recovery_hash(sealer: &Sealer, user: UserId, text: &str) -> Option<Vec<u8>> {
    let typed: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    let code = typed.to_ascii_uppercase();
    let is_whole =
        code.len() == RECOVERY_CHARS && code.bytes().all(|byte| b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".contains(&byte));
    is_whole.then(|| sealer.hash_recovery_code(&user.to_string(), &code))
}

/// The code of a moment, for those who have the secret as text: tests, and nobody else here.
pub fn code_at(secret: &str, unix_seconds: i64) -> Option<String> {
    let secret = BASE32_NOPAD_NOCASE.decode(secret.as_bytes()).ok()?;
    Some(totp(&secret)?.generate(u64::try_from(unix_seconds).ok()?).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    #[test]
    fn a_code_is_read_as_people_type_it_and_not_otherwise() {
        for fit in ["123456", "123 456", " 12-34-56 "] {
            assert_eq!(read_code(fit).as_deref(), Some("123456"), "{fit}");
        }
        for unfit in ["", "12345", "1234567", "0123456", "12345a", "１２３４５６", "+12345", "1234.5"] {
            assert_eq!(read_code(unfit), None, "{unfit}");
        }
    }

    #[test]
    fn codes_are_those_of_the_standard_one_step_early_or_late() {
        // RFC 6238, appendix B, its last six digits.
        let secret = BASE32_NOPAD.encode(b"12345678901234567890");
        assert_eq!(code_at(&secret, 59).as_deref(), Some("287082"));
        assert_eq!(code_at(&secret, 1_111_111_109).as_deref(), Some("081804"));
        let (sealer, user) = (Sealer::new([7; 32]), UserId::mint(DateTime::UNIX_EPOCH));
        let sealed = sealer.seal(PURPOSE, &user.to_string(), b"12345678901234567890");
        let step = |at: i64| step_of(&sealer, user, &sealed, "081804", at);
        let own = Some(1_111_111_109 / STEP_SECONDS);
        assert_eq!([step(1_111_111_109), step(1_111_111_109 + 30), step(1_111_111_109 - 30)], [own; 3]);
        assert_eq!([step(1_111_111_109 + 60), step(1_111_111_109 - 60)], [None; 2]);
        let other = UserId::from_uuid(uuid::Uuid::from_u128(1));
        assert_eq!(step_of(&sealer, other, &sealed, "081804", 1_111_111_109), None);
    }

    #[test]
    fn a_recovery_code_is_found_however_it_is_typed() {
        let (sealer, user) = (Sealer::new([7; 32]), UserId::mint(DateTime::UNIX_EPOCH));
        let (codes, hashes) = recovery_codes(&sealer, user);
        assert_eq!((codes.len(), hashes.len()), (RECOVERY_CODES, RECOVERY_CODES));
        let typed = codes[3].to_lowercase().replace('-', " ");
        assert_eq!(recovery_hash(&sealer, user, &typed).as_ref(), Some(&hashes[3]));
        assert_eq!(recovery_hash(&sealer, user, &codes[3][1..]), None);
    }
}
