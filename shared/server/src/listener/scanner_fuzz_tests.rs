//! The scanner beside the parser it watches over: cut anywhere, both find the same heads, or the scanner says a fault.

use std::{
    cell::RefCell,
    convert::Infallible,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use fuzzing::{Outcome, fuzz, spoiled_bytes};
use http_body_util::{BodyExt, Empty};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    rt::{Read, ReadBufCursor, Write},
    server::conn::http1,
    service::service_fn,
};
use proptest::prelude::*;

use super::*;

/// A peer that sends its pieces one by one, then ends, and takes every answer.
struct Peer {
    pieces: std::vec::IntoIter<Vec<u8>>,
}

impl Read for Peer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(mut piece) = self.pieces.next() else { return Poll::Ready(Ok(())) };
        if piece.is_empty() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let rest = piece.split_off(piece.len().min(buffer.remaining()));
        buffer.put_slice(&piece);
        if !rest.is_empty() {
            self.pieces = [vec![rest], self.pieces.by_ref().collect()].concat().into_iter();
        }
        Poll::Ready(Ok(()))
    }
}

impl Write for Peer {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What the parser made of a stream.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Parsed {
    /// The length of each request's body, or nothing where it could not be read to its end.
    bodies: Vec<Option<usize>>,
    /// Whether it went on to the stream's end: it found no fault, and no request asked to be the last.
    is_whole: bool,
}

fn parse(pieces: Vec<Vec<u8>>) -> Parsed {
    let seen = Rc::new(RefCell::new((Parsed::default(), false)));
    let service = service_fn(|request: Request<Incoming>| {
        let seen = Rc::clone(&seen);
        async move {
            let version = request.version();
            let options = request.headers().get_all(http::header::CONNECTION);
            let asks =
                |word| options.iter().any(|value| value.as_bytes().to_ascii_lowercase().windows(5).any(|w| w == word));
            let is_last =
                request.method() == http::Method::CONNECT || version != http::Version::HTTP_11 || asks(b"close");
            seen.borrow_mut().1 |= is_last;
            let body = request.into_body().collect().await.ok().map(|body| body.to_bytes().len());
            seen.borrow_mut().0.bodies.push(body);
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        }
    });
    let connection = http1::Builder::new()
        .max_buf_size(super::super::HEAD_BUFFER_MAX_BYTES)
        .serve_connection(Peer { pieces: pieces.into_iter() }, service);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without drivers");
    let is_clean = runtime.block_on(connection).is_ok();
    let (parsed, is_closing) = seen.borrow().clone();
    let is_whole = is_clean && !is_closing && !parsed.bodies.contains(&None);
    Parsed { is_whole, ..parsed }
}

fn some_request() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        6 => Just("GET /v1/x HTTP/1.1"), 3 => Just("POST / HTTP/1.1"), 1 => Just("GET / HTTP/1.0"), 1 => Just("CONNECT a:1 HTTP/1.1"),
        1 => Just("PRI * HTTP/2.0"),
    ];
    let field = prop_oneof![
        4 => Just("Host: a\r\n"), 2 => Just("X: y\r\n"), 1 => Just("X:\r\n"), 1 => Just("Connection: close\r\n"),
        1 => Just("Content-Length: 0\r\n"), 1 => Just("Transfer-Encoding: identity\r\n"), 1 => Just("Expect: 100-continue\r\n"),
        1 => Just("X: y\r\n folded\r\n"),
    ];
    let chunk = prop_oneof![
        4 => "[a-z\r\n]{1,20}".prop_map(|data| format!("{:x}\r\n{data}\r\n", data.len())),
        1 => "[a-z]{1,9}".prop_map(|data| format!("{:X} ;a=b\r\n{data}\r\n", data.len())),
        1 => Just("00\r\n\r\n".to_owned()),
    ];
    let chunked = (proptest::collection::vec(chunk, 0..3), prop_oneof![3 => Just(""), 1 => Just("T: x\r\n")]).prop_map(
        |(chunks, trailer)| format!("Transfer-Encoding: chunked\r\n\r\n{}0\r\n{trailer}\r\n", chunks.concat()),
    );
    let body = prop_oneof![
        4 => Just("\r\n".to_owned()),
        3 => "[a-zGET /\r\n]{0,30}".prop_map(|data| format!("Content-Length: {}\r\n\r\n{data}", data.len())),
        3 => chunked,
    ];
    let gap = prop_oneof![8 => Just(""), 1 => Just("\r\n"), 1 => Just("\n")];
    (gap, line, proptest::collection::vec(field, 0..3), body)
        .prop_map(|(gap, line, fields, body)| format!("{gap}{line}\r\n{}{body}", fields.concat()))
}

fn some_stream() -> impl Strategy<Value = (Vec<u8>, Vec<usize>)> {
    let valid = || proptest::collection::vec(some_request(), 1..4).prop_map(|requests| requests.concat().into_bytes());
    let bytes = prop_oneof![
        3 => valid(), 6 => spoiled_bytes(valid(), "\r\n :;,GETPOSTHTTP/1.10123chunkedContent-LengthTransfer-Encoding+"),
        1 => proptest::collection::vec(any::<u8>(), 0..60),
    ];
    (bytes, proptest::collection::vec(0usize..400, 0..4))
}

fn cut(bytes: &[u8], places: &[usize]) -> Vec<Vec<u8>> {
    let mut places: Vec<usize> = places.iter().map(|at| at % (bytes.len() + 1)).chain([0, bytes.len()]).collect();
    places.sort_unstable();
    places.windows(2).map(|pair| bytes[pair[0]..pair[1]].to_vec()).collect()
}

#[test]
fn the_scanner_and_the_parser_read_the_same_requests_however_they_are_cut() {
    fuzz("request head", some_stream(), |(bytes, places)| {
        let mut whole = Scanner::new();
        whole.feed(&bytes);
        let mut in_pieces = Scanner::new();
        let pieces = cut(&bytes, &places);
        pieces.iter().for_each(|piece| in_pieces.feed(piece));
        prop_assert_eq!(
            (whole.fault, whole.phase(), whole.heads),
            (in_pieces.fault, in_pieces.phase(), in_pieces.heads)
        );
        let parsed = parse(pieces);
        match whole.fault {
            // Whatever the parser makes of a head with a fault, the request with its number is refused.
            Some(fault) => {
                let read_whole = parsed.bodies.iter().flatten().count();
                prop_assert!(fault.head <= whole.heads);
                prop_assert!(!parsed.is_whole || read_whole >= fault.head, "{:?} {:?}", fault, parsed);
                Ok(Outcome::Refused)
            }
            None if whole.phase() == Phase::Opaque => {
                prop_assert!(!parsed.is_whole || parsed.bodies.is_empty(), "{:?}", parsed);
                Ok(Outcome::Refused)
            }
            None => {
                prop_assert!(parsed.bodies.len() <= whole.heads, "{:?} in {} heads", parsed, whole.heads);
                if parsed.is_whole && whole.phase() != Phase::Body {
                    prop_assert_eq!(parsed.bodies.len(), whole.heads, "{:?}", parsed);
                }
                Ok(Outcome::Accepted)
            }
        }
    });
}
