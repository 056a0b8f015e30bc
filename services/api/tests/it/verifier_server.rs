//! An organization's present verifier, as tests need it: it knows texts, remembers who asked what, and can misbehave.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How it answers.
#[derive(Clone)]
pub enum Mood {
    /// `{"valid": …}`, as it knows.
    Honest,
    /// Not at all.
    Silent,
    /// These bytes, whatever was asked.
    Raw(&'static str),
    /// Without an end.
    Endless,
}

/// The server.
pub struct PresentVerifier {
    /// Its origin.
    pub origin: String,
    state: Arc<Mutex<State>>,
}

struct State {
    mood: Mood,
    good: HashSet<String>,
    /// Each request as it came, head and body.
    asked: Vec<String>,
}

impl PresentVerifier {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let state = State { mood: Mood::Honest, good: HashSet::new(), asked: Vec::new() };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { origin, state }
    }

    /// It accepts this text from now on.
    pub fn know(&self, text: &str) {
        self.state.lock().unwrap().good.insert(text.to_owned());
    }

    pub fn be(&self, mood: Mood) {
        self.state.lock().unwrap().mood = mood;
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) -> std::io::Result<()> {
    loop {
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).await?;
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        let body = String::from_utf8_lossy(&body).into_owned();
        let (mood, is_good) = {
            let mut state = state.lock().unwrap();
            state.asked.push(format!("{head}{body}"));
            let is_good = state.good.iter().any(|text| head.contains(text) || body.contains(text));
            (state.mood.clone(), is_good)
        };
        match mood {
            Mood::Honest => {
                let body = format!("{{\"valid\": {is_good}}}");
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                stream.write_all(answer.as_bytes()).await?;
            }
            Mood::Silent => std::future::pending().await,
            Mood::Raw(answer) => {
                stream.write_all(answer.as_bytes()).await?;
                return stream.shutdown().await;
            }
            Mood::Endless => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
                loop {
                    stream.write_all(b"4\r\nmore\r\n").await?;
                }
            }
        }
    }
}
