//! What an operation of the console is: declared once, beside its handler, as a type that the handler's signature
//! demands. The tables that `operations!` makes are, put together, the routes with who may use them.

use http::Method;
use poem_openapi::OpenApi;

/// The name of the security scheme.
pub const SCHEME: &str = "session";

/// An operation, as a type: `Member<ListMembers>` as a handler's first argument is all that guards it.
pub trait Operation: Send + Sync + 'static {
    /// Everything that is declared of it.
    const DESCRIPTOR: &'static Descriptor;
}

/// An operation that changes something, and is logged as this.
pub trait Change: Operation {
    /// What the action log calls it.
    const ACTION: &'static str;
}

/// Who may use an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Whoever is signed in, about themselves: its handler takes a `Person`.
    SignedIn,
    /// Members of the organization that the path names, whatever their role: its handler takes a `Member`.
    Members,
    /// Its owners and admins, in any environment: its handler takes a `Member`.
    Managers,
    /// Server admins: its handler takes an `Admin`.
    ServerAdmins,
}

/// What is declared of an operation.
#[derive(Debug, Clone, Copy)]
pub struct Descriptor {
    /// Its id in the OpenAPI document, which is its type's name in snake case.
    pub id: &'static str,
    /// The module that declares it.
    pub module: &'static str,
    /// Who may use it.
    pub who: Who,
    /// It is dangerous: whoever uses it has proven in the last ten minutes who they are.
    pub needs_step_up: bool,
    /// What keeps a person from other operations does not keep it from this one: an organization's demand of a second
    /// factor.
    pub is_exempt: bool,
    /// Takes `limit` and `cursor`.
    pub is_paged: bool,
    /// Its parameters in the query, beside `limit` and `cursor`.
    pub query: &'static [&'static str],
    /// What the action log calls it; `None` for what changes nothing, or is no part of that log.
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
    /// An operation that does nothing out of the ordinary.
    pub const fn of(id: &'static str, module: &'static str, who: Who) -> Self {
        Self { id, module, who, needs_step_up: false, is_exempt: false, is_paged: false, query: &[], action: None }
    }

    /// The folder or file of `resources` that declares it.
    pub fn resource(&self) -> &'static str {
        self.module.split("::").nth(2).unwrap_or_default()
    }

    /// It is dangerous.
    pub const fn step_up(self) -> Self {
        Self { needs_step_up: true, ..self }
    }

    /// What keeps a person from other operations does not keep it from this one.
    pub const fn exempt(self) -> Self {
        Self { is_exempt: true, ..self }
    }

    /// A list with pages.
    pub const fn paged(self) -> Self {
        Self { is_paged: true, ..self }
    }

    /// Its parameters in the query.
    pub const fn query(self, query: &'static [&'static str]) -> Self {
        Self { query, ..self }
    }

    /// What the action log calls it.
    pub const fn event(self, action: &'static str) -> Self {
        Self { action: Some(action), ..self }
    }
}

/// Declares the operations of one file as types, and the file's table `OPERATIONS`:
///
/// ```text
/// operations! {
///     // type        => who may, what else there is to say of it
///     ListMembers    => Members;
///     UpdateMember   => Managers, step_up, event("member.updated");
///     ListUsers      => ServerAdmins, paged, query("q");
/// }
/// ```
macro_rules! operations {
    ($($operation:ident => $who:ident $(, $word:ident $(($($value:literal),+))?)*;)+) => {
        $(
            #[doc = concat!("The operation that `", stringify!($operation), "` says.")]
            pub struct $operation;

            impl $crate::operation::Operation for $operation {
                const DESCRIPTOR: &'static $crate::operation::Descriptor = {
                    const NAME: &str = stringify!($operation);
                    const ID: [u8; server::operation_id::snake_length(NAME)] = server::operation_id::snake_case(NAME);
                    const DESCRIPTOR: $crate::operation::Descriptor = $crate::operation::operations!(
                        @words
                        $crate::operation::Descriptor::of(
                            server::operation_id::text(&ID),
                            module_path!(),
                            $crate::operation::Who::$who,
                        );
                        $(, $word $(($($value),+))?)*
                    );
                    &DESCRIPTOR
                };
            }

            $crate::operation::operations!(@change $operation; $(, $word $(($($value),+))?)*);
        )+

        /// Every operation of this file.
        pub const OPERATIONS: &[&$crate::operation::Descriptor] =
            &[$(<$operation as $crate::operation::Operation>::DESCRIPTOR),+];
    };

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
    (@words $said:expr; , query($($name:literal),+) $($rest:tt)*) => {
        $crate::operation::operations!(@words $said.query(&[$($name),+]); $($rest)*)
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
            let place = format!("{} {}", operation.method, path.path);
            assert_eq!(marks, [id], "{place}: the first argument is the caller of another operation");
            let found = declared.iter().find(|descriptor| descriptor.id == id);
            let found = found.unwrap_or_else(|| panic!("{id} is declared in no table"));
            let is_in_organization = path.path.starts_with("/bff/control/v1/organizations/{organization}");
            let wants_organization = matches!(found.who, Who::Members | Who::Managers);
            assert!(is_in_organization || !wants_organization, "{place}: names no organization");
            routes.push(Route { operation: found, method: operation.method, path: path.path.clone() });
        }
    }
    for descriptor in declared {
        let handlers = routes.iter().filter(|route| route.operation.id == descriptor.id).count();
        assert_eq!(handlers, 1, "{} has one handler", descriptor.id);
    }
    routes
}
