//! What the parsers should accept, said a second time and in another way.

use std::net::IpAddr;

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use ipnet::IpNet;

const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// CRC-32 (IEEE) bit by bit, as six base62 digits.
pub fn check_of(text: &str) -> String {
    let mut crc = u32::MAX;
    for byte in text.bytes() {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    let mut left = !crc;
    let mut digits = [0; 6];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[left as usize % 62];
        left /= 62;
    }
    String::from_utf8(digits.to_vec()).unwrap()
}

/// `[a-z][a-z0-9]{1,15}_(prod|stag|dev)_[0-9A-Za-z]{16}_[0-9A-Za-z]{38,}`, at most 200 bytes, with its check.
pub fn is_secret(text: &str) -> bool {
    let parts: Vec<&str> = text.split('_').collect();
    let [prefix, tag, id, tail] = parts[..] else { return false };
    let is_base62 = |part: &str| part.chars().all(|c| c.is_ascii_alphanumeric());
    let is_prefix = prefix.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9'))
        && prefix.starts_with(|c: char| c.is_alphabetic())
        && (2..=16).contains(&prefix.len());
    let has_shape = is_prefix
        && ["prod", "stag", "dev"].contains(&tag)
        && id.len() == 16
        && tail.len() >= 38
        && is_base62(id)
        && is_base62(tail);
    has_shape && text.len() <= 200 && text.ends_with(&check_of(&text[..text.len() - 6]))
}

/// The network that `ipnet` or the standard library reads from the text, if it is written as they would write it back.
pub fn network(text: &str) -> Option<IpNet> {
    let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    // `ipnet` alone also reads `1:2::3:4:5:6:7:8`, where `::` stands for nothing.
    let address = address.parse::<IpAddr>().ok()?;
    let net = if length.is_some() { text.parse::<IpNet>().ok()? } else { IpNet::from(address) };
    let is_plain_length = length.is_none_or(|length| net.prefix_len().to_string() == length);
    (is_plain_length && net.addr() == address && net == net.trunc()).then_some(net)
}

/// Whether a network can be told apart from all and from nothing: no everything, no mapped IPv4, nobody's address.
pub fn is_somebodys(net: IpNet) -> bool {
    let mapped = "::ffff:0:0/96".parse::<IpNet>().unwrap();
    let is_single = net.prefix_len() == net.max_prefix_len();
    let is_nobodys = is_single && (net.addr().is_unspecified() || net.addr().to_string() == "255.255.255.255");
    net.prefix_len() > 0 && !net.addr().is_multicast() && !mapped.contains(&net.addr()) && !is_nobodys
}

/// The instant, read field by field and reckoned from the calendar.
pub fn instant(text: &str) -> Option<DateTime<Utc>> {
    let upper = text.to_ascii_uppercase();
    let (date, rest) = upper.split_once('T')?;
    let fields = |text: &str, separator, widths: &[usize]| -> Option<Vec<u32>> {
        let parts: Vec<&str> = text.split(separator).collect();
        let fits = parts.len() == widths.len() && parts.iter().zip(widths).all(|(part, width)| part.len() == *width);
        let is_digits = parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
        (fits && is_digits).then(|| parts.iter().map(|part| part.parse().unwrap()).collect())
    };
    let day = fields(date, '-', &[4, 2, 2])?;
    let (time, minutes_east) = match rest.strip_suffix('Z') {
        Some(time) => (time, 0),
        None => {
            let sign = rest.rfind(['+', '-'])?;
            let offset = fields(&rest[sign + 1..], ':', &[2, 2])?;
            let is_west = rest[sign..].starts_with('-');
            let minutes = i64::from(offset[0] * 60 + offset[1]);
            if offset[0] > 23 || offset[1] > 59 || (is_west && minutes == 0) {
                return None;
            }
            (&rest[..sign], if is_west { -minutes } else { minutes })
        }
    };
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let clock = fields(clock, ':', &[2, 2, 2])?;
    let is_fraction = (1..=6).contains(&fraction.len()) && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let micros: u32 = is_fraction.then(|| format!("{fraction:0<6}").parse().unwrap())?;
    let local = NaiveDate::from_ymd_opt(i32::try_from(day[0]).unwrap(), day[1], day[2])?
        .and_hms_micro_opt(clock[0], clock[1], clock[2], micros)?;
    let utc = (local - TimeDelta::minutes(minutes_east)).and_utc();
    (1..=9999).contains(&utc.year()).then_some(utc)
}

/// `*`, or two words of 1 to 48 of `[a-z][a-z0-9_-]*` around one point.
pub fn is_permission(text: &str) -> bool {
    let is_letter = |c: &char| matches!(c, 'a'..='z' | '0'..='9');
    let characters: Vec<char> = text.chars().collect();
    let (last, stem) = match characters.split_last() {
        Some(('*', stem)) if stem.last().is_some_and(|c| matches!(c, '.' | ':')) => ('*', stem),
        Some((last, _)) => (*last, characters.as_slice()),
        None => return false,
    };
    let is_stem = stem.first().is_some_and(is_letter)
        && stem.iter().all(|c| is_letter(c) || matches!(c, '.' | '_' | ':' | '-'))
        && (last == '*' || stem.len() == characters.len());
    text == "*" || (is_stem && characters.len() <= 100)
}

/// Letters, digits and inner hyphens, in at least two labels as long as the DNS allows, the last of them no number.
pub fn is_dns_name(text: &str) -> bool {
    let labels: Vec<&str> = text.split('.').collect();
    let is_label = |label: &&str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_number = labels.last().is_some_and(|top| top.chars().all(|c| c.is_ascii_digit()));
    labels.len() >= 2 && labels.iter().all(is_label) && !is_number && text.len() <= 253
}
