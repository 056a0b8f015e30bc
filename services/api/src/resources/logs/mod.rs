//! `{o}/logs/actions`: who changed what, as it was before and is since.

mod wire;

use domain::ids::KeyId;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use server::answer::Ok200;
use server::problem::Problem;
use store::ActionFilter;

use self::wire::{ActionBody, ActionQuery};
use super::Tags;
use crate::access::Scoped;
use crate::operation::operations;
use crate::page::Page;

operations! {
    // An entry shows a change whole: a customer or a domain in it may be one that a limited key must not know of.
    ListActions => LogsRead, paged, query(ActionQuery), beyond_limits;
}

/// The operations on logs.
pub struct Api;

#[OpenApi]
impl Api {
    /// List changes
    ///
    /// The organization's action log, newest first: every change with who made it. Refused for a key that is limited to some
    /// customers or domains.
    #[oai(
        path = "/v1/organizations/:organization/logs/actions",
        method = "get",
        operation_id = "list_actions",
        tag = "Tags::Logs"
    )]
    async fn list_actions(
        &self,
        access: Scoped<ListActions>,
        #[oai(name = "organization")] _organization: Path<String>,
    ) -> Result<Ok200<Page<ActionBody>>, Problem> {
        let mut read = access.read().await?;
        let query = &access.query;
        let filter = ActionFilter {
            subject: query.subject.clone(),
            actor: query.actor.clone(),
            action: query.action.clone(),
            from: query.from,
            to: query.to,
        };
        let slice = access.slice(&read)?;
        let rows = read.list_actions(&filter, &slice).await?;
        let mut keys: Vec<KeyId> = rows.items.iter().filter_map(|row| row.actor.parse().ok()).collect();
        keys.sort_unstable();
        keys.dedup();
        let names = read.find_key_names(&keys).await?;
        Ok(Ok200::new(access.page_of(&read, &rows, |row| ActionBody::new(row, &names))))
    }
}
