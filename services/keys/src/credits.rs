//! The credits of a verification: spent, looked at, or told beside a refusal.

use domain::verify::Purpose;

use crate::lookup::Proven;
use crate::question::Asked;
use crate::verify::{Verifier, VerifyError};

impl Verifier {
    /// Takes the cost from the balance; one of 0 only looks.
    pub async fn spend_credits(
        &self,
        proven: &Proven,
        asked: &Asked,
        cost: i64,
    ) -> Result<Option<store::Spent>, VerifyError> {
        if !has_balance(proven, asked) {
            return Ok(None);
        }
        let snapshot = &proven.key.snapshot;
        let (organization, key) = (snapshot.organization.id, snapshot.key.id);
        // Few keys have any: the others have no room for it.
        let spent = if cost == 0 {
            let found = Box::pin(self.store.find_balance(organization, key)).await;
            found.map(|balance| balance.map(|remaining| store::Spent { is_enough: true, remaining }))
        } else {
            Box::pin(self.store.spend_credits(organization, key, cost)).await
        };
        spent.map_err(|error| match error {
            store::Error::Unavailable(_) => VerifyError::Unavailable,
            store::Error::Conflict(_) | store::Error::Database(_) => {
                tracing::error!(error = %error, "credits could not be counted");
                VerifyError::Broken
            }
        })
    }

    /// What is left of the credits, beside a refusal that spends none. The refusal stands whether or not that can be told.
    pub async fn tell_balance(&self, proven: &Proven, asked: &Asked) -> Option<i64> {
        if !has_balance(proven, asked) {
            return None;
        }
        let snapshot = &proven.key.snapshot;
        Box::pin(self.lookup.reader.read_balance(snapshot.organization.id, snapshot.key.id)).await
    }
}

/// Credits are for what the key guards: calls to our own API spend none.
fn has_balance(proven: &Proven, asked: &Asked) -> bool {
    proven.key.snapshot.key.has_credits && asked.purpose == Purpose::Guard
}
