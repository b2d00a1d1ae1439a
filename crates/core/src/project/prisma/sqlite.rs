//! Which file a SQLite URL of Prisma means.
//!
//! Prisma 4 to 6 read the path relative to the folder of `schema.prisma`; since 7 it is relative to the
//! folder of `prisma.config.ts` (prisma/orm pull request 28514). Where both could be meant, the file that
//! exists decides.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// Whether a file that is not there is an error, or the place where one is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::project) enum MissingFile {
    /// There is nothing to read.
    IsAnError,
    /// A restore makes it, where its folder is there and only one place is meant.
    IsToBeMade,
}

/// The database's file, absolute and with links resolved.
pub(in crate::project) fn sqlite_file(
    root: &Path,
    folders: &[PathBuf],
    spelled: &str,
    variable: &str,
    missing: MissingFile,
) -> Result<PathBuf, Error> {
    let decoded = percent_encoding::percent_decode_str(spelled).decode_utf8_lossy().into_owned();
    let spellings = BTreeSet::from([spelled.to_owned(), decoded]);
    let candidates: Vec<PathBuf> = folders
        .iter()
        .flat_map(|base| spellings.iter().map(move |spelling| base.join(spelling)))
        .collect();
    let existing: BTreeSet<PathBuf> = candidates
        .iter()
        .filter(|path| path.is_file())
        .filter_map(|path| path.canonicalize().ok())
        .collect();
    let shown = |path: &Path| path.strip_prefix(root).unwrap_or(path).display().to_string();
    let mut existing_files = existing.iter();
    match (existing_files.next(), existing_files.next()) {
        (Some(only), None) => Ok(only.clone()),
        (Some(one), Some(other)) => Err(Error::ConfigInvalid {
            path: root.join(".env"),
            place: variable.to_owned(),
            detail: format!(
                "could mean {} or {}, and both exist; use an absolute path or remove the one that is not meant",
                shown(one),
                shown(other)
            ),
        }),
        (None, _) if missing == MissingFile::IsToBeMade => {
            only_place(&candidates).ok_or_else(|| Error::ConfigInvalid {
                path: root.join(".env"),
                place: variable.to_owned(),
                detail: "names a file that does not exist, and no folder or more than one where it could be made; use an absolute path".to_owned(),
            })
        }
        (None, _) => {
            let looked: BTreeSet<String> = candidates.iter().map(|path| shown(path)).collect();
            let looked: Vec<String> = looked.into_iter().collect();
            Err(Error::ConnectionFailed {
                detail: format!("no such database file: {}", looked.join(", ")),
                test_command: format!("ls -l {}", looked.join(" ")),
            })
        }
    }
}

/// The one place where the file can be made; none where there are several, or something else is there.
fn only_place(candidates: &[PathBuf]) -> Option<PathBuf> {
    let places: BTreeSet<PathBuf> = candidates
        .iter()
        .filter(|path| !path.exists())
        .filter_map(|path| Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?)))
        .collect();
    let mut places = places.into_iter();
    let place = places.next()?;
    places.next().is_none().then_some(place)
}

#[cfg(test)]
mod tests {
    use super::super::PrismaProject;
    use super::*;

    struct Tree(tempfile::TempDir);

    impl Tree {
        fn with(files: &[&str]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            for file in files {
                let path = folder.path().join(file);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, "{}").unwrap();
            }
            Self(folder)
        }

        fn find(&self, spelled: &str) -> Result<String, Error> {
            let root = self.0.path().canonicalize().unwrap();
            let folders = PrismaProject::read(&root).folders;
            sqlite_file(&root, &folders, spelled, "DEV_URL", MissingFile::IsAnError)
                .map(|path| path.strip_prefix(&root).unwrap().display().to_string())
        }
    }

    #[test]
    fn until_six_the_schemas_folder_counts() {
        let tree = Tree::with(&["prisma/schema.prisma", "prisma/dev.db", "dev.db"]);
        assert_eq!(tree.find("./dev.db").unwrap(), "prisma/dev.db");
        let tree = Tree::with(&["prisma/schema/models.prisma", "prisma/schema/dev.db"]);
        assert_eq!(tree.find("./dev.db").unwrap(), "prisma/schema/dev.db");
    }

    #[test]
    fn since_seven_the_file_that_exists_decides() {
        let tree = Tree::with(&["prisma/schema.prisma", "prisma.config.ts", "dev.db"]);
        assert_eq!(tree.find("./dev.db").unwrap(), "dev.db");
        let tree = Tree::with(&["prisma/schema.prisma", "prisma.config.ts", "prisma/dev.db"]);
        assert_eq!(tree.find("./dev.db").unwrap(), "prisma/dev.db");
        let tree =
            Tree::with(&["prisma/schema.prisma", "prisma.config.ts", "prisma/dev.db", "dev.db"]);
        let error = tree.find("./dev.db").unwrap_err().to_string();
        assert!(error.contains("prisma/dev.db") && error.contains(" dev.db"), "{error}");
    }

    #[test]
    fn spaces_may_be_encoded_or_not() {
        let tree = Tree::with(&["prisma/schema.prisma", "prisma/my data.db"]);
        assert_eq!(tree.find("./my%20data.db").unwrap(), "prisma/my data.db");
        assert_eq!(tree.find("./my data.db").unwrap(), "prisma/my data.db");
    }

    #[test]
    fn a_missing_file_has_a_place_only_where_one_is_meant() {
        let place = |tree: &Tree, spelled: &str| {
            let root = tree.0.path().canonicalize().unwrap();
            let folders = PrismaProject::read(&root).folders;
            let found = sqlite_file(&root, &folders, spelled, "DEV_URL", MissingFile::IsToBeMade);
            found.map(|path| path.strip_prefix(&root).unwrap().display().to_string())
        };
        let tree = Tree::with(&["prisma/schema.prisma"]);
        assert_eq!(place(&tree, "./dev.db").unwrap(), "prisma/dev.db");
        assert!(place(&tree, "./nowhere/dev.db").is_err());
        let tree = Tree::with(&["prisma/schema.prisma", "prisma.config.ts"]);
        assert!(place(&tree, "./dev.db").is_err());
    }

    #[test]
    fn a_missing_file_says_where_it_was_looked_for() {
        let tree = Tree::with(&["prisma/schema.prisma"]);
        assert!(matches!(tree.find("./dev.db"), Err(Error::ConnectionFailed { .. })));
    }
}
