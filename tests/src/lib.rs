//! Black-box tests of the built binary: what they share.
//!
//! Every test has a project of its own in a temporary folder and starts the binary with an empty
//! environment, so that nothing of the machine reaches it.

#![allow(clippy::missing_panics_doc, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, reason = "a missing field fails the test, as it should")]

mod binary;
mod project;

pub use binary::{binary, repository};
pub use project::{Answers, Project, START_OF_PATH};
