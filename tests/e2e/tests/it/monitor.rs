//! Redis' `MONITOR`: every command that any client sends, as text.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::task::JoinHandle;

use crate::asking::await_that;

/// A running `MONITOR`.
pub struct Monitor {
    reading: JoinHandle<()>,
    lines: std::sync::Arc<std::sync::Mutex<Vec<String>>>,
    admin_url: String,
}

impl Monitor {
    /// Starts to listen, as the administrator of a Redis at `redis://name:password@host:port/`.
    pub async fn start(admin_url: &str) -> Self {
        let (credentials, address) = admin_url.strip_prefix("redis://").unwrap().split_once('@').unwrap();
        let (name, password) = credentials.split_once(':').unwrap();
        let (read, mut write) = TcpStream::connect(address.trim_end_matches('/')).await.unwrap().into_split();
        write.write_all(format!("AUTH {name} {password}\r\nMONITOR\r\n").as_bytes()).await.unwrap();
        let mut read = BufReader::new(read);
        for _ in 0..2 {
            let mut answer = String::new();
            read.read_line(&mut answer).await.unwrap();
            assert_eq!(answer, "+OK\r\n");
        }
        let lines = std::sync::Arc::default();
        let kept = std::sync::Arc::clone(&lines);
        let reading = tokio::spawn(async move {
            // The connection lives as long as both of its halves.
            let _write = write;
            keep(read, &kept).await;
        });
        Self { reading, lines, admin_url: admin_url.to_owned() }
    }

    /// What was sent since the start, up to now.
    pub async fn finish(self) -> Vec<String> {
        let client = redis::Client::open(self.admin_url.as_str()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        redis::cmd("ECHO").arg("the end of the capture").query_async::<String>(&mut connection).await.unwrap();
        let is_whole = async || self.lines.lock().unwrap().iter().any(|line| line.contains("the end of the capture"));
        await_that("the capture is whole", Duration::from_secs(5), is_whole).await;
        self.reading.abort();
        self.lines.lock().unwrap().clone()
    }
}

async fn keep(mut read: BufReader<OwnedReadHalf>, kept: &std::sync::Mutex<Vec<String>>) {
    let mut line = String::new();
    while read.read_line(&mut line).await.is_ok_and(|bytes| bytes > 0) {
        kept.lock().unwrap().push(std::mem::take(&mut line));
    }
}
