//! What the project is built from: under which licences, from where, and how often.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what is missing or unreadable fails the test, as it should"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use backup_tests::repository;
use serde_json::Value;
use spdx::{Expression, LicenseReq, ParseMode};

/// The licences that a dependency may be used under. A new one is a decision: permissive, compatible with
/// MIT OR Apache-2.0, and its terms kept by what we ship.
const ALLOWED_LICENCES: [&str; 7] =
    ["MIT", "Apache-2.0", "Unicode-3.0", "Zlib", "MIT-0", "BSD-3-Clause", "BSD-2-Clause"];

/// Crates that are in the tree more than once, with the reason. Each costs build time and nothing else.
const DUPLICATES: [(&str, &str); 3] = [
    ("getrandom", "tests only: the schema validator's hasher is a version behind ours"),
    ("r-efi", "never built here: getrandom's binding to firmware"),
    ("syn", "build only: half of the derive macros have moved to the newer version"),
];

/// One package of the tree.
struct Package {
    name: String,
    version: String,
    licence: Option<String>,
    /// Where it comes from; none for the workspace's own.
    source: Option<String>,
    /// The names of the packages that it depends on.
    dependencies: Vec<String>,
}

impl Package {
    fn is_ours(&self) -> bool {
        self.source.is_none()
    }
}

fn packages() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .current_dir(repository())
        .args(["metadata", "--format-version", "1", "--locked"])
        .output()
        .expect("cargo runs");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo metadata failed: {complaints}");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("metadata is JSON");
    let text = |value: &Value| value.as_str().map(str::to_owned);
    metadata["packages"]
        .as_array()
        .expect("there are packages")
        .iter()
        .map(|package| Package {
            name: text(&package["name"]).expect("a package has a name"),
            version: text(&package["version"]).expect("a package has a version"),
            licence: text(&package["license"]),
            source: text(&package["source"]),
            dependencies: package["dependencies"]
                .as_array()
                .expect("a package lists its dependencies")
                .iter()
                .filter_map(|dependency| text(&dependency["name"]))
                .collect(),
        })
        .collect()
}

/// The crates that the workspace's table names; ours among them.
fn named_crates() -> BTreeSet<String> {
    let manifest = std::fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    let (_, table) = manifest.split_once("[workspace.dependencies]").expect("there is a table");
    let (table, _) = table.split_once("\n[").expect("another table follows");
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| Some(line.split_once(" = ")?.0.to_owned())).collect()
}

/// Every name with its versions, where there is more than one.
fn duplicates(packages: &[Package]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in packages {
        versions.entry(&package.name).or_default().insert(&package.version);
    }
    versions.retain(|_, versions| versions.len() > 1);
    versions
}

#[test]
fn every_dependency_is_under_an_allowed_licence() {
    let allowed = ALLOWED_LICENCES.map(|name| {
        spdx::license_id(name).unwrap_or_else(|| panic!("{name} is no SPDX licence id"))
    });
    let is_allowed = |wanted: &LicenseReq| {
        // What stands after WITH only ever permits more.
        wanted.license.id().is_some_and(|id| allowed.contains(&id))
    };
    let mut refused = Vec::new();
    for package in packages() {
        let licence = package.licence.as_deref().unwrap_or("");
        let expression = Expression::parse_mode(licence, ParseMode::LAX);
        if !expression.is_ok_and(|expression| expression.evaluate(is_allowed)) {
            refused.push(format!("{} {}: {licence:?}", package.name, package.version));
        }
    }
    assert!(
        refused.is_empty(),
        "these crates are under no licence of the list:\n  {}\n\
         Use another crate, or read the licence and add it to ALLOWED_LICENCES in this file.",
        refused.join("\n  ")
    );
}

#[test]
fn every_dependency_comes_from_the_registry_or_this_workspace() {
    let packages = packages();
    let sources: BTreeSet<&str> =
        packages.iter().filter_map(|package| package.source.as_deref()).collect();
    let registries = sources.iter().filter(|source| source.starts_with("registry+"));
    assert!(
        registries.count() == 1 && sources.len() == 1,
        "crates come from {sources:?}; use released versions from the one registry, no git and no path"
    );
    let ours: BTreeSet<&str> = packages
        .iter()
        .filter(|package| package.is_ours())
        .map(|package| package.name.as_str())
        .collect();
    let foreign: Vec<_> = ours.iter().filter(|name| !name.starts_with("backup-")).collect();
    assert!(foreign.is_empty(), "{foreign:?} came along by path; use their released versions");
}

#[test]
fn what_we_name_is_used_and_there_once() {
    let packages = packages();
    let named = named_crates();
    let used: BTreeSet<String> = packages
        .iter()
        .filter(|package| package.is_ours())
        .flat_map(|package| package.dependencies.iter().cloned())
        .collect();
    let unused: Vec<_> = named.difference(&used).collect();
    assert!(
        unused.is_empty(),
        "no crate uses {unused:?}: remove them from [workspace.dependencies]"
    );
    let unshared: Vec<_> = used.difference(&named).collect();
    assert!(
        unshared.is_empty(),
        "{unshared:?} are not in [workspace.dependencies]: name them there, with their version"
    );

    for (name, versions) in duplicates(&packages) {
        let excused = DUPLICATES.iter().any(|(excused, _)| *excused == name);
        assert!(
            !named.contains(name) || excused,
            "{name} is in the tree as {versions:?}: move our version in [workspace.dependencies] to \
             the one the others use; `cargo tree --workspace --invert {name}` shows who that is"
        );
    }
}

#[test]
fn crates_that_are_there_twice_are_known_and_excused() {
    let packages = packages();
    let found = duplicates(&packages);
    let unknown: Vec<_> = found
        .iter()
        .filter(|(name, _)| !DUPLICATES.iter().any(|(known, _)| known == *name))
        .collect();
    assert!(
        unknown.is_empty(),
        "these crates are in the tree more than once: {unknown:?}\n\
         `cargo tree --workspace --duplicates` shows why. Bring them together, or add them to \
         DUPLICATES in this file with the reason."
    );
    let gone: Vec<_> = DUPLICATES.iter().filter(|(name, _)| !found.contains_key(name)).collect();
    assert!(gone.is_empty(), "these are there once now; remove them from DUPLICATES: {gone:?}");
}
