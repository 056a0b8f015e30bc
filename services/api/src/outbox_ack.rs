//! Outbox rows that Redis has heard of, forgotten together a little later: a transaction for each would cost as much as
//! half a creation.

use std::time::Duration;

use store::Store;
use tokio::sync::mpsc;
use uuid::Uuid;

/// How long rows are gathered: well before a worker takes them for forgotten.
const GATHER: Duration = Duration::from_millis(100);
/// Rows that wait at the most. More than these stay for the worker, which publishes them again and does no harm.
const WAITING_MAX: usize = 10_000;

/// Where rows to be forgotten go. Clones share it.
#[derive(Debug, Clone)]
pub struct OutboxAck(mpsc::Sender<Uuid>);

impl OutboxAck {
    /// Forgets rows of this database for as long as somebody holds a clone.
    pub fn start(store: Store) -> Self {
        let (sender, mut receiver) = mpsc::channel(WAITING_MAX);
        tokio::spawn(async move {
            let mut rows = Vec::new();
            while receiver.recv_many(&mut rows, WAITING_MAX).await > 0 {
                tokio::time::sleep(GATHER).await;
                while let Ok(row) = receiver.try_recv() {
                    rows.push(row);
                }
                if let Err(error) = store.delete_outbox(&rows).await {
                    tracing::warn!(%error, "outbox rows stay and will be published again");
                }
                rows.clear();
            }
        });
        Self(sender)
    }

    /// Forgets these rows soon.
    pub fn forget(&self, rows: &[Uuid]) {
        for row in rows {
            // One that finds no room is published again.
            let _ = self.0.try_send(*row);
        }
    }
}
