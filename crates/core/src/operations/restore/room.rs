//! The room that a restore needs: the second copy of the database, where the first one is, and the safety backup.

use backup_protocol::RestoreRoom;

use crate::error::Error;
use crate::handler::Database;
use crate::operations::find::Found;
use crate::records::Manifest;
use crate::run::Run;
use crate::space::SpaceNeed;
use crate::storage;

/// What is needed and what is free. The safety backup becomes about as large as the one that is brought back; before it
/// is made, its own need is looked at again.
pub(super) async fn room(
    database: &mut dyn Database,
    found: &Found,
    manifest: &Manifest,
    takes_safety_backup: bool,
    run: &Run,
) -> Result<RestoreRoom, Error> {
    Ok(RestoreRoom {
        database_bytes: for_a_copy(manifest),
        database_available_bytes: database.free_space(run).await?,
        safety_backup_bytes: if takes_safety_backup { found.size } else { 0 },
        backups_available_bytes: storage::available_space(&found.artifact).ok(),
    })
}

/// What a second copy of the backed-up database takes, in bytes, with the seed's buffer.
fn for_a_copy(manifest: &Manifest) -> u64 {
    SpaceNeed::of(manifest.database.size_bytes, false, None, 0).estimate
}

/// Refuses a server whose disk would get full.
pub(super) fn refuse_too_little(room: &RestoreRoom) -> Result<(), Error> {
    refuse_less(room.database_bytes, room.database_available_bytes)
}

fn refuse_less(required: u64, available: Option<u64>) -> Result<(), Error> {
    match available {
        Some(available) if available < required => {
            Err(Error::SpaceAtServer { required, available })
        }
        Some(_) | None => Ok(()),
    }
}

/// Refuses to prove a backup where the live database's disk would get full.
pub(in crate::operations) async fn refuse_crowding(
    database: &mut dyn Database,
    manifest: &Manifest,
    run: &Run,
) -> Result<(), Error> {
    refuse_less(for_a_copy(manifest), database.free_space(run).await?)
}
