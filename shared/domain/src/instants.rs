//! Instants as text: RFC 3339 with an offset and seconds, kept in UTC to the microsecond.

use chrono::{DateTime, Datelike, Months, SecondsFormat, TimeDelta, Utc};

use crate::validation::{ValidationError, excerpt};

/// The latest expiry: ten years from now, in months.
pub const FUTURE_MONTHS_MAX: u32 = 120;
/// The earliest expiry; anything closer would pass before the answer arrives.
pub const FUTURE_SECONDS_MIN: i64 = 1;

const DATE_BYTES: usize = "2026-01-31".len();
const SECONDS_BYTES: usize = "2026-01-31T10:00:00".len();
const OFFSET_BYTES: usize = "+00:00".len();
const FRACTION_DIGITS_MAX: usize = 6;

/// Reads an instant such as `2026-01-31T10:00:00Z` or `2026-01-31T11:00:00.25+01:00`, in the years 1 to 9999 UTC.
pub fn parse_instant(text: &str) -> Result<DateTime<Utc>, ValidationError> {
    check_form(text)?;
    let parsed = DateTime::parse_from_rfc3339(text).map_err(|_| {
        ValidationError::new(
            "date-time",
            format!("`{}` names a day, a time or an offset that does not exist", excerpt(text)),
        )
    })?;
    let instant = parsed.to_utc();
    if !(1..=9999).contains(&instant.year()) {
        return Err(ValidationError::new("out-of-range", "must lie in the years 1 to 9999"));
    }
    Ok(instant)
}

/// Reads an instant more than a second and at most ten years after `now`.
pub fn parse_future(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, ValidationError> {
    let instant = parse_instant(text)?;
    if instant <= now + TimeDelta::seconds(FUTURE_SECONDS_MIN) {
        return Err(ValidationError::new("in-the-past", "must lie in the future; to end a key now, revoke it"));
    }
    if now.checked_add_months(Months::new(FUTURE_MONTHS_MAX)).is_some_and(|latest| instant > latest) {
        return Err(ValidationError::new("too-far", "must lie at most 10 years ahead"));
    }
    Ok(instant)
}

/// Writes an instant in our one format: UTC, six fractional digits, `Z`.
pub fn format_instant(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Refuses what `chrono` accepts and we do not, and names the usual mistakes.
fn check_form(text: &str) -> Result<(), ValidationError> {
    let bytes = text.as_bytes();
    let Some((date_time, rest)) = bytes.split_at_checked(SECONDS_BYTES) else {
        return Err(incomplete(bytes, text));
    };
    if !has_shape(date_time, b"0000-00-00T00:00:00") {
        return Err(not_a_date_time(text));
    }
    if date_time.ends_with(b"60") {
        return Err(ValidationError::new("leap-second", "must not be a leap second"));
    }
    let rest = match rest.split_first() {
        Some((b'.', rest)) => skip_fraction(rest, text)?,
        Some(_) | None => rest,
    };
    check_offset(rest, text)
}

fn incomplete(bytes: &[u8], text: &str) -> ValidationError {
    if has_shape(bytes, b"0000-00-00") {
        return ValidationError::new("date-time", "must have a time and an offset too, such as `2026-01-31T10:00:00Z`");
    }
    let has_minutes = bytes.get(..DATE_BYTES + 6).is_some_and(|start| has_shape(start, b"0000-00-00T00:00"));
    if has_minutes {
        return ValidationError::new("date-time", "must have seconds, such as `2026-01-31T10:00:00Z`");
    }
    not_a_date_time(text)
}

fn skip_fraction<'a>(bytes: &'a [u8], text: &str) -> Result<&'a [u8], ValidationError> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits > FRACTION_DIGITS_MAX {
        let message = format!("must have at most {FRACTION_DIGITS_MAX} digits after the second's point");
        return Err(ValidationError::new("too-precise", message));
    }
    if digits == 0 {
        return Err(not_a_date_time(text));
    }
    Ok(&bytes[digits..])
}

fn check_offset(bytes: &[u8], text: &str) -> Result<(), ValidationError> {
    match bytes {
        b"" => Err(ValidationError::new("offset-required", "must end with `Z` or an offset such as `+01:00`")),
        b"Z" | b"z" => Ok(()),
        // RFC 3339, section 4.3: `-00:00` means an unknown offset, which is no way to set a deadline.
        b"-00:00" => {
            Err(ValidationError::new("unknown-offset", "must not have the offset `-00:00`; write `Z` for UTC"))
        }
        [b'+' | b'-', offset @ ..] if bytes.len() == OFFSET_BYTES && has_shape(offset, b"00:00") => Ok(()),
        _ => Err(not_a_date_time(text)),
    }
}

/// Says whether `bytes` matches `shape`, where `0` stands for any digit and `T` for `T` or `t`.
fn has_shape(bytes: &[u8], shape: &[u8]) -> bool {
    let fits = |(byte, shape): (&u8, &u8)| match shape {
        b'0' => byte.is_ascii_digit(),
        b'T' => matches!(byte, b'T' | b't'),
        _ => byte == shape,
    };
    bytes.len() == shape.len() && bytes.iter().zip(shape).all(fits)
}

fn not_a_date_time(text: &str) -> ValidationError {
    let message = format!("`{}` is not an RFC 3339 date and time such as `2026-01-31T10:00:00Z`", excerpt(text));
    ValidationError::new("date-time", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> DateTime<Utc> {
        parse_instant(text).expect(text)
    }

    #[test]
    fn an_accepted_instant_is_written_in_utc_to_the_microsecond() {
        let table = [
            ("2026-01-31T10:00:00Z", "2026-01-31T10:00:00.000000Z"),
            ("2026-01-31t10:00:00z", "2026-01-31T10:00:00.000000Z"),
            ("2026-01-31T10:00:00.123456Z", "2026-01-31T10:00:00.123456Z"),
            ("2026-01-31T10:00:00.1+02:00", "2026-01-31T08:00:00.100000Z"),
            ("2026-01-31T10:00:00+00:00", "2026-01-31T10:00:00.000000Z"),
            ("2026-01-01T00:30:00+14:00", "2025-12-31T10:30:00.000000Z"),
            ("2026-12-31T23:59:59-09:30", "2027-01-01T09:29:59.000000Z"),
            ("2028-02-29T00:00:00Z", "2028-02-29T00:00:00.000000Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
            ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000000Z"),
        ];
        for (text, written) in table {
            assert_eq!(format_instant(at(text)), written);
        }
    }

    #[test]
    fn an_instant_that_could_mean_two_things_is_refused() {
        let table = [
            ("", "date-time"),
            ("2026-01-31T10:00:00", "offset-required"),
            ("2026-01-31T10:00:00.5", "offset-required"),
            ("2026-01-31", "date-time"),
            ("2026-01-31T10:00Z", "date-time"),
            ("2026-01-31T10:00+01:00", "date-time"),
            ("2026-01-31T10:00:00 ", "date-time"),
            ("1767225600", "date-time"),
            ("1767225600000000000", "date-time"),
            ("2026-1-1", "date-time"),
            ("2026-1-1T10:00:00Z", "date-time"),
            ("2026-01-31 10:00:00Z", "date-time"),
            ("2026-01-31_10:00:00Z", "date-time"),
            (" 2026-01-31T10:00:00Z", "date-time"),
            ("2026-01-31T10:00:00Z ", "date-time"),
            ("2026-01-31T10:00:00ZZ", "date-time"),
            ("2026-01-31T23:59:60Z", "leap-second"),
            ("2016-12-31T23:59:60.5Z", "leap-second"),
            ("2026-01-31T23:59:61Z", "date-time"),
            ("2026-01-31T24:00:00Z", "date-time"),
            ("2026-02-30T10:00:00Z", "date-time"),
            ("2026-02-29T10:00:00Z", "date-time"),
            ("2026-13-01T10:00:00Z", "date-time"),
            ("2026-00-01T10:00:00Z", "date-time"),
            ("2026-01-31T10:60:00Z", "date-time"),
            ("2026-01-31T10:00:00+24:00", "date-time"),
            ("2026-01-31T10:00:00+01:60", "date-time"),
            ("2026-01-31T10:00:00+0100", "date-time"),
            ("2026-01-31T10:00:00+01", "date-time"),
            ("2026-01-31T10:00:00−01:00", "date-time"),
            ("2026-01-31T10:00:00 +01:00", "date-time"),
            ("2026-01-31T10:00:00-00:00", "unknown-offset"),
            ("2026-01-31T10:00:00.1234567Z", "too-precise"),
            ("2026-01-31T10:00:00.1234567890123Z", "too-precise"),
            ("2026-01-31T10:00:00.Z", "date-time"),
            ("2026-01-31T10:00:00,5Z", "date-time"),
            ("２０２６-01-31T10:00:00Z", "date-time"),
            ("Sat, 31 Jan 2026 10:00:00 GMT", "date-time"),
            ("0000-01-01T00:00:00Z", "out-of-range"),
            ("0001-01-01T00:00:00+01:00", "out-of-range"),
            ("9999-12-31T23:59:59-01:00", "out-of-range"),
            ("10000-01-01T00:00:00Z", "date-time"),
            ("+10000-01-01T00:00:00Z", "date-time"),
            ("-2026-01-31T10:00:00Z", "date-time"),
            ("never", "date-time"),
        ];
        for (text, code) in table {
            assert_eq!(parse_instant(text).expect_err(text).code, code, "{text}");
        }
    }

    #[test]
    fn an_expiry_lies_between_now_and_ten_years() {
        let now = at("2026-01-31T10:00:00Z");
        let table = [
            ("2026-01-31T10:00:01.000001Z", None),
            ("2026-01-31T11:00:02+01:00", None),
            ("2036-01-31T10:00:00Z", None),
            ("2036-01-31T10:00:00.000001Z", Some("too-far")),
            ("9999-12-31T23:59:59Z", Some("too-far")),
            ("2026-01-31T10:00:01Z", Some("in-the-past")),
            ("2026-01-31T10:00:00Z", Some("in-the-past")),
            ("2026-01-31T09:59:59Z", Some("in-the-past")),
            ("2026-01-31T10:30:00+01:00", Some("in-the-past")),
            ("1970-01-01T00:00:00Z", Some("in-the-past")),
            ("0000-01-01T00:00:00Z", Some("out-of-range")),
            ("2027-01-31", Some("date-time")),
        ];
        for (text, code) in table {
            assert_eq!(parse_future(text, now).err().map(|refusal| refusal.code), code, "{text}");
        }
        // Ten years after a leap day is the last day of that February.
        let leap_day = at("2028-02-29T00:00:00Z");
        assert!(parse_future("2038-02-28T00:00:00Z", leap_day).is_ok());
        assert!(parse_future("2038-03-01T00:00:00Z", leap_day).is_err());
    }

    fn some_instant() -> impl Strategy<Value = DateTime<Utc>> {
        let range =
            at("0001-01-01T00:00:00Z").timestamp_micros()..=at("9999-12-31T23:59:59.999999Z").timestamp_micros();
        range.prop_map(|micros| DateTime::from_timestamp_micros(micros).expect("in range"))
    }

    proptest! {
        #[test]
        fn every_instant_reads_back(instant in some_instant()) {
            prop_assert_eq!(parse_instant(&format_instant(instant)), Ok(instant));
        }

        #[test]
        fn an_offset_never_changes_the_instant(instant in some_instant(), minutes in -1439i32..=1439) {
            let offset = chrono::FixedOffset::east_opt(minutes * 60).expect("within a day");
            let text = instant.with_timezone(&offset).to_rfc3339_opts(SecondsFormat::Micros, false);
            // An offset near either end can carry the local date out of the four-digit years.
            if let Ok(read) = parse_instant(&text) {
                prop_assert_eq!(read, instant);
            } else {
                prop_assert!(!(2..=9998).contains(&instant.year()));
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in prop_oneof![any::<String>(), "[0-9TtZz:.+ -]{0,32}", "2026-01-31T10:00:00\\PC{0,8}"]) {
            let _ = parse_instant(&text);
            let _ = parse_future(&text, DateTime::<Utc>::MAX_UTC - TimeDelta::days(1));
        }
    }
}
