//! How many days a backup is kept.

use crate::environment::EnvironmentName;

/// Safety backups live at least this long.
pub(super) const SAFETY_DAYS: u32 = 90;

/// What is said about retention, from the nearest to the farthest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetentionSettings {
    /// The request's own.
    pub parameter: Option<u32>,
    /// `environments.<env>.backup_retention_days`
    pub environment: Option<u32>,
    /// `backup.retention_days`
    pub project: Option<u32>,
}

/// How many days a backup is kept: the nearest setting, else the environment's default; safety backups
/// at least 90 days.
pub fn days(
    settings: RetentionSettings,
    environment: &EnvironmentName,
    production_class: bool,
    safety_backup: bool,
) -> u32 {
    let default = match environment.as_str() {
        _ if production_class => 90,
        "staging" => 60,
        _ => 30,
    };
    let days = settings.parameter.or(settings.environment).or(settings.project).unwrap_or(default);
    if safety_backup { days.max(SAFETY_DAYS) } else { days }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(name: &str, settings: RetentionSettings, safety: bool) -> u32 {
        let name = EnvironmentName::parse(name).unwrap();
        days(settings, &name, name.sounds_like_production(), safety)
    }

    #[test]
    fn the_nearest_setting_wins() {
        let all = RetentionSettings { parameter: Some(1), environment: Some(2), project: Some(3) };
        assert_eq!(kept("production", all, false), 1);
        assert_eq!(kept("production", RetentionSettings { parameter: None, ..all }, false), 2);
        let project = RetentionSettings { project: Some(3), ..RetentionSettings::default() };
        assert_eq!(kept("production", project, false), 3);
    }

    #[test]
    fn defaults_follow_the_environment() {
        let none = RetentionSettings::default();
        assert_eq!(
            ["dev", "staging", "production", "prod-eu", "qa"].map(|name| kept(name, none, false)),
            [30, 60, 90, 90, 30]
        );
    }

    #[test]
    fn safety_backups_are_never_short_lived() {
        let short = RetentionSettings { parameter: Some(1), ..RetentionSettings::default() };
        assert_eq!(kept("dev", short, true), 90);
        let long = RetentionSettings { parameter: Some(365), ..RetentionSettings::default() };
        assert_eq!(kept("dev", long, true), 365);
    }
}
