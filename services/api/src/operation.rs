//! What an operation is: declared once, beside its handler, as a type that the handler's signature demands.
//!
//! The tables that `operations!` makes are, put together, the list of routes with their permissions, what the OpenAPI
//! document says beside the generator, and the rows of the access matrix. Method and path stand in the handler's
//! attribute alone; [`crate::resources::ROUTES`] reads them from there.

use domain::permission::Permission;
use domain::policy::{AllOr, Policy};
use domain::priority::Priority;
use http::Method;
use poem_openapi::OpenApi;
use server::problem::{ErrorCode, Problem};

use crate::access::SCHEME;
use crate::query::{Parameter, QueryParameters};

/// An operation, as a type: `Scoped<ListCustomers>` as a handler's first argument is all that guards it.
pub trait Operation: Send + Sync + 'static {
    /// What it takes in its query, beside `limit` and `cursor`.
    type Query: QueryParameters;
    /// Everything that is declared of it.
    const DESCRIPTOR: &'static Descriptor;
}

/// An operation that changes something, so that it may open a transaction and has to log what it did.
pub trait Change: Operation {
    /// What the action log calls it.
    const ACTION: &'static str;
}

/// Where an operation works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// On nothing that belongs to an organization: its handler takes a `Caller`.
    Installation,
    /// Inside the organization that the path names: its handler takes a `Scoped`.
    Organization,
    /// On the root keys of the environment, for server admins who are signed in to the console: its handler takes a `Scoped`.
    RootKeys,
    /// On the organizations of the environment, for server admins who are signed in to the console: its handler takes a `Caller`.
    Directory,
}

/// What is declared of an operation.
#[derive(Debug, Clone, Copy)]
pub struct Descriptor {
    /// Its id in the OpenAPI document, which is its type's name in snake case.
    pub id: &'static str,
    /// The module that declares it.
    pub module: &'static str,
    /// What its caller must hold.
    pub permission: Option<Permission>,
    /// Where it works.
    pub reach: Reach,
    /// What it is given up for, and what for its sake.
    pub priority: Priority,
    /// Makes credentials: refused while limits cannot be shared.
    pub is_strict: bool,
    /// Takes a member who has proved lately who they are.
    pub needs_step_up: bool,
    /// Takes `Idempotency-Key`.
    pub is_idempotent: bool,
    /// Takes `limit` and `cursor`.
    pub is_paged: bool,
    /// Waits for something else than the database for most of its time, and takes no turn there.
    pub waits_elsewhere: bool,
    /// Changes what all customers share, so that a caller that is limited to some is refused.
    pub is_beyond_customers: bool,
    /// Changes what all domains share, so that a caller that is limited to some is refused.
    pub is_beyond_domains: bool,
    /// Its parameters in the query, beside `limit` and `cursor`.
    pub query: &'static [Parameter],
    /// What the action log calls it; `None` for what changes nothing.
    pub action: Option<&'static str>,
}

/// An operation where requests find it.
#[derive(Debug, Clone)]
pub struct Route {
    /// What is declared of it.
    pub operation: &'static Descriptor,
    /// Its method.
    pub method: Method,
    /// Its path, with `{names}` for what varies.
    pub path: String,
}

impl Descriptor {
    /// An operation inside an organization that does nothing out of the ordinary.
    pub const fn of(id: &'static str, module: &'static str, permission: Option<Permission>) -> Self {
        Self {
            id,
            module,
            permission,
            reach: Reach::Organization,
            priority: Priority::Writes,
            is_strict: false,
            needs_step_up: false,
            is_idempotent: false,
            is_paged: false,
            waits_elsewhere: false,
            is_beyond_customers: false,
            is_beyond_domains: false,
            query: &[],
            action: None,
        }
    }

    /// Whether it is for server admins who are signed in to the console, and in no public document.
    pub fn is_for_server_admins(&self) -> bool {
        matches!(self.reach, Reach::RootKeys | Reach::Directory)
    }

    /// The folder of `resources` that declares it.
    pub fn resource(&self) -> &'static str {
        self.module.split("::").nth(2).unwrap_or_default()
    }

    /// Refuses what reaches beyond a caller's own limits.
    pub fn check_limits(&self, policy: &Policy) -> Result<(), Problem> {
        let (code, word) = match (&policy.customers, &policy.domains) {
            (AllOr::Only(_), _) if self.is_beyond_customers => (ErrorCode::CustomerNotAllowed, "customers"),
            (_, AllOr::Only(_)) if self.is_beyond_domains => (ErrorCode::DomainNotAllowed, "domains"),
            (_, _) => return Ok(()),
        };
        let detail = format!("This key is limited to some {word}, and the operation reaches beyond them.");
        Err(Problem::new(code).detail(detail))
    }
}

/// The words of a declaration.
impl Descriptor {
    pub(crate) const fn reach(self, reach: Reach) -> Self {
        Self { reach, ..self }
    }

    pub(crate) const fn priority(self, priority: Priority) -> Self {
        Self { priority, ..self }
    }

    pub(crate) const fn strict(self) -> Self {
        Self { is_strict: true, ..self }
    }

    pub(crate) const fn step_up(self) -> Self {
        Self { needs_step_up: true, ..self }
    }

    pub(crate) const fn idempotent(self) -> Self {
        Self { is_idempotent: true, ..self }
    }

    /// A list with pages.
    pub(crate) const fn paged(self) -> Self {
        Self { is_paged: true, priority: Priority::Lists, ..self }
    }

    pub(crate) const fn waits_elsewhere(self) -> Self {
        Self { waits_elsewhere: true, ..self }
    }

    /// Changes what customers share but a domain does not have: a domain itself.
    pub(crate) const fn beyond_customers(self) -> Self {
        Self { is_beyond_customers: true, ..self }
    }

    /// Changes what domains share but a customer does not have: a customer itself.
    pub(crate) const fn beyond_domains(self) -> Self {
        Self { is_beyond_domains: true, ..self }
    }

    /// Changes what everybody in the organization shares.
    pub(crate) const fn beyond_limits(self) -> Self {
        self.beyond_customers().beyond_domains()
    }

    pub(crate) const fn query(self, query: &'static [Parameter]) -> Self {
        Self { query, ..self }
    }

    pub(crate) const fn event(self, action: &'static str) -> Self {
        Self { action: Some(action), ..self }
    }
}

/// Declares the operations of one file as types, and the file's table `OPERATIONS`:
///
/// ```text
/// operations! {
///     // type         => permission or none, what else there is to say of it
///     ListCustomers   => CustomersRead, paged, query(CustomerQuery);
///     CreateCustomer  => CustomersCreate, event("customer.created"), idempotent, beyond_limits;
///     SuspendCustomer => CustomersSuspend, event("customer.suspended"), priority(Revocation);
/// }
/// ```
macro_rules! operations {
    ($($operation:ident => $permission:ident $(, $word:ident $(($($value:tt)+))?)*;)+) => {
        $(
            #[doc = concat!("The operation that `", stringify!($operation), "` says.")]
            pub struct $operation;

            impl $crate::operation::Operation for $operation {
                type Query = $crate::operation::operations!(@query $(, $word $(($($value)+))?)*);
                const DESCRIPTOR: &'static $crate::operation::Descriptor = {
                    const NAME: &str = stringify!($operation);
                    const ID: [u8; server::operation_id::snake_length(NAME)] = server::operation_id::snake_case(NAME);
                    const DESCRIPTOR: $crate::operation::Descriptor = $crate::operation::operations!(
                        @words
                        $crate::operation::Descriptor::of(
                            server::operation_id::text(&ID),
                            module_path!(),
                            $crate::operation::operations!(@permission $permission),
                        );
                        $(, $word $(($($value)+))?)*
                    );
                    &DESCRIPTOR
                };
            }

            $crate::operation::operations!(@change $operation; $(, $word $(($($value)+))?)*);
        )+

        /// Every operation of this file.
        pub const OPERATIONS: &[&$crate::operation::Descriptor] =
            &[$(<$operation as $crate::operation::Operation>::DESCRIPTOR),+];
    };

    (@permission none) => { None };
    (@permission $permission:ident) => { Some(domain::permission::Permission::$permission) };

    // What is said of an operation, word by word: `, word` or `, word(value)`.
    (@query) => { $crate::query::NoQuery };
    (@query, query($query:ty) $($rest:tt)*) => { $query };
    (@query, $word:ident ($($value:tt)+) $($rest:tt)*) => { $crate::operation::operations!(@query $($rest)*) };
    (@query, $word:ident $($rest:tt)*) => { $crate::operation::operations!(@query $($rest)*) };

    (@change $operation:ident;) => {};
    (@change $operation:ident; , event($action:literal) $($rest:tt)*) => {
        impl $crate::operation::Change for $operation {
            const ACTION: &'static str = $action;
        }
    };
    (@change $operation:ident; , $word:ident ($($value:tt)+) $($rest:tt)*) => {
        $crate::operation::operations!(@change $operation; $($rest)*);
    };
    (@change $operation:ident; , $word:ident $($rest:tt)*) => {
        $crate::operation::operations!(@change $operation; $($rest)*);
    };

    (@words $said:expr;) => { $said };
    (@words $said:expr; , query($query:ty) $($rest:tt)*) => {
        $crate::operation::operations!(
            @words $said.query(<$query as $crate::query::QueryParameters>::PARAMETERS); $($rest)*
        )
    };
    (@words $said:expr; , priority($priority:ident) $($rest:tt)*) => {
        $crate::operation::operations!(@words $said.priority(domain::priority::Priority::$priority); $($rest)*)
    };
    (@words $said:expr; , reach($reach:ident) $($rest:tt)*) => {
        $crate::operation::operations!(@words $said.reach($crate::operation::Reach::$reach); $($rest)*)
    };
    (@words $said:expr; , event($action:literal) $($rest:tt)*) => {
        $crate::operation::operations!(@words $said.event($action); $($rest)*)
    };
    (@words $said:expr; , $word:ident $($rest:tt)*) => {
        $crate::operation::operations!(@words $said.$word(); $($rest)*)
    };
}
pub(crate) use operations;

/// Every operation where requests find it: what is declared, with the method and the path of its handler.
///
/// Panics where the two do not fit: before a process answers anybody, and in every test.
pub fn routes<A: OpenApi>(tables: &[&[&'static Descriptor]]) -> Vec<Route> {
    let declared: Vec<&'static Descriptor> = tables.iter().copied().flatten().copied().collect();
    let mut routes = Vec::new();
    for path in A::meta().into_iter().flat_map(|api| api.paths) {
        for operation in path.operations {
            let id = operation.operation_id.unwrap_or("an operation without an id");
            let marks = operation.security.iter().flat_map(|schemes| schemes.keys().copied());
            let marks: Vec<&str> = marks.filter(|scheme| *scheme != SCHEME).collect();
            assert_eq!(
                marks,
                [id],
                "{} {}: the first argument is the caller of another operation",
                operation.method,
                path.path
            );
            let found = declared.iter().find(|descriptor| descriptor.id == id);
            let operation_found = found.unwrap_or_else(|| panic!("{id} is declared in no table"));
            routes.push(Route { operation: operation_found, method: operation.method, path: path.path.clone() });
        }
    }
    for descriptor in declared {
        let handlers = routes.iter().filter(|route| route.operation.id == descriptor.id).count();
        assert_eq!(handlers, 1, "{} has one handler", descriptor.id);
    }
    routes
}
