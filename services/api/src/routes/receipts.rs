//! `{o}/receipts/{receipt}`: how far a change that takes power away has reached.

use std::sync::Arc;

use domain::ids::ReceiptId;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use server::answer::Ok200;
use server::problem::Problem;

use super::Tags;
use crate::app::App;
use crate::caller::{Scoped, not_found};
use crate::wire::receipt::ReceiptBody;

pub struct ReceiptsApi {
    pub app: Arc<App>,
}

#[OpenApi]
impl ReceiptsApi {
    /// Show a receipt
    ///
    /// For each replica of the key service, whether it has applied the change.
    #[oai(
        path = "/v1/organizations/:organization/receipts/:receipt",
        method = "get",
        operation_id = "find_receipt",
        tag = "Tags::Keys"
    )]
    async fn find_receipt(
        &self,
        access: Scoped,
        #[oai(name = "organization")] _organization: Path<String>,
        receipt: Path<String>,
    ) -> Result<Ok200<ReceiptBody>, Problem> {
        let id: ReceiptId = receipt.0.parse().map_err(|_| not_found())?;
        let mut read = self.app.store.read(&access.scope).await?;
        let receipt = read.find_receipt(id).await?.ok_or_else(not_found)?;
        Ok(Ok200::new(self.app.receipt_now(&receipt, read.now()).await))
    }
}
