//! The hosted console.
