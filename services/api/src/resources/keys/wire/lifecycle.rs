//! What ends, restarts and renews a key.

use std::time::Duration;

use domain::names::note as check_note;
use domain::policy::RevokeReason;
use poem_openapi::{Enum, Object};
use server::problem::Problem;

use crate::fields::Fields;
use crate::wire::nullable::Nullable;

/// Why a key is revoked. Without a body: `other`.
#[derive(Debug, Clone, Object)]
#[oai(deny_unknown_fields)]
pub struct Revocation {
    /// A secret revoked as `compromised` never works again.
    #[oai(default)]
    pub reason: ReasonBody,
    /// In your own words, up to 500 characters.
    #[oai(default)]
    pub note: Nullable<String>,
}

/// Why a key is revoked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Enum)]
#[oai(rename = "RevokeReason", rename_all = "snake_case")]
pub enum ReasonBody {
    /// The secret is or may be in the wrong hands.
    Compromised,
    /// Another key took its place.
    Superseded,
    /// Nobody uses it.
    Unused,
    /// Its owner is gone.
    OwnerLeft,
    /// Something else; say what in the note.
    #[default]
    Other,
}

/// How a key is regenerated. Without a body: the old secret dies at once.
#[derive(Debug, Clone, Default, Object)]
#[oai(deny_unknown_fields)]
pub struct Regeneration {
    /// How long the old secret goes on working, at most seven days; always 0 after a compromise.
    #[oai(default, validator(minimum(value = "0"), maximum(value = "604800")))]
    pub overlap_seconds: u64,
}

impl Default for Revocation {
    fn default() -> Self {
        Self { reason: ReasonBody::Other, note: Nullable(None) }
    }
}

impl Revocation {
    /// Reads it, or says what is wrong.
    pub fn read(self) -> Result<(RevokeReason, Option<String>), Problem> {
        let mut fields = Fields::default();
        let note = fields.take_option("/note", self.note.0.as_deref().map(check_note));
        fields.finish()?;
        let reason = match self.reason {
            ReasonBody::Compromised => RevokeReason::Compromised,
            ReasonBody::Superseded => RevokeReason::Superseded,
            ReasonBody::Unused => RevokeReason::Unused,
            ReasonBody::OwnerLeft => RevokeReason::OwnerLeft,
            ReasonBody::Other => RevokeReason::Other,
        };
        Ok((reason, note))
    }
}

impl Regeneration {
    /// How long the old secret goes on working.
    pub fn overlap(&self) -> Duration {
        Duration::from_secs(self.overlap_seconds)
    }
}
