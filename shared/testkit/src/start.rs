//! Bringing a fleet up. Its processes are told their ports, and between our finding one free and a process listening on it
//! somebody else may take it.

use crate::fleet::{Fleet, FleetBuilder};

const TRIES_MAX: usize = 3;
const PORT_TAKEN: &str = "Address already in use";

impl FleetBuilder {
    /// Brings it up and waits until everything in it is ready; where a port was taken meanwhile, again with others.
    ///
    /// # Panics
    ///
    /// When something does not come up.
    pub async fn start(self) -> Fleet {
        for _ in 1..TRIES_MAX {
            match self.clone().try_start().await {
                Err(error) if error.to_string().contains(PORT_TAKEN) => {}
                started => return started.expect("the fleet comes up"),
            }
        }
        self.try_start().await.expect("the fleet comes up")
    }
}
