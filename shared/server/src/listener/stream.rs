//! The bytes of a connection on their way to and from the parser: followed, held up where they have to wait, and refused.

use std::{
    io,
    mem::MaybeUninit,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    Queue,
    line::Standing,
    ration::REST_MS,
    scanner::{Phase, Scanner},
    watch::Watch,
};

/// The largest request that is refused unparsed.
const REFUSED_MAX_BYTES: usize = 4096;
/// How much of an answer is copied to be written as one piece.
const COPIED_MAX_BYTES: usize = 2048;

/// Until when nothing is read. The clock is set when there is something to read before that: mostly there is not, and
/// waking a connection for nothing costs a part of what a refusal does.
struct Rest {
    until: Instant,
    clock: Option<Pin<Box<Sleep>>>,
}

/// A socket whose bytes are followed on their way to the parser.
pub(super) struct WatchedStream {
    stream: TcpStream,
    shutdown: CancellationToken,
    /// Whether everything of the answers so far was handed to the socket.
    is_flushed: bool,
    scanner: Scanner,
    watch: Arc<Watch>,
    rest: Option<Rest>,
    standing: Option<Standing>,
}

impl WatchedStream {
    pub(super) fn new(stream: TcpStream, watch: Arc<Watch>, queue: Option<Queue>, shutdown: CancellationToken) -> Self {
        let standing = queue.map(Queue::standing);
        Self { stream, shutdown, is_flushed: true, scanner: Scanner::new(), watch, rest: None, standing }
    }

    /// Ready where the next bytes may be read: not while the connection rests. A request is read to its end first,
    /// since the parser closes a connection in the middle of one.
    fn poll_rested(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let is_between = self.scanner.phase() == Phase::Between;
        if is_between && self.watch.takes_rest() {
            let at_random = || Instant::now() + Duration::from_millis(rand::random_range(REST_MS));
            let until = self.standing.as_ref().map_or_else(at_random, Standing::rest);
            self.rest = Some(Rest { until, clock: None });
        }
        if let Some(rest) = &mut self.rest {
            // What is wrong with the socket is told when it is read.
            let _ = ready!(self.stream.poll_read_ready(cx));
            if rest.clock.is_some() || Instant::now() < rest.until {
                let clock = rest.clock.get_or_insert_with(|| Box::pin(sleep_until(rest.until)));
                ready!(clock.as_mut().poll(cx));
            }
            self.rest = None;
        }
        Poll::Ready(())
    }

    /// Ready where the next request may be read: when it has its turn, or has waited for one too long.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let is_next = matches!(self.scanner.phase(), Phase::Start | Phase::Between) && !self.watch.is_in_flight();
        let Some(standing) = self.standing.as_mut().filter(|standing| is_next && standing.is_needed()) else {
            return Poll::Ready(());
        };
        // Who has nothing to say waits for that and not for a turn.
        if ready!(self.stream.poll_read_ready(cx)).is_err() {
            return Poll::Ready(());
        }
        let turn = ready!(standing.poll_turn(self.watch.last(), cx));
        self.watch.begin(turn);
        Poll::Ready(())
    }

    /// Reads what has waited for its turn in vain, and refuses it without the parser where these bytes are the whole of
    /// it and nobody has to look at it; says whether it did. What is refused is not read into the connection's own
    /// memory, which is cold.
    fn poll_refuse(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<bool>> {
        let mut room = [MaybeUninit::uninit(); REFUSED_MAX_BYTES];
        let mut request = ReadBuf::uninit(&mut room[..buffer.remaining().min(REFUSED_MAX_BYTES)]);
        let mark = self.scanner.mark();
        let read = Pin::new(&mut self.stream).poll_read(cx, &mut request);
        self.follow(request.filled());
        ready!(read)?;
        let is_refused = self.refuse(request.filled(), mark)?;
        if !is_refused {
            buffer.put_slice(request.filled());
        }
        Poll::Ready(Ok(is_refused))
    }

    fn refuse(&self, request: &[u8], mark: usize) -> io::Result<bool> {
        let is_one = self.scanner.mark() == mark + 1 && self.scanner.phase() == Phase::Between;
        let is_plain = is_one && self.scanner.fault().is_none() && self.is_flushed && !self.shutdown.is_cancelled();
        let Some(standing) = self.standing.as_ref().filter(|_| is_plain) else { return Ok(false) };
        let Some(answer) = standing.refusal(request) else { return Ok(false) };
        match self.stream.try_write(&answer) {
            Ok(written) if written == answer.len() => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            // A socket without room for an answer of a few hundred bytes belongs to one who takes none.
            Ok(_) => return Err(io::ErrorKind::WriteZero.into()),
            Err(error) => return Err(error),
        }
        standing.note_refused();
        self.watch.note_refused();
        Ok(true)
    }

    /// Follows what was read on its way to the parser.
    fn follow(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            self.note_silence();
        } else {
            self.scanner.feed(bytes);
            self.watch.note_read(&self.scanner);
        }
    }

    /// Whoever is slow to send a request does not keep the others from their turns.
    fn note_silence(&self) {
        if self.standing.is_some() && !(self.scanner.phase() == Phase::Between && self.watch.is_in_flight()) {
            self.watch.set_turn(None);
        }
    }

    fn noted<T>(&self, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.watch.note_write(written.is_pending());
        written
    }
}

impl AsyncRead for WatchedStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        loop {
            ready!(this.poll_rested(cx));
            ready!(this.poll_turn(cx));
            if this.watch.is_overdue() {
                if ready!(this.poll_refuse(cx, buffer))? {
                    continue;
                }
                return Poll::Ready(Ok(()));
            }
            let read = Pin::new(&mut this.stream).poll_read(cx, buffer);
            this.follow(&buffer.filled()[before..]);
            return read;
        }
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.is_flushed = false;
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.noted(written)
    }

    /// What is small is written as one piece, since a copy costs less than a second piece; what is large is not copied,
    /// above all not to a buffer that the connection would keep.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if pieces.iter().map(|piece| piece.len()).sum::<usize>() <= COPIED_MAX_BYTES {
            let mut copied = [0; COPIED_MAX_BYTES];
            let mut length = 0;
            for piece in pieces {
                copied[length..][..piece.len()].copy_from_slice(piece);
                length += piece.len();
            }
            return self.poll_write(cx, &copied[..length]);
        }
        self.is_flushed = false;
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.noted(written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Whoever asks for this has nothing left to write.
        self.is_flushed = !self.watch.is_in_flight();
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::{super::line::tests::vain, *};

    const POST: &[u8] = b"POST / HTTP/1.1\r\nHost: keys\r\nContent-Length: 2\r\n\r\n{}";
    const ANSWER: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

    /// Both ends of a connection, the second one followed.
    async fn connect(queue: Option<Queue>) -> (TcpStream, WatchedStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        (client, WatchedStream::new(stream, Watch::new(), queue, CancellationToken::new()))
    }

    async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
        let mut bytes = vec![0; 8192];
        let length = stream.read(&mut bytes).await.unwrap();
        bytes.truncate(length);
        bytes
    }

    #[tokio::test]
    async fn nothing_is_written_into_an_answer_that_is_still_on_its_way() {
        let (queue, _turns) = vain().await;
        let (mut client, mut stream) = connect(Some(queue)).await;
        stream.write_all(ANSWER).await.unwrap();
        client.write_all(POST).await.unwrap();
        assert_eq!(read(&mut stream).await, POST, "there may be more of the answer");
        assert_eq!(read(&mut client).await, ANSWER);
        stream.flush().await.unwrap();
        client.write_all(POST).await.unwrap();
        tokio::select! {
            bytes = read(&mut stream) => panic!("read {bytes:?}"),
            answer = read(&mut client) => assert!(answer.starts_with(b"HTTP/1.1 503 ")),
        }
    }

    #[tokio::test]
    async fn answers_arrive_whole_however_many_pieces_they_are_written_in() {
        let (mut client, mut stream) = connect(None).await;
        for lengths in [[10, 20], [0, COPIED_MAX_BYTES], [1, COPIED_MAX_BYTES], [200, 100_000]] {
            let pieces = [vec![b'a'; lengths[0]], vec![b'b'; lengths[1]]];
            let expected = pieces.concat();
            let mut written = 0;
            while written < expected.len() {
                let rest = [&pieces[0][written.min(lengths[0])..], &pieces[1][written.saturating_sub(lengths[0])..]];
                written += stream.write_vectored(&rest.map(io::IoSlice::new)).await.unwrap();
            }
            let mut arrived = vec![0; expected.len()];
            client.read_exact(&mut arrived).await.unwrap();
            assert!(arrived == expected, "{lengths:?}");
        }
    }
}
