//! The shapes on the wire; the public ones are also what the OpenAPI document says.

mod all_or;
mod authenticate;
mod members;
mod needed;
mod secret_text;
mod spend;
mod verify;
mod words;

pub use all_or::AllOr;
pub use authenticate::{
    AuthenticateAnswer, AuthenticateRequest, Authority, FieldError, InternalBatchAnswer, InternalVerifyRequest,
    UnreadableAuthority, Within,
};
pub use members::members;
pub use needed::Needed;
pub use secret_text::SecretText;
pub use spend::{InternalSpendRequest, RateSourceName, SpendLimitAnswer, SpendLimitRequest, SpendReason};
pub use verify::{
    BATCH_MAX, BatchAnswer, BatchRequest, COST_MAX, Enforced, LimitAsked, LimitOwner, LimitState, Metadata, Proven,
    TraceStep, VerifyAnswer, VerifyRequest,
};
pub use words::{EnvironmentName, KeyKindName, TraceOutcome, VerdictName};
