//! Customers on the wire.

use client::wire::Metadata;
use domain::names::{ExternalId, Name, metadata as check_metadata};
use poem_openapi::Object;
use serde_json::{Map, Value};
use server::problem::Problem;

use crate::fields::{Fields, unread};
use crate::query::query;
use crate::wire::instant::Instant;
use crate::wire::limit::{LimitBody, read_limits};
use crate::wire::nullable::Nullable;
use crate::wire::standing::StandingBody;

/// One of an organization's own customers.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Customer")]
pub struct CustomerBody {
    /// Its id.
    pub id: String,
    /// Your own id for it.
    pub external_id: Nullable<String>,
    /// Its name.
    pub name: String,
    /// Whether its keys work.
    pub status: StandingBody,
    /// Your own notes.
    pub metadata: Metadata,
    /// What all requests for it share.
    pub limits: Vec<LimitBody>,
    /// When it was suspended.
    pub suspended_at: Nullable<Instant>,
    /// When it was made.
    pub created_at: Instant,
    /// When it was last changed.
    pub updated_at: Instant,
}

/// A new customer. All but the name may be left out.
#[derive(Debug, Clone, Object)]
#[oai(deny_unknown_fields)]
pub struct NewCustomer {
    /// 1 to 100 characters.
    pub name: String,
    /// Your own id for it, unique among the organization's customers.
    #[oai(default)]
    pub external_id: Nullable<String>,
    /// Your own notes.
    #[oai(default)]
    pub metadata: Metadata,
    /// What all requests for it share.
    #[oai(default, validator(max_items = 10))]
    pub limits: Vec<LimitBody>,
}

/// Changes to a customer. What is left out stays.
#[derive(Debug, Clone, Object)]
#[oai(deny_unknown_fields)]
pub struct CustomerPatch {
    /// 1 to 100 characters.
    pub name: Option<String>,
    /// Your own id for it.
    pub external_id: Option<String>,
    /// The whole new notes.
    pub metadata: Option<Metadata>,
    /// The whole new list.
    #[oai(validator(max_items = 10))]
    pub limits: Option<Vec<LimitBody>>,
}

query! {
    /// Which customers are listed.
    pub struct CustomerQuery {
        /// Only those whose name has this text.
        text: String,
    }
}

impl NewCustomer {
    /// Reads it, or lists what is wrong.
    pub fn read(self) -> Result<store::NewCustomer, Problem> {
        let mut fields = Fields::default();
        let name = fields.take("/name", Name::parse(&self.name));
        let external_id = fields.take_option("/external_id", self.external_id.0.as_deref().map(ExternalId::parse));
        let metadata: Map<String, Value> = self.metadata.into_iter().collect();
        fields.take("/metadata", check_metadata(&metadata));
        let limits = read_limits(&mut fields, "/limits", &self.limits);
        fields.finish()?;
        let name = name.ok_or_else(unread)?;
        Ok(store::NewCustomer { name, external_id, metadata, limits })
    }
}

impl CustomerPatch {
    /// Reads it over the customer as it stands, or lists what is wrong.
    pub fn read(self, customer: &store::Customer) -> Result<store::NewCustomer, Problem> {
        let mut fields = Fields::default();
        let own = || Ok(Name::from_row(&customer.name));
        let name = fields.take("/name", self.name.as_deref().map_or_else(own, Name::parse));
        let external_id = self.external_id.or_else(|| customer.external_id.clone());
        let external_id = fields.take_option("/external_id", external_id.as_deref().map(ExternalId::parse));
        let metadata =
            self.metadata.map_or_else(|| customer.metadata.clone(), |metadata| metadata.into_iter().collect());
        fields.take("/metadata", check_metadata(&metadata));
        let limits = match &self.limits {
            Some(limits) => read_limits(&mut fields, "/limits", limits),
            None => customer.limits.clone(),
        };
        fields.finish()?;
        let name = name.ok_or_else(unread)?;
        Ok(store::NewCustomer { name, external_id, metadata, limits })
    }
}

impl From<&store::Customer> for CustomerBody {
    fn from(customer: &store::Customer) -> Self {
        Self {
            id: customer.id.to_string(),
            external_id: Nullable(customer.external_id.clone()),
            name: customer.name.clone(),
            status: StandingBody::new(customer.suspended_at.is_some()),
            metadata: customer.metadata.clone().into_iter().collect(),
            limits: customer.limits.iter().map(LimitBody::from).collect(),
            suspended_at: Nullable(customer.suspended_at.map(Instant)),
            created_at: Instant(customer.created_at),
            updated_at: Instant(customer.updated_at),
        }
    }
}
