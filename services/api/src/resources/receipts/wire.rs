//! Receipts in answers.

use poem_openapi::Object;
use store::Receipt;
use store::counters::Replica;

use crate::wire::instant::Instant;

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
    /// 0 when every request that starts after this answer sees the change: Redis was told, and all replicas ask it, as far
    /// as is known. Otherwise the bound: Redis could not be told, or a replica was not heard of for three seconds.
    pub effective_within_ms: u64,
    /// When the change was made.
    pub created_at: Instant,
    /// The replicas of the key service that were heard of in the last ten minutes and have not said that they stop, each
    /// with whether it dropped what it held of the key.
    pub replicas: Vec<ReplicaBody>,
}

/// One replica of the key service.
#[derive(Debug, Clone, Object)]
#[oai(rename = "ReceiptReplica")]
pub struct ReplicaBody {
    /// Its id.
    pub id: String,
    /// Whether it has dropped what it held of the key.
    pub is_applied: bool,
}

impl ReceiptBody {
    /// What has become of a receipt, with the replicas and those of them that have acknowledged it.
    pub fn new(receipt: &Receipt, effective_within_ms: u64, (replicas, acks): (Vec<Replica>, Vec<String>)) -> Self {
        let replica = |Replica { name: id, .. }| ReplicaBody { is_applied: acks.contains(&id), id };
        Self {
            id: receipt.id.to_string(),
            key_id: receipt.key_id.to_string(),
            generation: receipt.generation,
            effective_within_ms,
            created_at: Instant(receipt.created_at),
            replicas: replicas.into_iter().map(replica).collect(),
        }
    }
}
