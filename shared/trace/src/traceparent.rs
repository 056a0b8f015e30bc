//! The header `traceparent` of the W3C's Trace Context, version 00. `tracestate` is other people's text and is not read.

use http::{HeaderMap, HeaderName};
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

/// The header's name.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

const VERSION: &str = "00";

/// What one well-formed header says. A second one, or anything else, counts as none.
pub(crate) fn read(headers: &HeaderMap) -> Option<SpanContext> {
    let mut sent = headers.get_all(TRACEPARENT).iter();
    let (Some(value), None) = (sent.next(), sent.next()) else { return None };
    parse(value.to_str().ok()?)
}

fn parse(text: &str) -> Option<SpanContext> {
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    // A later version may add parts at the end; this one has none.
    let is_known = version == VERSION && parts.next().is_none();
    let is_later = version.len() == 2 && is_hex(version) && version != VERSION && version != "ff";
    let is_shaped = trace.len() == 32 && span.len() == 16 && flags.len() == 2;
    if !(is_known || is_later) || !is_shaped || ![trace, span, flags].into_iter().all(is_hex) {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    let trace = TraceId::from_hex(trace).ok()?;
    let span = SpanId::from_hex(span).ok()?;
    let read = SpanContext::new(trace, span, flags, true, TraceState::NONE);
    read.is_valid().then_some(read)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The header that names this span as the parent.
pub(crate) fn write(span: &SpanContext) -> String {
    let flags = span.trace_flags() & TraceFlags::SAMPLED;
    format!("{VERSION}-{}-{}-{flags:02x}", span.trace_id(), span.span_id())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn what_is_written_is_what_is_read() {
        let read = parse(GOOD).unwrap();
        assert!(read.is_sampled() && read.is_remote());
        assert_eq!(write(&read), GOOD);
        let unsampled = GOOD.replace("-01", "-00");
        assert_eq!(write(&parse(&unsampled).unwrap()), unsampled);
        assert_eq!(write(&parse(&GOOD.replace("-01", "-ff")).unwrap()), GOOD, "flags of the future are not passed on");
        assert!(parse(&format!("01{}-more", &GOOD[2..])).is_some(), "a later version may say more");
    }

    #[test]
    fn what_is_malformed_counts_as_none() {
        let malformed = [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-+1",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "0-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            " 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ];
        for text in malformed {
            assert!(parse(text).is_none(), "{text}");
        }
        let mut headers = HeaderMap::new();
        headers.append(TRACEPARENT, GOOD.parse().unwrap());
        assert!(read(&headers).is_some());
        headers.append(TRACEPARENT, GOOD.parse().unwrap());
        assert!(read(&headers).is_none(), "two of them contradict each other");
    }
}
