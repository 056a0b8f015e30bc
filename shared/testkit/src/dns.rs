//! A name server on loopback that knows the TXT records a test tells it, and no other name.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::UdpSocket;

const HEADER_BYTES: usize = 12;
const TYPE_AND_CLASS_BYTES: usize = 4;
const ANSWERED: u16 = 0x8180;
const NO_SUCH_NAME: u16 = 0x8183;

type Records = Arc<Mutex<BTreeMap<String, String>>>;

/// A name server. Dropping it stops it.
#[derive(Debug)]
pub struct NameServer {
    /// Where it listens.
    pub address: SocketAddr,
    records: Records,
    task: tokio::task::JoinHandle<()>,
}

impl NameServer {
    /// Starts it on a free port, without records.
    pub async fn start() -> std::io::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        let address = socket.local_addr()?;
        let records = Records::default();
        let task = tokio::spawn(answer(socket, Arc::clone(&records)));
        Ok(Self { address, records, task })
    }

    /// Gives a name its one TXT record.
    pub fn set(&self, name: &str, value: &str) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.insert(name.to_ascii_lowercase(), value.to_owned());
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(socket: UdpSocket, records: Records) {
    let mut buffer = [0u8; 512];
    while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
        let reply = reply(&buffer[..length], &records);
        if let Some(reply) = reply {
            let _ = socket.send_to(&reply, peer).await;
        }
    }
}

/// The reply to a message with one question, in the form of RFC 1035.
fn reply(message: &[u8], records: &Records) -> Option<Vec<u8>> {
    let (name, end) = read_name(message)?;
    let question = message.get(HEADER_BYTES..end + TYPE_AND_CLASS_BYTES)?;
    let value = records.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
    let mut reply = message.get(..2)?.to_vec();
    let flags = if value.is_some() { ANSWERED } else { NO_SUCH_NAME };
    for number in [flags, 1, u16::from(value.is_some()), 0, 0] {
        reply.extend(number.to_be_bytes());
    }
    reply.extend(question);
    if let Some(value) = value {
        let length = u8::try_from(value.len()).ok()?;
        // The question's name again, TXT, IN, not to be kept.
        reply.extend([0xc0, 0x0c, 0, 16, 0, 1, 0, 0, 0, 0]);
        reply.extend((u16::from(length) + 1).to_be_bytes());
        reply.push(length);
        reply.extend(value.as_bytes());
    }
    Some(reply)
}

/// The name of the question, and where it ends.
fn read_name(message: &[u8]) -> Option<(String, usize)> {
    let (mut labels, mut at) = (Vec::new(), HEADER_BYTES);
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        labels.push(String::from_utf8(message.get(at..at + length)?.to_ascii_lowercase()).ok()?);
        at += length;
    }
}
