//! How a change reaches every replica of the key service, and how it is known that it has.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::ids::{CustomerId, KeyId, OrganizationId, ReceiptId};
use redis::aio::MultiplexedConnection;
use redis::streams::{StreamReadOptions, StreamReadReply};
use redis::{Cmd, FromRedisValue, RedisError};
use uuid::Uuid;

use super::handle::Counters;
use super::names;
use crate::connections::{Away, Link, Slot};
use crate::generation::{Generation, Subject};
use crate::span;

/// How many changes the stream keeps: more than are made in the time that a replica may be away and still count.
const CHANGES_MAX: usize = 10_000;
/// How many changes are read at once.
const CHANGES_READ_MAX: usize = 500;
/// After how long without a heartbeat a replica counts as silent: three times as long as one takes to come.
const SILENT_SECONDS: i64 = 3;
/// How long a silent replica is remembered. It may go on without Redis for as long as it likes; whether it does cannot be told.
const REMEMBERED_SECONDS: i64 = 600;
/// How long acknowledgements are kept.
const ACK_SECONDS: i64 = 3_600;
/// How much longer than Redis waits the client waits for its answer.
const WAIT_SLACK: Duration = Duration::from_secs(1);

/// One change, as the stream tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The new versions; anything older is worth nothing.
    pub generations: Vec<Generation>,
    /// What to acknowledge.
    pub receipt: Option<ReceiptId>,
}

/// A replica that has said that it lives, and not that it is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// The name under which it said so.
    pub name: String,
    /// Whether it was heard of too long ago to be sure that it asks Redis.
    pub is_silent: bool,
}

/// How far a change has come that Redis was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Whoever asks Redis hears of it from now on.
    All,
    /// The same; but Redis is full, and where a question costs something each replica counts alone, and goes by what it knows
    /// until it has heard.
    Full,
}

/// Reads the stream of changes from where it stands, on a connection of its own.
pub struct Changes {
    /// Which run has the stream.
    source: (Arc<Link>, Slot, u64),
    connection: MultiplexedConnection,
    stream: String,
    last: String,
}

impl Counters {
    /// Tells Redis, and through it every replica, the versions of what was changed. A late call never brings an old
    /// version back, so it may be repeated.
    pub async fn publish(
        &self,
        organization: OrganizationId,
        generations: &[Generation],
        receipt: Option<ReceiptId>,
    ) -> Result<Reach, Away> {
        if generations.is_empty() {
            return Ok(Reach::All);
        }
        span::around(span::of_script("publish"), self.publish_all(organization, generations, receipt)).await
    }

    async fn publish_all(
        &self,
        organization: OrganizationId,
        generations: &[Generation],
        receipt: Option<ReceiptId>,
    ) -> Result<Reach, Away> {
        let script = &self.scripts.publish;
        let mut call = script.call(generations.len());
        for generation in generations {
            call.arg(names::generation(&self.prefix, organization, generation.subject));
        }
        for generation in generations {
            call.arg(generation.value);
        }
        self.link.call_script(self.link.slot_of(organization), script, &call).await?;
        let mut change = vec!["generations".to_owned(), written(generations)];
        change.extend(receipt.into_iter().flat_map(|receipt| ["receipt".to_owned(), receipt.to_string()]));
        self.announce(&change).await
    }

    async fn announce(&self, change: &[String]) -> Result<Reach, Away> {
        let stream = names::changes(&self.prefix);
        let slot = self.link.slot_of_key(&stream);
        let mut add = redis::cmd("XADD");
        add.arg(&stream).arg("MAXLEN").arg("~").arg(CHANGES_MAX).arg("*").arg(change);
        match self.link.call(slot, &add).await {
            Ok(_) => Ok(Reach::All),
            Err(Away(Some(error))) if error.code() == Some("OOM") => {
                let mut call = self.scripts.announce.call(1);
                call.arg(&stream).arg(CHANGES_MAX).arg(change);
                self.link.call_script(slot, &self.scripts.announce, &call).await?;
                Ok(Reach::Full)
            }
            Err(away) => Err(away),
        }
    }

    /// Says that this replica lives.
    pub async fn heartbeat(&self, replica: &str) -> Result<DateTime<Utc>, Away> {
        let now = self.now().await?;
        let replicas = names::replicas(&self.prefix);
        let slot = self.link.slot_of_key(&replicas);
        let mut add = redis::cmd("ZADD");
        add.arg(&replicas).arg(now.timestamp()).arg(replica);
        self.link.call(slot, &add).await?;
        let mut forget = redis::cmd("ZREMRANGEBYSCORE");
        forget.arg(&replicas).arg("-inf").arg(now.timestamp() - REMEMBERED_SECONDS);
        self.link.call(slot, &forget).await?;
        Ok(now)
    }

    /// Says that this replica is gone, so that nobody waits for it.
    pub async fn delete_replica(&self, replica: &str) -> Result<(), Away> {
        let replicas = names::replicas(&self.prefix);
        let mut remove = redis::cmd("ZREM");
        remove.arg(&replicas).arg(replica);
        self.link.call(self.link.slot_of_key(&replicas), &remove).await.map(drop)
    }

    /// The replicas that were heard of lately.
    pub async fn find_replicas(&self) -> Result<Vec<Replica>, Away> {
        let now = self.now().await?.timestamp();
        let replicas = names::replicas(&self.prefix);
        let mut range = redis::cmd("ZRANGEBYSCORE");
        range.arg(&replicas).arg(now - REMEMBERED_SECONDS).arg("+inf").arg("WITHSCORES");
        let heard: Vec<(String, i64)> = self.ask(&replicas, &range).await?;
        let replica = |(name, at): (String, i64)| Replica { name, is_silent: now - at > SILENT_SECONDS };
        Ok(heard.into_iter().map(replica).collect())
    }

    /// Says that this replica has applied a change.
    pub async fn ack(&self, replica: &str, receipt: ReceiptId) -> Result<(), Away> {
        let acks = names::acks(&self.prefix, &receipt.to_string());
        let slot = self.link.slot_of_key(&acks);
        let mut add = redis::cmd("HSET");
        add.arg(&acks).arg(replica).arg(1);
        self.link.call(slot, &add).await?;
        let mut expire = redis::cmd("EXPIRE");
        expire.arg(&acks).arg(ACK_SECONDS);
        self.link.call(slot, &expire).await.map(drop)
    }

    /// The replicas that have applied a change.
    pub async fn find_acks(&self, receipt: ReceiptId) -> Result<Vec<String>, Away> {
        let acks = names::acks(&self.prefix, &receipt.to_string());
        let mut read = redis::cmd("HKEYS");
        read.arg(&acks);
        self.ask(&acks, &read).await
    }

    /// Redis time; in a cluster, that of the server that counts the replicas.
    pub async fn now(&self) -> Result<DateTime<Utc>, Away> {
        let replicas = names::replicas(&self.prefix);
        let (seconds, micros): (i64, i64) = self.ask(&replicas, &redis::cmd("TIME")).await?;
        DateTime::from_timestamp_micros(seconds * 1_000_000 + micros).ok_or(Away(None))
    }

    /// Starts to follow the changes that are made from now on. Each wait lasts at most `wait`.
    pub async fn follow(&self, wait: Duration) -> Result<Changes, Away> {
        let stream = names::changes(&self.prefix);
        let slot = self.link.slot_of_key(&stream);
        let (mut connection, run) = self.link.dedicated(slot, wait + WAIT_SLACK).await?;
        let mut newest = redis::cmd("XREVRANGE");
        newest.arg(&stream).arg("+").arg("-").arg("COUNT").arg(1);
        let found: redis::streams::StreamRangeReply =
            newest.query_async(&mut connection).await.map_err(|error| Away(Some(error)))?;
        let last = found.ids.first().map_or_else(|| "0".to_owned(), |entry| entry.id.clone());
        let source = (Arc::clone(&self.link), slot, run);
        Ok(Changes { source, connection, stream, last })
    }

    async fn ask<T: FromRedisValue>(&self, key: &str, command: &Cmd) -> Result<T, Away> {
        let value = self.link.call(self.link.slot_of_key(key), command).await?;
        redis::from_redis_value(value).map_err(|error| Away(Some(RedisError::from(error))))
    }
}

impl Changes {
    /// Waits for changes, at most as long as was agreed; empty when there were none. Away once another run has the
    /// stream: a server that was replaced may still answer.
    pub async fn next(&mut self, wait: Duration) -> Result<Vec<Change>, Away> {
        let (link, slot, run) = &self.source;
        if link.run(*slot) != Some(*run) {
            return Err(Away(None));
        }
        let block_ms = usize::try_from(wait.as_millis()).unwrap_or(1_000);
        let options = StreamReadOptions::default().block(block_ms).count(CHANGES_READ_MAX);
        let mut read = redis::cmd("XREAD");
        read.arg(&options).arg("STREAMS").arg(&self.stream).arg(&self.last);
        let reply: Option<StreamReadReply> =
            read.query_async(&mut self.connection).await.map_err(|error| Away(Some(error)))?;
        let entries = reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids);
        let mut changes = Vec::new();
        for entry in entries {
            let receipt: Option<String> = entry.get("receipt");
            changes.push(Change {
                generations: read_generations(&entry.get::<String>("generations").unwrap_or_default()),
                receipt: receipt.and_then(|text| text.parse().ok()),
            });
            self.last = entry.id;
        }
        Ok(changes)
    }
}

/// `key:<uuid>:<version>`, separated by spaces.
fn written(generations: &[Generation]) -> String {
    let one = |g: &Generation| format!("{}:{}:{}", g.subject.kind(), g.subject.uuid(), g.value);
    generations.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn read_generations(text: &str) -> Vec<Generation> {
    let one = |entry: &str| {
        let (kind, rest) = entry.split_once(':')?;
        let (id, value) = rest.split_once(':')?;
        let id: Uuid = id.parse().ok()?;
        let subject = match kind {
            "organization" => Subject::Organization(OrganizationId::from_uuid(id)),
            "key" => Subject::Key(KeyId::from_uuid(id)),
            "customer" => Subject::Customer(CustomerId::from_uuid(id)),
            "limits" => Subject::Limits(OrganizationId::from_uuid(id)),
            _ => return None,
        };
        Some(Generation { subject, value: value.parse().ok()? })
    };
    text.split(' ').filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_read_back_and_what_is_unknown_is_passed_over() {
        let generations = vec![
            Generation { subject: Subject::Key(KeyId::from_uuid(Uuid::from_u128(1))), value: 3 },
            Generation { subject: Subject::Organization(OrganizationId::INSTALLATION), value: 9 },
        ];
        let text = format!("{} robot:{}:1 key:x:1", written(&generations), Uuid::nil());
        assert_eq!(read_generations(&text), generations);
    }
}
