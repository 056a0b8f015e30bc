//! How urgent each operation is, and how much of each kind may wait for the database at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::ids::OrganizationId;
use domain::priority::Priority;
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

/// How long a revocation waits behind others of its organization. A write is told to come back long before that.
const REVOCATION_WAIT_MAX: Duration = Duration::from_secs(5);

/// Organizations whose turns are remembered before those without any are forgotten.
const REMEMBERED_MAX: usize = 1_024;

/// Who may use the database now. A pool serves in the order in which it is asked; a revocation that stood in line with a
/// flood of lists would come too late, so that the line is here, and revocations walk past it.
///
/// What one organization changes is done one after another, since each change holds the end of its action log. Those
/// that wait for it would hold every connection there is; therefore each organization has half of the turns at most,
/// and as many for its revocations, which wait for each other and not for a connection. Its other changes stand behind
/// the revocations that wait: at the end of the log they would take every second place.
pub struct Turns {
    free: Arc<Semaphore>,
    of_each: usize,
    usual: OfEach,
    revocations: OfEach,
    wait_max: Duration,
}

/// The turns of each organization that has one or waits for one.
type OfEach = Mutex<HashMap<OrganizationId, Arc<Semaphore>>>;

/// One turn, until it is dropped.
pub struct Turn {
    _permits: [Option<OwnedSemaphorePermit>; 2],
}

impl Turns {
    /// Turns at the connections of a pool; one is waited for as long as a connection is.
    pub fn new(database: &DatabaseConfig) -> Self {
        let turns = (database.pool_size as usize).saturating_sub(SPARE_CONNECTIONS).max(1);
        Self {
            free: Arc::new(Semaphore::new(turns)),
            of_each: turns.div_ceil(2),
            usual: Mutex::default(),
            revocations: Mutex::default(),
            wait_max: Duration::from_millis(database.acquire_timeout_ms),
        }
    }

    /// The operation's turn, if it needs one; `None` when it does not come in time.
    pub async fn wait(&self, operation: &Operation, caller: OrganizationId) -> Option<Turn> {
        match operation.priority() {
            Priority::Revocation => {
                let own = self.of(&self.revocations, caller);
                let permit = timeout(REVOCATION_WAIT_MAX, own.acquire_owned()).await.ok()?;
                Some(Turn { _permits: [permit.ok(), None] })
            }
            // It waits for the DNS, mostly.
            _ if operation.id == "check_domain" => Some(Turn { _permits: [None, None] }),
            Priority::Verification => Some(Turn { _permits: [None, None] }),
            Priority::Development | Priority::Staging | Priority::Lists | Priority::Writes => {
                let permits = async {
                    if operation.method != Method::GET {
                        drop(self.of(&self.revocations, caller).acquire_owned().await);
                    }
                    let own = self.of(&self.usual, caller).acquire_owned().await;
                    [own.ok(), Arc::clone(&self.free).acquire_owned().await.ok()]
                };
                Some(Turn { _permits: timeout(self.wait_max, permits).await.ok()? })
            }
        }
    }

    fn of(&self, of_each: &OfEach, organization: OrganizationId) -> Arc<Semaphore> {
        let mut of_each = of_each.lock().unwrap_or_else(PoisonError::into_inner);
        if of_each.len() >= REMEMBERED_MAX {
            of_each.retain(|_, own| Arc::strong_count(own) > 1);
        }
        Arc::clone(of_each.entry(organization).or_insert_with(|| Arc::new(Semaphore::new(self.of_each))))
    }
}

/// Bounds for a process with so many connections to Postgres.
pub fn bounds(bounds: Bounds, connections: usize) -> Bounds {
    let lists = LISTS_PER_CONNECTION * connections;
    bounds.cap(Priority::Lists, lists).cap(Priority::Writes, WRITES_PER_CONNECTION * connections)
}

/// How urgent a request is, by its method and path alone: nothing else is known at the door.
pub fn of(method: &Method, path: &str) -> Priority {
    let operation = OPERATIONS.iter().find(|operation| operation.method == method && is_at(operation.path, path));
    match operation {
        Some(operation) => operation.priority(),
        // Whoever watches over the process has to hear from it, and an answer costs next to nothing.
        None if HEALTH_PATHS.contains(&path) => Priority::Revocation,
        None => Priority::Lists,
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
    pub fn priority(&self) -> Priority {
        match self.id {
            "revoke_key"
            | "delete_key"
            | "retire_secret"
            | "suspend_organization"
            | "delete_organization"
            | "suspend_customer"
            | "delete_customer"
            | "delete_domain" => Priority::Revocation,
            "verify_key" | "verify_keys" => Priority::Verification,
            id if id.starts_with("list_") => Priority::Lists,
            _ => Priority::Writes,
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
            .filter(|operation| operation.priority() == Priority::Revocation)
            .map(|operation| operation.id)
            .collect();
        for operation in OPERATIONS {
            let cuts_off =
                ["revoke_", "delete_", "retire_", "suspend_"].iter().any(|verb| operation.id.starts_with(verb));
            assert_eq!(cuts_off, urgent.contains(&operation.id), "{}", operation.id);
        }
        for (method, path, expected) in [
            (Method::POST, "/v1/organizations/acme/keys/key_1/revoke", Priority::Revocation),
            (Method::DELETE, "/v1/organizations/acme", Priority::Revocation),
            (Method::POST, "/v1/organizations/acme/keys", Priority::Writes),
            (Method::GET, "/v1/organizations/acme/keys/key_1", Priority::Writes),
            (Method::GET, "/v1/organizations/acme/keys", Priority::Lists),
            (Method::POST, "/v1/keys/verify", Priority::Verification),
            (Method::GET, "/health/ready", Priority::Revocation),
            (Method::GET, "/v1/openapi.json", Priority::Lists),
            (Method::POST, "/v1/organizations/acme/keys/key_1/revoke/", Priority::Lists),
        ] {
            assert_eq!(of(&method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn every_operation_is_found_by_its_path() {
        for operation in OPERATIONS {
            let path = operation.path.replace(':', "");
            let method = operation.method.parse().unwrap();
            assert_eq!(of(&method, &path), operation.priority(), "{}", operation.id);
        }
    }

    fn organization(number: u128) -> OrganizationId {
        OrganizationId::from_uuid(uuid::Uuid::from_u128(number))
    }

    fn operation(id: &str) -> &'static Operation {
        OPERATIONS.iter().find(|operation| operation.id == id).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn an_organization_has_half_of_the_turns_and_its_revocations_wait_for_each_other() {
        let turns = Turns::new(&DatabaseConfig::new("postgres://nobody@nowhere/none", 10));
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(turns.wait(operation("create_key"), organization(1)).await.unwrap());
        }
        assert!(turns.wait(operation("list_keys"), organization(1)).await.is_none(), "the half is taken");
        for _ in 0..4 {
            held.push(turns.wait(operation("create_key"), organization(2)).await.unwrap());
        }
        assert!(turns.wait(operation("create_key"), organization(3)).await.is_none(), "all are taken");

        let mut urgent = Vec::new();
        for _ in 0..4 {
            urgent.push(turns.wait(operation("revoke_key"), organization(1)).await.unwrap());
        }
        assert!(turns.wait(operation("revoke_key"), organization(2)).await.is_some(), "others have turns of their own");
        let asked = tokio::time::Instant::now();
        let leaving = async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            urgent.pop();
        };
        let (next, ()) =
            futures_util::future::join(turns.wait(operation("revoke_key"), organization(1)), leaving).await;
        assert!(next.is_some() && asked.elapsed() >= Duration::from_secs(3), "a write would have been told to go");
    }

    #[tokio::test(start_paused = true)]
    async fn what_changes_something_else_stands_behind_the_revocations_of_its_organization() {
        let turns = Turns::new(&DatabaseConfig::new("postgres://nobody@nowhere/none", 10));
        let mut urgent = Vec::new();
        for _ in 0..4 {
            urgent.push(turns.wait(operation("suspend_customer"), organization(1)).await.unwrap());
        }
        assert!(turns.wait(operation("update_key"), organization(1)).await.is_none(), "it is told to come back");
        for free in [(operation("find_key"), 1), (operation("list_keys"), 1), (operation("update_key"), 2)] {
            assert!(turns.wait(free.0, organization(free.1)).await.is_some(), "{} of {}", free.0.id, free.1);
        }
        urgent.pop();
        assert!(turns.wait(operation("update_key"), organization(1)).await.is_some(), "its turn has come");
        assert!(turns.wait(operation("revoke_key"), organization(1)).await.is_some(), "and it keeps none of theirs");
    }

    #[tokio::test]
    async fn organizations_without_a_turn_are_forgotten() {
        let turns = Turns::new(&DatabaseConfig::new("postgres://nobody@nowhere/none", 10));
        let held = turns.wait(operation("create_key"), organization(0)).await.unwrap();
        for number in 1..5_000 {
            turns.wait(operation("create_key"), organization(number)).await.unwrap();
        }
        let of_each = turns.usual.lock().unwrap();
        assert!(of_each.len() <= REMEMBERED_MAX && of_each.contains_key(&organization(0)), "{}", of_each.len());
        drop(held);
    }
}
