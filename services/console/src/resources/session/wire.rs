//! What goes over the wire about a session.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use serde_json::Value;
use store::control::{Membership, Roles, User};
use zeroize::Zeroizing;

use crate::app::App;
use crate::signed::SignedIn;

/// Who is signed in, what they have proven, and where they belong to.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Session")]
pub struct SessionBody {
    /// The person.
    pub user: UserBody,
    /// The session.
    pub session: SessionFacts,
    /// Where the person belongs to.
    pub organizations: Vec<OwnOrganization>,
    /// The environments that the console works in.
    pub environments: Vec<EnvironmentFacts>,
    /// Which program this is.
    pub version: String,
}

/// A person, as it sees itself.
#[derive(Debug, Clone, Object)]
#[oai(rename = "User")]
pub struct UserBody {
    /// Its id, `usr_…`.
    pub id: String,
    /// Its address.
    pub email: String,
    /// Its name.
    pub name: String,
    /// Administers the installation.
    pub is_server_admin: bool,
    /// Signs in with a code, too.
    pub has_second_factor: bool,
    /// How many recovery codes are left.
    pub recovery_codes_left: i64,
    /// When the password was chosen.
    pub password_changed_at: Option<DateTime<Utc>>,
    /// What the web app keeps for the person.
    pub preferences: BTreeMap<String, Value>,
}

/// What a session is.
#[derive(Debug, Clone, Object)]
pub struct SessionFacts {
    /// Its id, `ses_…`.
    pub id: String,
    /// `password` or `second-factor`.
    pub assurance: String,
    /// Until when it may do what is dangerous; `null` where it may not.
    pub step_up_until: Option<DateTime<Utc>>,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When it ends at the latest.
    pub expires_at: DateTime<Utc>,
}

/// What proves a person again: one of the two.
#[derive(Object)]
#[oai(rename = "StepUp")]
pub struct StepUpBody {
    /// The password, of whoever has no second factor.
    pub password: Option<String>,
    /// A one-time code, of whoever has one.
    pub code: Option<String>,
}

/// An organization that the person belongs to.
#[derive(Debug, Clone, Object)]
pub struct OwnOrganization {
    /// Its id, `org_…`.
    pub id: String,
    /// Its name in URLs.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// The person's id as a member, `mem_…`.
    pub member_id: String,
    /// The person's role in each environment.
    pub roles: RolesBody,
    /// Whether the organization asks for a second factor that this session has not shown.
    pub needs_second_factor: bool,
}

/// A role for each environment; `null` for none there.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Roles")]
pub struct RolesBody {
    /// In production.
    pub production: Option<String>,
    /// In staging.
    pub staging: Option<String>,
    /// In development.
    pub development: Option<String>,
}

/// An environment that the console works in.
#[derive(Debug, Clone, Object)]
pub struct EnvironmentFacts {
    /// `production`, `staging` or `development`.
    pub name: String,
    /// The base URL of its Integration API for programs.
    pub public_url: String,
}

impl SessionBody {
    /// What the web app is told.
    pub fn new(app: &App, signed: &SignedIn, recovery_codes_left: i64) -> Self {
        let session = &signed.session;
        let environments = app.environments.iter().map(|(environment, api)| EnvironmentFacts {
            name: environment.name().to_owned(),
            public_url: api.public_url.clone(),
        });
        Self {
            user: UserBody::new(&signed.user, recovery_codes_left),
            session: SessionFacts {
                id: session.id.to_string(),
                assurance: session.assurance.name().to_owned(),
                step_up_until: session.step_up_until.filter(|until| *until > signed.now()),
                created_at: session.created_at,
                expires_at: session.expires_at,
            },
            organizations: signed.memberships.iter().map(|own| OwnOrganization::new(own, signed)).collect(),
            environments: environments.collect(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

impl StepUpBody {
    /// The password, if one was sent.
    pub fn password(&self) -> Option<Zeroizing<String>> {
        self.password.clone().map(Zeroizing::new)
    }
}

impl UserBody {
    /// A person.
    pub fn new(user: &User, recovery_codes_left: i64) -> Self {
        Self {
            id: user.id.to_string(),
            email: user.email.clone(),
            name: user.name.clone(),
            is_server_admin: user.is_server_admin,
            has_second_factor: user.has_second_factor,
            recovery_codes_left,
            password_changed_at: user.password_changed_at,
            preferences: user.preferences.clone().into_iter().collect(),
        }
    }
}

impl OwnOrganization {
    fn new(own: &Membership, signed: &SignedIn) -> Self {
        let has_shown_it = signed.session.assurance == store::control::Assurance::SecondFactor;
        Self {
            id: own.organization.id.to_string(),
            slug: own.organization.slug.clone(),
            name: own.organization.name.clone(),
            member_id: own.id.to_string(),
            roles: RolesBody::from(&own.roles),
            needs_second_factor: own.organization.policy.second_factor_required && !has_shown_it,
        }
    }
}

impl From<&Roles> for RolesBody {
    fn from(roles: &Roles) -> Self {
        let Roles { production, staging, development } = roles.clone();
        Self { production, staging, development }
    }
}
