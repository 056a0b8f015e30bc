//! The control database: people, their sessions, and the directory of organizations. The console's alone.
//!
//! No row-level security holds here, for people belong to no organization: who may see what is decided by the type of
//! the console's operation. A change is kept by [`ControlWrite::commit`] with its entry in the action log, or by
//! [`ControlWrite::commit_sign_in`] with its entry in the access log.

mod access_log;
mod attempts;
mod devices;
mod directory;
mod events;
mod invites;
mod members;
mod memberships;
mod open_invites;
mod organizations;
mod provisionings;
mod resets;
mod second_factors;
mod sessions;
mod sign_ins;
mod signing_keys;
mod transaction;
mod users;

pub use access_log::{AccessEntry, AccessRow, OUTCOMES};
pub use attempts::{Attempts, Subject as AttemptSubject};
pub use devices::{DEVICES_APPROVED_MAX, DEVICES_PENDING_MAX, Device, NewDevice};
pub use invites::{Invite, InviteRoles};
pub use members::OrganizationMember;
pub use memberships::{Membership, Roles};
pub use open_invites::OpenInvite;
pub use organizations::{ControlOrganization, LoginPage, PeoplePolicy};
pub use provisionings::{Provisioning, ProvisioningState};
pub use second_factors::SecondFactor;
pub use sessions::{Assurance, EndReason, NewSession, SessionLifetime, SessionWithUser, UserSession};
pub use sign_ins::{NewSignIn, SignIn};
pub use signing_keys::{SigningKey, SigningKeyState};
pub use transaction::{Control, ControlActor, ControlOrigin, ControlRead, ControlRows, ControlWrite};
pub use users::{NewUser, User};

/// What proves something and is kept as its SHA-256 alone: enough for 256 random bits.
pub type TokenHash = [u8; 32];
