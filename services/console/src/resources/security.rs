//! `organizations/{o}/security`: what an organization demands of its people.

use std::net::IpAddr;

use ipnet::IpNet;
use poem_openapi::param::Path;
use poem_openapi::types::{Any, ToJSON};
use poem_openapi::{Object, OpenApi};
use serde_json::{Value, json};
use server::answer::Ok200;
use server::json::Json;
use server::problem::{ErrorCode, FieldError, Problem};
use store::control::{Assurance, PeoplePolicy};

use super::Tags;
use crate::access::Member;
use crate::clearable::Clearable;
use crate::operation::operations;

const NETWORKS_MAX: usize = 100;
const SESSION_HOURS_MAX: i32 = 24 * 30;
const PASSWORD_DAYS_MAX: i32 = 3_650;

operations! {
    ShowSecurity   => Members;
    UpdateSecurity => Managers, step_up, event("security.updated");
}

/// What an organization demands of its people.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Security")]
pub struct SecurityBody {
    /// A second factor.
    pub second_factor_required: bool,
    /// That they sign in again after so many hours; `null` for as long as the installation says.
    pub session_hours: Option<i32>,
    /// `"all"`, or the networks that they have to come from.
    pub networks: Any<Value>,
    /// That a new device is approved.
    pub device_approvals: bool,
    /// That they choose a new password after so many days; `null` for never.
    pub password_max_days: Option<i32>,
    /// That they prove again who they are before they regenerate a key in production.
    pub step_up_for_regenerate: bool,
}

/// Changes to what is demanded. What is left out stays.
#[derive(Debug, Clone, Object)]
#[oai(deny_unknown_fields)]
pub struct SecurityPatch {
    /// A second factor.
    pub second_factor_required: Option<bool>,
    /// Hours, or `null`.
    pub session_hours: Clearable<i32>,
    /// `"all"`, or a list of addresses and networks.
    pub networks: Option<Any<Value>>,
    /// That a new device is approved.
    pub device_approvals: Option<bool>,
    /// Days, or `null`.
    pub password_max_days: Clearable<i32>,
    /// That they prove again who they are before they regenerate a key in production.
    pub step_up_for_regenerate: Option<bool>,
}

/// The operations on the policy for people.
pub struct Api;

#[OpenApi]
impl Api {
    /// Show what is demanded of people
    #[oai(
        path = "/bff/control/v1/organizations/:organization/security",
        method = "get",
        operation_id = "show_security",
        tag = "Tags::Organizations"
    )]
    async fn show_security(
        &self,
        access: Member<ShowSecurity>,
        #[oai(name = "organization")] _organization: Path<String>,
    ) -> Result<Ok200<SecurityBody>, Problem> {
        Ok(Ok200::new(SecurityBody::from(&access.organization.policy)))
    }

    /// Demand something else of people
    ///
    /// Refused where it would keep out whoever asks for it.
    #[oai(
        path = "/bff/control/v1/organizations/:organization/security",
        method = "patch",
        operation_id = "update_security",
        tag = "Tags::Organizations"
    )]
    async fn update_security(
        &self,
        access: Member<UpdateSecurity>,
        #[oai(name = "organization")] _organization: Path<String>,
        body: Json<SecurityPatch>,
    ) -> Result<Ok200<SecurityBody>, Problem> {
        let before = &access.organization.policy;
        let after = body.parse()?.over(before)?;
        check_not_locked_out(before, &after, (access.signed.session.assurance, access.origin.ip))?;
        let mut write = access.write().await?;
        write.update_people_policy(access.organization.id, &after).await?;
        let (old, new) = (SecurityBody::from(before), SecurityBody::from(&after));
        let event = access.event(access.organization.id).changed(old.to_json(), new.to_json());
        access.commit(write, &event).await?;
        Ok(Ok200::new(new))
    }
}

/// Refuses a policy that the person who sets it would not pass at once.
fn check_not_locked_out(
    before: &PeoplePolicy,
    after: &PeoplePolicy,
    (assurance, address): (Assurance, Option<IpAddr>),
) -> Result<(), Problem> {
    let lock_out = |detail: &str| Err(Problem::new(ErrorCode::WouldLockOut).detail(detail));
    let asks_for_more = after.second_factor_required && !before.second_factor_required;
    if asks_for_more && assurance != Assurance::SecondFactor {
        return lock_out("Sign in with a second factor yourself first: this session has shown none.");
    }
    let is_inside =
        |networks: &[IpNet]| address.is_some_and(|address| networks.iter().any(|net| net.contains(&address)));
    if after.networks != before.networks && after.networks.as_deref().is_some_and(|networks| !is_inside(networks)) {
        return lock_out("Your own address is in none of these networks.");
    }
    Ok(())
}

impl SecurityPatch {
    fn over(self, before: &PeoplePolicy) -> Result<PeoplePolicy, Problem> {
        let mut errors = Vec::new();
        let mut bounded = |member: &str, patch: Clearable<i32>, before: Option<i32>, most: i32| match patch {
            Clearable::Undefined => before,
            Clearable::Null => None,
            Clearable::Value(number) => {
                if !(1..=most).contains(&number) {
                    let message = format!("Send 1 to {most}, or null.");
                    errors.push(FieldError::new(format!("/{member}"), "range", message));
                }
                Some(number)
            }
        };
        let session_hours = bounded("session_hours", self.session_hours, before.session_hours, SESSION_HOURS_MAX);
        let password_max_days =
            bounded("password_max_days", self.password_max_days, before.password_max_days, PASSWORD_DAYS_MAX);
        let networks = match self.networks {
            None => before.networks.clone(),
            Some(Any(value)) => read_networks(&value, &mut errors),
        };
        if !errors.is_empty() {
            return Err(Problem::validation(errors));
        }
        Ok(PeoplePolicy {
            second_factor_required: self.second_factor_required.unwrap_or(before.second_factor_required),
            session_hours,
            networks,
            device_approvals: self.device_approvals.unwrap_or(before.device_approvals),
            password_max_days,
            step_up_for_regenerate: self.step_up_for_regenerate.unwrap_or(before.step_up_for_regenerate),
        })
    }
}

fn read_networks(value: &Value, errors: &mut Vec<FieldError>) -> Option<Vec<IpNet>> {
    let items = match value {
        Value::String(word) if word == "all" => return None,
        Value::Array(items) if (1..=NETWORKS_MAX).contains(&items.len()) => items,
        _ => {
            let message = format!("Send \"all\", or a list of 1 to {NETWORKS_MAX} addresses and networks.");
            errors.push(FieldError::new("/networks", "networks", message));
            return None;
        }
    };
    let mut networks = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let text = item.as_str().unwrap_or_default();
        let network = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        match network {
            Some(network) => networks.push(network.trunc()),
            None => {
                let message = "Send an address or a network, as in 203.0.113.0/24.";
                errors.push(FieldError::new(format!("/networks/{index}"), "network", message));
            }
        }
    }
    networks.sort_unstable();
    networks.dedup();
    Some(networks)
}

impl From<&PeoplePolicy> for SecurityBody {
    fn from(policy: &PeoplePolicy) -> Self {
        let networks = match &policy.networks {
            None => json!("all"),
            Some(networks) => networks.iter().map(ToString::to_string).collect(),
        };
        Self {
            second_factor_required: policy.second_factor_required,
            session_hours: policy.session_hours,
            networks: Any(networks),
            device_approvals: policy.device_approvals,
            password_max_days: policy.password_max_days,
            step_up_for_regenerate: policy.step_up_for_regenerate,
        }
    }
}
