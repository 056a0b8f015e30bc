//! `{o}/keys/bulk-revoke`: many keys at once, seen in a dry run first.
//!
//! A confirmation is good for the keys that its dry run counted and for no others: as soon as any of them is not selected any
//! more, or another one is, it is refused. It is bound to caller, organization, selection, reason and note.

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::KeyId;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::types::ToJSON;
use serde_json::Value;
use server::answer::Ok200;
use server::json::Json;
use server::problem::{ErrorCode, FieldError, Problem};
use sha2::{Digest, Sha256};
use store::{KeySelection, Rows, SELECTED_KEYS_MAX, SelectionSummary};

use super::NOBODY;
use super::wire::bulk::{BulkDraft, BulkRevocation, BulkRevocationResult};
use crate::access::Scoped;
use crate::cursor::Binding;
use crate::operation::{Operation, operations};
use crate::page::bind;
use crate::resources::Tags;
use crate::wire::instant::Instant;
use crate::wire::nullable::Nullable;

operations! {
    BulkRevokeKeys => KeysRevoke, event("key.bulk_revoked");
}

/// How many keys one request revokes: they are one transaction and one publication.
const KEYS_AT_ONCE: usize = 1_000;
/// How long after its dry run a revocation can be confirmed.
const CONFIRM_MINUTES: i64 = 10;
const MICROS_BYTES: usize = 8;

/// The operation on many keys.
pub struct Api;

#[OpenApi]
impl Api {
    /// Revoke many keys
    ///
    /// First without `confirm`: a dry run, which counts keys, customers and calls, and answers with a token. Then with it: 1,000
    /// keys are revoked at once, and the answer has a token for those that remain, until none does. If the keys are not those
    /// that were counted any more, it is refused with 409; keys that were made after the dry run are left alone. A calling key
    /// that is limited to customers or domains counts and revokes those keys only that it sees.
    #[oai(
        path = "/v1/organizations/:organization/keys/bulk-revoke",
        method = "post",
        operation_id = "bulk_revoke_keys",
        tag = "Tags::Keys"
    )]
    async fn bulk_revoke_keys(
        &self,
        access: Scoped<BulkRevokeKeys>,
        #[oai(name = "organization")] _organization: Path<String>,
        body: Json<BulkRevocation>,
    ) -> Result<Ok200<BulkRevocationResult>, Problem> {
        let body = body.parse()?;
        let draft = body.read(access.authority.principal.key())?;
        let binding = binding(&access, &body);
        let result = match &body.confirm.0 {
            None => dry_run(&access, &binding, draft).await?,
            Some(token) => revoke(&access, &binding, (draft, token)).await?,
        };
        Ok(Ok200::new(result))
    }
}

/// The keys that a dry run showed, without naming them.
struct Shown {
    made_by: DateTime<Utc>,
    digest: [u8; 32],
}

impl Shown {
    fn of(made_by: DateTime<Utc>, keys: &[KeyId]) -> Self {
        let mut digest = Sha256::new();
        keys.iter().for_each(|key| digest.update(key.uuid().as_bytes()));
        Self { made_by, digest: digest.finalize().into() }
    }

    fn written(&self) -> Vec<u8> {
        [&self.made_by.timestamp_micros().to_be_bytes()[..], &self.digest].concat()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (micros, digest) = bytes.split_at_checked(MICROS_BYTES)?;
        let made_by = DateTime::from_timestamp_micros(i64::from_be_bytes(micros.try_into().ok()?))?;
        Some(Self { made_by, digest: digest.try_into().ok()? })
    }
}

/// What a confirmation is bound to.
fn binding(access: &Scoped<BulkRevokeKeys>, body: &BulkRevocation) -> Binding {
    let wanted = BulkRevocation { confirm: Nullable(None), ..body.clone() };
    let text = wanted.to_json().unwrap_or(Value::Null).to_string();
    bind(access, BulkRevokeKeys::DESCRIPTOR, access.scope.organization(), text)
}

async fn dry_run(
    access: &Scoped<BulkRevokeKeys>,
    binding: &Binding,
    draft: BulkDraft,
) -> Result<BulkRevocationResult, Problem> {
    let mut read = access.read().await?;
    let now = read.now();
    let selection = selection(access, &mut read, (draft, now)).await?;
    let keys = select(&mut read, &selection).await?;
    let summary = read.summarize_keys(&keys).await?;
    let result = BulkRevocationResult {
        is_dry_run: true,
        keys: count(keys.len()),
        keys_remaining: count(keys.len()),
        ..result(summary)
    };
    Ok(result.with_token(access, binding, (&Shown::of(selection.made_by, &keys), now)))
}

async fn revoke(
    access: &Scoped<BulkRevokeKeys>,
    binding: &Binding,
    (draft, token): (BulkDraft, &str),
) -> Result<BulkRevocationResult, Problem> {
    let mut write = access.write().await?;
    let age = (TimeDelta::minutes(CONFIRM_MINUTES), write.now());
    let shown = access.app.cursors.open_bytes(binding, token, age).and_then(|bytes| Shown::read(&bytes));
    let shown = shown.ok_or_else(not_shown)?;
    let note = draft.note.clone();
    let selection = selection(access, &mut write, (draft, shown.made_by)).await?;
    let keys = select(&mut write, &selection).await?;
    let (now, left) = keys.split_at(keys.len().min(KEYS_AT_ONCE));
    if Shown::of(shown.made_by, &keys).digest != shown.digest || !write.hold_keys(now, &selection).await? {
        return Err(changed());
    }
    let summary = write.summarize_keys(now).await?;
    let receipt = write.revoke_keys(now, selection.reason, note.as_deref()).await?.ok_or_else(changed)?;
    let told = write.now();
    let event = access.event(access.scope.organization()).with("reason", selection.reason.name()).with("note", note);
    let event = event.with("selection", &binding.filters).with("revoked_keys", now);
    let committed = write.commit(event).await?;
    let bound_ms = access.app.publish(&access.scope, &committed, Some(receipt.id)).await;
    let result = BulkRevocationResult {
        keys: count(now.len()),
        keys_remaining: count(left.len()),
        revoked: now.iter().map(ToString::to_string).collect(),
        receipt: Nullable(Some(access.app.receipt(&receipt, bound_ms).await)),
        ..result(summary)
    };
    Ok(result.with_token(access, binding, (&Shown::of(shown.made_by, left), told)))
}

async fn selection(
    access: &Scoped<BulkRevokeKeys>,
    rows: &mut Rows,
    (draft, made_by): (BulkDraft, DateTime<Utc>),
) -> Result<KeySelection, Problem> {
    let mut filter = draft.filter;
    if let Some(reference) = &draft.customer {
        // A customer that is not there has no keys.
        filter.customer = Some(rows.find_customer(reference).await?.map_or(NOBODY, |customer| customer.id));
    }
    Ok(KeySelection { keys: draft.keys, filter, made_by, but: access.authority.principal.key(), reason: draft.reason })
}

async fn select(rows: &mut Rows, selection: &KeySelection) -> Result<Vec<KeyId>, Problem> {
    let keys = rows.select_keys(selection).await?;
    if keys.len() > SELECTED_KEYS_MAX {
        let message = format!("this selects more than {SELECTED_KEYS_MAX} keys; select fewer");
        return Err(Problem::validation(vec![FieldError::new("/select", "too-many", message)]));
    }
    Ok(keys)
}

fn result(summary: SelectionSummary) -> BulkRevocationResult {
    BulkRevocationResult {
        is_dry_run: false,
        keys: 0,
        customers: summary.customers,
        calls_last_24_hours: summary.calls,
        keys_remaining: 0,
        revoked: Vec::new(),
        confirm: Nullable(None),
        confirm_until: Nullable(None),
        receipt: Nullable(None),
    }
}

impl BulkRevocationResult {
    /// With a token for what remains, if anything does.
    fn with_token(
        self,
        access: &Scoped<BulkRevokeKeys>,
        binding: &Binding,
        (shown, now): (&Shown, DateTime<Utc>),
    ) -> Self {
        if self.keys_remaining == 0 {
            return self;
        }
        let token = access.app.cursors.seal_bytes(binding, &shown.written(), now);
        let until = now + TimeDelta::minutes(CONFIRM_MINUTES);
        Self { confirm: Nullable(Some(token)), confirm_until: Nullable(Some(Instant(until))), ..self }
    }
}

fn count(keys: usize) -> u64 {
    u64::try_from(keys).unwrap_or(u64::MAX)
}

fn not_shown() -> Problem {
    let message = "this is not the token of a dry run by the calling key of the same selection, reason and note in the last \
        10 minutes; leave it out for a dry run";
    Problem::validation(vec![FieldError::new("/confirm", "confirm", message)])
}

fn changed() -> Problem {
    let detail = "The selected keys are not those that the dry run counted any more; make another one.";
    Problem::new(ErrorCode::Conflict).detail(detail)
}
