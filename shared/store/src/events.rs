//! The action log: one hash chain for each organization, appended to by every commit.
//!
//! An entry's hash covers all of it, its place, its organization and environment, and the hash before it, each
//! with its length in front, so that no edit, swap, insertion, removal or move to another chain goes unseen.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use domain::event::Event;
use domain::ids::{EventId, OrganizationId};
use ipnet::IpNet;
use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::decode;
use crate::error::Error;
use crate::rows::Rows;
use crate::write::Write;

/// The hash before the first entry of a chain.
pub const CHAIN_START: [u8; 32] = [0; 32];
/// The most entries of one look.
pub const EVENTS_MAX: i64 = 1_000;
/// The member of an entry's details that holds the name of a person who acted.
pub const ACTOR_NAME: &str = "actor_name";
/// Names the encoding below; another encoding gets another name.
const ENCODING: &[u8] = b"claviger event 1";

/// One entry of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Whose chain.
    pub organization: OrganizationId,
    /// Its place, from 1 without a gap.
    pub seq: i64,
    /// Its id.
    pub id: EventId,
    /// In which world it happened.
    pub environment: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Who did it.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub subject: String,
    /// In which request.
    pub request_id: String,
    /// From where.
    pub ip: Option<IpAddr>,
    /// More about it: JSON text, byte for byte as it was hashed.
    pub details: String,
    /// The hash of the entry before.
    pub previous_hash: [u8; 32],
    /// The hash of this one.
    pub hash: [u8; 32],
}

/// Where a chain does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the chain breaks at entry {seq}")]
pub struct BrokenChain {
    /// The place of the first entry that is not what the chain says.
    pub seq: i64,
}

impl EventRow {
    /// The hash that this entry must have.
    pub fn expected_hash(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        let mut field = |bytes: &[u8]| {
            digest.update((bytes.len() as u64).to_be_bytes());
            digest.update(bytes);
        };
        field(ENCODING);
        field(self.environment.as_bytes());
        field(self.organization.uuid().as_bytes());
        field(&self.seq.to_be_bytes());
        field(&self.previous_hash);
        field(self.id.uuid().as_bytes());
        field(&self.at.timestamp_micros().to_be_bytes());
        field(self.actor.as_bytes());
        field(self.action.as_bytes());
        field(self.subject.as_bytes());
        field(self.request_id.as_bytes());
        field(self.ip.map(|ip| ip.to_string()).unwrap_or_default().as_bytes());
        field(self.details.as_bytes());
        digest.finalize().into()
    }
}

/// Checks a stretch of one organization's chain in one environment, whose entry before has the place `after_seq` and
/// the hash `after_hash`. Answers with the hash of the last entry.
pub fn verify_chain(
    (environment, organization): (&str, OrganizationId),
    (after_seq, after_hash): (i64, [u8; 32]),
    events: &[EventRow],
) -> Result<[u8; 32], BrokenChain> {
    let mut previous = after_hash;
    for (expected_seq, event) in (after_seq + 1..).zip(events) {
        let is_own = event.organization == organization && event.environment == environment;
        let is_next = event.seq == expected_seq && event.previous_hash == previous;
        if !is_own || !is_next || event.hash != event.expected_hash() {
            return Err(BrokenChain { seq: expected_seq });
        }
        previous = event.hash;
    }
    Ok(previous)
}

impl Rows {
    /// The organization's events behind the place `after_seq`, in the order of the chain.
    pub async fn list_events(&mut self, after_seq: i64, limit: i64) -> Result<Vec<EventRow>, Error> {
        let sql = "select organization_id, seq, id, environment, at, actor, action, subject, request_id, ip,
                details::text as details, previous_hash, hash
            from events
            where organization_id = $1 and seq > $2
            order by seq
            limit $3";
        let statement = sqlx::query(sql).bind(self.organization()).bind(after_seq).bind(limit.clamp(1, EVENTS_MAX));
        self.session.all(statement).await?.iter().map(read_row).collect()
    }
}

impl Write {
    /// Appends to the organization's chain, whose end this transaction holds from here on: what else a change did, beside
    /// the event of its commit.
    pub async fn append_event(&mut self, event: &Event) -> Result<(), Error> {
        let (seq, previous_hash) = self.hold_head().await?;
        let mut row = EventRow {
            organization: self.bounds.organization,
            seq: seq + 1,
            id: EventId::mint(self.now),
            environment: self.bounds.environment.name().to_owned(),
            at: self.now,
            actor: self.bounds.actor.clone(),
            action: event.action().to_owned(),
            subject: event.subject().to_owned(),
            request_id: self.origin.request_id.clone(),
            ip: self.origin.ip,
            details: self.details(event).to_string(),
            previous_hash,
            hash: [0; 32],
        };
        row.hash = row.expected_hash();
        self.insert_event(&row).await
    }

    /// What the entry says beside its columns, with the name of a person who acts.
    fn details(&self, event: &Event) -> Value {
        let mut details = event.details();
        if let (Some(name), Some(members)) = (&self.bounds.actor_name, details.as_object_mut()) {
            members.insert(ACTOR_NAME.to_owned(), Value::String(name.clone()));
        }
        details
    }

    /// Holds the end of the chain: of two commits at once, the second waits here.
    async fn hold_head(&mut self) -> Result<(i64, [u8; 32]), Error> {
        let hold = "select seq, hash from event_heads where organization_id = $1 for update";
        let row = match self.rows.session.optional(sqlx::query(hold).bind(self.organization())).await? {
            Some(row) => row,
            None => {
                let begin = "insert into event_heads (organization_id, seq, hash) values ($1, 0, $2)
                    on conflict (organization_id) do nothing";
                let statement = sqlx::query(begin).bind(self.organization()).bind(CHAIN_START.to_vec());
                self.rows.session.execute(statement).await?;
                self.rows.session.one(sqlx::query(hold).bind(self.organization())).await?
            }
        };
        Ok((row.try_get("seq")?, read_hash(&row, "hash")?))
    }

    /// Writes the entry, and moves the end of the chain to it.
    async fn insert_event(&mut self, row: &EventRow) -> Result<(), Error> {
        let sql = "with head as (update event_heads set seq = $2, hash = $13 where organization_id = $1)
            insert into events
                (organization_id, seq, id, environment, at, actor, action, subject, request_id, ip, details,
                previous_hash, hash)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::text::json, $12, $13)";
        let statement = sqlx::query(sql)
            .bind(row.organization.uuid())
            .bind(row.seq)
            .bind(row.id.uuid())
            .bind(row.environment.clone())
            .bind(row.at)
            .bind(row.actor.clone())
            .bind(row.action.clone())
            .bind(row.subject.clone())
            .bind(row.request_id.clone())
            .bind(row.ip.map(IpNet::from))
            .bind(row.details.clone())
            .bind(row.previous_hash.to_vec())
            .bind(row.hash.to_vec());
        self.rows.session.execute(statement).await.map(drop)
    }
}

fn read_hash(row: &PgRow, column: &str) -> Result<[u8; 32], Error> {
    let bytes: &[u8] = row.try_get(column)?;
    bytes.try_into().map_err(Error::unreadable)
}

/// An entry from its columns.
pub(crate) fn read_row(row: &PgRow) -> Result<EventRow, Error> {
    Ok(EventRow {
        organization: OrganizationId::from_uuid(row.try_get("organization_id")?),
        seq: row.try_get("seq")?,
        id: EventId::from_uuid(row.try_get::<Uuid, _>("id")?),
        environment: row.try_get("environment")?,
        at: row.try_get("at")?,
        actor: row.try_get("actor")?,
        action: row.try_get("action")?,
        subject: row.try_get("subject")?,
        request_id: row.try_get("request_id")?,
        ip: decode::address(row, "ip")?,
        details: row.try_get("details")?,
        previous_hash: read_hash(row, "previous_hash")?,
        hash: read_hash(row, "hash")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: i64 = 200;

    fn chain(organization: u128) -> Vec<EventRow> {
        let mut previous_hash = CHAIN_START;
        (1..=LENGTH)
            .map(|seq| {
                let mut row = EventRow {
                    organization: OrganizationId::from_uuid(Uuid::from_u128(organization)),
                    seq,
                    id: EventId::from_uuid(Uuid::from_u128(1_000 + seq as u128)),
                    environment: "staging".to_owned(),
                    at: DateTime::from_timestamp_micros(1_764_000_000_000_000 + seq).unwrap(),
                    actor: "key_1".to_owned(),
                    action: "key.created".to_owned(),
                    subject: format!("key_{seq}"),
                    request_id: "req_1".to_owned(),
                    ip: Some(IpAddr::from([203, 0, 113, 9])),
                    details: format!("{{\"n\":{seq}}}"),
                    previous_hash,
                    hash: [0; 32],
                };
                row.hash = row.expected_hash();
                previous_hash = row.hash;
                row
            })
            .collect()
    }

    fn verify(events: &[EventRow]) -> Result<[u8; 32], BrokenChain> {
        let own = OrganizationId::from_uuid(Uuid::from_u128(1));
        verify_chain(("staging", own), (0, CHAIN_START), events)
    }

    #[test]
    fn an_edit_of_any_column_is_found_at_its_place() {
        let edits: [fn(&mut EventRow); 13] = [
            |row| row.organization = OrganizationId::from_uuid(Uuid::from_u128(2)),
            |row| row.seq += 1,
            |row| row.id = EventId::from_uuid(Uuid::from_u128(9)),
            |row| row.environment = "production".to_owned(),
            |row| row.at += chrono::TimeDelta::microseconds(1),
            |row| row.actor.push('x'),
            |row| row.action = "key.deleted".to_owned(),
            |row| row.subject.push('x'),
            |row| row.request_id.clear(),
            |row| row.ip = None,
            |row| row.details = row.details.replace(':', ": "),
            |row| row.previous_hash[31] ^= 1,
            |row| row.hash[0] ^= 1,
        ];
        for seq in 1..=LENGTH {
            for (number, edit) in edits.iter().enumerate() {
                let mut events = chain(1);
                edit(&mut events[seq as usize - 1]);
                assert_eq!(verify(&events), Err(BrokenChain { seq }), "edit {number}");
            }
        }
    }

    #[test]
    fn what_moves_between_columns_does_not_go_unseen() {
        let mut events = chain(1);
        (events[4].actor, events[4].action) = ("key_1key".to_owned(), ".created".to_owned());
        assert_eq!(verify(&events), Err(BrokenChain { seq: 5 }));
    }

    #[test]
    fn removal_repetition_swap_and_splice_are_found_at_their_place() {
        for seq in 1..LENGTH {
            let place = seq as usize - 1;
            let broken = Err(BrokenChain { seq });
            let mut removed = chain(1);
            removed.remove(place);
            assert_eq!(verify(&removed), broken);
            let mut swapped = chain(1);
            swapped.swap(place, place + 1);
            assert_eq!(verify(&swapped), broken);
            let mut spliced = chain(1);
            spliced[place] = chain(2)[place].clone();
            assert_eq!(verify(&spliced), broken);
            let mut repeated = chain(1);
            repeated.insert(place, repeated[place].clone());
            assert_eq!(verify(&repeated), Err(BrokenChain { seq: seq + 1 }));
        }
    }

    /// A chain that is cut, or made anew from an edit on, holds in itself: the last hash that is known from elsewhere
    /// tells.
    #[test]
    fn truncation_and_recomputation_change_the_last_hash() {
        let whole = verify(&chain(1)).unwrap();
        let mut cut = chain(1);
        cut.truncate(150);
        assert_ne!(verify(&cut).unwrap(), whole);
        let mut anew = chain(1);
        anew[100].actor = "key_2".to_owned();
        for place in 100..anew.len() {
            anew[place].previous_hash = anew[place - 1].hash;
            anew[place].hash = anew[place].expected_hash();
        }
        assert_ne!(verify(&anew).unwrap(), whole);
    }
}
