//! Bounds the reads of presented keys that the cache does not prove: a flood of keys that do not exist ends here.
//!
//! Services, authentication and organizations queue apart, so that no requester's flood takes the place of another's keys.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::ids::OrganizationId;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::requester::Account;

/// How many wait at once for services; what comes on top is refused. More take memory and are refused at last all the
/// same; with fewer, who is refused at once is back at once, and refusals take the time in which keys could be read.
const SERVICE_WAITING_MAX: usize = 512;
/// The same for the authentication of our own API's callers.
const AUTHENTICATION_WAITING_MAX: usize = 256;
/// The same for all organizations that ask through our own API, and for one of them, its reads in progress included.
const ORGANIZATIONS_WAITING_MAX: usize = 128;
const ORGANIZATION_MAX: usize = 32;
/// How long they wait before they are refused: for less than a read may take, so that a queue is never taken for a
/// Postgres that is away.
const WAIT_MAX: Duration = Duration::from_millis(300);

/// Limits the cold reads of an environment.
pub struct ColdReadLimiter {
    reading: Semaphore,
    service: Queue,
    authentication: Queue,
    organizations: Queue,
    by_organization: Mutex<HashMap<OrganizationId, usize>>,
}

/// Those of one class. Only those with a permit of their queue wait for one of `reading`, so that classes take turns there.
struct Queue {
    waiting: Semaphore,
    permits: Semaphore,
}

/// A cold read that may run.
pub struct ColdRead<'a> {
    _organization: Option<OrganizationSlot<'a>>,
    _permits: [SemaphorePermit<'a>; 2],
}

/// One of an organization's places.
struct OrganizationSlot<'a> {
    by_organization: &'a Mutex<HashMap<OrganizationId, usize>>,
    organization: OrganizationId,
}

/// Too many cold reads wait.
#[derive(Debug, PartialEq, Eq)]
pub struct QueueFull;

impl ColdReadLimiter {
    /// For a pool of so many connections, of which cold reads take half at the most. Who waits here has no permit yet: known
    /// keys would be refused for want of room.
    pub fn new(connections: u32) -> Self {
        let permits = connections.div_ceil(2) as usize;
        let queue = |waiting| Queue { waiting: Semaphore::new(waiting), permits: Semaphore::new(permits) };
        Self {
            reading: Semaphore::new(permits),
            service: queue(SERVICE_WAITING_MAX),
            authentication: queue(AUTHENTICATION_WAITING_MAX),
            organizations: queue(ORGANIZATIONS_WAITING_MAX),
            by_organization: Mutex::default(),
        }
    }

    /// Waits until the read may run. A key that does not exist waits as one that does, presented with a wrong secret.
    pub async fn admit(&self, account: Account) -> Result<ColdRead<'_>, QueueFull> {
        let (queue, organization) = match account {
            Account::Service => (&self.service, None),
            Account::Authentication => (&self.authentication, None),
            Account::Organization(id) => (&self.organizations, Some(self.enter(id)?)),
        };
        let _waiting = queue.waiting.try_acquire().map_err(|_| QueueFull)?;
        let acquire = async { Ok([queue.permits.acquire().await?, self.reading.acquire().await?]) };
        let permits = tokio::time::timeout(WAIT_MAX, acquire).await.map_err(|_| QueueFull)?;
        let permits = permits.map_err(|_: tokio::sync::AcquireError| QueueFull)?;
        Ok(ColdRead { _organization: organization, _permits: permits })
    }

    fn enter(&self, organization: OrganizationId) -> Result<OrganizationSlot<'_>, QueueFull> {
        let mut held = self.by_organization.lock().unwrap_or_else(PoisonError::into_inner);
        let own = held.entry(organization).or_default();
        if *own >= ORGANIZATION_MAX {
            return Err(QueueFull);
        }
        *own += 1;
        Ok(OrganizationSlot { by_organization: &self.by_organization, organization })
    }
}

impl Drop for OrganizationSlot<'_> {
    fn drop(&mut self) {
        let mut held = self.by_organization.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = held.get_mut(&self.organization) {
            *own -= 1;
            if *own == 0 {
                held.remove(&self.organization);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use uuid::Uuid;

    use super::*;

    fn organization(number: u128) -> Account {
        Account::Organization(OrganizationId::from_uuid(Uuid::from_u128(number)))
    }

    #[tokio::test]
    async fn no_more_than_so_many_reads_wait() {
        let limiter = ColdReadLimiter::new(2);
        let reading = limiter.admit(Account::Service).await.unwrap();
        let mut waiting = Vec::new();
        for _ in 0..SERVICE_WAITING_MAX {
            let mut next = Box::pin(limiter.admit(Account::Service));
            assert!(next.as_mut().now_or_never().is_none(), "nobody has left");
            waiting.push(next);
        }
        assert_eq!(limiter.admit(Account::Service).await.err(), Some(QueueFull), "at once");
        waiting.clear();
        drop(reading);
        assert!(limiter.admit(Account::Service).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_and_an_ended_read_makes_room() {
        let limiter = ColdReadLimiter::new(2);
        let reading = limiter.admit(Account::Service).await.unwrap();
        assert_eq!(limiter.admit(Account::Service).await.err(), Some(QueueFull), "after a while");
        drop(reading);
        assert!(limiter.admit(Account::Service).await.is_ok());
    }

    #[tokio::test]
    async fn one_requesters_flood_keeps_no_other_from_reading() {
        let floods = [
            (Account::Service, SERVICE_WAITING_MAX),
            (Account::Authentication, AUTHENTICATION_WAITING_MAX),
            (organization(1), ORGANIZATION_MAX),
        ];
        for (flooding, places) in floods {
            let limiter = ColdReadLimiter::new(2);
            let reading = limiter.reading.acquire().await.unwrap();
            let mut flood: Vec<_> = (0..places).map(|_| Box::pin(limiter.admit(flooding))).collect();
            assert!(flood.iter_mut().all(|one| one.as_mut().now_or_never().is_none()));
            assert_eq!(limiter.admit(flooding).await.err(), Some(QueueFull), "{flooding:?} has its share");
            let others = [Account::Service, Account::Authentication, organization(2)];
            for other in others.into_iter().filter(|other| *other != flooding) {
                let mut own = Box::pin(limiter.admit(other));
                assert!(own.as_mut().now_or_never().is_none(), "{other:?} has a place of its own");
            }
            // Whoever comes late waits for one read of each other class, and not for the flood.
            let late = others.into_iter().find(|other| *other != flooding).expect("there are three");
            let mut late = Box::pin(limiter.admit(late));
            assert!(late.as_mut().now_or_never().is_none());
            drop(reading);
            let first = flood.iter_mut().find_map(|one| one.as_mut().now_or_never()).expect("one may read");
            drop(first);
            assert!(late.as_mut().now_or_never().is_some(), "{flooding:?} goes on only after the other");
        }
    }

    #[tokio::test]
    async fn an_organization_gives_its_places_back() {
        let limiter = ColdReadLimiter::new(2);
        for _ in 0..2 * ORGANIZATION_MAX {
            drop(limiter.admit(organization(1)).await.unwrap());
        }
        assert!(limiter.by_organization.lock().unwrap().is_empty());
    }
}
