//! Proves what the installation promises as a whole, over HTTP, against real Postgres and Redis; it exports nothing.
