//! Versions of the rows that verification reads: what Redis and every replica compare.

use domain::ids::{CustomerId, KeyId, OrganizationId};
use uuid::Uuid;

use crate::error::Error;

/// A row whose version verification compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// An organization.
    Organization(OrganizationId),
    /// A key with its secrets.
    Key(KeyId),
    /// A customer.
    Customer(CustomerId),
    /// What an organization has configured of limits without a key.
    Limits(OrganizationId),
}

/// A row's version after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Generation {
    /// Which row.
    pub subject: Subject,
    /// Its version; grows with each change and never falls.
    pub value: i64,
}

impl Subject {
    /// The word in rows and in Redis.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Organization(_) => "organization",
            Self::Key(_) => "key",
            Self::Customer(_) => "customer",
            Self::Limits(_) => "limits",
        }
    }

    /// The row's id.
    pub const fn uuid(self) -> Uuid {
        match self {
            Self::Organization(id) | Self::Limits(id) => id.uuid(),
            Self::Key(id) => id.uuid(),
            Self::Customer(id) => id.uuid(),
        }
    }

    pub(crate) fn from_row(kind: &str, id: Uuid) -> Result<Self, Error> {
        match kind {
            "organization" => Ok(Self::Organization(OrganizationId::from_uuid(id))),
            "key" => Ok(Self::Key(KeyId::from_uuid(id))),
            "customer" => Ok(Self::Customer(CustomerId::from_uuid(id))),
            "limits" => Ok(Self::Limits(OrganizationId::from_uuid(id))),
            other => Err(Error::unreadable(format!("no subject is called {other}"))),
        }
    }
}
