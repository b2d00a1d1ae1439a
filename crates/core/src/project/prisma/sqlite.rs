//! Which file a SQLite URL of Prisma means.
//!
//! Prisma 4 to 6 read the path relative to the folder of `schema.prisma`; since 7 it is relative to the
//! folder of `prisma.config.ts` (prisma/orm pull request 28514). Where both could be meant, the file that
//! exists decides.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// The database's file, absolute and with links resolved.
pub(in crate::project) fn sqlite_file(
    root: &Path,
    folders: &[PathBuf],
    spelled: &str,
    variable: &str,
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
            sqlite_file(&root, &folders, spelled, "DEV_URL")
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
    fn a_missing_file_says_where_it_was_looked_for() {
        let tree = Tree::with(&["prisma/schema.prisma"]);
        assert!(matches!(tree.find("./dev.db"), Err(Error::ConnectionFailed { .. })));
    }
}
