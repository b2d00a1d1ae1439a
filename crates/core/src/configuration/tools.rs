//! What the configuration says of the native tools, defaults filled in.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use super::Configuration;
use crate::handler::ToolSettings;
use crate::project::PLUGIN_FOLDER;

const DEFAULT_STALL_SECONDS: u32 = 600;
const DEFAULT_ROW_COUNT_SECONDS: u32 = 60;

impl Configuration {
    /// How native tools work for an environment: what it says before what the project says. An environment
    /// that is not configured any more says nothing. `processors` is what the machine has.
    pub fn tool_settings(
        &self,
        environment: Option<&str>,
        root: &Path,
        processors: NonZeroUsize,
    ) -> ToolSettings {
        let own = environment.and_then(|name| self.environments.get(name));
        let project = self.backup.as_ref();
        macro_rules! nearest {
            ($key:ident) => {
                own.and_then(|own| own.$key).or(project.and_then(|project| project.$key))
            };
        }
        let seconds =
            |given: Option<u32>, default: u32| Duration::from_secs(given.unwrap_or(default).into());
        let folders = project.and_then(|project| project.tool_directories.as_ref());
        let threads = nearest!(threads).and_then(|threads| usize::try_from(threads).ok());
        ToolSettings {
            directories: folders.into_iter().flatten().map(|folder| root.join(folder)).collect(),
            stall: seconds(nearest!(stall_seconds), DEFAULT_STALL_SECONDS),
            threads: threads.and_then(NonZeroUsize::new).unwrap_or(processors),
            low_priority: nearest!(low_priority).unwrap_or_default(),
            compression_level: nearest!(compression_level).and_then(|level| level.try_into().ok()),
            global_read_lock: nearest!(global_read_lock).unwrap_or_default(),
            row_counting: seconds(nearest!(row_count_seconds), DEFAULT_ROW_COUNT_SECONDS),
            state_folder: root.join(PLUGIN_FOLDER).join("backups"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> ToolSettings {
        let configuration = Configuration::parse(text, Path::new("config.json")).unwrap();
        let processors = NonZeroUsize::new(8).unwrap();
        configuration.tool_settings(Some("dev"), Path::new("/project"), processors)
    }

    #[test]
    fn the_environment_speaks_before_the_project_and_that_before_the_defaults() {
        let nothing = r#"{"environments": {"dev": {}}}"#;
        let project = r#"{"environments": {"dev": {}}, "backup": {"stall_seconds": 5, "threads": 3,
            "compression_level": 15, "low_priority": true, "global_read_lock": true,
            "row_count_seconds": 0, "tool_directories": ["tools", "/opt/pg/bin"]}}"#;
        let both = project.replace(
            r#""dev": {}"#,
            r#""dev": {"stall_seconds": 6, "threads": 4, "compression_level": 2,
                "low_priority": false, "global_read_lock": false, "row_count_seconds": 7}"#,
        );
        let numbers = |settings: &ToolSettings| {
            (
                settings.stall.as_secs(),
                settings.threads.get(),
                settings.compression_level,
                (settings.low_priority, settings.global_read_lock),
                settings.row_counting.as_secs(),
            )
        };
        assert_eq!(numbers(&seen(nothing)), (600, 8, None, (false, false), 60));
        assert_eq!(numbers(&seen(project)), (5, 3, Some(15), (true, true), 0));
        assert_eq!(numbers(&seen(&both)), (6, 4, Some(2), (false, false), 7));
        let folders = seen(project).directories;
        assert_eq!(folders, [Path::new("/project/tools"), Path::new("/opt/pg/bin")]);
        assert!(seen(nothing).directories.is_empty());
    }
}
