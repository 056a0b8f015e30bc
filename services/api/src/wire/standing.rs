//! Whether the keys of something work.

use poem_openapi::Enum;

/// Whether something is in good standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename = "Standing", rename_all = "lowercase")]
pub enum StandingBody {
    /// Its keys work.
    Active,
    /// Its keys are refused.
    Suspended,
}

impl StandingBody {
    /// The word for it.
    pub fn new(is_suspended: bool) -> Self {
        if is_suspended { Self::Suspended } else { Self::Active }
    }
}
