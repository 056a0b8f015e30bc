//! `ETag` and `If-Match`: a change names the version that it was decided on.

use http::HeaderMap;
use server::problem::{ErrorCode, Problem};

/// The version that the caller has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfMatch {
    /// `*`: whatever is there.
    Any,
    /// One of these.
    Versions(Vec<i64>),
}

impl IfMatch {
    /// Reads the header: 428 without one, 400 when it is no list of our entity tags.
    pub fn require(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut values = headers.get_all(http::header::IF_MATCH).iter();
        let Some(value) = values.next() else {
            return Err(Problem::new(ErrorCode::PreconditionRequired));
        };
        let text = value.to_str().ok().filter(|_| values.next().is_none()).ok_or_else(malformed)?;
        if text.trim() == "*" {
            return Ok(Self::Any);
        }
        let versions: Option<Vec<i64>> = text.split(',').map(|tag| read_tag(tag.trim())).collect();
        versions.map(Self::Versions).ok_or_else(malformed)
    }

    /// Says whether the version that is there is one that the caller has seen.
    pub fn check(&self, version: i64) -> Result<(), Problem> {
        match self {
            Self::Any => Ok(()),
            Self::Versions(versions) if versions.contains(&version) => Ok(()),
            Self::Versions(_) => Err(stale()),
        }
    }
}

/// The answer to a change that was decided on another version.
pub fn stale() -> Problem {
    Problem::new(ErrorCode::Stale)
}

/// The tag's version; a well-formed tag that is none of ours can match nothing and is version -1.
fn read_tag(tag: &str) -> Option<i64> {
    let inner = tag.strip_prefix('"')?.strip_suffix('"')?;
    if inner.is_empty() || inner.contains('"') {
        return None;
    }
    Some(inner.parse().ok().filter(|version| *version >= 0).unwrap_or(-1))
}

fn malformed() -> Problem {
    Problem::new(ErrorCode::BadFraming).detail("If-Match takes the ETag of the object, in its quotes.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Option<&str>) -> Result<IfMatch, Problem> {
        let mut headers = HeaderMap::new();
        if let Some(value) = value {
            headers.insert(http::header::IF_MATCH, value.parse().unwrap());
        }
        IfMatch::require(&headers)
    }

    #[test]
    fn a_change_names_the_version_it_was_decided_on() {
        assert_eq!(read(Some("\"4\"")).expect("a tag"), IfMatch::Versions(vec![4]));
        assert_eq!(read(Some("\"4\", \"5\"")).expect("a list"), IfMatch::Versions(vec![4, 5]));
        assert_eq!(read(Some("*")).expect("any"), IfMatch::Any);
        assert_eq!(read(None).expect_err("none").code(), ErrorCode::PreconditionRequired);
        for bad in ["4", "\"4", "", "W/\"4\"", "\"\""] {
            assert_eq!(read(Some(bad)).expect_err(bad).code(), ErrorCode::BadFraming);
        }
    }

    #[test]
    fn another_version_is_stale() {
        assert!(IfMatch::Versions(vec![4]).check(4).is_ok());
        assert_eq!(IfMatch::Versions(vec![4]).check(5).expect_err("stale").code(), ErrorCode::Stale);
    }
}
