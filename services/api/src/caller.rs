//! Whoever makes a request: proven by the key service, permitted by the route table, held to its organization.
//!
//! A handler that takes a [`Caller`] runs for nobody else; one that takes a [`Scoped`] has its scope as well.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use client::KeysError;
use client::wire::{AuthenticateAnswer, AuthenticateRequest, LimitState, SecretText};
use domain::access::{Authority, Denied, Scope};
use domain::hosts::HostName;
use domain::ids::{CustomerId, OrganizationId};
use domain::names::Slug;
use domain::policy::{AllOr, KeyKind};
use domain::secret::PlainSecret;
use domain::verdict::Verdict;
use http::{HeaderMap, Uri};
use poem::{PathPattern, Request, RequestBody};
use poem_openapi::registry::{MetaParamIn, MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use server::admission::{Permit, Rejected};
use server::http::{LogFields, RequestContext};
use server::problem::{ErrorCode, Problem};
use server::query::Query;

use crate::app::App;
use crate::limit_headers::Spent;
use crate::operations::{Access, Operation, Weight};

/// A proven caller of a known operation whose permission it holds.
pub struct Caller {
    /// What the caller is and may do.
    pub authority: Authority,
    /// What it presented; the one use is to seal a replay for it.
    pub presented: PlainSecret,
    /// What it has left.
    pub limits: Vec<LimitState>,
    /// The operation that it asked for.
    pub operation: &'static Operation,
    /// The request's id.
    pub request_id: String,
    /// Where it came from.
    pub client_ip: Option<IpAddr>,
    /// What it asked for.
    pub uri: Uri,
    /// With which headers.
    pub headers: HeaderMap,
    /// What the request's log line tells of it.
    line: LogFields,
    /// It was let in, until the work is done.
    _permit: Permit,
}

/// A caller inside the organization that the path names.
pub struct Scoped {
    /// The caller.
    pub caller: Caller,
    /// Its scope there.
    pub scope: Scope,
}

impl Caller {
    /// A proven caller that sends no parameters which its operation does not have. A list reads its own later.
    async fn find(request: &Request) -> Result<Self, Problem> {
        let caller = Self::prove(request).await?;
        caller.refuse_parameters()?;
        Ok(caller)
    }

    fn refuse_parameters(&self) -> Result<(), Problem> {
        match self.operation.parameters().next() {
            Some(_) => Ok(()),
            None => Query::parse_str(self.uri.query().unwrap_or_default(), &[])?.finish(),
        }
    }

    /// Where a change comes from, for the action log.
    pub fn origin(&self) -> store::Origin {
        store::Origin { request_id: self.request_id.clone(), ip: self.client_ip }
    }

    async fn prove(request: &Request) -> Result<Self, Problem> {
        let app = request.data::<Arc<App>>().expect("the app is attached to every route");
        let context = request.data::<Arc<RequestContext>>().expect("the stack attaches a context");
        let line = request.data::<LogFields>().expect("the stack attaches the log line");
        let operation = operation_of(request)?;
        let presented = read_bearer(request)?;
        let question = AuthenticateRequest {
            key: SecretText::new(presented.as_str()),
            client_ip: context.client_ip,
            request_id: context.request_id.clone(),
        };
        let answer = app.keys.authenticate(&question, operation.priority()).await.map_err(unanswered)?;
        if let Some(authority) = &answer.authority {
            line.key(authority.key_id);
            line.organization(authority.organization_id);
        }
        line.verdict(answer.verdict.name());
        if let Some(spent) = request.data::<Spent>() {
            spent.note(&answer.limits);
        }
        let authority = admit(app, &answer)?;
        let permit = app.queues.acquire(operation, authority.organization).await?;
        if answer.degraded && (operation.weight == Weight::Strict || authority.kind == KeyKind::Root) {
            let detail = "Limits cannot be shared at the moment, so calls that make credentials wait.";
            return Err(Problem::new(ErrorCode::Unavailable).detail(detail).retry_after(Duration::from_secs(2)));
        }
        if let Some(permission) = operation.permission() {
            authority.check(permission).map_err(denied)?;
        }
        let presented = PlainSecret::parse(&presented).map_err(|_| Problem::new(ErrorCode::CredentialsInvalid))?;
        Ok(Self {
            authority,
            presented,
            limits: answer.limits,
            operation,
            request_id: context.request_id.clone(),
            client_ip: context.client_ip,
            uri: request.uri().clone(),
            headers: request.headers().clone(),
            line: line.clone(),
            _permit: permit,
        })
    }
}

impl Scoped {
    async fn find(request: &Request) -> Result<Self, Problem> {
        let caller = Caller::prove(request).await?;
        let app = request.data::<Arc<App>>().expect("the app is attached to every route");
        let reference = request.raw_path_param(FIRST_PARAMETER).ok_or_else(not_found)?;
        let Access::Within(permission) = caller.operation.access else {
            return Err(Problem::new(ErrorCode::Internal).detail("This route has no organization."));
        };
        let organization = resolve(app, &caller.authority, reference).await?.ok_or_else(not_found)?;
        let scope = caller.authority.authorize(permission, organization).map_err(denied)?;
        // A root key's own is the installation; the request is about the one that it names.
        caller.line.organization(organization);
        caller.refuse_parameters()?;
        Ok(Self { caller, scope })
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

fn operation_of(request: &Request) -> Result<&'static Operation, Problem> {
    let pattern = request.data::<PathPattern>().map_or("", |pattern| pattern.0.as_ref());
    Operation::find(request.method().as_str(), pattern)
        .ok_or_else(|| Problem::new(ErrorCode::Internal).detail("This route is not in the route table."))
}

/// The bearer token. The scheme's case does not matter; anything but one space before the token is bad syntax.
fn read_bearer(request: &Request) -> Result<String, Problem> {
    let Some(value) = request.headers().get(http::header::AUTHORIZATION) else {
        return Err(Problem::new(ErrorCode::CredentialsMissing));
    };
    let invalid = || Problem::new(ErrorCode::CredentialsInvalid);
    let text = value.to_str().map_err(|_| invalid())?;
    let (scheme, token) = text.split_once(' ').ok_or_else(invalid)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(invalid());
    }
    if token.starts_with(' ') || token.ends_with(' ') {
        return Err(Problem::new(ErrorCode::BadFraming).detail("Write one space between Bearer and the key."));
    }
    Ok(token.to_owned())
}

/// Turns the key service's verdict into the caller's authority, or into the answer that `keys.md` gives a guard.
fn admit(app: &App, answer: &AuthenticateAnswer) -> Result<Authority, Problem> {
    let code = match answer.verdict {
        Verdict::Valid => {
            let authority = answer.authority.as_ref().ok_or_else(|| Problem::new(ErrorCode::Internal))?;
            let authority = authority.read().map_err(|error| Problem::new(ErrorCode::Internal).source(error))?;
            // A key service of another environment proves nothing here.
            return Some(authority)
                .filter(|authority| authority.environment == app.environment)
                .ok_or_else(|| Problem::new(ErrorCode::CredentialsInvalid));
        }
        Verdict::Malformed | Verdict::NotFound => return Err(Problem::new(ErrorCode::CredentialsInvalid)),
        Verdict::Revoked | Verdict::NotYetValid | Verdict::Expired => {
            return Err(Problem::new(ErrorCode::CredentialsInvalid).reason(answer.verdict.name()));
        }
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

fn wrong_environment(app: &App, answer: &AuthenticateAnswer) -> Problem {
    let here = app.environment;
    let detail = match answer.claimed_environment {
        Some(claimed) => format!("This key says that it is for {claimed}; this endpoint is {here}."),
        None => format!("This key is for another environment; this endpoint is {here}."),
    };
    Problem::new(ErrorCode::WrongEnvironment).detail(detail)
}

impl Scoped {
    /// Says in the request's log line which customer it is about.
    pub fn is_about(&self, customer: CustomerId) {
        self.caller.line.customer(customer);
    }

    /// Refuses what reaches beyond single customers to a caller that is limited to some.
    pub fn require_all_customers(&self) -> Result<(), Problem> {
        match self.scope.customers() {
            AllOr::All => Ok(()),
            AllOr::Only(_) => Err(Problem::new(ErrorCode::CustomerNotAllowed)
                .detail("This key is limited to some customers, and the operation reaches beyond them.")),
        }
    }

    /// Refuses a domain outside the caller's own to a caller that is limited to some.
    pub fn require_domain(&self, name: &HostName) -> Result<(), Problem> {
        if self.scope.domains().covers(name) {
            return Ok(());
        }
        Err(Problem::new(ErrorCode::DomainNotAllowed))
    }
}

/// The problem behind a denial; a hidden organization is the missing thing's 404.
pub fn denied(denied: Denied) -> Problem {
    match denied {
        Denied::Missing(permission) => Problem::new(ErrorCode::InsufficientPermissions)
            .detail(format!("This key lacks {}.", permission.name()))
            .missing_permissions(vec![permission.name().to_owned()]),
        Denied::Hidden => not_found(),
    }
}

/// The one answer for what is not there and for what the caller may not know of.
pub fn not_found() -> Problem {
    Problem::new(ErrorCode::NotFound)
}

/// The problem of a question that the key service did not answer.
pub fn unanswered(source: KeysError) -> Problem {
    match source {
        KeysError::Overloaded => Rejected.into(),
        source => Problem::new(ErrorCode::Unavailable).source(source).retry_after(Duration::from_secs(1)),
    }
}

/// What the framework calls the first parameter of a path, whatever its name is: with us always the organization.
const FIRST_PARAMETER: &str = "param0";

const SCHEME: &str = "bearer";

fn register_scheme(registry: &mut Registry) {
    registry.create_security_scheme(
        SCHEME,
        MetaSecurityScheme {
            ty: "http",
            description: Some("A root key or an organization key of this environment."),
            name: None,
            key_in: None,
            scheme: Some("bearer"),
            bearer_format: None,
            flows: None,
            openid_connect_url: None,
        },
    );
}

macro_rules! extracted_by {
    ($type:ty, $extract:path) => {
        impl<'a> ApiExtractor<'a> for $type {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                register_scheme(registry);
            }

            fn security_schemes() -> Vec<&'static str> {
                vec![SCHEME]
            }

            fn param_in() -> Option<MetaParamIn> {
                None
            }

            async fn from_request(
                request: &'a Request,
                _body: &mut RequestBody,
                _options: ExtractParamOptions<()>,
            ) -> poem::Result<Self> {
                Ok($extract(request).await?)
            }
        }
    };
}

extracted_by!(Caller, Caller::find);
extracted_by!(Scoped, Scoped::find);
