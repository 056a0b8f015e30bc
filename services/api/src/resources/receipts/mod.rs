//! `{o}/receipts/{receipt}`: how far a change that takes power away has reached.

pub mod wire;

use domain::ids::ReceiptId;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use server::answer::Ok200;
use server::problem::Problem;

use self::wire::ReceiptBody;
use super::Tags;
use crate::access::Scoped;
use crate::authenticate::not_found;
use crate::operation::operations;

operations! {
    FindReceipt => KeysRead;
}

/// The operation on receipts.
pub struct Api;

#[OpenApi]
impl Api {
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
        access: Scoped<FindReceipt>,
        #[oai(name = "organization")] _organization: Path<String>,
        receipt: Path<String>,
    ) -> Result<Ok200<ReceiptBody>, Problem> {
        let id: ReceiptId = receipt.0.parse().map_err(|_| not_found())?;
        let mut read = access.read().await?;
        let receipt = read.find_receipt(id).await?.ok_or_else(not_found)?;
        Ok(Ok200::new(access.app.receipt_now(&receipt, read.now()).await))
    }
}
