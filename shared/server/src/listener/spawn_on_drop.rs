//! Work that is finished whatever becomes of whoever waits for it.

use std::{
    panic::AssertUnwindSafe,
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::FutureExt;
use tokio::runtime::Handle;

/// What a panic leaves behind.
pub(crate) type Panic = Box<dyn std::any::Any + Send>;

type Work<T> = Pin<Box<dyn Future<Output = Result<T, Panic>> + Send>>;

/// Runs in the task of whoever waits; dropped half-way, goes on in a task of its own.
///
/// A task for each request from the start would cost every request what hardly any needs.
pub(crate) struct SpawnOnDrop<T: Send + 'static>(Option<Work<T>>);

impl<T: Send + 'static> SpawnOnDrop<T> {
    /// Wraps `work`, and makes a panic in it a value.
    pub(crate) fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Some(Box::pin(AssertUnwindSafe(work).catch_unwind())))
    }
}

impl<T: Send + 'static> Future for SpawnOnDrop<T> {
    type Output = Result<T, Panic>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let work = self.0.as_mut().expect("nobody polls what has ended");
        let polled = work.as_mut().poll(cx);
        if polled.is_ready() {
            self.0 = None;
        }
        polled
    }
}

impl<T: Send + 'static> Drop for SpawnOnDrop<T> {
    fn drop(&mut self) {
        if let (Some(work), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn work_that_nobody_waits_for_any_more_is_finished() {
        let (go_on, told) = oneshot::channel::<()>();
        let (done, finished) = oneshot::channel();
        let work = SpawnOnDrop::new(async move {
            told.await.unwrap();
            done.send(7).unwrap();
        });
        assert!(tokio::time::timeout(Duration::from_millis(10), work).await.is_err(), "it waits, and is dropped");
        go_on.send(()).unwrap();
        assert_eq!(finished.await, Ok(7));
    }

    #[tokio::test]
    async fn a_panic_is_a_value() {
        let work: SpawnOnDrop<()> = SpawnOnDrop::new(async { panic!("oh") });
        assert_eq!(*work.await.unwrap_err().downcast_ref::<&str>().unwrap(), "oh");
    }
}
