//! The shapes on the wire; the public ones are also what the OpenAPI document says.

mod all_or;
mod authenticate;
mod batch;
mod members;
mod needed;
mod secret_text;
mod spend;
mod verify;
mod words;

pub use all_or::AllOr;
pub use authenticate::{
    AuthenticateAnswer, AuthenticateRequest, Authority, InternalBatchAnswer, InternalVerifyRequest,
    UnreadableAuthority, Within,
};
pub use batch::{BATCH_MAX, BatchAnswer, BatchRequest, BatchResult, BatchShape, FieldError, QuestionRefused};
pub use members::members;
pub use needed::{NEEDED_DEPTH_MAX, NEEDED_MAX, Needed, NeededGroup, NeededPart};
pub use secret_text::SecretText;
pub use spend::{InternalSpendRequest, RateSourceName, SpendCounter, SpendLimitAnswer, SpendLimitRequest, SpendReason};
pub use verify::{
    COST_MAX, Enforced, LimitAsked, LimitOwner, LimitState, Metadata, Proven, RoleName, TraceStep, VerdictCustomer,
    VerifyAnswer, VerifyRequest,
};
pub use words::{EnvironmentName, KeyKindName, TraceOutcome, VerdictName};
