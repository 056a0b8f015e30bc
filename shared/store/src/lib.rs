//! Every SQL statement and Redis script, and the rows and counters behind them.
//!
//! A tenant's rows are reached through a [`Scope`](domain::access::Scope) only; what needs none is in one file.

mod actions;
mod config;
mod connections;
pub mod control;
pub mod counters;
mod credits;
mod customers;
mod decode;
mod domains;
mod duplicates;
mod error;
pub mod events;
mod generation;
mod granted;
pub mod idempotency;
mod key_usage;
mod keys;
mod limit_settings;
mod migrate;
mod organizations;
mod outbox;
mod page;
mod permissions;
mod receipts;
mod request_logs;
mod retention;
mod roles;
mod rows;
mod scope_removal;
mod session;
mod span;
mod store;
mod unscoped;
mod verifiers;
mod write;

pub use actions::ActionFilter;
pub use config::{DatabaseConfig, Pooler};
pub use credits::Spent;
pub use customers::{Customer, NewCustomer};
pub use domains::Domain;
pub use duplicates::{Elsewhere, Import, Taken};
pub use error::{Cause, Error, conflict};
pub use events::EventRow;
pub use generation::{Generation, Subject};
pub use key_usage::{BatchId, KeyUse, UseOutcome};
pub use keys::{
    CreditsChange, Key, KeyChange, KeyCount, KeyFilter, KeySelection, KeySort, KeySortBy, NewSecret, SELECTED_KEYS_MAX,
    Secret, SelectionSummary,
};
pub use limit_settings::{LimitNamespace, LimitOverride, LimitOverrideId};
pub use migrate::{CONTROL_MIGRATIONS, MIGRATIONS, NotReady, migrate, migrate_control};
pub use organizations::{NewOrganization, Organization, OrganizationChange};
pub use outbox::OutboxRow;
pub use page::{PAGE_SIZE_MAX, Page, Position, Slice, SortValue};
pub use permissions::PERMISSIONS_MAX;
pub use receipts::Receipt;
pub use request_logs::{PATH_CHARS_MAX, PartitionsMade, RequestLog};
pub use retention::Expiring;
pub use roles::{ROLES_MAX, Role, RoleChange};
pub use rows::{Read, Rows};
pub use scope_removal::Deleted;
pub use store::Store;
pub use unscoped::{Found, LastUse, MemberBasis, OrganizationRef};
pub use verifiers::{
    ANSWERS_MAX, ASKING_MAX, AskOutcome, Asking, Claim, NewVerifier, Verifier, VerifierAnswer, VerifierCounts,
};
pub use write::{Committed, Origin, Write};
