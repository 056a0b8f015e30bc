//! Organizations of the directory on the wire.

use chrono::{DateTime, Utc};
use domain::environment::Environment;
use domain::names::{Name, Slug};
use poem_openapi::Object;
use server::problem::{FieldError, Problem};
use store::control::{ControlOrganization, Provisioning};

/// An organization of the directory.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Organization")]
pub struct OrganizationBody {
    /// Its id, the same in every environment.
    pub id: String,
    /// Its name in URLs.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// Whether it is suspended.
    pub suspended: bool,
    /// Since when there is it.
    pub created_at: DateTime<Utc>,
    /// How many members it has; for server admins.
    pub members: Option<i64>,
    /// Where it is, or is to be; for server admins.
    pub environments: Vec<PlaceBody>,
}

/// An organization's place in one environment.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Place")]
pub struct PlaceBody {
    /// The environment.
    pub name: String,
    /// `wanted`, `ready` or `failed`.
    pub state: String,
    /// Why it failed the last time.
    pub reason: Option<String>,
}

/// How far an organization's place in an environment is.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Provisioning")]
pub struct ProvisioningBody {
    /// The environment.
    pub environment: String,
    /// `wanted`, `ready` or `failed`.
    pub state: String,
    /// Why it failed the last time.
    pub reason: Option<String>,
    /// How often it was tried.
    pub attempts: i32,
    /// When it is tried again.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// A new organization.
#[derive(Debug, Clone, Object)]
#[oai(deny_unknown_fields)]
pub struct NewOrganization {
    /// 1 to 100 characters.
    pub name: String,
    /// 2 to 40 lower-case letters, digits and single hyphens.
    pub slug: String,
    /// Where it is to be.
    pub environments: Vec<String>,
    /// Who is invited as its owner.
    pub owner_email: Option<String>,
}

/// A new organization, with the link for its owner, which is shown this once.
#[derive(Debug, Clone, Object)]
pub struct CreatedOrganization {
    /// The organization.
    pub organization: OrganizationBody,
    /// The link for whoever was named as its owner.
    pub invite_link: Option<String>,
}

/// Changes to an organization. What is left out stays.
#[derive(Debug, Clone, Object)]
#[oai(deny_unknown_fields)]
pub struct OrganizationPatch {
    /// 1 to 100 characters.
    pub name: Option<String>,
}

/// An organization that somebody made in one environment, and the directory does not have.
#[derive(Debug, Clone, Object)]
pub struct UnadoptedOrganization {
    /// Where it is.
    pub environment: String,
    /// Its id there.
    pub id: String,
    /// Its name in URLs.
    pub slug: String,
    /// Its name.
    pub name: String,
}

/// Which organization is taken into the directory.
#[derive(Debug, Clone, Object)]
#[oai(deny_unknown_fields)]
pub struct Adoption {
    /// Where it is.
    pub environment: String,
    /// Its id there.
    pub id: String,
}

impl OrganizationBody {
    /// What everybody who may see the organization is told.
    pub fn new(organization: &ControlOrganization) -> Self {
        Self {
            id: organization.id.to_string(),
            slug: organization.slug.clone(),
            name: organization.name.clone(),
            suspended: organization.suspended_at.is_some(),
            created_at: organization.created_at,
            members: None,
            environments: Vec::new(),
        }
    }

    /// What server admins are told.
    pub fn whole(organization: &ControlOrganization, members: i64, places: &[Provisioning]) -> Self {
        let own = places.iter().filter(|place| place.organization == organization.id);
        let mut environments: Vec<&Provisioning> = own.collect();
        environments.sort_by_key(|place| Environment::ALL.iter().position(|known| *known == place.environment));
        Self {
            members: Some(members),
            environments: environments.into_iter().map(PlaceBody::from).collect(),
            ..Self::new(organization)
        }
    }
}

impl NewOrganization {
    /// Its name, slug and environments, or what is wrong with them.
    pub fn read(&self) -> Result<(Name, Slug, Vec<Environment>), Problem> {
        let mut errors = Vec::new();
        let name = Name::parse(&self.name).map_err(|refusal| errors.push(FieldError::at("/name", refusal))).ok();
        let slug = Slug::parse(&self.slug).map_err(|refusal| errors.push(FieldError::at("/slug", refusal))).ok();
        let mut environments = Vec::new();
        for (index, text) in self.environments.iter().enumerate() {
            match read_environment(text) {
                Some(environment) if !environments.contains(&environment) => environments.push(environment),
                Some(_) => {}
                None => {
                    let message = "Send production, staging or development.";
                    errors.push(FieldError::new(format!("/environments/{index}"), "enum", message));
                }
            }
        }
        if environments.is_empty() && errors.is_empty() {
            errors.push(FieldError::new("/environments", "required", "Name at least one environment."));
        }
        match (name, slug) {
            (Some(name), Some(slug)) if errors.is_empty() => Ok((name, slug, environments)),
            (_, _) => Err(Problem::validation(errors)),
        }
    }
}

/// The environment with this name.
pub fn read_environment(text: &str) -> Option<Environment> {
    Environment::ALL.into_iter().find(|known| known.name() == text)
}

impl From<&Provisioning> for PlaceBody {
    fn from(place: &Provisioning) -> Self {
        Self {
            name: place.environment.name().to_owned(),
            state: place.state.name().to_owned(),
            reason: place.reason.clone(),
        }
    }
}

impl From<&Provisioning> for ProvisioningBody {
    fn from(place: &Provisioning) -> Self {
        Self {
            environment: place.environment.name().to_owned(),
            state: place.state.name().to_owned(),
            reason: place.reason.clone(),
            attempts: place.attempts,
            next_attempt_at: place.next_attempt_at,
            updated_at: place.updated_at,
        }
    }
}
