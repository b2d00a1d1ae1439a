//! Reading a project's files without being led astray: bounded, and never out of the project.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Nobody writes a larger one by hand.
const LARGEST_FILE: u64 = 1 << 20;
/// More files of one schema are not read.
const MOST_FILES: usize = 300;
/// More entries of its folders are not looked at.
const MOST_ENTRIES: usize = 10_000;

/// The files below a root, which is absolute and has no links in it.
#[derive(Clone, Copy, Debug)]
pub struct ProjectFiles<'a> {
    /// The root.
    pub root: &'a Path,
}

impl ProjectFiles<'_> {
    /// Where a path leads, if that is inside.
    pub fn resolve(self, path: &Path) -> Option<PathBuf> {
        let path = self.root.join(path).canonicalize().ok()?;
        path.starts_with(self.root).then_some(path)
    }

    /// The text of an ordinary file inside; none where there is none, or one that is too large.
    pub fn read(self, path: &Path) -> Option<String> {
        let path = self.resolve(path).filter(|path| path.is_file())?;
        let mut text = String::new();
        let mut file = File::open(path).ok()?.take(LARGEST_FILE + 1);
        file.read_to_string(&mut text).ok()?;
        let within = u64::try_from(text.len()).is_ok_and(|length| length <= LARGEST_FILE);
        within.then(|| text.trim_start_matches('\u{feff}').to_owned())
    }

    /// The texts of a schema: of the file, or of every `*.prisma` in the folder and below it.
    pub fn read_schema(self, path: &Path) -> Vec<String> {
        let files = if path.is_dir() { self.schema_files(path) } else { vec![path.to_path_buf()] };
        files.iter().filter_map(|file| self.read(file)).collect()
    }

    fn schema_files(self, folder: &Path) -> Vec<PathBuf> {
        let mut files = BTreeSet::new();
        let mut folders = vec![folder.to_path_buf()];
        let mut seen = BTreeSet::new();
        let mut entries_left = MOST_ENTRIES;
        while let Some(folder) = folders.pop() {
            let Some(folder) = self.resolve(&folder) else { continue };
            if !seen.insert(folder.clone()) {
                continue;
            }
            for entry in folder.read_dir().into_iter().flatten().flatten() {
                entries_left = entries_left.saturating_sub(1);
                if entries_left == 0 || files.len() >= MOST_FILES {
                    return files.into_iter().collect();
                }
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "prisma") {
                    files.extend(self.resolve(&path));
                }
            }
        }
        files.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_do_not_lead_out_and_do_not_lead_round() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let root = inside.path().canonicalize().unwrap();
        std::fs::write(outside.path().join("secret.prisma"), "outside").unwrap();
        let schema = root.join("prisma/schema");
        std::fs::create_dir_all(schema.join("more")).unwrap();
        std::fs::write(schema.join("a.prisma"), "a").unwrap();
        std::fs::write(schema.join("more/b.prisma"), "\u{feff}b").unwrap();
        std::fs::write(schema.join("c.txt"), "c").unwrap();
        symlink(outside.path().join("secret.prisma"), schema.join("d.prisma")).unwrap();
        symlink(outside.path(), schema.join("e")).unwrap();
        symlink(&schema, schema.join("round")).unwrap();
        symlink(schema.join("a.prisma"), schema.join("again.prisma")).unwrap();
        std::fs::create_dir(schema.join("folder.prisma")).unwrap();
        let files = ProjectFiles { root: &root };
        assert_eq!(files.read_schema(&schema), ["a", "b"]);
        assert_eq!(files.read(&schema.join("d.prisma")), None);
        assert_eq!(files.read(&root.join("../..").join("etc/hostname")), None);
        assert_eq!(files.read(Path::new("prisma/schema/a.prisma")).as_deref(), Some("a"));
    }

    #[test]
    fn what_is_too_large_or_no_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let files = ProjectFiles { root: &root };
        let largest = usize::try_from(LARGEST_FILE).unwrap();
        std::fs::write(root.join("fits"), "x".repeat(largest)).unwrap();
        std::fs::write(root.join("large"), "x".repeat(largest + 1)).unwrap();
        std::fs::write(root.join("binary"), b"\xff\xfe").unwrap();
        assert!(files.read(Path::new("fits")).is_some());
        assert_eq!(files.read(Path::new("large")), None);
        assert_eq!(files.read(Path::new("binary")), None);
        assert_eq!(files.read(Path::new("")), None);
        for index in 0..MOST_FILES + 20 {
            std::fs::write(root.join(format!("{index}.prisma")), "x").unwrap();
        }
        assert_eq!(files.read_schema(&root).len(), MOST_FILES);
        let pipe = root.join("pipe.prisma");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
        assert_eq!(files.read(&pipe), None, "and it does not wait for a writer");
    }
}
