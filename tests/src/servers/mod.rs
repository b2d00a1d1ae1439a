//! Real database servers for the tests: throwaway, on loopback and sockets only, as an unprivileged user.
//!
//! One server of a kind is shared by all tests of a test program, each with databases of its own
//! (`PostgresServer::shared()`); a test that stops or reconfigures a server starts its own. None outlives
//! the test program, however that ends. Where a program is missing the test fails; `scripts/test` installs
//! them.

mod address;
mod client;
mod compare;
mod folder;
mod generate;
mod mariadb;
mod pgbouncer;
mod postgres;
mod process;
mod programs;
mod restore;
mod rich;
mod rows;
mod tls;

use std::sync::atomic::{AtomicU32, Ordering};

pub use address::Address;
pub use client::Session;
pub use compare::Differences;
pub use generate::{Dialect, large_table, many_tables};
pub use mariadb::{MariadbOptions, MariadbServer};
pub use pgbouncer::{Pgbouncer, PoolMode};
pub use postgres::{PostgresOptions, PostgresServer};
pub use programs::program;
pub use tls::{Certificate, ClientCertificate, TlsFiles};

/// The administrator's password on every server: with all that has a meaning in a URL, in a shell, in SQL
/// or in a file of settings.
pub const PASSWORD: &str = r#"p@ss:w/o?r#d[%41]&=+ $HOME`!'"\;*|<>~^{}ü"#;

/// A name that this process gives once.
fn unused_name(about: &str) -> String {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    format!("{about}_{}", GIVEN.fetch_add(1, Ordering::Relaxed))
}
