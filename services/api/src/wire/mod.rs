//! The shapes of the Integration API. A doc comment here is what customers read in the documentation.

pub mod instant;
pub mod limit;
pub mod nullable;
pub mod standing;
pub mod word_or;
