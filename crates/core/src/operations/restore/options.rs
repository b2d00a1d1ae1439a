//! What a restore may be asked for beside the backup: what to leave out of a dump, so that one of production comes into a
//! server without its roles; and to restore in place, for who may not swap databases.

use backup_protocol::RestoreBackupParameters;

use crate::database::DatabaseTarget;
use crate::error::Error;
use crate::handler::{LeftOut, RestoreManner};

/// What the request leaves out; refused where a dump has nothing of it.
pub(super) fn left_out(
    parameters: &RestoreBackupParameters,
    target: &DatabaseTarget,
) -> Result<LeftOut, Error> {
    let why = match target {
        DatabaseTarget::Postgres(_) => None,
        DatabaseTarget::MySql(_) => Some(
            "a dump of MySQL or MariaDB says nothing of who owns or may do what; definers belong to what they define, and stay",
        ),
        DatabaseTarget::Sqlite(_) => Some("SQLite knows no owners and no privileges"),
    };
    let wanted = |parameter: &'static str, value: Option<bool>| match (value, why) {
        (Some(true), Some(why)) => {
            let detail = format!("has nothing to leave out: {why}; send the request without it");
            Err(Error::InvalidParameter { parameter, detail })
        }
        (value, _) => Ok(value.unwrap_or_default()),
    };
    Ok(LeftOut {
        owners: wanted("no_owner", parameters.no_owner)?,
        privileges: wanted("no_privileges", parameters.no_privileges)?,
    })
}

/// How the backup comes into the place of what is there; refused where it has no such way.
pub(super) fn manner(
    parameters: &RestoreBackupParameters,
    target: &DatabaseTarget,
) -> Result<RestoreManner, Error> {
    if !parameters.in_place.unwrap_or_default() {
        return Ok(RestoreManner::Swap);
    }
    let why = match target {
        DatabaseTarget::Postgres(_) => return Ok(RestoreManner::InPlace),
        DatabaseTarget::MySql(_) => {
            "is not possible: MySQL and MariaDB commit at every change of a table, so that a restore in place could break off half way"
        }
        DatabaseTarget::Sqlite(_) => "says nothing: SQLite is always restored in place",
    };
    let detail = format!("{why}; send the request without it");
    Err(Error::InvalidParameter { parameter: "in_place", detail })
}

/// What a yes to it is bound to.
pub(super) fn bound(LeftOut { owners, privileges }: LeftOut, manner: RestoreManner) -> String {
    format!("left out: owners: {owners}, privileges: {privileges}; {manner:?}")
}

/// What a restore in place means, in one sentence.
pub(super) fn planned(manner: RestoreManner) -> Option<String> {
    (manner == RestoreManner::InPlace).then(|| {
        "It is restored in place, in one transaction: from the safety backup on nobody can write, later nobody can read until it is done, and what is there now is kept nowhere but in that backup".to_owned()
    })
}

/// What that means afterwards, in one sentence each.
pub(super) fn told(left_out: LeftOut) -> Vec<String> {
    let owners =
        "The owners in the backup are left out: everything will belong to the user of the URL";
    let privileges = "The privileges in the backup are left out: whoever is no owner must be granted what it may do again";
    let told = [(left_out.owners, owners), (left_out.privileges, privileges)];
    told.into_iter().filter(|(is_so, _)| *is_so).map(|(_, words)| words.to_owned()).collect()
}
