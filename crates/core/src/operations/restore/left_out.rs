//! What a restore is asked to leave out of a dump, so that one of production comes into a server without its roles.

use backup_protocol::RestoreBackupParameters;

use crate::database::DatabaseTarget;
use crate::error::Error;
use crate::handler::LeftOut;

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

/// What a yes to it is bound to.
pub(super) fn bound(LeftOut { owners, privileges }: LeftOut) -> String {
    format!("left out: owners: {owners}, privileges: {privileges}")
}

/// What that means afterwards, in one sentence each.
pub(super) fn told(left_out: LeftOut) -> Vec<String> {
    let owners =
        "The owners in the backup are left out: everything will belong to the user of the URL";
    let privileges = "The privileges in the backup are left out: whoever is no owner must be granted what it may do again";
    let told = [(left_out.owners, owners), (left_out.privileges, privileges)];
    told.into_iter().filter(|(is_so, _)| *is_so).map(|(_, words)| words.to_owned()).collect()
}
