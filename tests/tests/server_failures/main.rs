//! What goes wrong between us and a real server: every time an error that says so, and nothing left behind.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod at_once;
mod disk;
mod grants;
mod killed;
mod secrets;
mod seed_errors;
mod server_gone;
mod shop;
mod silent;
mod statistics;
mod tools;
