//! Finding the project's root.

use std::path::{Path, PathBuf};

use super::PLUGIN_FOLDER;
use crate::error::Error;

/// The variable that names the working directory when the request does not.
pub const WORKING_DIRECTORY_VARIABLE: &str = "CLAUDE_DB_CWD";
/// The variable that names the configuration's file.
pub const CONFIGURATION_VARIABLE: &str = "FABER_DB_CONFIG";

/// What surrounds the process: read at the edge, handed in.
pub struct Surroundings<'a> {
    /// Looks a variable up in the process environment.
    pub variable: &'a (dyn Fn(&str) -> Option<String> + Send + Sync),
    /// The current directory.
    pub current_directory: &'a Path,
}

/// The root and the configuration's file: from the working directory upwards the nearest folder that has
/// the configuration, else the git root.
pub(super) fn find(
    surroundings: &Surroundings<'_>,
    working_directory: Option<&str>,
) -> Result<(PathBuf, PathBuf), Error> {
    let named = working_directory.map(str::to_owned).or_else(|| {
        (surroundings.variable)(WORKING_DIRECTORY_VARIABLE).filter(|path| !path.is_empty())
    });
    let start = match &named {
        Some(path) => surroundings.current_directory.join(path),
        None => surroundings.current_directory.to_path_buf(),
    };
    let start = start.canonicalize().ok().filter(|folder| folder.is_dir()).ok_or_else(|| {
        let detail = "there is no such folder".to_owned();
        Error::InvalidParameter { parameter: "working_directory", detail }
    })?;
    let below = Path::new(PLUGIN_FOLDER).join("config.json");
    let configured = start.ancestors().find(|folder| folder.join(&below).is_file());
    let root = configured
        .or_else(|| start.ancestors().find(|folder| folder.join(".git").exists()))
        .unwrap_or(&start)
        .to_path_buf();
    let configuration = match (surroundings.variable)(CONFIGURATION_VARIABLE) {
        Some(path) if !path.is_empty() => surroundings.current_directory.join(path),
        _ => root.join(below),
    };
    Ok((root, configuration))
}

/// The URL of the git remote `origin`, without credentials and without the ways of writing it that do not
/// change where it leads.
pub(super) fn git_remote(root: &Path) -> Option<String> {
    let text = std::fs::read_to_string(root.join(".git/config")).ok()?;
    let mut in_origin = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            in_origin = line == "[remote \"origin\"]";
        } else if let Some((key, value)) = line.split_once('=')
            && in_origin
            && key.trim() == "url"
        {
            return Some(normalised_remote(value.trim()));
        }
    }
    None
}

fn normalised_remote(url: &str) -> String {
    let without_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let without_user = match without_scheme.split_once('@') {
        Some((user, rest)) if !user.contains('/') => rest,
        _ => without_scheme,
    };
    let path = without_user.trim_end_matches('/');
    path.strip_suffix(".git").unwrap_or(path).replacen(':', "/", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_remote_has_one_name() {
        for url in [
            "https://user:secret@example.com/team/shop.git",
            "https://example.com/team/shop",
            "git@example.com:team/shop.git",
            "ssh://git@example.com/team/shop/",
        ] {
            assert_eq!(normalised_remote(url), "example.com/team/shop", "{url}");
        }
    }
}
