//! Replicas: what is written there makes them differ from their source, and comes back to hinder a failover.

use backup_core::Error;

use super::connect::{Reached, Reaching};
use crate::tools::{Family, Version};

/// MySQL calls it `SHOW REPLICA STATUS` since this version, MariaDB since the other; the older name went later.
const REPLICA_SINCE_MYSQL: Version = Version { major: 8, minor: 0, patch: 22 };
const REPLICA_SINCE_MARIADB: Version = Version { major: 10, minor: 5, patch: 1 };

/// Refuses a scratch database on a server that only reads, or that is a replica as far as the user may know.
pub(super) fn refuse(reaching: &Reaching, reached: &mut Reached) -> Result<(), Error> {
    refuse_with(
        reaching,
        reached,
        "a scratch database there would make it differ from its source; name another server in verification.database_url_env",
    )
}

/// Refuses a restore into such a server.
pub(super) fn refuse_restore(reaching: &Reaching, reached: &mut Reached) -> Result<(), Error> {
    refuse_with(
        reaching,
        reached,
        "a restore there would make it differ from its source; restore into its source",
    )
}

fn refuse_with(reaching: &Reaching, reached: &mut Reached, advice: &str) -> Result<(), Error> {
    let only_reads = reached.session.row("SELECT @@global.read_only");
    let [only_reads] = only_reads.map_err(|end| reaching.failed(end))?;
    let why = if only_reads != "0" {
        "only reads"
    } else if is_replica(reaching, reached) {
        "is a replica"
    } else {
        return Ok(());
    };
    Err(Error::UnsupportedDatabase { what: format!("the server {why}: {advice}") })
}

/// In a session of its own, which ends where the user may not ask.
fn is_replica(reaching: &Reaching, reached: &Reached) -> bool {
    let since = match reached.family {
        Family::MariaDb => REPLICA_SINCE_MARIADB,
        _ => REPLICA_SINCE_MYSQL,
    };
    let question =
        if reached.version >= since { "SHOW REPLICA STATUS" } else { "SHOW SLAVE STATUS" };
    let database = &reaching.database.connection.database;
    let opened = reaching.open_in(reached, database);
    opened.is_ok_and(|mut session| session.has_rows(question).unwrap_or_default())
}
