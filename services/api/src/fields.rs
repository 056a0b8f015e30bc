//! Collects everything that is wrong with a body, each with its place, so that a caller mends it in one go.

use domain::validation::ValidationError;
use server::problem::{ErrorCode, FieldError, Problem};

/// The most mistakes that one answer lists.
const ERRORS_MAX: usize = 50;

/// The mistakes found so far.
#[derive(Default)]
pub struct Fields {
    errors: Vec<FieldError>,
}

impl Fields {
    /// Takes the value, or notes the refusal under its JSON pointer.
    pub fn take<T>(&mut self, pointer: &str, result: Result<T, ValidationError>) -> Option<T> {
        result.map_err(|refusal| self.refuse(pointer, refusal)).ok()
    }

    /// Takes an optional value: absent stays absent.
    pub fn take_option<T>(&mut self, pointer: &str, value: Option<Result<T, ValidationError>>) -> Option<T> {
        self.take(pointer, value?)
    }

    /// Takes each value of a list, noting each refusal under its own index.
    pub fn take_list<I, T>(
        &mut self,
        pointer: &str,
        items: &[I],
        read: impl Fn(&I) -> Result<T, ValidationError>,
    ) -> Vec<T> {
        let at = |index: usize| format!("{pointer}/{index}");
        items.iter().enumerate().filter_map(|(index, item)| self.take(&at(index), read(item))).collect()
    }

    /// Whether something at this place, or below it, was refused.
    pub fn is_refused(&self, pointer: &str) -> bool {
        let below = |error: &FieldError| error.pointer.strip_prefix(pointer).map(str::to_owned);
        self.errors.iter().filter_map(below).any(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Notes one refusal.
    pub fn refuse(&mut self, pointer: &str, refusal: ValidationError) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(FieldError {
                pointer: pointer.to_owned(),
                code: refusal.code.into(),
                message: refusal.message,
            });
        }
    }

    /// Ends with a 422 that lists the mistakes, if there are any. A lone empty list is told apart: it would lock out.
    pub fn finish(self) -> Result<(), Problem> {
        if self.errors.is_empty() {
            return Ok(());
        }
        let is_lock_out = self.errors.iter().all(|error| error.code == "would-lock-out");
        let code = if is_lock_out { ErrorCode::WouldLockOut } else { ErrorCode::Validation };
        Err(Problem::new(code).errors(self.errors))
    }
}

/// A value that was refused without a mistake being noted: cannot happen while `Fields` keeps its word.
pub fn unread() -> Problem {
    let mut fields = Fields::default();
    fields.refuse("", ValidationError::new("unread", "the body could not be read"));
    fields.finish().err().unwrap_or_else(|| Problem::new(ErrorCode::Validation))
}
