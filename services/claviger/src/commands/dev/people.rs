//! The demo's people: a server admin, members in every role, invitations, and the directory of the demo's organizations.

use anyhow::Context;
use chrono::TimeDelta;
use console::config::Hashing;
use console::cookies::Token;
use console::passwords::HashPool;
use domain::email::Email;
use domain::environment::Environment;
use domain::event::Event;
use domain::ids::{OrganizationId, UserId};
use domain::names::{Name, Slug};
use store::control::{Control, ControlActor, ControlOrigin, ControlWrite, NewUser, Roles};
use store::{DatabaseConfig, OrganizationRef, Store};
use zeroize::Zeroizing;

use super::folder::Secrets;
use super::stores::Reaches;

/// The server admin's address.
pub const ADMIN: &str = "admin@example.com";
/// The address of the owner of `acme`.
pub const OWNER: &str = "owner@example.com";
const ACTOR: &str = "dev";
const PATIENCE_MS: u64 = 10_000;
const ORGANIZATIONS: [(&str, &str); 2] = [("acme", "Acme Inc."), ("globex", "Globex Corporation")];

/// An address, a name, and the roles in production, staging and development.
type Person = (&'static str, &'static str, [Option<&'static str>; 3]);

/// The members of `acme`; some have another role, or none, in production.
const MEMBERS: [Person; 7] = [
    (OWNER, "Olivia Owner", [Some("owner"), Some("owner"), Some("owner")]),
    ("adam@example.com", "Adam Admin", [Some("admin"), Some("admin"), Some("admin")]),
    ("dana@example.com", "Dana Developer", [Some("viewer"), Some("developer"), Some("developer")]),
    ("devi@example.com", "Devi Developer", [None, Some("developer"), Some("admin")]),
    ("victor@example.com", "Victor Viewer", [Some("viewer"), Some("viewer"), Some("viewer")]),
    ("audrey@example.com", "Audrey Auditor", [Some("auditor"), Some("auditor"), None]),
    ("maxim@example.com", "Maxim Mixed", [Some("auditor"), Some("viewer"), Some("developer")]),
];

/// Who is invited to `acme`, as what, and for how many days.
const INVITES: [(&str, &str, i64); 3] =
    [("ines@example.com", "developer", 7), ("oscar@example.com", "viewer", 2), ("paula@example.com", "auditor", 6)];

/// Makes them, unless there is anybody already.
pub async fn create(reaches: &Reaches, secrets: &Secrets) -> anyhow::Result<()> {
    let config = DatabaseConfig { acquire_timeout_ms: PATIENCE_MS, ..DatabaseConfig::new(&reaches.control_url, 2) };
    let control = Control::connect(&config).await?;
    let made = fill(&control, reaches, secrets).await.context("the demo's people cannot be made");
    control.close().await;
    made
}

async fn fill(control: &Control, reaches: &Reaches, secrets: &Secrets) -> anyhow::Result<()> {
    if control.read().await?.has_users().await? {
        return Ok(());
    }
    let pool = HashPool::new(Hashing::Standard)?;
    let hash = async |password: &str| {
        pool.hash(Zeroizing::new(password.to_owned())).await.ok().context("a password could not be hashed")
    };
    let (admin, member) = (hash(&secrets.console.admin_password).await?, hash(&secrets.console.member_password).await?);
    let origin = ControlOrigin::new("", None, "claviger dev");
    let mut write = control.write(ControlActor::System(ACTOR), &origin).await?;
    insert_user(&mut write, (ADMIN, "Ada Admin"), &admin, true).await?;
    let organizations = insert_organizations(&mut write, reaches).await?;
    let [acme, globex] = organizations[..] else { anyhow::bail!("the demo's organizations are not there") };
    let mut inviter = None;
    for (email, name, [production, staging, development]) in MEMBERS {
        let user = insert_user(&mut write, (email, name), &member, false).await?;
        let roles = Roles {
            production: production.map(str::to_owned),
            staging: staging.map(str::to_owned),
            development: development.map(str::to_owned),
        };
        write.insert_membership(acme, user, &roles).await?;
        if email == OWNER {
            write.insert_membership(globex, user, &Roles::everywhere("viewer")).await?;
            inviter = Some(user);
        }
    }
    for (email, role, days) in INVITES {
        let link = (&Token::generate().hash(), TimeDelta::days(days));
        let invited = (acme, &Email::parse(email)?);
        let id = write.insert_invite(invited, &Roles::everywhere(role), inviter, link).await?;
        write.note(acme, &Event::of("invite.created", id)).await?;
    }
    write.commit(acme, &Event::of("organization.created", acme)).await?;
    Ok(())
}

async fn insert_user(
    write: &mut ControlWrite,
    (email, name): (&str, &str),
    password_hash: &str,
    is_server_admin: bool,
) -> anyhow::Result<UserId> {
    let new = NewUser {
        email: Email::parse(email)?,
        name: Name::parse(name)?,
        password_hash: Some(password_hash.to_owned()),
        is_server_admin,
    };
    let user = write.insert_user(&new).await?;
    write.note(OrganizationId::INSTALLATION, &Event::of("user.created", user)).await?;
    Ok(user)
}

/// The directory has the organizations under the ids that they have in every environment.
async fn insert_organizations(write: &mut ControlWrite, reaches: &Reaches) -> anyhow::Result<Vec<OrganizationId>> {
    let first = reaches.environments.first().context("there is no environment")?;
    let store = Store::connect(&DatabaseConfig::new(&first.database_url, 1)).await?;
    let mut ids = Vec::new();
    for (slug, name) in ORGANIZATIONS {
        let (slug, name) = (Slug::parse(slug)?, Name::parse(name)?);
        let found = store.find_organization_id(OrganizationRef::Slug(slug.clone())).await?;
        let id = found.context("the demo's organizations are not there")?;
        write.insert_control_organization(id, &slug, &name).await?;
        for environment in Environment::ALL {
            write.want_provisioning(id, environment).await?;
            write.finish_provisioning(id, environment).await?;
        }
        ids.push(id);
    }
    store.close().await;
    Ok(ids)
}
