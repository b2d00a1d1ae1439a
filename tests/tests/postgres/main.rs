//! PostgreSQL through the Prisma handler, on real servers: what works.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod backup;
mod damage;
mod globals;
mod handler;
mod one_snapshot;
mod poolers;
mod records;
mod round_trips;
mod shrinkage;
mod standby;
mod tls;
mod tools;
mod unusual;
mod urls;

use std::sync::OnceLock;

use backup_tests::servers::{PostgresOptions, PostgresServer};

/// A second server, for tests that need two; none of its roles are the first one's.
fn another_server() -> &'static PostgresServer {
    static ANOTHER: OnceLock<PostgresServer> = OnceLock::new();
    ANOTHER.get_or_init(|| PostgresServer::start_own(&PostgresOptions::default()))
}
