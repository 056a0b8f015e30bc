//! How urgent each operation is, and how much of each kind may wait for the database at once.

use std::sync::Arc;
use std::time::Duration;

use domain::urgency::Urgency;
use http::Method;
use server::http::Bounds;
use store::DatabaseConfig;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::HEALTH_PATHS;
use crate::operations::{OPERATIONS, Operation};

/// Requests in progress for each connection to Postgres. A request holds its connection for a few milliseconds, so that
/// the last of them waits for a hundred or two. One organization alone gets half of it, and fifty creations at once are nothing unusual.
const LISTS_PER_CONNECTION: usize = 8;
const WRITES_PER_CONNECTION: usize = 24;

/// Connections to Postgres that are left for revocations, and for asking whether Postgres is there.
const SPARE_CONNECTIONS: usize = 2;

/// Who may use the database now. A pool serves in the order in which it is asked; a revocation that stood in line with a
/// flood of lists would come too late, so that the line is here, and revocations walk past it.
pub struct Turns {
    free: Arc<Semaphore>,
    wait_max: Duration,
}

/// One turn, until it is dropped.
pub struct Turn {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Turns {
    /// Turns at the connections of a pool; one is waited for as long as a connection is.
    pub fn new(database: &DatabaseConfig) -> Self {
        let turns = (database.pool_size as usize).saturating_sub(SPARE_CONNECTIONS).max(1);
        let wait_max = Duration::from_millis(database.acquire_timeout_ms);
        Self { free: Arc::new(Semaphore::new(turns)), wait_max }
    }

    /// The operation's turn, if it needs one; `None` when it does not come in time.
    pub async fn wait(&self, operation: &Operation) -> Option<Turn> {
        let needs_one = match operation.urgency() {
            Urgency::Revocation | Urgency::Verification => false,
            // It waits for the DNS, mostly.
            Urgency::Development | Urgency::Staging | Urgency::Lists | Urgency::Writes => {
                operation.id != "check_domain"
            }
        };
        if !needs_one {
            return Some(Turn { _permit: None });
        }
        let permit = timeout(self.wait_max, Arc::clone(&self.free).acquire_owned()).await.ok()?;
        Some(Turn { _permit: permit.ok() })
    }
}

/// Bounds for a process with so many connections to Postgres.
pub fn bounds(bounds: Bounds, connections: usize) -> Bounds {
    let lists = LISTS_PER_CONNECTION * connections;
    bounds.cap(Urgency::Lists, lists).cap(Urgency::Writes, WRITES_PER_CONNECTION * connections)
}

/// How urgent a request is, by its method and path alone: nothing else is known at the door.
pub fn of(method: &Method, path: &str) -> Urgency {
    let operation = OPERATIONS.iter().find(|operation| operation.method == method && is_at(operation.path, path));
    match operation {
        Some(operation) => operation.urgency(),
        // Whoever watches over the process has to hear from it, and an answer costs next to nothing.
        None if HEALTH_PATHS.contains(&path) => Urgency::Revocation,
        None => Urgency::Lists,
    }
}

fn is_at(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return true,
            (Some(wanted), Some(segment)) if wanted.starts_with(':') || wanted == segment => {}
            (_, _) => return false,
        }
    }
}

impl Operation {
    /// What the operation is given up for, and what for its sake.
    pub fn urgency(&self) -> Urgency {
        match self.id {
            "revoke_key"
            | "delete_key"
            | "retire_secret"
            | "suspend_organization"
            | "delete_organization"
            | "suspend_customer"
            | "delete_customer"
            | "delete_domain" => Urgency::Revocation,
            "verify_key" | "verify_keys" => Urgency::Verification,
            id if id.starts_with("list_") => Urgency::Lists,
            _ => Urgency::Writes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cuts_off_is_urgent_and_lists_are_not() {
        let urgent: Vec<&str> = OPERATIONS
            .iter()
            .filter(|operation| operation.urgency() == Urgency::Revocation)
            .map(|operation| operation.id)
            .collect();
        for operation in OPERATIONS {
            let cuts_off =
                ["revoke_", "delete_", "retire_", "suspend_"].iter().any(|verb| operation.id.starts_with(verb));
            assert_eq!(cuts_off, urgent.contains(&operation.id), "{}", operation.id);
        }
        for (method, path, expected) in [
            (Method::POST, "/v1/organizations/acme/keys/key_1/revoke", Urgency::Revocation),
            (Method::DELETE, "/v1/organizations/acme", Urgency::Revocation),
            (Method::POST, "/v1/organizations/acme/keys", Urgency::Writes),
            (Method::GET, "/v1/organizations/acme/keys/key_1", Urgency::Writes),
            (Method::GET, "/v1/organizations/acme/keys", Urgency::Lists),
            (Method::POST, "/v1/keys/verify", Urgency::Verification),
            (Method::GET, "/health/ready", Urgency::Revocation),
            (Method::GET, "/v1/openapi.json", Urgency::Lists),
            (Method::POST, "/v1/organizations/acme/keys/key_1/revoke/", Urgency::Lists),
        ] {
            assert_eq!(of(&method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn every_operation_is_found_by_its_path() {
        for operation in OPERATIONS {
            let path = operation.path.replace(':', "");
            let method = operation.method.parse().unwrap();
            assert_eq!(of(&method, &path), operation.urgency(), "{}", operation.id);
        }
    }
}
