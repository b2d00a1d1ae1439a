//! Variables from the project's `.env`.

use std::path::Path;

use crate::error::Error;
use crate::secret::Secret;

/// The value of a variable; of several the last, as Prisma reads them. Lines that cannot be read are
/// counted, never shown.
pub(super) fn variable(path: &Path, name: &str) -> Result<Secret, Error> {
    let missing = |unreadable_lines| Error::DatabaseUrlMissing {
        variable: name.to_owned(),
        dotenv: path.to_path_buf(),
        unreadable_lines,
    };
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(missing(0)),
        Err(error) => return Err(Error::storage("read", path, error)),
    };
    let mut value = None;
    let mut unreadable_lines = 0;
    for line in dotenvy::Iter::new(file) {
        match line {
            Ok((key, found)) if key == name => value = Some(found),
            Ok(_) => {}
            Err(dotenvy::Error::Io(error)) => return Err(Error::storage("read", path, error)),
            Err(_) => unreadable_lines += 1,
        }
    }
    value
        .filter(|value| !value.is_empty())
        .map(Secret::new)
        .ok_or_else(|| missing(unreadable_lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        std::fs::write(&path, text).unwrap();
        variable(&path, "DEV_URL").map(|secret| secret.expose_secret().to_owned())
    }

    #[test]
    fn the_last_value_counts_and_broken_lines_do_not() {
        let text = "# c\nDEV_URL=file:./a.db\nbro ken line\nexport DEV_URL=\"file:./b.db\"\n";
        assert_eq!(read(text).unwrap(), "file:./b.db");
    }

    #[test]
    fn an_empty_value_is_none() {
        assert!(matches!(
            read("x y\nDEV_URL=\n").unwrap_err(),
            Error::DatabaseUrlMissing { unreadable_lines: 1, .. }
        ));
    }
}
