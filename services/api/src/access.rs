//! Whoever makes a request: proven by the key service, let in, permitted, held to its organization and its limits.
//!
//! A handler's first argument is a [`Caller`] or a [`Scoped`] of its operation, so that none of it runs for anybody
//! else, and in this order: authenticate, admit, permission, organization, limits, query; then what the handler does:
//! existence, body.

use std::fmt::Display;
use std::ops::Deref;

use domain::access::Scope;
use domain::event::Event;
use domain::hosts::HostName;
use domain::ids::OrganizationId;
use domain::secret::PlainSecret;
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaParamIn, MetaSecurityScheme, Registry};
use poem_openapi::types::{ParseFromJSON, ToJSON};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde_json::Value;
use server::answer::{Created, Ok200};
use server::json::Json;
use server::problem::{ErrorCode, Problem};
use server::query::Query;
use store::{Read, Slice, Write};

use crate::authenticate::{Proven, denied};
use crate::idempotency::{Idempotent, IdempotentRequest, Outcome};
use crate::operation::{Change, Operation, Reach};
use crate::page::{PAGING, Page, Paging};
use crate::query::QueryParameters;

/// A proven caller that may do `O`, which belongs to no organization.
pub struct Caller<O: Operation> {
    proven: Proven,
    /// What it sent in the query.
    pub query: O::Query,
    paging: Paging,
}

/// A proven caller that may do `O` inside the organization that the path names.
pub struct Scoped<O: Operation> {
    caller: Caller<O>,
    /// Its scope there.
    pub scope: Scope,
}

impl<O: Operation> Caller<O> {
    async fn find(request: &Request) -> Result<Self, Problem> {
        const {
            assert!(
                matches!(O::DESCRIPTOR.reach, Reach::Installation | Reach::Directory),
                "inside an organization: take a Scoped"
            )
        };
        let proven = Proven::find(request, O::DESCRIPTOR).await?;
        Self::with(proven, OrganizationId::INSTALLATION)
    }

    /// Checks the caller's limits, and reads the query: a parameter that the operation does not have is refused.
    fn with(proven: Proven, organization: OrganizationId) -> Result<Self, Problem> {
        let operation = O::DESCRIPTOR;
        operation.check_limits(&proven.authority.policy)?;
        let paging = if operation.is_paged { PAGING } else { &[] };
        let names: Vec<&str> = paging.iter().chain(operation.query).map(|parameter| parameter.name).collect();
        let mut params = Query::parse_str(proven.uri.query().unwrap_or_default(), &names)?;
        let query = O::Query::read(&mut params);
        let paging = Paging::read(&proven, operation, organization, &mut params);
        params.finish()?;
        Ok(Self { proven, query, paging })
    }

    /// The part of the list that is asked for.
    pub fn slice(&self, read: &Read) -> Result<Slice, Problem> {
        self.paging.slice(&self.app, read.now())
    }

    /// Answers with a page of what was read.
    pub fn page<R, T: for<'a> From<&'a R>>(&self, read: &Read, rows: &store::Page<R>) -> Ok200<Page<T>> {
        Ok200::new(self.page_of(read, rows, |row| T::from(row)))
    }

    /// A page of what was read, where a row alone does not say everything.
    pub fn page_of<R, T>(&self, read: &Read, rows: &store::Page<R>, body: impl FnMut(&R) -> T) -> Page<T> {
        self.paging.page((&self.app, read.now()), rows, body)
    }
}

impl<O: Change> Caller<O> {
    /// The scope of an organization that is made by this operation.
    pub fn scope_of_new(&self, organization: OrganizationId) -> Result<Scope, Problem> {
        self.scope_in(organization, O::DESCRIPTOR)
    }

    /// The operation's event, about one thing.
    pub fn event(&self, subject: impl Display) -> Event {
        Event::of(O::ACTION, subject)
    }

    /// Creates something once: a request that was sent before, with the same `Idempotency-Key`, is answered as it was.
    /// The creation, its event and the answer that is kept are one transaction.
    pub async fn create_in<N, B, const MAX_BYTES: usize>(
        &self,
        scope: &Scope,
        body: Json<N, MAX_BYTES>,
        create: impl AsyncFnOnce(&mut Write, N) -> Result<New<B>, Problem>,
    ) -> Result<Created<Idempotent<B>>, Problem>
    where
        N: ParseFromJSON + 'static,
        B: ToJSON,
    {
        const { assert!(O::DESCRIPTOR.is_idempotent, "what creates something is idempotent") };
        let attempt = IdempotentRequest::read(self, body.raw())?;
        let wanted = body.parse()?;
        let mut write = self.app.store.write(scope, &self.origin()).await?;
        if let Outcome::Replayed(answer) = attempt.begin(&mut write).await? {
            return Ok(Created::new(Idempotent::Replayed(answer)));
        }
        let new = create(&mut write, wanted).await?;
        attempt.keep(&mut write, &new.body, new.secret.as_ref().map(PlainSecret::expose)).await?;
        let committed = write.commit(self.event(&new.subject).changed(None, new.logged)).await?;
        // A first version needs no word; what the creation changed beside it does.
        if !committed.generations.is_empty() {
            self.app.publish(scope, &committed, None).await;
        }
        self.app.publish_elsewhere(&committed).await;
        let answer = Created::new(Idempotent::First(new.body));
        Ok(match new.version {
            Some(version) => answer.etag(version),
            None => answer,
        })
    }
}

/// What a creation has made.
pub struct New<B> {
    subject: String,
    /// `None` for many things at once.
    version: Option<i64>,
    body: B,
    logged: Option<Value>,
    secret: Option<PlainSecret>,
}

impl<B: ToJSON> New<B> {
    /// A thing with its id and version, as it is answered and logged.
    pub fn of(subject: impl Display, version: i64, body: B) -> Self {
        let logged = body.to_json();
        Self { subject: subject.to_string(), version: Some(version), body, logged, secret: None }
    }

    /// Many things of an organization, as they are answered, and what is logged of them together.
    pub fn of_many(organization: OrganizationId, body: B, logged: Value) -> Self {
        Self { subject: organization.to_string(), version: None, body, logged: Some(logged), secret: None }
    }

    /// A thing whose answer differs from what is logged; a secret that it shows is kept sealed, for a repetition.
    pub fn of_key(key: &store::Key, logged: &impl ToJSON, body: B, secret: Option<PlainSecret>) -> Self {
        Self { subject: key.id.to_string(), version: Some(key.generation), body, logged: logged.to_json(), secret }
    }
}

impl<O: Operation> Scoped<O> {
    async fn find(request: &Request) -> Result<Self, Problem> {
        const {
            assert!(
                matches!(O::DESCRIPTOR.reach, Reach::Organization | Reach::RootKeys),
                "without an organization: take a Caller"
            )
        };
        let proven = Proven::find(request, O::DESCRIPTOR).await?;
        let scope = match O::DESCRIPTOR.reach {
            Reach::RootKeys => proven.authority.authorize_root_keys().map_err(denied)?,
            Reach::Organization | Reach::Installation | Reach::Directory => {
                proven.enter(request, O::DESCRIPTOR).await?
            }
        };
        let caller = Caller::with(proven, scope.organization())?;
        Ok(Self { caller, scope })
    }

    /// A look at the organization's rows that the caller may see.
    pub async fn read(&self) -> Result<Read, Problem> {
        Ok(self.app.store.read(&self.scope).await?)
    }

    /// Refuses a domain outside the caller's own to a caller that is limited to some.
    pub fn require_domain(&self, name: &HostName) -> Result<(), Problem> {
        if self.scope.domains().covers(name) { Ok(()) } else { Err(Problem::new(ErrorCode::DomainNotAllowed)) }
    }
}

impl<O: Change> Scoped<O> {
    /// Opens the transaction of a change: row-level security and one instant. [`Self::commit`] ends it.
    pub async fn write(&self) -> Result<Write, Problem> {
        Ok(self.app.store.write(&self.scope, &self.origin()).await?)
    }

    /// Keeps a change with its event, and tells every replica of the key service.
    pub async fn commit(&self, write: Write, event: Event) -> Result<(), Problem> {
        self.app.commit_and_publish(&self.scope, write, event).await
    }

    /// Creates something once, in the caller's organization: [`Caller::create_in`].
    pub async fn create<N, B, const MAX_BYTES: usize>(
        &self,
        body: Json<N, MAX_BYTES>,
        create: impl AsyncFnOnce(&mut Write, N) -> Result<New<B>, Problem>,
    ) -> Result<Created<Idempotent<B>>, Problem>
    where
        N: ParseFromJSON + 'static,
        B: ToJSON,
    {
        self.create_in(&self.scope, body, create).await
    }

    /// Ends an update, a suspension or a resumption of one thing: commits with what differs between its two views, tells
    /// every replica, and answers with the thing as it is now.
    pub async fn commit_changed<B: ToJSON>(
        &self,
        write: Write,
        (subject, version): (impl Display, i64),
        (before, after): (B, B),
    ) -> Result<Ok200<B>, Problem> {
        self.commit(write, self.event(subject).changed(before.to_json(), after.to_json())).await?;
        Ok(Ok200::new(after).etag(version))
    }
}

impl<O: Operation> Deref for Caller<O> {
    type Target = Proven;

    fn deref(&self) -> &Proven {
        &self.proven
    }
}

impl<O: Operation> Deref for Scoped<O> {
    type Target = Caller<O>;

    fn deref(&self) -> &Caller<O> {
        &self.caller
    }
}

/// The name of the security scheme.
pub const SCHEME: &str = "bearer";

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

/// The security schemes of an operation's handler: beside the credential's, a mark that says which operation its first
/// argument is of. [`crate::resources::ROUTES`] reads the mark, and the document leaves it out.
fn schemes<O: Operation>() -> Vec<&'static str> {
    vec![SCHEME, O::DESCRIPTOR.id]
}

macro_rules! extracted {
    ($($type:ident),+) => {$(
        impl<'a, O: Operation> ApiExtractor<'a> for $type<O> {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                register_scheme(registry);
            }

            fn security_schemes() -> Vec<&'static str> {
                schemes::<O>()
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

extracted!(Caller, Scoped);
