//! The binary under test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The repository's root.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository")
}

/// The binary, built from the sources as they are now: a stale one would test the past.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        // This test runs from target/<profile>/deps.
        let test = std::env::current_exe().expect("a test knows its own path");
        let folder = test.ancestors().nth(2).expect("a test lies below target/<profile>");
        let release = folder.file_name().is_some_and(|name| name == "release");
        let mut build = Command::new(env!("CARGO"));
        build.current_dir(repository()).args([
            "build",
            "--quiet",
            "--package",
            "backup-skill-host",
        ]);
        build.arg("--target-dir").arg(folder.parent().expect("target"));
        if release {
            build.arg("--release");
        }
        assert!(build.status().expect("cargo runs").success(), "the binary does not build");
        folder.join("backup-manager")
    })
}
