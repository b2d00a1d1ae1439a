//! What the rules need from the program that hosts them.

use std::num::NonZeroUsize;
use std::sync::Arc;

use backup_protocol::Skill;
use chrono::{DateTime, Utc};

use crate::database::DatabaseTarget;
use crate::handler::Handler;
use crate::project::Surroundings;

/// The handlers and surroundings of one process.
pub struct Host<'a> {
    /// Variables and current directory.
    pub surroundings: Surroundings<'a>,
    /// Makes dumps with native tools.
    pub prisma_local: Arc<dyn Handler>,
    /// How many threads may work on one backup.
    pub workers: NonZeroUsize,
    /// The program's version.
    pub version: &'static str,
    /// Tells the time: the one clock, for what happens after a run began.
    pub clock: fn() -> DateTime<Utc>,
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
