//! `{o}/keys/import` and `import-batch`: keys that were issued elsewhere and go on with their secrets.

use domain::event::Event;
use domain::ids::OrganizationId;
use domain::secret::{LookupId, SecretHash};
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::types::ToJSON;
use serde_json::json;
use server::answer::Created;
use server::json::Json;
use server::problem::{ErrorCode, FieldError, Problem};
use store::{Import, Organization, Taken, Write};

use super::change;
use super::wire::import::{ImportReport, ImportResult, KeyImport, KeyImports, OnRefusal};
use super::wire::key::{ImportedKey, KeyBody};
use crate::access::{New, Scoped};
use crate::authenticate::not_found;
use crate::grant;
use crate::idempotency::Idempotent;
use crate::import::{self, Imported};
use crate::operation::operations;
use crate::resources::Tags;
use crate::resources::permissions::own::{add_permissions, find_organization, missing_permissions};
use crate::wire::nullable::Nullable;

operations! {
    ImportKey  => KeysCreate, event("key.imported"), idempotent, strict;
    ImportKeys => KeysCreate, event("keys.imported"), idempotent, strict;
}

/// The end of the path that takes [`BATCH_MAX_BYTES`].
pub const BATCH_PATH_END: &str = "/keys/import-batch";
/// The largest body of an import of many keys.
pub const BATCH_MAX_BYTES: usize = 1024 * 1024;

/// The operations that bring keys.
pub struct Api;

#[OpenApi]
impl Api {
    /// Import a key
    ///
    /// A key that was issued elsewhere keeps working: send its whole secret, or a digest of it. A secret of another form than
    /// Claviger's is accepted by verification, not as a credential of this API; regenerate the key, with an overlap, to move it
    /// to a secret of Claviger's form.
    #[oai(
        path = "/v1/organizations/:organization/keys/import",
        method = "post",
        operation_id = "import_key",
        tag = "Tags::Keys"
    )]
    async fn import_key(
        &self,
        access: Scoped<ImportKey>,
        #[oai(name = "organization")] _organization: Path<String>,
        body: Json<KeyImport>,
    ) -> Result<Created<Idempotent<ImportedKey>>, Problem> {
        let create = async |write: &mut Write, body: KeyImport| {
            let organization =
                find_organization(&access, write, granted(&body)).await.map_err(|it| it.within("/key"))?;
            let imported = import::read(&access.app, &organization, &body)?;
            let change = grant::read_new_key(&access, write, &organization, &body.key).await;
            let line = imported.with(change.map_err(|problem| problem.within("/key"))?);
            let keys = write.import_keys(&[line], is_same(&access, &[imported])).await?;
            let key = keys.into_iter().next().ok_or_else(|| Problem::new(ErrorCode::Internal))?;
            let key = change::switch_off(write, key, body.key.enabled).await?;
            let body = KeyBody::new(&key, access.app.environment, write.now());
            Ok(New::of_key(&key, &body, ImportedKey { key: body.clone() }, None))
        };
        access.create(body, create).await
    }

    /// Import many keys
    ///
    /// Up to 1,000 keys of at most 1 MiB together, each judged as if it were imported alone. `on_refusal` says what becomes of
    /// the others when one is refused. A repetition with the same `Idempotency-Key` is answered with the same lines.
    #[oai(
        path = "/v1/organizations/:organization/keys/import-batch",
        method = "post",
        operation_id = "import_keys",
        tag = "Tags::Keys"
    )]
    async fn import_keys(
        &self,
        access: Scoped<ImportKeys>,
        #[oai(name = "organization")] _organization: Path<String>,
        body: Json<KeyImports, BATCH_MAX_BYTES>,
    ) -> Result<Created<Idempotent<ImportReport>>, Problem> {
        let create = async |write: &mut Write, body: KeyImports| {
            let organization = write.find_organization().await?.ok_or_else(not_found)?;
            let mut lines = read_lines(&access, write, &organization, &body.keys).await?;
            refuse_taken(write, &mut lines).await?;
            if body.on_refusal.unwrap_or_default() == OnRefusal::ImportNone {
                refuse_all(&mut lines)?;
            }
            grant_missing(&access, write, &organization, (&mut lines, &body.keys)).await?;
            let enabled = body.keys.iter().map(|key| key.key.enabled);
            let report = import_good(&access, write, lines.into_iter().zip(enabled).collect()).await?;
            let logged = json!({"imported": report.imported, "refused": report.refused});
            Ok(New::of_many(access.scope.organization(), report, logged))
        };
        access.create(body, create).await
    }
}

/// A key of the request: what is to be stored of it, or why not.
type Line = Result<(Imported, Import), Problem>;

/// Judges each key as an ordinary creation, with the permissions that it adds to the organization's own.
async fn read_lines(
    access: &Scoped<ImportKeys>,
    write: &mut Write,
    organization: &Organization,
    keys: &[KeyImport],
) -> Result<Vec<Line>, Problem> {
    let mut lines = Vec::with_capacity(keys.len());
    for body in keys {
        let imported = import::read(&access.app, organization, body);
        let change = match missing_permissions(access, organization, granted(body)) {
            Ok(missing) if missing.is_empty() => grant::read_new_key(access, write, organization, &body.key).await,
            Ok(missing) => {
                let permissions = [organization.permissions.as_slice(), &missing].concat();
                let organization = Organization { permissions, ..organization.clone() };
                grant::read_new_key(access, write, &organization, &body.key).await
            }
            Err(problem) => Err(problem),
        };
        lines.push(match (imported, change) {
            (_, Err(problem)) if problem.code().status().is_server_error() => return Err(problem),
            (Ok(imported), Ok(change)) => {
                let import = imported.with(change);
                Ok((imported, import))
            }
            (Err(problem), Ok(_)) => Err(problem),
            (Ok(_), Err(problem)) => Err(problem.within("/key")),
            (Err(secret), Err(policy)) => {
                let mut errors = secret.into_errors();
                let code = policy.code();
                errors.extend(policy.within("/key").into_errors());
                Err(Problem::new(code).errors(errors))
            }
        });
    }
    Ok(lines)
}

fn granted(body: &KeyImport) -> (&[String], bool) {
    (&body.key.permissions, body.key.create_permissions)
}

/// Adds to the organization's own permissions what the keys name that are imported: a refused one leaves nothing behind.
async fn grant_missing(
    access: &Scoped<ImportKeys>,
    write: &mut Write,
    organization: &Organization,
    (lines, bodies): (&mut [Line], &[KeyImport]),
) -> Result<(), Problem> {
    let mut missing = Vec::new();
    for (line, body) in lines.iter().zip(bodies) {
        if line.is_ok() {
            missing.extend(missing_permissions(access, organization, granted(body))?);
        }
    }
    missing.sort_unstable();
    missing.dedup();
    if missing.is_empty() {
        return Ok(());
    }
    let changed = add_permissions(write, &missing).await?;
    if changed.generation != organization.generation + 1 {
        // What was granted under the version before may have been given up meanwhile.
        let detail = "The organization has changed in the meantime; send the request again.";
        return Err(Problem::new(ErrorCode::Conflict).detail(detail));
    }
    for (_, import) in lines.iter_mut().flatten() {
        import.key.permissions_since = changed.generation;
    }
    Ok(())
}

/// Refuses names and secrets that the organization has already, or that stand in the request twice.
async fn refuse_taken(write: &mut Write, lines: &mut [Line]) -> Result<(), Problem> {
    let good = || lines.iter().flatten().map(|(_, import)| import);
    let folded: Vec<String> = good().map(|import| import.key.name.fold()).collect();
    let lookup_ids: Vec<LookupId> = good().flat_map(|import| import.lookup_ids.clone()).collect();
    let Taken { mut names, lookup_ids: mut taken_ids } = write.find_taken(&folded, &lookup_ids).await?;
    for line in lines {
        let Ok((_, import)) = line else { continue };
        let mut errors = Vec::new();
        if !names.insert(import.key.name.fold()) {
            errors.push(FieldError::new("/key/name", "conflict", "Another key of this organization has this name."));
        }
        // Under each pepper's id, so that the request has none of them twice.
        if import.lookup_ids.iter().filter(|id| !taken_ids.insert(**id)).count() > 0 {
            errors.push(FieldError::new("", "conflict", "This secret is registered already."));
        }
        if !errors.is_empty() {
            *line = Err(Problem::new(ErrorCode::Conflict).errors(errors));
        }
    }
    Ok(())
}

/// Refuses the whole request where a line is refused, for the first one's reason and with the mistakes of all.
fn refuse_all(lines: &mut [Line]) -> Result<(), Problem> {
    let (mut code, mut errors) = (None, Vec::new());
    for (at, line) in lines.iter_mut().enumerate() {
        if let Err(problem) = line {
            code = code.or(Some(problem.code()));
            let refused = std::mem::replace(problem, Problem::new(ErrorCode::Validation));
            let place = |error: FieldError| FieldError { pointer: format!("/keys/{at}{}", error.pointer), ..error };
            errors.extend(refused.into_errors().into_iter().map(place));
        }
    }
    errors.truncate(ERRORS_MAX);
    code.map_or(Ok(()), |code| Err(Problem::new(code).errors(errors)))
}

/// The most mistakes that one problem lists.
const ERRORS_MAX: usize = 50;

/// Imports the lines that were not refused, each with an event of its own, and says what became of all.
async fn import_good(
    access: &Scoped<ImportKeys>,
    write: &mut Write,
    lines: Vec<(Line, bool)>,
) -> Result<ImportReport, Problem> {
    let (mut secrets, mut imports, mut refusals) = (Vec::new(), Vec::new(), Vec::with_capacity(lines.len()));
    let mut enabled = Vec::new();
    for (line, is_enabled) in lines {
        refusals.push(match line {
            Ok((secret, import)) => {
                secrets.push(secret);
                imports.push(import);
                enabled.push(is_enabled);
                None
            }
            Err(problem) => Some(problem),
        });
    }
    let imported = write.import_keys(&imports, is_same(access, &secrets)).await?;
    let mut made = Vec::with_capacity(imported.len());
    let count = imported.len() as u64;
    for (key, is_enabled) in imported.into_iter().zip(enabled) {
        let key = change::switch_off(write, key, is_enabled).await?;
        let body = KeyBody::new(&key, access.app.environment, write.now());
        write.append_event(&Event::of("key.imported", key.id).changed(None, body.to_json())).await?;
        made.push((body.id, body.hint));
    }
    let mut made = made.into_iter();
    let results = refusals.into_iter().map(|refusal| {
        let (key_id, hint) = if refusal.is_none() { made.next().unzip() } else { (None, None) };
        let errors = refusal.into_iter().flat_map(Problem::into_errors).map(Into::into).collect();
        ImportResult { key_id: Nullable(key_id), hint: Nullable(hint), errors }
    });
    let results: Vec<ImportResult> = results.collect();
    Ok(ImportReport { imported: count, refused: results.len() as u64 - count, results })
}

/// Whether the import with an index brings the secret behind a hash.
fn is_same<'a>(
    access: &'a Scoped<impl crate::operation::Operation>,
    secrets: &'a [Imported],
) -> impl Fn(usize, OrganizationId, &SecretHash) -> Option<bool> + 'a {
    move |at, organization, hash| secrets[at].is_behind(&access.app.peppers, organization, hash)
}
