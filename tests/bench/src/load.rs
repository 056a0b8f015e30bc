//! The load: a closed loop over kept connections, from one thread, with requests that were written beforehand.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::latency::Latencies;

const SILENCE_MAX: Duration = Duration::from_secs(10);
const BUFFER_BYTES: usize = 256 * 1024;

/// What is asked, by how many, and what every answer has to say.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Whom, one connection after the other.
    pub addresses: Vec<SocketAddr>,
    /// How many ask at the same time.
    pub connections: usize,
    /// The requests, whole; each is sent in its turn.
    pub requests: Arc<Vec<Box<[u8]>>>,
    /// Every answer has this status and this text in it.
    pub expected: Expected,
}

/// What every answer has to be.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    /// Its status.
    pub status: u16,
    /// What stands in it.
    pub text: &'static str,
    /// How often at least.
    pub times: usize,
}

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    /// After this time.
    Elapsed(Duration),
    /// After so many requests.
    Sent(u64),
}

/// What a load came to.
#[derive(Debug)]
pub struct Outcome {
    /// How many answers were as expected.
    pub right: u64,
    /// How many were not, and one of them.
    pub wrong: u64,
    /// One answer that was not as expected.
    pub wrong_answer: Option<String>,
    /// From the first request to the last answer.
    pub elapsed: Duration,
    /// Of every answer.
    pub latencies: Latencies,
}

/// Open connections.
pub struct Load<'a> {
    plan: &'a Plan,
    next: usize,
    poll: Poll,
    connections: Vec<Connection>,
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
    sent_at: Instant,
}

impl Outcome {
    /// Itself, if every answer was as expected.
    pub fn all_right(self) -> anyhow::Result<Self> {
        if let Some(answer) = &self.wrong_answer {
            bail!("{} of {} answers are not what they have to be:\n{answer}", self.wrong, self.wrong + self.right);
        }
        Ok(self)
    }
}

impl<'a> Load<'a> {
    /// Opens the connections; the first request is the one at `from`.
    pub fn open(plan: &'a Plan, from: usize) -> anyhow::Result<Self> {
        let poll = Poll::new()?;
        let mut connections = Vec::with_capacity(plan.connections);
        for number in 0..plan.connections {
            let address = plan.addresses[number % plan.addresses.len()];
            let stream = std::net::TcpStream::connect(address).context("connecting")?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(number), Interest::READABLE)?;
            connections.push(Connection { stream, buffer: vec![0; BUFFER_BYTES], filled: 0, sent_at: Instant::now() });
        }
        Ok(Self { plan, next: from, poll, connections })
    }

    /// The number of the request that would be sent next.
    pub fn next(&self) -> usize {
        self.next
    }

    /// Keeps every connection busy until it is time, and waits for the answers.
    pub fn run(&mut self, until: Until) -> anyhow::Result<Outcome> {
        let started = Instant::now();
        let mut outcome = Outcome {
            right: 0,
            wrong: 0,
            wrong_answer: None,
            elapsed: Duration::ZERO,
            latencies: Latencies::default(),
        };
        let (mut sent, mut waiting) = (0_u64, 0_usize);
        for number in 0..self.connections.len() {
            if until.allows(sent, started) {
                self.send(number)?;
                (sent, waiting) = (sent + 1, waiting + 1);
            }
        }
        let mut events = Events::with_capacity(1024);
        while waiting > 0 {
            self.poll.poll(&mut events, Some(SILENCE_MAX))?;
            ensure!(!events.is_empty(), "no answer within {SILENCE_MAX:?}");
            for event in &events {
                let number = event.token().0;
                if !self.connections[number].receive(self.plan.expected, &mut outcome)? {
                    continue;
                }
                if until.allows(sent, started) {
                    self.send(number)?;
                    sent += 1;
                } else {
                    waiting -= 1;
                }
            }
        }
        outcome.elapsed = started.elapsed();
        Ok(outcome)
    }

    fn send(&mut self, number: usize) -> anyhow::Result<()> {
        let request = &self.plan.requests[self.next % self.plan.requests.len()];
        self.next += 1;
        let connection = &mut self.connections[number];
        connection.sent_at = Instant::now();
        // One request waits for its answer before the next: the socket's buffer is empty, and larger than a request.
        let written = connection.stream.write(request).context("sending")?;
        ensure!(written == request.len(), "a request of {} bytes does not fit into a socket", request.len());
        Ok(())
    }
}

impl Until {
    fn allows(self, sent: u64, started: Instant) -> bool {
        match self {
            Self::Elapsed(time) => started.elapsed() < time,
            Self::Sent(count) => sent < count,
        }
    }
}

impl Connection {
    /// Reads what there is; says whether an answer is complete.
    fn receive(&mut self, expected: Expected, outcome: &mut Outcome) -> anyhow::Result<bool> {
        loop {
            match self.stream.read(&mut self.buffer[self.filled..]) {
                Ok(0) => bail!("the connection was closed, or an answer has more than {BUFFER_BYTES} bytes"),
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error).context("reading an answer"),
            }
            let received = &self.buffer[..self.filled];
            let Some(length) = answer_length(received)? else { continue };
            ensure!(length == self.filled, "more than one answer to one request");
            outcome.latencies.note(self.sent_at.elapsed());
            if expected.is_met_by(received) {
                outcome.right += 1;
            } else {
                outcome.wrong += 1;
                outcome.wrong_answer = Some(String::from_utf8_lossy(received).into_owned());
            }
            self.filled = 0;
            return Ok(true);
        }
    }
}

impl Expected {
    fn is_met_by(self, answer: &[u8]) -> bool {
        let status = answer.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok());
        let has_status = status.and_then(|digits| digits.parse().ok()) == Some(self.status);
        has_status && self.is_in(answer)
    }
}

impl Expected {
    fn is_in(self, answer: &[u8]) -> bool {
        let mut rest = answer;
        (0..self.times).all(|_| match position(rest, self.text.as_bytes()) {
            Some(at) => {
                rest = &rest[at + self.text.len()..];
                true
            }
            None => false,
        })
    }
}

/// How long the answer is, once its head is there and all of it has come.
fn answer_length(received: &[u8]) -> anyhow::Result<Option<usize>> {
    let Some(head) = position(received, b"\r\n\r\n") else { return Ok(None) };
    let mut lines = received[..head].split(|byte| *byte == b'\n');
    let name = b"content-length:";
    let length = lines.find(|line| line.len() > name.len() && line[..name.len()].eq_ignore_ascii_case(name));
    let length = length.context("an answer without a length")?;
    let body: usize = std::str::from_utf8(&length[name.len()..])?.trim().parse()?;
    let whole = head + 4 + body;
    Ok((received.len() >= whole).then_some(whole))
}

fn position(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_when_its_body_is() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nx: y\r\n\r\nhello";
        assert_eq!(answer_length(answer).unwrap(), Some(answer.len()));
        assert_eq!(answer_length(&answer[..answer.len() - 1]).unwrap(), None);
        assert_eq!(answer_length(&answer[..20]).unwrap(), None);
        assert!(answer_length(b"HTTP/1.1 200 OK\r\nx: y\r\n\r\n").is_err());
    }

    #[test]
    fn a_wrong_answer_is_told() {
        let expected = Expected { status: 200, text: "VALID", times: 1 };
        assert!(expected.is_met_by(b"HTTP/1.1 200 OK\r\n\r\nVALID"));
        assert!(!expected.is_met_by(b"HTTP/1.1 200 OK\r\n\r\nEXPIRED"));
        assert!(!expected.is_met_by(b"HTTP/1.1 503 OK\r\n\r\nVALID"));
        let twice = Expected { times: 2, ..expected };
        assert!(twice.is_met_by(b"HTTP/1.1 200 OK\r\n\r\nVALID,VALID"));
        assert!(!twice.is_met_by(b"HTTP/1.1 200 OK\r\n\r\nVALID,EXPIRED"));
    }
}
