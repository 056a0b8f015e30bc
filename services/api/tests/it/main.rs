//! The Integration API from outside: the document, and every operation against real stores.

mod access;
mod bad_input;
mod lifecycle;
mod openapi;
mod support;
