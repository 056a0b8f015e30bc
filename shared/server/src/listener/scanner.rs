//! Follows an HTTP/1 byte stream from head to head and sees what a parsed request no longer shows.
//!
//! The parser behind it forgives bare line feeds, a second equal `Content-Length`, and a `Content-Length` beside a
//! `Transfer-Encoding`; a proxy in front may read the same bytes differently. After the first fault nothing more is
//! followed: the request is refused and its connection closed, so there is no next head to find.

use super::frames::Frames;

/// What an HTTP/2 connection starts with.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n";
/// How much of a line is kept; the lines that matter are short.
const LINE_KEPT_BYTES: usize = 256;

/// Where in the stream the reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing has come yet.
    Start,
    /// Between two requests.
    Between,
    /// Inside a head.
    Head,
    /// Inside a body.
    Body,
    /// Between two heads of HTTP/2, whatever the bodies do.
    Http2,
    /// Behind a fault: no longer followed.
    Opaque,
}

/// A fault in a head: which head, and what is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) head: usize,
    pub(super) detail: &'static str,
}

#[derive(Debug)]
pub(super) struct Scanner {
    state: State,
    line: Vec<u8>,
    line_bytes: usize,
    heads: usize,
    lengths: usize,
    length: Option<u64>,
    encodings: usize,
    is_chunked: bool,
    has_started: bool,
    fault: Option<Fault>,
    frames: Option<Frames>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    RequestLine,
    Fields,
    Sized(u64),
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    Trailers,
    Opaque,
}

impl Scanner {
    pub(super) fn new() -> Self {
        Self {
            state: State::RequestLine,
            line: Vec::new(),
            line_bytes: 0,
            heads: 0,
            lengths: 0,
            length: None,
            encodings: 0,
            is_chunked: false,
            has_started: false,
            fault: None,
            frames: None,
        }
    }

    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Rises with every head that begins: who is inside one twice in a row may be inside another.
    pub(super) fn mark(&self) -> usize {
        self.heads + self.frames.as_ref().map_or(0, Frames::begun)
    }

    pub(super) fn phase(&self) -> Phase {
        if let Some(frames) = &self.frames {
            return if frames.is_in_head() { Phase::Head } else { Phase::Http2 };
        }
        match self.state {
            State::RequestLine if !self.has_started => Phase::Start,
            State::RequestLine if self.line_bytes == 0 => Phase::Between,
            State::RequestLine | State::Fields => Phase::Head,
            State::Sized(_) | State::ChunkSize | State::Chunk(_) | State::ChunkEnd | State::Trailers => Phase::Body,
            State::Opaque => Phase::Opaque,
        }
    }

    /// Takes the next bytes of the stream.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        self.has_started |= !bytes.is_empty();
        while !bytes.is_empty() {
            if let Some(frames) = &mut self.frames {
                return frames.feed(bytes);
            }
            bytes = match self.state {
                State::Opaque => return,
                State::Sized(left) => self.skip(bytes, left, State::RequestLine, State::Sized),
                State::Chunk(left) => self.skip(bytes, left, State::ChunkEnd, State::Chunk),
                State::RequestLine | State::Fields | State::ChunkSize | State::ChunkEnd | State::Trailers => {
                    self.take_line(bytes)
                }
            };
        }
    }

    fn skip<'b>(&mut self, bytes: &'b [u8], left: u64, then: State, again: fn(u64) -> State) -> &'b [u8] {
        let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let still = left - here as u64;
        self.state = if still == 0 { then } else { again(still) };
        &bytes[here..]
    }

    fn take_line<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let part = &bytes[..end.unwrap_or(bytes.len())];
        let kept = part.len().min(LINE_KEPT_BYTES.saturating_sub(self.line.len()));
        self.line.extend_from_slice(&part[..kept]);
        self.line_bytes += part.len();
        let Some(end) = end else { return &[] };
        let ends_in_cr = match part.last() {
            Some(last) => *last == b'\r',
            // The line feed came alone in this read: what stood before it was kept unless the line is over-long.
            None => self.line.last() == Some(&b'\r') || self.line_bytes > LINE_KEPT_BYTES,
        };
        if ends_in_cr {
            self.end_line();
        } else {
            self.fail("A line ends in a bare line feed.");
        }
        self.line.clear();
        self.line_bytes = 0;
        &bytes[end + 1..]
    }

    fn end_line(&mut self) {
        let is_empty = self.line_bytes == 1;
        match self.state {
            State::RequestLine if is_empty => {}
            State::RequestLine if self.heads == 0 && HTTP2_PREFACE.starts_with(&self.line) => {
                self.frames = Some(Frames::new());
            }
            State::RequestLine => self.state = State::Fields,
            State::Fields if is_empty => self.end_head(),
            State::Fields => self.read_field(),
            State::ChunkSize => self.read_chunk_size(),
            State::ChunkEnd => self.state = State::ChunkSize,
            State::Trailers if is_empty => self.state = State::RequestLine,
            State::Trailers | State::Sized(_) | State::Chunk(_) | State::Opaque => {}
        }
    }

    fn read_field(&mut self) {
        let Some(colon) = self.line.iter().position(|byte| *byte == b':') else { return };
        let name = self.line[..colon].trim_ascii_end();
        let is_length = name.eq_ignore_ascii_case(b"content-length");
        let is_encoding = name.eq_ignore_ascii_case(b"transfer-encoding");
        if !is_length && !is_encoding {
            return;
        }
        if self.line_bytes > LINE_KEPT_BYTES {
            return self.fail("A framing header is over-long.");
        }
        let value = self.line[colon + 1..].trim_ascii();
        if is_encoding {
            self.encodings += 1;
            self.is_chunked = value.eq_ignore_ascii_case(b"chunked");
            return;
        }
        self.lengths += 1;
        let is_plain = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        self.length = std::str::from_utf8(value).ok().filter(|_| is_plain).and_then(|digits| digits.parse().ok());
    }

    fn end_head(&mut self) {
        if self.lengths > 0 && self.encodings > 0 {
            return self.fail("The request has both Content-Length and Transfer-Encoding.");
        }
        if self.lengths > 1 {
            return self.fail("The request has more than one Content-Length.");
        }
        if self.lengths == 1 && self.length.is_none() {
            return self.fail("Content-Length is not a number.");
        }
        if self.encodings > 1 || (self.encodings == 1 && !self.is_chunked) {
            return self.fail("Transfer-Encoding is not chunked.");
        }
        self.state = match self.length {
            Some(length) if length > 0 => State::Sized(length),
            Some(_) | None if self.is_chunked => State::ChunkSize,
            Some(_) | None => State::RequestLine,
        };
        self.heads += 1;
        (self.lengths, self.length, self.encodings, self.is_chunked) = (0, None, 0, false);
    }

    fn read_chunk_size(&mut self) {
        let digits = self.line.split(|byte| matches!(byte, b';' | b'\r')).next().unwrap_or_default().trim_ascii();
        let size = std::str::from_utf8(digits).ok().and_then(|digits| u64::from_str_radix(digits, 16).ok());
        self.state = match size {
            Some(0) => State::Trailers,
            Some(size) => State::Chunk(size),
            // The parser refuses it too, in the middle of the body, and closes.
            None => State::Opaque,
        };
    }

    /// A fault behind the head, in a chunked body, belongs to the request that is being read.
    fn fail(&mut self, detail: &'static str) {
        let head = match self.state {
            State::ChunkSize | State::ChunkEnd | State::Trailers => self.heads.saturating_sub(1),
            State::RequestLine | State::Fields | State::Sized(_) | State::Chunk(_) | State::Opaque => self.heads,
        };
        self.fault = Some(Fault { head, detail });
        self.state = State::Opaque;
    }
}

#[cfg(test)]
#[path = "scanner_fuzz_tests.rs"]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds the text whole and byte by byte; both must see the same.
    fn scan(text: &str) -> Scanner {
        let mut whole = Scanner::new();
        whole.feed(text.as_bytes());
        let mut bytewise = Scanner::new();
        for byte in text.bytes() {
            bytewise.feed(&[byte]);
        }
        assert_eq!(
            (whole.fault, whole.phase(), whole.heads),
            (bytewise.fault, bytewise.phase(), bytewise.heads),
            "{text:?}"
        );
        whole
    }

    #[test]
    fn clean_streams_are_followed_to_the_next_head() {
        for (text, heads, phase) in [
            ("", 0, Phase::Start),
            ("GET", 0, Phase::Head),
            ("GET / HTTP/1.1\r\nHost: a\r\n", 0, Phase::Head),
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 1, Phase::Between),
            ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n", 1, Phase::Between),
            ("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n\n\n", 1, Phase::Body),
            ("POST / HTTP/1.1\r\ncontent-length:3\r\n\r\n\n\n\nGET / HTTP/1.1\r\n\r\n", 2, Phase::Between),
            ("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 1, Phase::Between),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n3;x=y\r\n\n\n\n\r\n0\r\nT: x\r\n\r\nGE",
                1,
                Phase::Head,
            ),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n", 1, Phase::Body),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0, Phase::Http2),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\n\n\n", 0, Phase::Head),
        ] {
            let scanner = scan(text);
            assert_eq!((scanner.fault, scanner.heads, scanner.phase()), (None, heads, phase), "{text:?}");
        }
    }

    #[test]
    fn what_two_readers_could_read_differently_is_a_fault() {
        let first = |rest: &str| format!("POST / HTTP/1.1\r\nHost: a\r\n{rest}");
        for (text, head) in [
            (first("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"), 0),
            (first("Transfer-Encoding: chunked\r\ncontent-length: 3\r\n\r\n"), 0),
            (first("Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"), 0),
            (first("Content-Length: 3, 3\r\n\r\nabc"), 0),
            (first("Content-Length: +3\r\n\r\nabc"), 0),
            (first("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"), 0),
            (first("Transfer-Encoding: gzip, chunked\r\n\r\n"), 0),
            (first("Transfer-Encoding : xchunked\r\n\r\n"), 0),
            (first("X: y\n\r\n"), 0),
            ("GET / HTTP/1.1\nHost: a\n\n".to_owned(), 0),
            ("\nGET / HTTP/1.1\r\n\r\n".to_owned(), 0),
            (format!("{}GET / HTTP/1.1\nHost: a\r\n\r\n", first("Content-Length: 2\r\n\r\nab")), 1),
            (first("Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n"), 0),
            (first(&format!("Transfer-Encoding: {}chunked\r\n\r\n", " ".repeat(300))), 0),
        ] {
            assert_eq!(scan(&text).fault.map(|fault| fault.head), Some(head), "{text:?}");
        }
    }

    #[test]
    fn a_long_line_is_followed_without_being_kept() {
        let text = format!("GET /{} HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(9000), "b".repeat(9000));
        let scanner = scan(&text);
        assert_eq!((scanner.fault, scanner.phase()), (None, Phase::Between));
        assert!(scanner.line.capacity() <= 2 * LINE_KEPT_BYTES);
    }
}
