//! Which methods each path has: what `Allow` says, and what a refused method is measured against.

use http::Method;
use poem_openapi::OpenApi;

/// The paths of a service with their methods.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    routes: Vec<Known>,
}

#[derive(Debug, Clone)]
struct Known {
    template: String,
    pattern: Vec<Segment>,
    methods: Vec<Method>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Fixed(String),
    Any,
    Rest,
}

impl Routes {
    /// The paths that an API documents.
    pub fn of<A: OpenApi>() -> Self {
        let mut routes = Self { routes: Vec::new() };
        for path in A::meta().into_iter().flat_map(|api| api.paths) {
            let methods: Vec<Method> = path.operations.into_iter().map(|operation| operation.method).collect();
            routes = routes.and(&path.path, &methods);
        }
        routes
    }

    /// Adds a path outside the document: `:name` and `{name}` stand for one segment, a last `*` for all that follow.
    #[must_use]
    pub fn and(mut self, path: &str, methods: &[Method]) -> Self {
        let pattern: Vec<Segment> = path.trim_matches('/').split('/').map(Segment::read).collect();
        match self.routes.iter_mut().find(|known| known.pattern == pattern) {
            Some(known) => known.methods.extend_from_slice(methods),
            None => self.routes.push(Known { template: documented(path), pattern, methods: methods.to_vec() }),
        }
        self
    }

    /// The methods of `path` as `Allow` lists them; `None` when there is no such path.
    pub(super) fn allow(&self, path: &str) -> Option<String> {
        self.find(path).map(|known| listed(known.methods.iter()))
    }

    /// The path as it was declared, with names in the place of what varies; `None` when there is no such path.
    pub(super) fn template(&self, path: &str) -> Option<&str> {
        self.find(path).map(|known| known.template.as_str())
    }

    fn find(&self, path: &str) -> Option<&Known> {
        let found = self.routes.iter().filter(|known| matches(&known.pattern, path));
        // The router takes the pattern that is fixed the longest, and no other.
        found.max_by_key(|known| known.pattern.iter().map(Segment::weight).collect::<Vec<_>>())
    }

    /// The methods of all paths together.
    pub(super) fn allow_anywhere(&self) -> String {
        listed(self.routes.iter().flat_map(|known| &known.methods))
    }
}

impl Segment {
    /// How much a segment says; compared from the left.
    fn weight(&self) -> u8 {
        match self {
            Self::Fixed(_) => 2,
            Self::Any => 1,
            Self::Rest => 0,
        }
    }

    fn read(text: &str) -> Self {
        match text.as_bytes().first() {
            Some(b':' | b'{') => Self::Any,
            Some(b'*') => Self::Rest,
            Some(_) | None => Self::Fixed(text.to_owned()),
        }
    }
}

/// The path as an OpenAPI document writes it: `{name}` for one segment.
fn documented(path: &str) -> String {
    let written = |segment: &str| match segment.strip_prefix(':') {
        Some(name) => format!("{{{name}}}"),
        None => segment.to_owned(),
    };
    path.split('/').map(written).collect::<Vec<_>>().join("/")
}

fn matches(pattern: &[Segment], path: &str) -> bool {
    let Some(path) = path.strip_prefix('/') else { return false };
    let mut segments = path.split('/');
    for part in pattern {
        let fits = match (part, segments.next()) {
            (Segment::Rest, Some(_)) => return true,
            (Segment::Any, Some(segment)) => !segment.is_empty(),
            (Segment::Fixed(wanted), Some(segment)) => wanted == segment,
            (Segment::Rest | Segment::Any | Segment::Fixed(_), None) => false,
        };
        if !fits {
            return false;
        }
    }
    segments.next().is_none()
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
            .and("/v1/keys/:key", &[Method::PATCH])
            .and("/v1/keys/import", &[Method::POST])
            .and("/v1/docs/*rest", &[Method::GET]);
        assert_eq!(routes.allow("/v1/keys").as_deref(), Some("GET, HEAD, POST"));
        assert_eq!(routes.allow("/v1/keys/a").as_deref(), Some("PATCH"));
        assert_eq!(routes.allow("/v1/keys/import").as_deref(), Some("POST"));
        assert_eq!(routes.template("/v1/keys/a"), Some("/v1/keys/{key}"));
        assert_eq!(routes.allow("/v1/docs/a/b").as_deref(), Some("GET, HEAD"));
        for path in ["/v1/keys/", "/v1/keys/a/b", "/v1", "v1/keys", "/V1/keys", "*", ""] {
            assert_eq!(routes.allow(path), None, "{path}");
        }
        assert_eq!(routes.allow_anywhere(), "GET, HEAD, PATCH, POST");
    }
}
