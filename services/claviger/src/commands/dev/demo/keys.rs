//! The demo's keys: every status, and a reason to look at each column of the list.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

/// What becomes of a key after it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is used now and then.
    Used,
    /// Nobody has used it yet.
    Unused,
    /// It was revoked, for this reason.
    Revoked(&'static str),
    /// Its end comes a moment after it was made.
    Expired,
}

/// A key of the demo.
pub struct DemoKey {
    /// As the API takes it.
    pub body: Value,
    /// What becomes of it.
    pub fate: Fate,
}

use Fate::{Expired, Revoked, Unused, Used};

/// A name, permissions, days to the end if there is one, tags, and what becomes of it.
type Row = (&'static str, &'static [&'static str], Option<i64>, &'static [&'static str], Fate);

const READ: &[&str] = &["documents.read"];
const WRITE: &[&str] = &["documents.read", "documents.write"];
const VERIFIES: &[&str] = &["keys.verify"];
const KEYS: &[&str] = &["keys.read", "keys.create", "keys.update", "keys.revoke"];
const REPORTS: &[&str] = &["documents.read", "customers.read"];

/// The plain ones; what else there is to show is in [`particular`].
const ROWS: [Row; 32] = [
    ("Checkout Service", WRITE, Some(365), &["backend", "payments"], Used),
    ("Search Indexer", READ, None, &["backend"], Used),
    ("Invoice Export", REPORTS, Some(90), &["finance"], Used),
    ("Mobile App iOS", READ, Some(180), &["mobile"], Used),
    ("Mobile App Android", READ, Some(180), &["mobile"], Used),
    ("Partner Portal", REPORTS, Some(5), &["partners"], Used),
    ("Data Warehouse Sync", REPORTS, Some(2), &["data"], Used),
    ("Nightly Backup", READ, Some(1), &["operations"], Used),
    ("Support Desk", &["customers.read", "documents.read"], None, &["support"], Used),
    ("Status Page Probe", VERIFIES, None, &["operations"], Used),
    ("API Gateway Berlin", VERIFIES, Some(60), &["gateway"], Used),
    ("API Gateway Dublin", VERIFIES, Some(60), &["gateway"], Used),
    ("Terraform", KEYS, Some(30), &["ci"], Used),
    ("GitHub Actions", KEYS, Some(14), &["ci"], Used),
    ("Load Test", WRITE, Some(7), &["ci"], Unused),
    ("Webhook Replayer", WRITE, None, &["backend"], Unused),
    ("Marketing Site Preview", READ, Some(21), &["website"], Unused),
    ("Analytics Sandbox", READ, None, &["data"], Unused),
    ("Feature Flags Reader", READ, Some(120), &["backend"], Unused),
    ("Chatbot Prototype", WRITE, Some(10), &["labs"], Unused),
    ("Document Scanner", WRITE, None, &["hardware"], Used),
    ("Kiosk Munich", READ, None, &["hardware"], Used),
    ("Kiosk Vienna", READ, None, &["hardware"], Unused),
    ("Old Mobile App", READ, None, &["mobile"], Revoked("superseded")),
    ("Leaked in a Screenshot", WRITE, None, &["incident"], Revoked("compromised")),
    ("Contractor Access", WRITE, Some(60), &["people"], Revoked("owner_left")),
    ("Unused Integration", READ, None, &[], Revoked("unused")),
    ("Legacy Importer", KEYS, None, &["legacy"], Revoked("other")),
    ("Black Friday Campaign", READ, None, &["marketing"], Expired),
    ("Hackathon 2026", WRITE, None, &["labs"], Expired),
    ("Pilot Customer Demo", READ, None, &["partners"], Expired),
    ("Audit Access", REPORTS, None, &["finance"], Expired),
];

/// All of them, as of `now`. `customer` is the external id of one.
pub fn all(now: DateTime<Utc>, customer: &str) -> Vec<DemoKey> {
    let mut keys: Vec<DemoKey> = ROWS.iter().map(|row| plain(now, row)).collect();
    keys.extend(particular(now, customer));
    keys
}

fn plain(now: DateTime<Utc>, &(name, permissions, days, tags, fate): &Row) -> DemoKey {
    let mut body = json!({"name": name, "permissions": permissions, "tags": tags});
    if let Some(days) = days {
        body["expires_at"] = json!(instant(now + TimeDelta::days(days)));
    }
    DemoKey { body, fate }
}

/// Keys with something that the others do not have.
fn particular(now: DateTime<Utc>, customer: &str) -> Vec<DemoKey> {
    let every_day = json!([
        {"name": "requests", "limit": 100, "window_ms": 60_000},
        {"name": "daily", "limit": 10_000, "window_ms": 86_400_000},
    ]);
    let soon = instant(now + TimeDelta::days(30));
    let key = |body, fate| DemoKey { body, fate };
    vec![
        key(
            json!({"name": "Main Website Integration", "permissions": READ,
                "domains": ["shop.example.com", "www.example.com"], "tags": ["website"]}),
            Used,
        ),
        key(
            json!({"name": "Northwind Reporting", "permissions": REPORTS,
                "customers": [customer], "limits": every_day, "metadata": {"team": "reporting"}}),
            Used,
        ),
        key(json!({"name": "Office Scripts", "permissions": WRITE, "ips": ["192.0.2.0/24", "2001:db8::/32"]}), Used),
        key(json!({"name": "Trial", "permissions": READ, "expires_at": soon, "credits": {"remaining": 500}}), Used),
        key(json!({"name": "Next Release", "permissions": ["documents.write"], "not_before": soon}), Unused),
        key(
            json!({"name": "Batch Jobs", "permissions": WRITE,
                "credits": {"remaining": 20_000, "refill": {"amount": 20_000, "interval": "daily"}}, "tags": ["backend"]}),
            Used,
        ),
        key(
            json!({"name": "Hooli Connector", "permissions": ["documents.*"], "customers": ["hooli", "initech"],
                "domains": ["api.example.com"], "ips": ["198.51.100.7"], "tags": ["partners"],
                "metadata": {"owner": "integrations", "ticket": "INT-214"}}),
            Unused,
        ),
    ]
}

/// An instant as the API takes it.
pub fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}
