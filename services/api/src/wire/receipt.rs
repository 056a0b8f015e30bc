//! Receipts in answers.

use poem_openapi::Object;

use super::instant::Instant;

/// The proof of how far a change that takes power away has reached.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Receipt")]
pub struct ReceiptBody {
    /// Its id, for `GET …/receipts/{receipt}`.
    pub id: String,
    /// The key that changed.
    pub key_id: String,
    /// The key's version from which on the change holds.
    pub generation: i64,
    /// 0 when every request that starts after this answer sees the change; otherwise the bound.
    pub effective_within_ms: u64,
    /// When the change was made.
    pub created_at: Instant,
    /// The live replicas of the key service, each with whether it dropped what it held of the key.
    pub replicas: Vec<ReplicaBody>,
}

/// One live replica of the key service.
#[derive(Debug, Clone, Object)]
#[oai(rename = "ReceiptReplica")]
pub struct ReplicaBody {
    /// Its id.
    pub id: String,
    /// Whether it has dropped what it held of the key.
    pub is_applied: bool,
}
