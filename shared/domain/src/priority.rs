//! Which work is refused first under overload.

/// Tells an overloaded key service the priority of a request. Believed with the internal token.
pub const PRIORITY_HEADER: &str = "x-claviger-priority";

/// A kind of work, in the order of refusal: the first is refused first, the last is never refused for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Lists; and any work of another environment that is served beside production, but revocations.
    Lists,
    /// Changes, and reads of one object.
    Writes,
    /// The verification of a presented key.
    Verification,
    /// Revoking or suspending a key, a customer or an organization: needed most during an attack.
    Revocation,
}

impl Priority {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [Self::Lists, Self::Writes, Self::Verification, Self::Revocation];

    /// The word for it, in metrics and between our services.
    pub const fn name(self) -> &'static str {
        match self {
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
