//! What the routes of a service are, for answers that no route gives: which methods a path has, and where an operation is.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use futures_util::FutureExt;
use http::Method;
use poem::{Endpoint, Request, Response, Route, endpoint::make_sync};
use poem_openapi::OpenApi;

/// The paths of a service with their methods.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    methods: BTreeMap<String, Vec<Method>>,
    templates: HashMap<&'static str, String>,
}

impl Routes {
    /// The operations that an API documents.
    pub fn of<A: OpenApi>() -> Self {
        let mut routes = Self::default();
        for path in A::meta().into_iter().flat_map(|api| api.paths) {
            for operation in path.operations {
                routes = routes.operation(operation.operation_id.unwrap_or_default(), &path.path, operation.method);
            }
        }
        routes
    }

    /// Adds an operation: `:name` and `{name}` stand for one segment of its path.
    #[must_use]
    pub fn operation(mut self, id: &'static str, path: &str, method: Method) -> Self {
        self.templates.insert(id, documented(path));
        self.and(path, &[method])
    }

    /// Adds a path outside the document: a last `*` stands for all segments that follow.
    #[must_use]
    pub fn and(mut self, path: &str, methods: &[Method]) -> Self {
        self.methods.entry(pattern(path)).or_default().extend_from_slice(methods);
        self
    }

    pub(super) fn table(self) -> Arc<RouteTable> {
        let anywhere = listed(self.methods.values().flatten());
        let allow = self.methods.into_iter().fold(Route::new(), |route, (path, methods)| {
            let allow = listed(methods.iter());
            route.at(path, make_sync(move |_| allow.clone()))
        });
        Arc::new(RouteTable { allow, anywhere, templates: self.templates })
    }
}

/// The routes of a service, as the framework's own router finds them.
pub(super) struct RouteTable {
    allow: Route,
    anywhere: String,
    templates: HashMap<&'static str, String>,
}

impl std::fmt::Debug for RouteTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RouteTable").field("anywhere", &self.anywhere).finish_non_exhaustive()
    }
}

impl RouteTable {
    /// The methods of `path` as `Allow` lists them; those of all paths together where there is no such path.
    pub(super) fn allow(&self, path: &str) -> String {
        let path = without_last_slash(path);
        let found =
            path.parse().ok().and_then(|uri| self.allow.call(Request::builder().uri(uri).finish()).now_or_never());
        let listed = found.and_then(Result::ok).map(Response::into_body);
        let listed = listed.and_then(|body| body.into_string().now_or_never()?.ok());
        listed.unwrap_or_else(|| self.anywhere.clone())
    }

    /// The documented path that somebody may have meant by one that there is not: without a slash at its end, or with a slip or
    /// two in its words.
    pub(super) fn meant(&self, path: &str) -> Option<&str> {
        const SLIPS_MAX: usize = 3;
        let segments: Vec<&str> = path.trim_end_matches('/').split('/').collect();
        let slips = |template: &str| {
            let wanted: Vec<&str> = template.split('/').collect();
            let pairs = wanted.iter().zip(&segments);
            // Whatever stands in the place of a name may be one, but for nothing.
            let each = pairs.map(|(wanted, sent)| match wanted.starts_with('{') {
                true if sent.is_empty() => None,
                true => Some(0),
                false => slips(wanted, sent),
            });
            let all: Option<usize> = each.sum();
            all.filter(|_| wanted.len() == segments.len())
        };
        let near = self.templates.values().filter_map(|template| Some((slips(template)?, template)));
        let (count, template) = near.min()?;
        (count <= SLIPS_MAX).then_some(template.as_str())
    }

    /// The path of an operation as the document writes it.
    pub(super) fn template(&self, operation: &str) -> Option<&str> {
        self.templates.get(operation).map(String::as_str)
    }
}

/// The framework's router takes no path that ends in a slash, but for the root.
fn without_last_slash(path: &str) -> &str {
    path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(path)
}

/// A path with names that do not matter, so that two operations of one path meet.
fn pattern(path: &str) -> String {
    let named = |(at, segment): (usize, &str)| match segment.as_bytes().first() {
        Some(b':' | b'{') => format!(":p{at}"),
        Some(_) | None => segment.to_owned(),
    };
    without_last_slash(path).split('/').enumerate().map(named).collect::<Vec<_>>().join("/")
}

/// The path as an OpenAPI document writes it: `{name}` for one segment.
fn documented(path: &str) -> String {
    let written = |segment: &str| match segment.strip_prefix(':') {
        Some(name) => format!("{{{name}}}"),
        None => segment.to_owned(),
    };
    path.split('/').map(written).collect::<Vec<_>>().join("/")
}

/// How many letters two words differ in, if they may be the same word.
fn slips(wanted: &str, sent: &str) -> Option<usize> {
    let is_meant = wanted == sent || domain::validation::meant(sent, [wanted]).is_some();
    is_meant.then(|| usize::from(wanted != sent))
}

fn listed<'a>(methods: impl Iterator<Item = &'a Method>) -> String {
    let mut names: Vec<&str> = methods.map(Method::as_str).collect();
    if names.contains(&"GET") {
        names.push("HEAD");
    }
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allow_lists_what_the_path_has() {
        let routes = Routes::default()
            .and("/v1/keys", &[Method::GET, Method::POST])
            .operation("update_key", "/v1/keys/:key", Method::PATCH)
            .and("/v1/keys/{key}", &[Method::DELETE])
            .and("/v1/keys/import", &[Method::POST])
            .and("/v1/docs/*rest", &[Method::GET])
            .and("/v2/", &[Method::GET])
            .table();
        assert_eq!(routes.allow("/v1/keys"), "GET, HEAD, POST");
        assert_eq!(routes.allow("/v1/keys/a"), "DELETE, PATCH");
        assert_eq!(routes.allow("/v1/keys/import"), "POST");
        assert_eq!(routes.allow("/v1/docs/a/b"), "GET, HEAD");
        assert_eq!(routes.allow("/v2/"), "GET, HEAD");
        for path in ["/v1/keys/a/b", "/v1", "/V1/keys", "*", ""] {
            assert_eq!(routes.allow(path), "DELETE, GET, HEAD, PATCH, POST", "{path}");
        }
        for (path, meant) in [
            ("/v1/keys/abc/", Some("/v1/keys/{key}")),
            ("/v1/key/abc", Some("/v1/keys/{key}")),
            ("/V1/keys/abc", Some("/v1/keys/{key}")),
            ("/v1/kettles/abc", None),
            ("/v1/keys/", None),
            ("/", None),
            ("", None),
        ] {
            assert_eq!(routes.meant(path), meant, "{path}");
        }
        assert_eq!((routes.template("update_key"), routes.template("none")), (Some("/v1/keys/{key}"), None));
    }
}
