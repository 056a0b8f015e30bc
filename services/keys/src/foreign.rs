//! Whether anybody in this environment has a secret that is not of our form: as long as nobody has, none is looked for, and a
//! text of another form is malformed.
//!
//! It is so from the first import on, for good. Whoever imports tells every replica and waits for it; a replica that could not
//! be told asks Postgres now and then.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use domain::foreign::{Presented, Wrapped};
use domain::secret::{LookupId, PepperRing, PlainSecret, SecretHash};
use store::{Error, Store};

use crate::question::Asked;

/// What is known of it.
#[derive(Debug, Default)]
pub struct ForeignKeys(AtomicU8);

/// The secret of a question.
pub enum Shown<'a> {
    /// One of our form.
    Own(&'a PlainSecret),
    /// A text of another form.
    Foreign(Vec<Wrapped>),
}

/// Postgres has not been asked yet whether there are any.
#[derive(Debug)]
pub struct Unasked;

/// Whether there are any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Postgres has not been asked yet.
    Unknown,
    /// There are none.
    Absent,
    /// There may be some.
    Present,
}

impl ForeignKeys {
    /// What is known.
    pub fn presence(&self) -> Presence {
        match self.0.load(Ordering::Relaxed) {
            0 => Presence::Unknown,
            1 => Presence::Absent,
            _ => Presence::Present,
        }
    }

    /// The secret of a question, if it has the form of one that there may be here.
    pub fn shown<'a>(&self, ring: &PepperRing, asked: &'a Asked) -> Result<Option<Shown<'a>>, Unasked> {
        match (&asked.secret, &asked.foreign) {
            (Ok(secret), _) => Ok(Some(Shown::Own(secret))),
            (Err(_), None) => Ok(None),
            (Err(_), Some(digest)) => match self.presence() {
                Presence::Unknown => Err(Unasked),
                Presence::Absent => Ok(None),
                Presence::Present => Ok(Some(Shown::Foreign(ring.wrap(digest)))),
            },
        }
    }

    /// Asks Postgres. An answer that was overtaken changes nothing.
    pub async fn read(&self, store: &Store) -> Result<(), Error> {
        let is_there = store.has_foreign_keys().await?;
        self.0.fetch_max(if is_there { 2 } else { 1 }, Ordering::Relaxed);
        Ok(())
    }
}

impl Shown<'_> {
    /// As a lookup takes it.
    pub fn presented(&self) -> Presented<'_> {
        match self {
            Self::Own(secret) => Presented::Own(secret),
            Self::Foreign(wrapped) => Presented::Foreign(wrapped),
        }
    }
}

/// What a read looks for, as its own: it may outlive the question.
pub enum Sought {
    /// One of our form.
    Own(PlainSecret),
    /// A text of another form.
    Foreign(Arc<[Wrapped]>),
}

impl Sought {
    /// Its own copy of what was presented.
    pub fn of(secret: Presented<'_>) -> Self {
        match secret {
            Presented::Own(secret) => {
                Self::Own(PlainSecret::parse(secret.expose()).expect("it was read from this text before"))
            }
            Presented::Foreign(wrapped) => Self::Foreign(wrapped.into()),
        }
    }

    /// As a lookup takes it.
    pub fn presented(&self) -> Presented<'_> {
        match self {
            Self::Own(secret) => Presented::Own(secret),
            Self::Foreign(wrapped) => Presented::Foreign(wrapped),
        }
    }

    /// The public id under which a row with this hash was found.
    pub fn lookup_id(&self, hash: &SecretHash) -> LookupId {
        match self {
            Self::Own(secret) => secret.lookup_id(),
            Self::Foreign(wrapped) => {
                let found = wrapped.iter().find(|one| one.hash == *hash);
                found.or(wrapped.first()).expect("there is a pepper").lookup_id
            }
        }
    }
}
