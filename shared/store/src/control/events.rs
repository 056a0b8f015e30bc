//! The action log of control: the chains of [`crate::events`], over the same columns.

use domain::event::Event;
use domain::ids::{EventId, OrganizationId};
use ipnet::IpNet;
use sqlx::Row;

use super::transaction::{ControlRows, ControlWrite};
use crate::error::Error;
use crate::events::{CHAIN_START, EVENTS_MAX, EventRow, read_row};

/// What entries of control have in the place of an environment.
const PLACE: &str = "control";

impl ControlRows {
    /// An organization's events behind the place `after_seq`, in the order of the chain.
    pub async fn list_events(
        &mut self,
        organization: OrganizationId,
        after_seq: i64,
        limit: i64,
    ) -> Result<Vec<EventRow>, Error> {
        let sql = "select organization_id, seq, id, environment, at, actor, action, subject, request_id, ip,
                details::text as details, previous_hash, hash
            from events
            where organization_id = $1 and seq > $2
            order by seq
            limit $3";
        let statement = sqlx::query(sql).bind(organization.uuid()).bind(after_seq).bind(limit.clamp(1, EVENTS_MAX));
        self.session.all(statement).await?.iter().map(read_row).collect()
    }
}

impl ControlWrite {
    /// Appends to an organization's chain, whose end this transaction holds from here on.
    pub(super) async fn append_event(&mut self, organization: OrganizationId, event: &Event) -> Result<(), Error> {
        let (seq, previous_hash) = self.hold_head(organization).await?;
        let mut row = EventRow {
            organization,
            seq: seq + 1,
            id: EventId::mint(self.now),
            environment: PLACE.to_owned(),
            at: self.now,
            actor: self.actor.to_string(),
            action: event.action().to_owned(),
            subject: event.subject().to_owned(),
            request_id: self.origin.request_id.clone(),
            ip: self.origin.ip,
            details: event.details().to_string(),
            previous_hash,
            hash: [0; 32],
        };
        row.hash = row.expected_hash();
        self.insert_event(&row).await
    }

    /// Holds the end of the chain: of two commits at once, the second waits here.
    async fn hold_head(&mut self, organization: OrganizationId) -> Result<(i64, [u8; 32]), Error> {
        let begin = "insert into event_heads (organization_id, seq, hash) values ($1, 0, $2)
            on conflict (organization_id) do nothing";
        let statement = sqlx::query(begin).bind(organization.uuid()).bind(CHAIN_START.to_vec());
        self.rows.session.execute(statement).await?;
        let hold = "select seq, hash from event_heads where organization_id = $1 for update";
        let row = self.rows.session.one(sqlx::query(hold).bind(organization.uuid())).await?;
        let hash: &[u8] = row.try_get("hash")?;
        Ok((row.try_get("seq")?, hash.try_into().map_err(Error::unreadable)?))
    }

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
