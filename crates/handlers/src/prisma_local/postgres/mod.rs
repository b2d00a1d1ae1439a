//! PostgreSQL.

mod script;
