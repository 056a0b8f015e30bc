//! The three environments. A deployment learns its own from its configuration and from nothing else.

/// A deployment with its own endpoint, database, Redis namespace and pepper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Live operation.
    Production,
    /// Testing with realistic data.
    Staging,
    /// Development and experiments.
    Development,
}

impl Environment {
    /// All of them, in the order in which lists show them.
    pub const ALL: [Self; 3] = [Self::Production, Self::Staging, Self::Development];

    /// The word in APIs and configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Staging => "staging",
            Self::Development => "development",
        }
    }

    /// The short word inside a secret's text.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Production => "prod",
            Self::Staging => "stag",
            Self::Development => "dev",
        }
    }

    /// The environment that a tag names.
    pub fn from_tag(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|environment| environment.tag() == tag)
    }
}

impl std::fmt::Display for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Environment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|e| e.name() == text).ok_or("production, staging or development")
    }
}
