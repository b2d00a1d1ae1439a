//! The wire: whatever comes in, one envelope a line goes out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod bounds;
mod ids;
mod lines;
mod next_request;
mod streams;

use backup_tests::{Conversation, Project};

fn host(project: &Project) -> Conversation {
    Conversation::start(&mut project.host())
}

fn list_of(request_id: &str) -> String {
    format!("{{\"id\":{request_id},\"operation\":\"list-backups\"}}")
}
