//! Changing within a scope. [`Write::commit`] is the only commit: rows, event and outbox in one transaction.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::{Deref, DerefMut};

use domain::event::Event;
use domain::ids::{KeyId, ReceiptId};
use uuid::Uuid;

use crate::duplicates::Elsewhere;
use crate::error::Error;
use crate::generation::{Generation, Subject};
use crate::rows::Rows;

/// Where a change came from, as the action log tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The request's id.
    pub request_id: String,
    /// The client's address, if it could be told.
    pub ip: Option<IpAddr>,
}

/// A change of the rows of one scope, at one instant. Dropping it changes nothing.
#[derive(Debug)]
#[must_use = "a change that is not committed is rolled back"]
pub struct Write {
    pub(crate) rows: Rows,
    pub(crate) origin: Origin,
    pub(crate) bumped: BTreeMap<Subject, i64>,
    pub(crate) receipts: BTreeMap<KeyId, ReceiptId>,
    /// Set by an operation that found everything as it should be: the versions that there are.
    pub(crate) unchanged: Option<BTreeMap<Subject, i64>>,
    /// Versions that it made of other organizations' keys.
    pub(crate) elsewhere: Vec<Elsewhere>,
    /// The version of the installation that tells of secrets that are not of our form; set by whoever adds one.
    pub(crate) foreign: Option<Generation>,
}

/// What a commit left behind for Redis to hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The versions that this change made.
    pub generations: Vec<Generation>,
    /// The outbox rows that hold them until Redis has heard.
    pub outbox_ids: Vec<Uuid>,
    /// The versions that it made of other organizations' keys.
    pub elsewhere: Vec<Elsewhere>,
    /// The version of the installation that tells of secrets that are not of our form, where this change added one.
    pub foreign: Option<Generation>,
}

impl Write {
    pub(crate) fn new(rows: Rows, origin: Origin) -> Self {
        Self {
            rows,
            origin,
            bumped: BTreeMap::new(),
            receipts: BTreeMap::new(),
            unchanged: None,
            elsewhere: Vec::new(),
            foreign: None,
        }
    }

    /// Keeps the change together with its event and the outbox rows of every version it made.
    ///
    /// When the event cannot be written nothing is kept. A change that found everything as it should be writes nothing at all.
    pub async fn commit(mut self, event: Event) -> Result<Committed, Error> {
        if let (true, Some(unchanged)) = (self.bumped.is_empty(), &self.unchanged) {
            return Ok(Committed {
                generations: listed(unchanged),
                outbox_ids: Vec::new(),
                elsewhere: Vec::new(),
                foreign: None,
            });
        }
        // Whatever is wrong with the log, it is not of the caller's making and may pass.
        self.append_event(&event).await.map_err(Error::into_unavailable)?;
        let outbox_ids = self.insert_outbox().await.map_err(Error::into_unavailable)?;
        let generations = self.generations();
        let (elsewhere, foreign) = (std::mem::take(&mut self.elsewhere), self.foreign);
        self.rows.session.commit().await?;
        Ok(Committed { generations, outbox_ids, elsewhere, foreign })
    }

    /// Writes a further entry of the action log with this change.
    pub async fn note(&mut self, event: &Event) -> Result<(), Error> {
        self.append_event(event).await.map_err(Error::into_unavailable)
    }

    pub(crate) fn generations(&self) -> Vec<Generation> {
        listed(&self.bumped)
    }

    /// Takes note that an operation had nothing to change, in which case the commit writes nothing either. The version that
    /// there is, if the row has one, is still published: an earlier attempt may have been committed and not told.
    pub(crate) fn leave_unchanged(&mut self, version: Option<(Subject, i64)>) {
        self.unchanged.get_or_insert_default().extend(version);
    }

    /// Remembers a version that this change made.
    pub(crate) fn bump(&mut self, subject: Subject, value: i64) {
        self.bumped.insert(subject, value);
    }
}

fn listed(versions: &BTreeMap<Subject, i64>) -> Vec<Generation> {
    versions.iter().map(|(&subject, &value)| Generation { subject, value }).collect()
}

impl Deref for Write {
    type Target = Rows;

    fn deref(&self) -> &Rows {
        &self.rows
    }
}

impl DerefMut for Write {
    fn deref_mut(&mut self) -> &mut Rows {
        &mut self.rows
    }
}
