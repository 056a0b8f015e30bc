//! What the administrator's commands print about root keys: never a secret.

use std::io::Write;

use chrono::{DateTime, Utc};
use domain::environment::Environment;
use domain::instants::format_instant;
use domain::policy::AllOr;
use domain::secret::hint;
use store::{Key, Secret};

/// One line for each key.
pub fn list(keys: &[Key], environment: Environment, now: DateTime<Utc>) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{:<26}  {:<9}  {:<27}  {:<27}  HINT  NAME", "ID", "STATUS", "EXPIRES", "LAST USED")?;
    for key in keys {
        let (status, last_used) = (key.status(now).name(), instant(key.last_used_at, "never"));
        let (end, hint) = (instant(key.policy.expires_at, "never"), hint_of(key, environment));
        writeln!(output, "{:<26}  {status:<9}  {end:<27}  {last_used:<27}  {hint}  {}", key.id.to_string(), key.name)?;
    }
    Ok(())
}

/// All that is known of one key.
pub fn one(key: &Key, secrets: &[Secret], environment: Environment, now: DateTime<Utc>) -> anyhow::Result<()> {
    let policy = &key.policy;
    let permissions: Vec<&str> = policy.permissions.iter().map(domain::permission::PermissionName::as_str).collect();
    let limits: Vec<String> =
        policy.limits.iter().map(|limit| format!("{} in {} s", limit.limit, limit.window_ms / 1_000)).collect();
    let ips = match &policy.ips {
        AllOr::All => "all".to_owned(),
        AllOr::Only(rules) => rules.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    };
    let mut lines = vec![
        ("id", key.id.to_string()),
        ("name", key.name.clone()),
        ("environment", environment.to_string()),
        ("status", key.status(now).name().to_owned()),
        ("permissions", permissions.join(", ")),
        ("ips", ips),
        ("limits", limits.join(", ")),
        ("expires", instant(policy.expires_at, "never")),
        ("created", format!("{} by {}", format_instant(key.created_at), key.created_by)),
        ("last used", instant(key.last_used_at, "never")),
    ];
    if let (Some(at), Some(reason)) = (key.revoked_at, key.revoke_reason) {
        lines.push(("revoked", format!("{} as {}", format_instant(at), reason.name())));
        lines.extend(key.revoke_note.clone().map(|note| ("note", note.replace('\n', " "))));
    }
    for secret in secrets {
        let end = match secret.retires_at {
            None if secret.is_compromised => "compromised".to_owned(),
            None => "active".to_owned(),
            Some(at) if at > now => format!("active until {}", format_instant(at)),
            Some(at) => format!("ended {}", format_instant(at)),
        };
        lines
            .push(("secret", format!("{} {end}", hint(&secret.prefix, environment, &secret.lookup_id, &secret.last4))));
    }
    let mut output = std::io::stdout().lock();
    for (label, text) in lines {
        writeln!(output, "{label:<12} {text}")?;
    }
    Ok(())
}

/// How long a key is valid, as the end of a sentence.
pub fn until(key: &Key) -> String {
    key.policy.expires_at.map_or_else(|| "without an end".to_owned(), |end| format!("until {}", format_instant(end)))
}

fn hint_of(key: &Key, environment: Environment) -> String {
    hint(&key.prefix, environment, &key.lookup_id, &key.last4)
}

fn instant(at: Option<DateTime<Utc>>, otherwise: &str) -> String {
    at.map_or_else(|| otherwise.to_owned(), format_instant)
}
