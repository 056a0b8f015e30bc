//! Turns what the framework fails with into problems; its own texts never reach a caller.

use poem::{
    Error,
    error::{MethodNotAllowedError, NotFoundError, ParsePathError, ReadBodyError, SizedLimitError},
    http::StatusCode,
};
use poem_openapi::error::{
    AuthorizationError, ContentTypeError, ParseParamError, ParsePathError as DocumentedPathError,
    ParseRequestPayloadError,
};

use super::{StackConfig, framing::method_not_allowed};
use crate::problem::{ErrorCode, FieldError, Problem};

/// The problem that an error of a handler or of the framework stands for.
pub(super) fn problem_of(error: Error, path: &str, config: &StackConfig) -> Problem {
    match error.downcast::<Problem>() {
        Ok(problem) => problem,
        Err(other) => of_framework(&other, path, config),
    }
}

fn of_framework(error: &Error, path: &str, config: &StackConfig) -> Problem {
    if error.is::<MethodNotAllowedError>() {
        return method_not_allowed(path, config);
    }
    if let Some(param) = error.downcast_ref::<ParseParamError>() {
        let mistake = FieldError::new(format!("/query/{}", param.name), "invalid", "The value is not acceptable.");
        return Problem::validation(vec![mistake]);
    }
    if error.is::<NotFoundError>() {
        return no_such_path(path, config);
    }
    if error.is::<ParsePathError>() || error.is::<DocumentedPathError>() {
        return Problem::new(ErrorCode::NotFound);
    }
    if error.is::<ContentTypeError>() {
        return Problem::new(ErrorCode::UnsupportedMediaType);
    }
    if error.is::<ParseRequestPayloadError>() {
        return Problem::new(ErrorCode::MalformedJson);
    }
    if error.is::<AuthorizationError>() {
        return Problem::new(ErrorCode::CredentialsMissing);
    }
    let is_too_large = matches!(error.downcast_ref(), Some(SizedLimitError::PayloadTooLarge))
        || matches!(error.downcast_ref(), Some(ReadBodyError::PayloadTooLarge));
    if is_too_large {
        return Problem::new(ErrorCode::PayloadTooLarge);
    }
    of_status(error)
}

fn of_status(error: &Error) -> Problem {
    let code = match error.status() {
        StatusCode::NOT_FOUND => ErrorCode::NotFound,
        StatusCode::UNAUTHORIZED => ErrorCode::CredentialsInvalid,
        StatusCode::UNPROCESSABLE_ENTITY => ErrorCode::Validation,
        StatusCode::SERVICE_UNAVAILABLE => ErrorCode::Unavailable,
        status if status.is_client_error() => ErrorCode::BadFraming,
        _ => ErrorCode::Internal,
    };
    Problem::new(code).source(std::io::Error::other(error.to_string()))
}

/// 404 for a path that no route has, with the one that may have been meant. What there is says the document to anybody.
fn no_such_path(path: &str, config: &StackConfig) -> Problem {
    let problem = Problem::new(ErrorCode::NotFound);
    match config.routes.meant(path) {
        Some(meant) => problem.detail(format!("There is no such path; did you mean {meant}?")),
        None => problem,
    }
}
