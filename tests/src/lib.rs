//! Black-box tests of the built binary: what they share.
//!
//! Every test has a project of its own in a temporary folder and starts the binary with an empty
//! environment, so that nothing of the machine reaches it.

#![allow(clippy::missing_panics_doc, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, reason = "a missing field fails the test, as it should")]

pub mod artifacts;
mod binary;
mod conversation;
pub mod databases;
pub mod live_host;
mod normaliser;
mod project;
pub mod replay;
mod schemas;
pub mod scripted_tool;
pub mod servers;
pub mod small_disk;
pub mod unprivileged;

pub use binary::{binary, repository};
pub use conversation::{Conversation, Ending};
pub use normaliser::Normaliser;
pub use project::{Answers, Project, START_OF_PATH};
pub use schemas::Schemas;
