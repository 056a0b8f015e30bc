//! `admin`: what server admins see of people, environments and the installation.

pub mod installation;
mod snippets;
pub mod users;
