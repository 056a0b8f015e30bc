//! How urgent each operation is, and what it waits for while there is more work than time.

use std::time::Duration;

use domain::ids::OrganizationId;
use domain::priority::Priority;
use server::admission::{AdmissionQueue, FairnessKey, Permit, Rejected};
use server::metrics::Metrics;
use store::DatabaseConfig;

use crate::operation::Descriptor;

/// Connections to Postgres that are left for revocations, and for asking whether Postgres is there.
const SPARE_CONNECTIONS: usize = 2;

/// What the operations of a process wait for.
///
/// A pool serves in the order in which it is asked, and a revocation that stood behind a flood of lists would come too
/// late: so the queue is here, and revocations pass it. What one organization changes is done one after another, since
/// each change holds the end of its action log; those that wait for it would hold every connection there is, but for the
/// part that an organization has at most.
pub struct Queues {
    requests: AdmissionQueue,
    database: AdmissionQueue,
}

impl Queues {
    /// Queues for the threads of this runtime and for the connections of a pool.
    pub fn start(database: &DatabaseConfig, metrics: &Metrics) -> Self {
        let connections = (database.pool_size as usize).saturating_sub(SPARE_CONNECTIONS).max(1);
        let wait_max = Duration::from_millis(database.acquire_timeout_ms);
        Self {
            requests: AdmissionQueue::start(metrics),
            database: AdmissionQueue::fixed("database", connections, wait_max, metrics),
        }
    }

    /// Waits until the operation may be done for a caller of this organization.
    pub async fn acquire(&self, operation: &Descriptor, caller: OrganizationId) -> Result<Permit, Rejected> {
        let priority = operation.priority;
        // They wait for the key service, and for the DNS, mostly.
        let is_elsewhere = priority == Priority::Verification || operation.waits_elsewhere;
        let queue = if is_elsewhere { &self.requests } else { &self.database };
        queue.acquire(priority, FairnessKey::Organization(caller), 1).await
    }

    /// Waits until an operation that otherwise waits elsewhere may use a connection to Postgres for an organization.
    pub async fn acquire_connection(&self, organization: OrganizationId) -> Result<Permit, Rejected> {
        self.database.acquire(Priority::Writes, FairnessKey::Organization(organization), 1).await
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::resources::ROUTES;

    #[test]
    fn what_cuts_off_is_declared_as_a_revocation() {
        for operation in ROUTES.iter().map(|route| route.operation) {
            let cuts_off =
                ["revoke_", "delete_", "retire_", "suspend_"].iter().any(|verb| operation.id.starts_with(verb));
            assert_eq!(cuts_off, operation.priority == Priority::Revocation, "{}", operation.id);
            assert!(!operation.is_paged || operation.priority == Priority::Lists, "{}", operation.id);
        }
    }

    fn organization(number: u128) -> OrganizationId {
        OrganizationId::from_uuid(uuid::Uuid::from_u128(number))
    }

    #[tokio::test(start_paused = true)]
    async fn a_revocation_passes_a_flood_of_lists_and_writes() {
        let queues = Queues::start(&DatabaseConfig::new("postgres://nobody@nowhere/none", 10), &Metrics::new());
        let operation = |id: &str| ROUTES.iter().find(|route| route.operation.id == id).unwrap().operation;
        let now = |id: &str, caller| queues.acquire(operation(id), organization(caller)).now_or_never()?.ok();
        let lists: Vec<_> = (0..100).filter_map(|caller| now("list_keys", caller)).collect();
        let own: Vec<_> = (0..100).filter_map(|_| now("create_key", 1)).collect();
        assert_eq!((lists.len(), own.len()), (4, 4), "half of the connections, but for the spare ones");
        assert!(now("create_key", 2).is_none(), "all are taken");
        assert!(now("revoke_key", 1).is_some() && now("suspend_customer", 2).is_some());
        assert!(now("check_domain", 1).is_some() && now("verify_key", 1).is_some(), "they need no connection");
        drop(lists);
        assert!(now("create_key", 1).is_none(), "one organization has no more than half");
        assert!(now("create_key", 2).is_some());
    }
}
