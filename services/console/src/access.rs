//! Whoever makes a request to `/bff/control`: signed in, from the console's own pages, in the role that the operation
//! demands, having proven it lately where that is asked for.
//!
//! A handler's first argument is a [`Person`], a [`Member`] or an [`Admin`] of its operation, so that none of it runs
//! for anybody else, and in this order: origin, session, role, organization, its policy, step-up, query; then what the
//! handler does.

use std::fmt::Display;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use domain::event::Event;
use domain::role::BuiltInRole;
use http::{HeaderMap, Method};
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaParamIn, MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use server::problem::{ErrorCode, Problem};
use server::query::{Query, QueryParams};
use store::control::{
    ControlActor, ControlOrganization, ControlOrigin, ControlRead, ControlWrite, Membership, PeoplePolicy,
};

use crate::app::{App, origin_of};
use crate::operation::{Change, Descriptor, Operation, SCHEME, Who};
use crate::origin;
use crate::signed::SignedIn;

/// A signed-in person's request.
pub struct Caller {
    /// The console.
    pub app: Arc<App>,
    /// Who it is.
    pub signed: Arc<SignedIn>,
    /// Where the request comes from.
    pub origin: ControlOrigin,
    /// The request's headers.
    pub headers: HeaderMap,
    /// What it sent in the query: the parameters that the operation declares, and no others.
    pub query: QueryParams,
}

/// A signed-in person who does `O` about themselves.
pub struct Person<O: Operation>(Caller, PhantomData<fn() -> O>);

/// A signed-in person who does `O` in the organization that the path names, as a member of it in a role that may, or as
/// a server admin.
pub struct Member<O: Operation> {
    caller: Caller,
    /// The organization.
    pub organization: ControlOrganization,
    /// The person's membership; `None` for a server admin who has none.
    pub membership: Option<Membership>,
    operation: PhantomData<fn() -> O>,
}

/// A server admin who does `O`.
pub struct Admin<O: Operation>(Caller, PhantomData<fn() -> O>);

impl Caller {
    /// Whoever a request of the web app comes from, whatever it wants.
    pub async fn find(request: &Request, operation: &Descriptor) -> Result<Self, Problem> {
        let app = request.data::<Arc<App>>().ok_or_else(|| Problem::new(ErrorCode::Internal))?;
        let signed = sign_in_of(app, request.method(), request.headers()).await?;
        let paging: &[&str] = if operation.is_paged { &["limit", "cursor"] } else { &[] };
        let names: Vec<&str> = paging.iter().chain(operation.query).copied().collect();
        let query = Query::parse_str(request.uri().query().unwrap_or_default(), &names)?;
        let origin = origin_of(request)?;
        Ok(Self { app: Arc::clone(app), signed, origin, headers: request.headers().clone(), query })
    }

    /// A look at the rows.
    pub async fn read(&self) -> Result<ControlRead, Problem> {
        Ok(self.app.control.read().await?)
    }

    /// Opens the transaction of a change on behalf of this person.
    pub async fn write(&self) -> Result<ControlWrite, Problem> {
        Ok(self.app.control.write(ControlActor::User(self.signed.user.id), &self.origin).await?)
    }

    fn check_step_up(&self, operation: &Descriptor) -> Result<(), Problem> {
        if operation.needs_step_up && !self.signed.has_stepped_up() {
            return Err(Problem::new(ErrorCode::StepUpRequired));
        }
        Ok(())
    }
}

/// The session of a call of the web app: from the console's own pages where it would change something.
pub async fn sign_in_of(app: &App, method: &Method, headers: &HeaderMap) -> Result<Arc<SignedIn>, Problem> {
    if !origin::is_safe(method) {
        origin::check_call(headers, &app.origin())?;
    }
    app.find_signed_in(headers).await?.ok_or_else(|| Problem::new(ErrorCode::SessionEnded))
}

/// The organization that a path names by id or slug, as far as this person may know of it, with its membership.
pub async fn enter(
    app: &App,
    signed: &SignedIn,
    reference: &str,
) -> Result<(ControlOrganization, Option<Membership>), Problem> {
    let is_it = |membership: &&Membership| {
        membership.organization.slug == reference || membership.organization.id.to_string() == reference
    };
    if let Some(membership) = signed.memberships.iter().find(is_it) {
        return Ok((membership.organization.clone(), Some(membership.clone())));
    }
    let found = match signed.user.is_server_admin {
        true => app.control.read().await?.find_control_organization(reference).await?,
        false => None,
    };
    found.map(|organization| (organization, None)).ok_or_else(|| Problem::new(ErrorCode::NotFound))
}

/// Refuses whom the organization's policy for people keeps out.
pub fn check_policy(policy: &PeoplePolicy, signed: &SignedIn, address: Option<IpAddr>) -> Result<(), Problem> {
    let is_inside = |networks: &[ipnet::IpNet]| {
        address.is_some_and(|address| networks.iter().any(|network| network.contains(&address)))
    };
    if policy.networks.as_deref().is_some_and(|networks| !is_inside(networks)) {
        return Err(Problem::new(ErrorCode::IpNotAllowed)
            .detail("This organization's console may not be used from this address."));
    }
    if policy.second_factor_required && signed.session.assurance != store::control::Assurance::SecondFactor {
        return Err(Problem::new(ErrorCode::SecondFactorRequired));
    }
    Ok(())
}

/// Whether a membership lets somebody manage the organization's people: as an owner or admin of any environment.
pub fn is_manager(membership: &Membership) -> bool {
    [BuiltInRole::Owner, BuiltInRole::Admin].iter().any(|role| membership.roles.has(role.name()))
}

impl<O: Operation> Person<O> {
    async fn find(request: &Request) -> Result<Self, Problem> {
        const { assert!(matches!(O::DESCRIPTOR.who, Who::SignedIn), "only about themselves: take a Member or an Admin") };
        let caller = Caller::find(request, O::DESCRIPTOR).await?;
        caller.check_step_up(O::DESCRIPTOR)?;
        Ok(Self(caller, PhantomData))
    }
}

impl<O: Operation> Admin<O> {
    async fn find(request: &Request) -> Result<Self, Problem> {
        const { assert!(matches!(O::DESCRIPTOR.who, Who::ServerAdmins), "not for server admins alone") };
        let caller = Caller::find(request, O::DESCRIPTOR).await?;
        if !caller.signed.user.is_server_admin {
            return Err(Problem::new(ErrorCode::InsufficientPermissions).detail("Only a server admin may do this."));
        }
        caller.check_step_up(O::DESCRIPTOR)?;
        Ok(Self(caller, PhantomData))
    }
}

impl<O: Operation> Member<O> {
    async fn find(request: &Request) -> Result<Self, Problem> {
        const {
            let is_inside = matches!(O::DESCRIPTOR.who, Who::Members | Who::Managers);
            assert!(is_inside, "in no organization: take a Person or an Admin");
        };
        let caller = Caller::find(request, O::DESCRIPTOR).await?;
        let reference = request.raw_path_param(FIRST_PARAMETER).ok_or_else(|| Problem::new(ErrorCode::NotFound))?;
        let (organization, membership) = enter(&caller.app, &caller.signed, reference).await?;
        if !O::DESCRIPTOR.is_exempt {
            check_policy(&organization.policy, &caller.signed, caller.origin.ip)?;
        }
        let may_manage = caller.signed.user.is_server_admin || membership.as_ref().is_some_and(is_manager);
        if O::DESCRIPTOR.who == Who::Managers && !may_manage {
            let detail = "Only an owner or an admin of the organization may do this.";
            return Err(Problem::new(ErrorCode::InsufficientPermissions).detail(detail));
        }
        caller.check_step_up(O::DESCRIPTOR)?;
        Ok(Self { caller, organization, membership, operation: PhantomData })
    }

    /// Whether the person is an owner here, or a server admin, who may do all that an owner may.
    pub fn is_owner(&self) -> bool {
        let is_owner = |membership: &Membership| membership.roles.has(BuiltInRole::Owner.name());
        self.signed.user.is_server_admin || self.membership.as_ref().is_some_and(is_owner)
    }
}

impl<O: Change> Member<O> {
    /// The operation's event, about one thing.
    pub fn event(&self, subject: impl Display) -> Event {
        Event::of(O::ACTION, subject)
    }

    /// Keeps a change with its event in the organization's log. What was kept of sessions is asked for again.
    pub async fn commit(&self, write: ControlWrite, event: &Event) -> Result<(), Problem> {
        write.commit(self.organization.id, event).await?;
        self.app.sessions.forget_all();
        Ok(())
    }
}

macro_rules! of_the_installation {
    ($($type:ident),+) => {$(
        impl<O: Change> $type<O> {
            /// The operation's event, about one thing.
            pub fn event(&self, subject: impl Display) -> Event {
                Event::of(O::ACTION, subject)
            }

            /// Keeps a change with its event in the installation's log. What was kept of sessions is asked for again.
            pub async fn commit(&self, write: ControlWrite, event: &Event) -> Result<(), Problem> {
                write.commit(domain::ids::OrganizationId::INSTALLATION, event).await?;
                self.app.sessions.forget_all();
                Ok(())
            }
        }

        impl<O: Operation> Deref for $type<O> {
            type Target = Caller;

            fn deref(&self) -> &Caller {
                &self.0
            }
        }

        impl<O: Operation> DerefMut for $type<O> {
            fn deref_mut(&mut self) -> &mut Caller {
                &mut self.0
            }
        }
    )+};
}

of_the_installation!(Person, Admin);

impl<O: Operation> Deref for Member<O> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl<O: Operation> DerefMut for Member<O> {
    fn deref_mut(&mut self) -> &mut Caller {
        &mut self.caller
    }
}

/// What the framework calls the first parameter of a path, whatever its name is: in organizations the organization.
const FIRST_PARAMETER: &str = "param0";

macro_rules! extracted {
    ($($type:ident),+) => {$(
        impl<'a, O: Operation> ApiExtractor<'a> for $type<O> {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                registry.create_security_scheme(
                    SCHEME,
                    MetaSecurityScheme {
                        ty: "apiKey",
                        description: Some("The cookie of a session, kept by the browser."),
                        name: Some(crate::cookies::SESSION),
                        key_in: Some("cookie"),
                        scheme: None,
                        bearer_format: None,
                        flows: None,
                        openid_connect_url: None,
                    },
                );
            }

            fn security_schemes() -> Vec<&'static str> {
                vec![SCHEME, O::DESCRIPTOR.id]
            }

            fn param_in() -> Option<MetaParamIn> {
                None
            }

            async fn from_request(
                request: &'a Request,
                _body: &mut RequestBody,
                _options: ExtractParamOptions<()>,
            ) -> poem::Result<Self> {
                Ok($type::find(request).await?)
            }
        }
    )+};
}

extracted!(Person, Member, Admin);
