//! What goes over the wire about an account.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::ids::SessionId;
use poem_openapi::Object;
use serde_json::{Map, Value};
use server::problem::{FieldError, Problem};
use store::control::{Device, UserSession};
use zeroize::Zeroizing;

use crate::visit::label_of;

/// The most that the web app keeps for a person, in bytes of JSON.
const PREFERENCES_BYTES_MAX: usize = 4 * 1024;

/// What of the account changes.
#[derive(Object)]
pub struct AccountPatch {
    /// The name.
    pub name: Option<String>,
    /// What the web app keeps: any object, 4 KiB at the most.
    pub preferences: Option<BTreeMap<String, Value>>,
}

/// Another password.
#[derive(Object)]
pub struct PasswordChange {
    /// The password that there is.
    pub current_password: String,
    /// The one that there shall be.
    pub new_password: String,
}

/// A session in the list.
#[derive(Debug, Object)]
pub struct SessionItem {
    /// Its id, `ses_…`.
    pub id: String,
    /// What people call its browser.
    pub device: String,
    /// Where it began.
    pub address: Option<String>,
    /// What its program called itself.
    pub agent: String,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// Its last request, to the minute.
    pub last_seen_at: DateTime<Utc>,
    /// It is the one that asks.
    pub is_current: bool,
}

/// How many sessions ended.
#[derive(Debug, Object)]
pub struct Revoked {
    /// So many.
    pub revoked: u64,
}

/// A browser that the account knows.
#[derive(Debug, Object)]
#[oai(rename = "Device")]
pub struct DeviceBody {
    /// Its id, `dev_…`.
    pub id: String,
    /// What people call it.
    pub label: String,
    /// Where it was seen first.
    pub address: Option<String>,
    /// What its program called itself.
    pub agent: String,
    /// `pending` or `approved`.
    pub state: String,
    /// When the password was first given in it.
    pub requested_at: DateTime<Utc>,
    /// When it was approved.
    pub approved_at: Option<DateTime<Utc>>,
    /// The id of whoever approved it, or how that came.
    pub approved_by: Option<String>,
}

/// A secret of one-time codes.
#[derive(Object)]
pub struct NewTotp {
    /// As people type it.
    pub secret: String,
    /// As authenticators read it.
    pub uri: String,
    /// The same as a picture.
    pub qr_svg: String,
}

/// A one-time code.
#[derive(Object)]
pub struct CodeBody {
    /// Six digits.
    pub code: String,
}

/// Codes that each work once in the place of a one-time code.
#[derive(Object)]
pub struct RecoveryCodes {
    /// Ten of them.
    pub recovery_codes: Vec<String>,
}

impl AccountPatch {
    /// What the web app wants to be kept, if it fits.
    pub fn preferences(&self) -> Result<Option<Map<String, Value>>, Problem> {
        let Some(wanted) = &self.preferences else { return Ok(None) };
        let members: Map<String, Value> = wanted.clone().into_iter().collect();
        if Value::Object(members.clone()).to_string().len() > PREFERENCES_BYTES_MAX {
            let message = format!("has more than {PREFERENCES_BYTES_MAX} bytes");
            return Err(Problem::validation(vec![FieldError::new("/preferences", "too-long", message)]));
        }
        Ok(Some(members))
    }
}

impl PasswordChange {
    /// The password that there is.
    pub fn current(&self) -> Zeroizing<String> {
        Zeroizing::new(self.current_password.clone())
    }

    /// The one that there shall be.
    pub fn chosen(&self) -> Zeroizing<String> {
        Zeroizing::new(self.new_password.clone())
    }
}

impl SessionItem {
    /// A session, as the one with the id `current` sees it.
    pub fn new(session: &UserSession, current: SessionId) -> Self {
        Self {
            id: session.id.to_string(),
            device: label_of(&session.agent),
            address: session.address.map(|address| address.to_string()),
            agent: session.agent.clone(),
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
            is_current: session.id == current,
        }
    }
}

impl From<&Device> for DeviceBody {
    fn from(device: &Device) -> Self {
        Self {
            id: device.id.to_string(),
            label: device.label.clone(),
            address: device.address.map(|address| address.to_string()),
            agent: device.agent.clone(),
            state: if device.approved_at.is_some() { "approved" } else { "pending" }.to_owned(),
            requested_at: device.requested_at,
            approved_at: device.approved_at,
            approved_by: device.approved_by.clone(),
        }
    }
}
