//! The Integration API from outside: the document, and every operation against real stores.

mod openapi;
