//! What the line knows of a connection: for whom it was asked last, and how much that was.

use domain::ids::OrganizationId;

/// How many questions of a batch are as much work as one that comes alone.
const QUESTIONS_PER_TURN: usize = 3;

/// For whom a connection was last asked something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) enum Asker {
    /// It was not answered yet. All that are new wait as one.
    #[default]
    New,
    /// Nobody's key, or those of several: who asks about such waits with the others who do, and not with the new.
    Nobody,
    Organization(OrganizationId),
}

/// What a connection was asked last: what it is asked next is likely to be the same.
#[derive(Debug, Clone, Copy)]
pub(super) struct Last {
    pub(super) asker: Asker,
    pub(super) questions: usize,
}

impl Default for Last {
    fn default() -> Self {
        Self { asker: Asker::New, questions: 1 }
    }
}

impl Last {
    /// How many turns that is. However large a batch is, it is worked on when its first turn has come.
    pub(super) fn turns(self) -> isize {
        self.questions.div_ceil(QUESTIONS_PER_TURN).max(1).cast_signed()
    }
}
