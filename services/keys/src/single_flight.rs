//! One read at a time for each thing that is missing: who comes while it runs waits for the same answer.

use std::collections::HashMap;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::Shared;

type Pending<V> = Shared<Pin<Box<dyn Future<Output = V> + Send>>>;

/// The reads that are under way.
pub struct SingleFlight<K, V> {
    running: Arc<Mutex<HashMap<K, Call<V>>>>,
}

struct Call<V> {
    started: Instant,
    pending: Pending<V>,
}

/// A read that is under way. Its end takes it off the list, also when it panics: nobody may wait for it after that.
struct RemoveOnDrop<K: Eq + Hash, V> {
    running: Arc<Mutex<HashMap<K, Call<V>>>>,
    name: K,
    started: Instant,
}

/// What a read brought, and when that read began.
pub struct Outcome<V> {
    pub value: V,
    pub started: Instant,
}

impl<K, V> SingleFlight<K, V>
where
    K: Eq + Hash + Clone + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// No reads.
    pub fn new() -> Self {
        Self { running: Arc::default() }
    }

    /// Joins the read of `name` that is under way, if it began at `since` or later; else begins one.
    ///
    /// The read is a task of its own: whoever gives up waiting takes it from nobody else.
    pub async fn join<F>(&self, name: &K, since: Option<Instant>, read: impl FnOnce() -> F) -> Outcome<V>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let (started, pending) = self.start(name, since, read);
        Outcome { value: pending.await, started }
    }

    /// Begins a read of `name`, unless one is under way, and waits for none.
    pub fn begin<F>(&self, name: &K, read: impl FnOnce() -> F)
    where
        F: Future<Output = V> + Send + 'static,
    {
        // Nobody is there to hear of it: the read is a task of its own.
        drop(self.start(name, None, read));
    }

    fn start<F>(&self, name: &K, since: Option<Instant>, read: impl FnOnce() -> F) -> (Instant, Pending<V>)
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(call) = running.get(name)
            && since.is_none_or(|since| call.started >= since)
        {
            return (call.started, call.pending.clone());
        }
        let started = Instant::now();
        let remove = RemoveOnDrop { running: Arc::clone(&self.running), name: name.clone(), started };
        let work = read();
        let task = tokio::spawn(trace::inherit(async move {
            let _remove = remove;
            work.await
        }));
        let pending: Pending<V> = async move { task.await.expect("reads return their errors") }.boxed().shared();
        running.insert(name.clone(), Call { started, pending: pending.clone() });
        (started, pending)
    }
}

impl<K: Eq + Hash, V> Drop for RemoveOnDrop<K, V> {
    fn drop(&mut self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.get(&self.name).is_some_and(|call| call.started == self.started) {
            running.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_running_read_is_shared_unless_it_began_too_early() {
        let calls: SingleFlight<u8, u32> = SingleFlight::new();
        let reads = Arc::new(AtomicU32::new(0));
        let read = || {
            let reads = Arc::clone(&reads);
            async move {
                tokio::time::sleep(Duration::from_millis(50)).await;
                reads.fetch_add(1, Ordering::SeqCst) + 1
            }
        };
        let together = futures_util::future::join3(
            calls.join(&1, None, read),
            calls.join(&1, None, read),
            calls.join(&2, None, read),
        );
        let (a, b, _) = together.await;
        assert_eq!(a.value, b.value);
        assert_eq!(reads.load(Ordering::SeqCst), 2);
        let first = calls.join(&1, None, read);
        let later = async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            calls.join(&1, Some(Instant::now()), read).await
        };
        let (first, later) = futures_util::future::join(first, later).await;
        assert!(later.started > first.started && later.value != first.value);
        assert!(calls.running.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_read_that_nobody_waits_for_runs_once_and_is_joined() {
        let calls: SingleFlight<u8, u32> = SingleFlight::new();
        let reads = Arc::new(AtomicU32::new(0));
        let read = || {
            let reads = Arc::clone(&reads);
            async move {
                tokio::time::sleep(Duration::from_millis(10)).await;
                reads.fetch_add(1, Ordering::SeqCst) + 1
            }
        };
        calls.begin(&1, read);
        calls.begin(&1, read);
        assert_eq!(calls.join(&1, None, read).await.value, 1);
        calls.begin(&1, read);
        while reads.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_read_that_panicked_is_waited_for_by_nobody() {
        let calls: Arc<SingleFlight<u8, u32>> = Arc::new(SingleFlight::new());
        let first = Arc::clone(&calls);
        let broken = tokio::spawn(async move { first.join(&1, None, || async { panic!("on purpose") }).await.value });
        assert!(broken.await.is_err());
        assert_eq!(calls.join(&1, None, || async { 7 }).await.value, 7);
    }
}
