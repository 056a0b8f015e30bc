//! The program itself, as people and CI start it.

mod commands;
mod dev;
