//! What the rules need from the program that hosts them.

use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use backup_protocol::Skill;
use chrono::{DateTime, Utc};

use crate::database::DatabaseTarget;
use crate::handler::Handler;
use crate::interrupt::Interrupt;
use crate::project::Surroundings;
use crate::run::RunId;

/// The handlers and surroundings of one process.
pub struct Host<'a> {
    /// Variables and current directory.
    pub surroundings: Surroundings<'a>,
    /// Makes dumps with native tools.
    pub prisma_local: Arc<dyn Handler>,
    /// Starts this program again for a run in the background.
    pub launcher: Arc<dyn Launcher>,
    /// How many threads may work on one backup.
    pub workers: NonZeroUsize,
    /// The program's version.
    pub version: &'static str,
    /// Tells the time: the one clock, for what happens after a run began.
    pub clock: fn() -> DateTime<Utc>,
}

/// A run in the background that is to be started.
#[derive(Debug)]
pub struct Launch {
    /// The run.
    pub run: RunId,
    /// Its folder, which is there.
    pub folder: PathBuf,
    /// Where its messages go.
    pub log: File,
    /// The request as it was sent: it may hold what must not be among a process's arguments.
    pub request: String,
}

/// Starts this program again as a process that goes on after this one.
#[async_trait]
pub trait Launcher: Send + Sync {
    /// Starts the run and waits for the first line that it answers; none where it ended without one. A signal that
    /// comes meanwhile is passed on to it.
    ///
    /// # Errors
    /// It cannot be started.
    async fn launch(&self, launch: Launch, interrupt: &Interrupt) -> io::Result<Option<String>>;
}

impl Host<'_> {
    /// The handler for a database.
    pub fn handler_for(&self, target: &DatabaseTarget) -> &Arc<dyn Handler> {
        match target {
            DatabaseTarget::Sqlite(_) | DatabaseTarget::Postgres(_) | DatabaseTarget::MySql(_) => {
                &self.prisma_local
            }
        }
    }

    /// The handlers of this build, with the skills that address them.
    pub fn handlers(&self) -> [(Skill, &Arc<dyn Handler>); 1] {
        [(Skill::HandlerDbPrisma, &self.prisma_local)]
    }
}
