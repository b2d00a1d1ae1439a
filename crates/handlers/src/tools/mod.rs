//! The native tools: where they are, which version they have, and which of several fits a server.

mod choice;
mod search;
mod version;

pub(crate) use choice::{Candidate, Wanted, choose};
pub(crate) use search::{Tool, ToolName, find_all, newest};
pub(crate) use version::{Family, Version};
