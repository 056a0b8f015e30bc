//! `claviger admin user`: people of the console, for whoever administers its server: the way in before anybody can sign
//! in, and the way back in.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, bail};
use chrono::TimeDelta;
use clap::{Args, Subcommand};
use console::cookies::Token;
use console::sign_in::password::account_subject;
use domain::email::Email;
use domain::event::Event;
use domain::ids::OrganizationId;
use domain::names::Name;
use domain::role::BuiltInRole;
use store::DatabaseConfig;
use store::control::{Control, ControlActor, ControlOrigin, ControlWrite, EndReason, NewUser, Roles, User};

use super::super::serve::load_console;

/// The name under which the action log shows what an administrator's command did.
const ACTOR: &str = "admin";
const PATIENCE_MS: u64 = 10_000;
const RESET_LIFETIME: TimeDelta = TimeDelta::hours(24);
const INVITE_LIFETIME: TimeDelta = TimeDelta::days(7);

/// People of the console. A link is printed once, alone, to standard output; everything about it to standard error.
#[derive(Subcommand)]
pub enum UserCommand {
    /// Create an account and print a link with which its person chooses a password
    Create(CreateUser),
    /// Take a person's second factor away and end their sessions: the password alone lets them in until they set up another
    #[command(name = "reset-2fa")]
    ResetSecondFactor(Person),
    /// Let a person try again who has tried too often, or was disabled
    Unlock(Person),
    /// Print a link with which a person chooses a new password
    ResetPassword(Person),
    /// Invite somebody to an organization and print the link
    Invite(Invite),
}

/// Where the console's rows are.
#[derive(Args)]
pub struct Place {
    /// The console's configuration
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// One person.
#[derive(Args)]
pub struct Person {
    /// The address of the account
    email: String,
    #[command(flatten)]
    place: Place,
}

/// An account to be created.
#[derive(Args)]
pub struct CreateUser {
    /// The address
    email: String,
    /// What the person is called
    #[arg(long)]
    name: String,
    /// The person administers the installation
    #[arg(long)]
    server_admin: bool,
    #[command(flatten)]
    place: Place,
}

/// Somebody to be invited.
#[derive(Args)]
pub struct Invite {
    /// The address
    email: String,
    /// The organization's id or slug
    #[arg(long)]
    organization: String,
    /// The role in every environment
    #[arg(long, default_value = "owner")]
    role: String,
    #[command(flatten)]
    place: Place,
}

/// The console's rows and address.
struct Console {
    control: Control,
    origin: String,
}

impl UserCommand {
    /// Does it.
    pub async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Create(create) => create.run().await,
            Self::ResetSecondFactor(person) => person.reset_second_factor().await,
            Self::Unlock(person) => person.unlock().await,
            Self::ResetPassword(person) => person.reset_password().await,
            Self::Invite(invite) => invite.run().await,
        }
    }
}

impl Place {
    async fn open(&self) -> anyhow::Result<Console> {
        let config = load_console(self.config.as_deref())?;
        // A person waits here, not a request.
        let database = DatabaseConfig { acquire_timeout_ms: PATIENCE_MS, ..config.database.clone() };
        let url = config.server.public_url().context("server.public_url")?;
        Ok(Console { control: Control::connect(&database).await?, origin: url.origin().ascii_serialization() })
    }
}

impl Console {
    async fn write(&self) -> anyhow::Result<ControlWrite> {
        let origin = ControlOrigin::new("", None, "claviger admin");
        Ok(self.control.write(ControlActor::System(ACTOR), &origin).await?)
    }

    async fn find(&self, email: &str) -> anyhow::Result<User> {
        let email = Email::parse(email).context("the address")?;
        let found = self.control.read().await?.find_user_by_email(&email).await?;
        found.with_context(|| format!("there is no account {email}"))
    }

    fn print(&self, path: &str, token: &Token) -> anyhow::Result<()> {
        let mut output = std::io::stdout().lock();
        writeln!(output, "{}{path}{}", self.origin, token.expose()).context("writing to standard output")
    }
}

impl CreateUser {
    async fn run(self) -> anyhow::Result<()> {
        let console = self.place.open().await?;
        let new = NewUser {
            email: Email::parse(&self.email).context("the address")?,
            name: Name::parse(&self.name).context("--name")?,
            password_hash: None,
            is_server_admin: self.server_admin,
        };
        let mut write = console.write().await?;
        write.hold_setup().await?;
        let user = match write.insert_user(&new).await {
            Err(store::Error::Conflict(_)) => bail!("there is an account {} already", new.email),
            inserted => inserted?,
        };
        let token = Token::generate();
        write.insert_reset(&token.hash(), user, RESET_LIFETIME).await?;
        write.delete_setup_tokens().await?;
        let event = Event::of("user.created", user).with("is_server_admin", self.server_admin);
        write.commit(OrganizationId::INSTALLATION, &event).await?;
        eprintln!("Created {user} ({}). This link, good once and for a day, lets them choose a password:", new.email);
        console.print("/reset/", &token)
    }
}

impl Person {
    async fn reset_second_factor(self) -> anyhow::Result<()> {
        let console = self.place.open().await?;
        let user = console.find(&self.email).await?;
        let mut write = console.write().await?;
        write.hold_user(user.id).await?;
        if !write.delete_second_factor(user.id).await? {
            eprintln!("{} has no second factor; nothing changed.", user.email);
            return Ok(());
        }
        let ended = write.end_sessions(user.id, None, EndReason::SecondFactorChanged).await?;
        write.delete_sign_ins(user.id).await?;
        write.commit(OrganizationId::INSTALLATION, &Event::of("second_factor.reset", user.id)).await?;
        eprintln!("{} has no second factor any more; {ended} sessions ended.", user.email);
        Ok(())
    }

    async fn unlock(self) -> anyhow::Result<()> {
        let console = self.place.open().await?;
        let user = console.find(&self.email).await?;
        let mut write = console.write().await?;
        write.set_disabled(user.id, false).await?;
        write.commit(OrganizationId::INSTALLATION, &Event::of("user.unlocked", user.id)).await?;
        let code = store::control::AttemptSubject::of("account-code", &user.id.to_string());
        console.control.forget_attempts(&[account_subject(&user.email_canonical), code]).await?;
        eprintln!("{} can sign in again.", user.email);
        Ok(())
    }

    async fn reset_password(self) -> anyhow::Result<()> {
        let console = self.place.open().await?;
        let user = console.find(&self.email).await?;
        if user.disabled_at.is_some() {
            bail!("{} is disabled; unlock it first", user.email);
        }
        let token = Token::generate();
        let mut write = console.write().await?;
        write.insert_reset(&token.hash(), user.id, RESET_LIFETIME).await?;
        write.commit(OrganizationId::INSTALLATION, &Event::of("user.reset_offered", user.id)).await?;
        eprintln!("This link, good once and for a day, lets {} choose a new password:", user.email);
        console.print("/reset/", &token)
    }
}

impl Invite {
    async fn run(self) -> anyhow::Result<()> {
        let email = Email::parse(&self.email).context("the address")?;
        let names = BuiltInRole::ALL.map(BuiltInRole::name).join(", ");
        let role = BuiltInRole::find(&self.role).with_context(|| format!("--role: one of {names}"))?;
        let console = self.place.open().await?;
        let found = console.control.read().await?.find_control_organization(&self.organization).await?;
        let organization = found.with_context(|| format!("there is no organization {}", self.organization))?;
        let token = Token::generate();
        let mut write = console.write().await?;
        let roles = Roles::everywhere(role.name());
        let link = (&token.hash(), INVITE_LIFETIME);
        let id = write.insert_invite((organization.id, &email), &roles, None, link).await?;
        write.commit(organization.id, &Event::of("invite.created", id).with("email", email.as_str())).await?;
        eprintln!("This link, good once and for a week, makes {email} {} of {}:", role.title(), organization.name);
        console.print("/invite/", &token)
    }
}
