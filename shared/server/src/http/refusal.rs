//! The gate of a listener: how urgent a request is, and the answer to one that is not let in.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use domain::urgency::Urgency;
use poem::{Request, Response};

use super::{Admission, Ticket, framing::BrokenHead};
use crate::problem::{ErrorCode, Problem};

/// The longest that a refused caller is told to wait.
const WAIT_MAX_SECONDS: u64 = 3;

/// Decides about a request before anything of it is read but its head.
#[derive(Clone)]
pub(super) struct Gate {
    admission: Admission,
    judge: Arc<dyn Fn(&Request) -> Urgency + Send + Sync>,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("admission", &self.admission).finish_non_exhaustive()
    }
}

impl Gate {
    /// A gate at which everything is as urgent as a verification.
    pub(super) fn new(admission: Admission) -> Self {
        Self { admission, judge: Arc::new(|_| Urgency::Verification) }
    }

    /// A gate at which `judge` says how urgent a request is.
    pub(super) fn judging(self, judge: impl Fn(&Request) -> Urgency + Send + Sync + 'static) -> Self {
        Self { judge: Arc::new(judge), ..self }
    }

    /// Lets a request in, and notes in it how urgent it is.
    pub(super) fn try_enter(&self, request: &mut Request) -> Option<Ticket> {
        // What cannot be told where it ends has to close its connection, which the screen behind the gate sees to at
        // once; it does no work that could be too much.
        let urgency = match request.data::<BrokenHead>() {
            Some(_) => Urgency::Revocation,
            None => (self.judge)(request),
        };
        if request.data::<Overdue>().is_some() && urgency != Urgency::Revocation {
            self.admission.count_refused(urgency);
            return None;
        }
        let ticket = self.admission.try_enter(urgency)?;
        request.set_data(urgency);
        Some(ticket)
    }
}

/// Marks a request that waited for its turn in vain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Overdue;

/// Marks the answer to a request that was not let in: its connection has to rest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NotLetIn;

/// The refusal. Whoever obeys it comes back at a time of its own: all together they would be the next flood.
pub(super) fn overloaded(request_id: &str) -> Response {
    static TURN: AtomicU64 = AtomicU64::new(0);
    let wait = Duration::from_secs(1 + TURN.fetch_add(1, Relaxed) % WAIT_MAX_SECONDS);
    let mut response = Problem::new(ErrorCode::Overloaded).retry_after(wait).into_response(request_id);
    response.set_data(NotLetIn);
    response
}
