//! Who makes a request: proven by the key service or by the console's signature, let in, and in possession of the permission that it needs.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use client::KeysError;
use client::wire::{AuthenticateAnswer, AuthenticateRequest, LimitState, SecretText};
use domain::access::{Authority, Denied, Member, Scope};
use domain::ids::{CustomerId, OrganizationId};
use domain::names::Slug;
use domain::policy::KeyKind;
use domain::secret::{self, PlainSecret};
use domain::verdict::Verdict;
use http::{HeaderMap, Uri};
use poem::Request;
use server::admission::{Permit, Rejected};
use server::http::{LogFields, RequestContext};
use server::problem::{ErrorCode, Problem};

use crate::app::App;
use crate::cursor::Cursors;
use crate::limit_headers::Spent;
use crate::members;
use crate::operation::Descriptor;
use crate::precondition::IfMatch;

/// What is known of a proven caller and its request, whatever the operation.
pub struct Proven {
    /// The deployment.
    pub app: Arc<App>,
    /// What the caller is and may do.
    pub authority: Authority,
    /// What a replay is sealed for it with.
    pub replay_secret: ReplaySecret,
    /// What it has left.
    pub limits: Vec<LimitState>,
    /// The request's id.
    pub request_id: String,
    /// Where it came from.
    pub client_ip: Option<IpAddr>,
    /// What it asked for.
    pub uri: Uri,
    /// With which headers.
    pub headers: HeaderMap,
    /// What the request's log line tells of it.
    pub line: LogFields,
    /// It was let in, until the work is done.
    _permit: Permit,
}

/// A caller that was proven and let in.
pub struct Identified {
    /// What it is and may do.
    pub authority: Authority,
    /// What it has left.
    pub limits: Vec<LimitState>,
    /// Whether the shared counters are away.
    pub is_degraded: bool,
    /// Whether it is a person who has proved lately who they are.
    pub is_stepped_up: bool,
    /// It was let in, until the work is done.
    pub permit: Permit,
    /// What a replay is sealed for it with.
    pub replay: ReplaySecret,
}

/// What the sealing of a replay starts from: stored nowhere beside the replay, and the same whenever its caller comes again.
pub struct ReplaySecret(Vec<u8>);

impl ReplaySecret {
    /// The key itself.
    fn of_key(presented: &PlainSecret) -> Self {
        Self(presented.expose().as_bytes().to_vec())
    }

    /// A member's tokens are of a minute; the person in its session stays the same.
    pub fn of_member(cursors: &Cursors, member: &Member) -> Self {
        let person = format!("replay\0{}\0{}", member.id, member.session);
        Self(cursors.derive(person.as_bytes()).to_vec())
    }

    /// The bytes, for the sealing alone.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// Asks the key service about a key, and lets it in.
async fn identify_key(
    app: &App,
    operation: &Descriptor,
    (request, presented): (&Request, &str),
) -> Result<Identified, Problem> {
    let context = request.data::<Arc<RequestContext>>().expect("the stack attaches a context");
    let line = request.data::<LogFields>().expect("the stack attaches the log line");
    let question = AuthenticateRequest {
        key: SecretText::new(presented),
        client_ip: context.client_ip,
        request_id: context.request_id.clone(),
    };
    let answer = app.keys.authenticate(&question, operation.priority).await.map_err(verify_error)?;
    if let Some(authority) = &answer.authority {
        line.key(authority.key_id);
        line.organization(authority.organization_id);
    }
    line.verdict(answer.verdict.name());
    if let Some(spent) = request.data::<Spent>() {
        spent.note(&answer.limits);
    }
    let authority = read_authority(app, &answer, presented)?;
    let permit = app.queues.acquire(operation, authority.organization).await?;
    let presented = PlainSecret::parse(presented).map_err(|_| Problem::new(ErrorCode::CredentialsInvalid))?;
    let replay = ReplaySecret::of_key(&presented);
    let (limits, is_degraded) = (answer.limits, answer.degraded);
    Ok(Identified { authority, limits, is_degraded, is_stepped_up: false, permit, replay })
}

impl Proven {
    /// Proves the caller, a key or a member, lets it in, and checks that it holds the operation's permission.
    pub async fn find(request: &Request, operation: &Descriptor) -> Result<Self, Problem> {
        let app = request.data::<Arc<App>>().expect("the app is attached to every route");
        let context = request.data::<Arc<RequestContext>>().expect("the stack attaches a context");
        let line = request.data::<LogFields>().expect("the stack attaches the log line");
        let presented = read_bearer(request)?;
        let identified = if members::is_token(&presented) {
            let identified = members::identify(app, operation, &presented).await?;
            line.organization(identified.authority.organization);
            if let Some(spent) = request.data::<Spent>() {
                spent.note(&identified.limits);
            }
            identified
        } else {
            identify_key(app, operation, (request, &presented)).await?
        };
        let Identified { authority, limits, is_degraded, is_stepped_up, permit, replay } = identified;
        if is_degraded && (operation.is_strict || authority.kind == KeyKind::Root) {
            let detail = "Limits cannot be shared at the moment, so calls that make credentials wait.";
            return Err(Problem::new(ErrorCode::Unavailable).detail(detail).retry_after(Duration::from_secs(2)));
        }
        if operation.is_for_server_admins() {
            authority.authorize_root_keys().map_err(denied)?;
        }
        if let Some(permission) = operation.permission {
            authority.check(permission).map_err(denied)?;
        }
        if operation.needs_step_up && !is_stepped_up {
            return Err(Problem::new(ErrorCode::StepUpRequired));
        }
        Ok(Self {
            app: Arc::clone(app),
            authority,
            replay_secret: replay,
            limits,
            request_id: context.request_id.clone(),
            client_ip: context.client_ip,
            uri: request.uri().clone(),
            headers: request.headers().clone(),
            line: line.clone(),
            _permit: permit,
        })
    }

    /// The scope in the organization that the path names, as far as this caller may know of it.
    pub async fn enter(&self, request: &Request, operation: &Descriptor) -> Result<Scope, Problem> {
        let reference = request.raw_path_param(FIRST_PARAMETER).ok_or_else(not_found)?;
        let organization = resolve(&self.app, &self.authority, reference).await?.ok_or_else(not_found)?;
        let scope = self.scope_in(organization, operation)?;
        // A root key's own is the installation; the request is about the one that it names.
        self.line.organization(organization);
        Ok(scope)
    }

    /// The scope in one organization.
    pub fn scope_in(&self, organization: OrganizationId, operation: &Descriptor) -> Result<Scope, Problem> {
        let permission = operation.permission.ok_or_else(|| Problem::new(ErrorCode::Internal))?;
        self.authority.authorize(permission, organization).map_err(denied)
    }

    /// Where a change comes from, for the action log.
    pub fn origin(&self) -> store::Origin {
        store::Origin { request_id: self.request_id.clone(), ip: self.client_ip }
    }

    /// Says in the request's log line which customer it is about.
    pub fn is_about(&self, customer: CustomerId) {
        self.line.customer(customer);
    }

    /// Checks `If-Match` against the version that is there.
    pub fn if_match(&self, version: i64) -> Result<(), Problem> {
        IfMatch::require(&self.headers)?.check(version)
    }
}

/// The organization that a path names by id or slug, as far as this caller may know of it.
async fn resolve(app: &App, authority: &Authority, reference: &str) -> Result<Option<OrganizationId>, Problem> {
    match authority.kind {
        KeyKind::Organization => {
            let is_own = reference == authority.slug || reference == authority.organization.to_string();
            Ok(is_own.then_some(authority.organization))
        }
        KeyKind::Root => match (reference.parse(), Slug::parse(reference)) {
            (Ok(id), _) => Ok(app.store.find_organization_id(store::OrganizationRef::Id(id)).await?),
            (Err(_), Ok(slug)) => Ok(app.store.find_organization_id(store::OrganizationRef::Slug(slug)).await?),
            (Err(_), Err(_)) => Ok(None),
        },
    }
}

/// The bearer token. The scheme's case does not matter; anything but one space before the token is bad syntax.
fn read_bearer(request: &Request) -> Result<String, Problem> {
    let Some(value) = request.headers().get(http::header::AUTHORIZATION) else {
        return Err(Problem::new(ErrorCode::CredentialsMissing));
    };
    let invalid = || Problem::new(ErrorCode::CredentialsInvalid);
    let text = value.to_str().map_err(|_| invalid())?;
    let (scheme, token) = text.split_once(' ').unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(invalid().detail("Write the key behind the word Bearer: Authorization: Bearer <key>."));
    }
    if token.starts_with(' ') || token.ends_with(' ') {
        return Err(Problem::new(ErrorCode::BadFraming).detail("Write one space between Bearer and the key."));
    }
    Ok(token.to_owned())
}

/// Turns the key service's verdict into the caller's authority, or into the answer that `keys.md` gives a guard.
fn read_authority(app: &App, answer: &AuthenticateAnswer, presented: &str) -> Result<Authority, Problem> {
    let code = match answer.verdict {
        Verdict::Valid => {
            let authority = answer.authority.as_ref().ok_or_else(|| Problem::new(ErrorCode::Internal))?;
            let authority = authority.read().map_err(|error| Problem::new(ErrorCode::Internal).source(error))?;
            // A key service of another environment proves nothing here.
            return Some(authority)
                .filter(|authority| authority.environment == app.environment)
                .ok_or_else(|| Problem::new(ErrorCode::CredentialsInvalid));
        }
        Verdict::NotFound => return Err(Problem::new(ErrorCode::CredentialsInvalid)),
        Verdict::Malformed => return Err(malformed(presented)),
        // Its secret was proven.
        Verdict::Revoked => return Err(ended(answer, "This key has been revoked or deleted.")),
        Verdict::NotYetValid => {
            return Err(ended(answer, "This key does not work yet: it has a start that lies ahead."));
        }
        Verdict::Expired => return Err(ended(answer, "This key has expired.")),
        Verdict::WrongEnvironment => return Err(wrong_environment(app, answer)),
        Verdict::Suspended => ErrorCode::Suspended,
        Verdict::Forbidden => match answer.reason.as_deref() {
            Some("DOMAIN_NOT_ALLOWED") => ErrorCode::DomainNotAllowed,
            Some("CUSTOMER_NOT_ALLOWED") => ErrorCode::CustomerNotAllowed,
            Some(_) | None => ErrorCode::IpNotAllowed,
        },
        Verdict::InsufficientPermissions => ErrorCode::InsufficientPermissions,
        Verdict::RateLimited => ErrorCode::RateLimited,
        Verdict::UsageExceeded => ErrorCode::UsageExceeded,
    };
    let problem = Problem::new(code);
    Err(match (answer.verdict, answer.retry_after_ms) {
        (Verdict::RateLimited, Some(wait_ms)) => problem.retry_after(Duration::from_millis(wait_ms)),
        (_, _) => problem,
    })
}

fn ended(answer: &AuthenticateAnswer, detail: &'static str) -> Problem {
    Problem::new(ErrorCode::CredentialsInvalid).reason(answer.verdict.name()).detail(detail)
}

/// What is wrong with a text that is no key, as far as anybody can see who looks at it: nothing was looked up.
pub fn malformed(presented: &str) -> Problem {
    let problem = Problem::new(ErrorCode::CredentialsInvalid);
    match secret::missing_bytes(presented) {
        None => {
            let detail = "This is not a key of Claviger's form, such as clv_prod_…; a service token works at the key service alone.";
            problem.detail(detail)
        }
        Some(0) => problem,
        Some(missing) => {
            problem.detail(format!("This is the beginning of a key: at least {missing} characters are missing."))
        }
    }
}

fn wrong_environment(app: &App, answer: &AuthenticateAnswer) -> Problem {
    let here = app.environment;
    let detail = match answer.claimed_environment {
        Some(claimed) => format!("This key says that it is for {claimed}; this endpoint is {here}."),
        None => format!("This key is for another environment; this endpoint is {here}."),
    };
    Problem::new(ErrorCode::WrongEnvironment).detail(detail)
}

/// The problem behind a denial; a hidden organization is the missing thing's 404.
pub fn denied(denied: Denied) -> Problem {
    match denied {
        Denied::Missing(permission) => Problem::new(ErrorCode::InsufficientPermissions)
            .detail(format!("The caller lacks {}.", permission.name()))
            .missing_permissions(vec![permission.name().to_owned()]),
        Denied::ServerAdmin => Problem::new(ErrorCode::InsufficientPermissions)
            .detail("This is for server admins who are signed in to the console."),
        Denied::Hidden => not_found(),
    }
}

/// The one answer for what is not there and for what the caller may not know of.
pub fn not_found() -> Problem {
    Problem::new(ErrorCode::NotFound)
}

/// The problem of a question that the key service did not answer.
pub fn verify_error(source: KeysError) -> Problem {
    match source {
        KeysError::Overloaded => Rejected.into(),
        source => Problem::new(ErrorCode::Unavailable).source(source).retry_after(Duration::from_secs(1)),
    }
}

/// What the framework calls the first parameter of a path, whatever its name is: with us always the organization.
const FIRST_PARAMETER: &str = "param0";
