//! What revokes many keys: which are meant, what a dry run shows, and what was done.

use client::wire::AllOr as AllOrBody;
use domain::ids::KeyId;
use domain::instants::parse_instant;
use domain::policy::RevokeReason;
use domain::validation::{ValidationError, excerpt};
use poem_openapi::Object;
use server::problem::Problem;
use store::KeyFilter;

use super::key::StatusBody;
use super::lifecycle::{ReasonBody, Revocation};
use crate::fields::Fields;
use crate::resources::keys::stored_host;
use crate::resources::receipts::wire::ReceiptBody;
use crate::wire::instant::Instant;
use crate::wire::nullable::Nullable;

/// The most ids of one selection.
const IDS_MAX: usize = 1_000;
/// The longest text that is looked for, in characters.
const TEXT_CHARS_MAX: usize = 200;

/// Keys to revoke together. Without `confirm` it is a dry run, which changes nothing and answers with a token.
#[derive(Debug, Clone, Object)]
#[oai(deny_unknown_fields)]
pub struct BulkRevocation {
    /// Which keys.
    pub select: SelectionBody,
    /// Why. Secrets revoked as `compromised` never work again.
    #[oai(default)]
    pub reason: ReasonBody,
    /// In your own words, up to 500 characters.
    #[oai(default)]
    pub note: Nullable<String>,
    /// The token of the dry run, which was shown the same keys for the same `select`, `reason` and `note`.
    #[oai(default)]
    pub confirm: Nullable<String>,
}

/// The keys that meet all members that are there, at least one. Keys that are revoked already are left out, unless the reason is
/// `compromised` and their secrets could come back; the calling key always is.
#[derive(Debug, Clone, Object)]
#[oai(rename = "KeySelection", deny_unknown_fields)]
pub struct SelectionBody {
    /// `"all"`, or up to 1,000 ids. Ids that the calling key does not see select nothing.
    pub keys: Option<AllOrBody>,
    /// Only keys with this status.
    pub status: Option<StatusBody>,
    /// Only keys limited to this customer (id or external id).
    pub customer: Option<String>,
    /// Only keys that hold this permission.
    pub permission: Option<String>,
    /// Only keys with this tag.
    pub tag: Option<String>,
    /// Only keys limited to this domain.
    pub domain: Option<String>,
    /// Only keys made by this member or key: its id, as keys show it.
    pub created_by: Option<String>,
    /// Only keys with this text in their name, or known by it, as in the list of keys.
    pub text: Option<String>,
    /// Only keys that end before this instant.
    pub expires_before: Option<String>,
    /// Only keys not used since this instant, or never.
    pub unused_since: Option<String>,
}

/// What a dry run shows, or what was done.
#[derive(Debug, Clone, Object)]
#[oai(rename = "BulkRevocationResult")]
pub struct BulkRevocationResult {
    /// Whether nothing was changed.
    pub is_dry_run: bool,
    /// How many keys would be revoked, or were by this request: at most 1,000 by each.
    pub keys: u64,
    /// How many customers these keys are limited to.
    pub customers: i64,
    /// How often these keys were used in the last 24 hours, counted by whole hours and whatever came of it.
    pub calls_last_24_hours: i64,
    /// How many of the selected keys are still to be revoked after this request.
    pub keys_remaining: u64,
    /// The ids of the keys that this request revoked.
    pub revoked: Vec<String>,
    /// What to send as `confirm` to revoke these keys, or those that remain; `null` when there are none.
    pub confirm: Nullable<String>,
    /// Until when the token can be sent.
    pub confirm_until: Nullable<Instant>,
    /// How far the revocation of all keys of this request has reached; `null` when none was revoked.
    pub receipt: Nullable<ReceiptBody>,
}

/// A request, read and checked but for the customer, whose name the database knows.
#[derive(Debug)]
pub struct BulkDraft {
    pub keys: Option<Vec<KeyId>>,
    /// Without the customer.
    pub filter: KeyFilter,
    pub customer: Option<String>,
    pub reason: RevokeReason,
    pub note: Option<String>,
}

impl BulkRevocation {
    /// Reads it, or lists what is wrong.
    pub fn read(&self, caller: Option<KeyId>) -> Result<BulkDraft, Problem> {
        let (reason, note) = Revocation { reason: self.reason, note: self.note.clone() }.read()?;
        let mut fields = Fields::default();
        let select = &self.select;
        if select.is_empty() {
            let message = "say which keys: name a member to select by, or write \"keys\": \"all\"";
            fields.refuse("/select", ValidationError::new("empty", message));
        }
        let mut text = |member: &str, value: &Option<String>| {
            fields.take_option(&format!("/select/{member}"), value.as_deref().map(read_text))
        };
        let filter = KeyFilter {
            status: select.status.map(Into::into),
            customer: None,
            permission: text("permission", &select.permission),
            tag: text("tag", &select.tag),
            domain: text("domain", &select.domain).as_deref().map(stored_host),
            created_by: text("created_by", &select.created_by),
            text: text("text", &select.text),
            expires_before: None,
            unused_since: None,
        };
        let customer = text("customer", &select.customer);
        let mut instant = |member: &str, value: &Option<String>| {
            fields.take_option(&format!("/select/{member}"), value.as_deref().map(parse_instant))
        };
        let expires_before = instant("expires_before", &select.expires_before);
        let unused_since = instant("unused_since", &select.unused_since);
        let keys = match &select.keys {
            None | Some(AllOrBody::All) => None,
            Some(AllOrBody::Only(ids)) => Some(read_ids(&mut fields, ids, caller)),
        };
        fields.finish()?;
        Ok(BulkDraft { keys, filter: KeyFilter { expires_before, unused_since, ..filter }, customer, reason, note })
    }
}

impl SelectionBody {
    fn is_empty(&self) -> bool {
        let texts = [&self.customer, &self.permission, &self.tag, &self.domain, &self.created_by, &self.text];
        let instants = [&self.expires_before, &self.unused_since];
        self.keys.is_none() && self.status.is_none() && texts.into_iter().chain(instants).all(Option::is_none)
    }
}

fn read_ids(fields: &mut Fields, ids: &[String], caller: Option<KeyId>) -> Vec<KeyId> {
    if ids.is_empty() || ids.len() > IDS_MAX {
        fields.refuse("/select/keys", ValidationError::new("count", format!("name 1 to {IDS_MAX} keys")));
        return Vec::new();
    }
    fields.take_list("/select/keys", ids, |text| match text.parse() {
        Ok(id) if Some(id) == caller => {
            Err(ValidationError::new("own-key", "the calling key does not revoke itself among others"))
        }
        Ok(id) => Ok(id),
        Err(_) => Err(ValidationError::new("key-id", format!("\"{}\" is not the id of a key", excerpt(text)))),
    })
}

fn read_text(text: &str) -> Result<String, ValidationError> {
    if text.is_empty() || text.chars().count() > TEXT_CHARS_MAX {
        return Err(ValidationError::new("length", format!("1 to {TEXT_CHARS_MAX} characters")));
    }
    if text.chars().any(char::is_control) {
        return Err(ValidationError::new("control-character", "must not contain control characters"));
    }
    Ok(text.to_owned())
}
