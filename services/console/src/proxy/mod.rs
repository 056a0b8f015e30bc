//! `/bff/{environment}/v1/…`: what the web app asks of an environment goes there in the name of the person who is signed in,
//! with a token that only servers see.
//!
//! The browser chooses the environment and the path. Who it is comes from its session's cookie, and what it may do from the
//! membership in the organization of the path: no header of the browser's names an identity.

pub mod call;
mod path;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::environment::Environment;
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use poem::{Body, Request, Response};
use server::http::RequestContext;
use server::json::read_body;
use server::problem::{ErrorCode, Problem};
use store::control::Membership;

use self::path::{Place, Target};
use crate::access::{check_policy, enter, sign_in_of};
use crate::app::App;
use crate::signed::SignedIn;
use crate::tokens::{ActingAs, Behalf};

/// Where the proxy begins.
pub const PATH_START: &str = "/bff/";
/// The largest body that is passed on: an import of a thousand keys.
pub const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// Which organization a call is for whose path names none.
const ORGANIZATION: HeaderName = HeaderName::from_static("x-claviger-organization");
/// What goes from the browser to the environment.
const PASSED_ON: [HeaderName; 4] =
    [header::CONTENT_TYPE, header::ACCEPT, header::IF_MATCH, HeaderName::from_static("idempotency-key")];
/// What comes back.
const PASSED_BACK: [HeaderName; 9] = [
    header::CONTENT_TYPE,
    header::CONTENT_DISPOSITION,
    header::ETAG,
    header::RETRY_AFTER,
    header::LOCATION,
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("x-environment"),
];

/// Passes a request of the web app on.
pub async fn forward(app: &App, mut request: Request) -> Result<Response, Problem> {
    let target = Target::read(request.uri()).ok_or_else(|| Problem::new(ErrorCode::NotFound))?;
    let api = app.environments.get(&target.environment).ok_or_else(|| Problem::new(ErrorCode::NotFound))?;
    let signed = sign_in_of(app, request.method(), request.headers()).await?;
    let address = request.data::<Arc<RequestContext>>().and_then(|context| context.client_ip);
    let acting = act(app, &signed, &target, (&request, address)).await?;
    let token = app.tokens.make(&Behalf::of(&signed), &acting, target.environment).await?;
    let method = request.method().clone();
    let mut sent = app.apis.request(method, &format!("{}{}", api.api_url.trim_end_matches('/'), target.rest), &token);
    for name in &PASSED_ON {
        if let Some(value) = request.headers().get(name) {
            sent = sent.header(name, value);
        }
    }
    if let Some(context) = request.data::<Arc<RequestContext>>() {
        sent = sent.header("x-request-id", context.request_id.as_str());
    }
    if let Some(address) = address {
        sent = sent.header("x-forwarded-for", address.to_string());
    }
    // Held whole, so that its length is known before anything is asked.
    let body = read_body(request.take_body(), BODY_BYTES_MAX).await?;
    let answer = sent.body(body).send().await.map_err(|error| away(target.environment, error))?;
    Ok(passed_back(answer))
}

/// As whom the person does this, if it is a member of the organization in question, or a server admin.
async fn act(
    app: &App,
    signed: &SignedIn,
    target: &Target,
    (request, address): (&Request, Option<std::net::IpAddr>),
) -> Result<ActingAs, Problem> {
    let named = request.headers().get(&ORGANIZATION).and_then(|value| value.to_str().ok());
    let reference = match &target.place {
        Place::Organization(reference) => Some(reference.as_str()),
        Place::Installation => None,
        Place::Anywhere => named,
    };
    let is_admin = signed.user.is_server_admin;
    let admin = || ActingAs::ServerAdmin(signed.user.id);
    let Some(reference) = reference else {
        return match (&target.place, first_membership(signed, target.environment, address)) {
            (Place::Anywhere, Some(acting)) if !is_admin => Ok(acting),
            _ if is_admin => Ok(admin()),
            _ => Err(Problem::new(ErrorCode::InsufficientPermissions).detail("Only a server admin may do this.")),
        };
    };
    let (organization, membership) = enter(app, signed, reference).await?;
    check_policy(&organization.policy, signed, address)?;
    if target.is_regeneration
        && target.environment == Environment::Production
        && organization.policy.step_up_for_regenerate
        && !signed.has_stepped_up()
    {
        return Err(Problem::new(ErrorCode::StepUpRequired));
    }
    let role = membership.as_ref().and_then(|membership| membership.roles.of(target.environment));
    match (membership.as_ref(), role) {
        (Some(membership), Some(role)) => {
            Ok(ActingAs::Member { member: membership.id, organization: organization.id, role: role.to_owned() })
        }
        _ if is_admin => Ok(admin()),
        _ => Err(Problem::new(ErrorCode::InsufficientPermissions)
            .detail(format!("You have no role in {} of this organization.", target.environment))),
    }
}

/// For what is the same in every organization, such as the catalogue of permissions. An organization whose policy keeps the person
/// out is none of them.
fn first_membership(
    signed: &SignedIn,
    environment: Environment,
    address: Option<std::net::IpAddr>,
) -> Option<ActingAs> {
    let is_open = |membership: &&Membership| check_policy(&membership.organization.policy, signed, address).is_ok();
    signed.memberships.iter().filter(is_open).find_map(|membership| {
        let role = membership.roles.of(environment)?.to_owned();
        Some(ActingAs::Member { member: membership.id, organization: membership.organization.id, role })
    })
}

/// The answer as it comes, chunk by chunk, with the headers that the web app reads.
fn passed_back(answer: reqwest::Response) -> Response {
    let status = StatusCode::from_u16(answer.status().as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut headers = HeaderMap::new();
    for name in &PASSED_BACK {
        if let Some(value) = answer.headers().get(name) {
            headers.insert(name.clone(), value.clone());
        }
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let chunks = stream::try_unfold(answer, async |mut answer| {
        let chunk: Option<Bytes> = answer.chunk().await.map_err(std::io::Error::other)?;
        Ok::<_, std::io::Error>(chunk.map(|chunk| (chunk, answer)))
    });
    let mut response = Response::builder().status(status).body(Body::from_bytes_stream(chunks));
    response.headers_mut().extend(headers);
    response
}

fn away(environment: Environment, error: reqwest::Error) -> Problem {
    Problem::new(ErrorCode::Unavailable)
        .detail(format!("The Integration API of {environment} does not answer."))
        .source(error.without_url())
        .retry_after(RETRY_AFTER)
}
