//! Domains on the wire.

use domain::hosts::HostName;
use poem_openapi::Object;
use server::problem::Problem;

use crate::fields::{Fields, unread};
use crate::ownership::{record_name, record_value};
use crate::query::query;
use crate::wire::instant::Instant;
use crate::wire::nullable::Nullable;

/// A host name that an organization has registered.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Domain")]
pub struct DomainBody {
    /// Its id.
    pub id: String,
    /// The name in its ASCII form.
    pub name: String,
    /// The name as people read it.
    pub unicode_name: String,
    /// Where to put the DNS TXT record that proves the domain.
    pub challenge_name: String,
    /// What the record says.
    pub challenge_value: String,
    /// When the record was last seen; `null` until it is.
    pub verified_at: Nullable<Instant>,
    /// What to look at twice: a name that mixes scripts can pass for another.
    pub warnings: Vec<String>,
    /// When it was registered.
    pub created_at: Instant,
}

/// A new domain.
#[derive(Debug, Clone, Object)]
#[oai(deny_unknown_fields)]
pub struct NewDomain {
    /// A host name such as `shop.example.com`, or with one leading `*.`.
    pub name: String,
}

query! {
    /// Which domains are listed.
    pub struct DomainQuery {
        /// Only those whose name has this text.
        text: String,
    }
}

impl NewDomain {
    /// Reads it, or says what is wrong.
    pub fn read(&self) -> Result<HostName, Problem> {
        let mut fields = Fields::default();
        let name = fields.take("/name", HostName::parse(&self.name));
        fields.finish()?;
        name.ok_or_else(unread)
    }
}

impl From<&store::Domain> for DomainBody {
    fn from(row: &store::Domain) -> Self {
        let lookalike = "The name mixes scripts and can pass for another; compare both forms.".to_owned();
        Self {
            id: row.id.to_string(),
            name: row.name.to_string(),
            unicode_name: row.name.unicode(),
            challenge_name: record_name(&row.name),
            challenge_value: record_value(&row.challenge),
            verified_at: Nullable(row.verified_at.map(Instant)),
            warnings: row.name.is_lookalike().then_some(lookalike).into_iter().collect(),
            created_at: Instant(row.created_at),
        }
    }
}
