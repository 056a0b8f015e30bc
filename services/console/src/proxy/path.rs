//! What a path under `/bff` leads to. Paths that could be read in two ways lead nowhere.

use domain::environment::Environment;
use http::Uri;

/// Where a request of the web app goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// In which environment.
    pub environment: Environment,
    /// Path and query there.
    pub rest: String,
    /// On what.
    pub place: Place,
    /// Whether a key is given a new secret.
    pub is_regeneration: bool,
}

/// What a path of the Integration API is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The organization that it names.
    Organization(String),
    /// The environment's organizations and root keys.
    Installation,
    /// Nothing of an organization's, or what the caller's own organization is.
    Anywhere,
}

impl Target {
    /// Reads `/bff/{environment}/v1/…`.
    pub fn read(uri: &Uri) -> Option<Self> {
        let path = uri.path();
        let (environment, rest) = path.strip_prefix("/bff/")?.split_once('/')?;
        let environment = Environment::ALL.into_iter().find(|known| known.name() == environment)?;
        let segments: Vec<&str> = rest.split('/').collect();
        // No second way to write a path: a segment is not empty, names nothing relative, and is not encoded twice over.
        let is_plain = |segment: &&str| {
            !segment.is_empty()
                && !segment.contains('\\')
                && !segment.contains(';')
                && !matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..")
                && !segment.to_ascii_lowercase().contains("%2f")
                && !segment.to_ascii_lowercase().contains("%5c")
        };
        if segments.first() != Some(&"v1") || segments.len() < 2 || !segments.iter().all(is_plain) {
            return None;
        }
        let place = match (segments[1], segments.get(2)) {
            ("organizations", Some(reference)) if is_reference(reference) => {
                Place::Organization((*reference).to_owned())
            }
            ("organizations", Some(_)) => return None,
            ("organizations" | "root-keys", _) => Place::Installation,
            (_, _) => Place::Anywhere,
        };
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        Some(Self {
            environment,
            rest: format!("/{rest}{query}"),
            place,
            is_regeneration: segments.len() > 3 && segments.last() == Some(&"regenerate"),
        })
    }
}

/// An id or a slug, written as it is and in no other way: what is checked here is what is asked for there.
fn is_reference(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str) -> Option<Target> {
        Target::read(&path.parse::<Uri>().ok()?)
    }

    #[test]
    fn a_path_is_about_one_organization_or_none() {
        let target = read("/bff/staging/v1/organizations/acme/keys?limit=2").unwrap();
        assert_eq!(
            (target.environment, target.rest.as_str()),
            (Environment::Staging, "/v1/organizations/acme/keys?limit=2")
        );
        assert_eq!(target.place, Place::Organization("acme".to_owned()));
        for path in
            ["/bff/staging/v1/organizations", "/bff/staging/v1/root-keys", "/bff/staging/v1/root-keys/key_1/revoke"]
        {
            assert_eq!(read(path).unwrap().place, Place::Installation, "{path}");
        }
        for path in ["/bff/staging/v1/permissions", "/bff/staging/v1/keys/verify"] {
            assert_eq!(read(path).unwrap().place, Place::Anywhere, "{path}");
        }
    }

    #[test]
    fn a_path_that_could_be_read_in_two_ways_leads_nowhere() {
        for path in [
            "/bff/nowhere/v1/keys",
            "/bff/control/v1/session",
            "/bff/staging/v2/keys",
            "/bff/staging/internal/v1/verify",
            "/bff/staging/v1",
            "/bff/staging/v1/",
            "/bff/staging//v1/keys",
            "/bff/staging/v1//organizations/acme",
            "/bff/staging/v1/organizations/acme/../globex/keys",
            "/bff/staging/v1/organizations/acme/%2e%2e/globex/keys",
            "/bff/staging/v1/organizations/acme/.%2E/globex/keys",
            "/bff/staging/v1/organizations/%61cme/keys",
            "/bff/staging/v1/organizations/acme%2Fkeys",
            "/bff/staging/v1/organizations/acme%5ckeys",
            "/bff/staging/v1/organizations/acme;a=b/keys",
            "/bff/staging/v1/organizations/acme/",
            "/bff/staging/v1/./organizations/acme",
        ] {
            assert_eq!(read(path), None, "{path}");
        }
    }

    #[test]
    fn a_regeneration_is_known_by_its_end() {
        let is_one = |path: &str| read(path).unwrap().is_regeneration;
        assert!(is_one("/bff/production/v1/organizations/acme/keys/key_1/regenerate"));
        assert!(!is_one("/bff/production/v1/organizations/acme/keys/key_1/revoke"));
        assert!(!is_one("/bff/production/v1/organizations/regenerate"));
    }
}
