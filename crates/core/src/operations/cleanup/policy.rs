//! From a request to the policy that it asks for.

use backup_protocol::CleanupBackupsParameters;

use crate::error::Error;
use crate::operations::session::check_range;
use crate::retention::{KeepRules, Policy};

/// The most backups or periods that a rule may keep.
const MOST_KEPT: u32 = 100_000;

/// Refuses rules about backups where it is not about backups.
pub(super) fn refuse_rules(parameters: &CleanupBackupsParameters) -> Result<(), Error> {
    let rules = [
        ("expired", parameters.expired.is_some()),
        ("older_than_days", parameters.older_than_days.is_some()),
        ("keep_last", parameters.keep_last.is_some()),
        ("keep_daily", parameters.keep_daily.is_some()),
        ("keep_weekly", parameters.keep_weekly.is_some()),
        ("keep_monthly", parameters.keep_monthly.is_some()),
        ("keep_yearly", parameters.keep_yearly.is_some()),
        ("cursor", parameters.cursor.is_some()),
    ];
    match rules.into_iter().find(|(_, given)| *given) {
        Some((parameter, _)) => {
            let detail = "is about backups; replaced goes without it".to_owned();
            Err(Error::InvalidParameter { parameter, detail })
        }
        None => Ok(()),
    }
}

/// Reads the rules of a request; without any, what has expired goes.
pub(super) fn read(parameters: &CleanupBackupsParameters) -> Result<Policy, Error> {
    check_range("older_than_days", parameters.older_than_days, 1..=36_500)?;
    for (name, value) in [
        ("keep_last", parameters.keep_last),
        ("keep_daily", parameters.keep_daily),
        ("keep_weekly", parameters.keep_weekly),
        ("keep_monthly", parameters.keep_monthly),
        ("keep_yearly", parameters.keep_yearly),
    ] {
        check_range(name, value, 1..=MOST_KEPT)?;
    }
    let keep = KeepRules {
        last: parameters.keep_last,
        daily: parameters.keep_daily,
        weekly: parameters.keep_weekly,
        monthly: parameters.keep_monthly,
        yearly: parameters.keep_yearly,
    };
    let no_rule = keep.is_empty() && parameters.older_than_days.is_none();
    if no_rule && parameters.expired == Some(false) {
        let detail = "is false and no other rule is given: there is nothing to remove".to_owned();
        return Err(Error::InvalidParameter { parameter: "expired", detail });
    }
    if no_rule {
        return Ok(Policy::of_expired());
    }
    let expired = parameters.expired.unwrap_or_default();
    Ok(Policy { expired, older_than_days: parameters.older_than_days, keep })
}
