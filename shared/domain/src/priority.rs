//! What is given up first when there is more work than can be done in time.

/// Says which priority a request is, to a key service that has more to do than it can. Believed with the service token.
pub const PRIORITY_HEADER: &str = "x-claviger-priority";

/// A kind of work, in the order in which it is refused: the first goes first, the last is never refused for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Anything of a development environment.
    Development,
    /// Anything of a staging environment.
    Staging,
    /// Lists and documentation.
    Lists,
    /// Changes, and reads of one thing.
    Writes,
    /// The verification of a presented key.
    Verification,
    /// What cuts a key, a customer or an organization off: needed most while something floods us.
    Revocation,
}

impl Priority {
    /// All of them, in order.
    pub const ALL: [Self; 6] =
        [Self::Development, Self::Staging, Self::Lists, Self::Writes, Self::Verification, Self::Revocation];

    /// The word for it, in metrics and between our services.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Staging => "staging",
            Self::Lists => "lists",
            Self::Writes => "writes",
            Self::Verification => "verification",
            Self::Revocation => "revocation",
        }
    }

    /// Reads the word.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| priority.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_the_declared_one_and_every_word_is_read_back() {
        assert!(Priority::ALL.is_sorted());
        for priority in Priority::ALL {
            assert_eq!(Priority::parse(priority.name()), Some(priority));
        }
        assert_eq!(Priority::parse("Revocation"), None);
    }
}
