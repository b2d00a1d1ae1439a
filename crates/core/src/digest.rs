//! SHA-256 of small things, in lower-case hexadecimal.

use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

/// The digest of several parts; a part's end counts, so that `ab`,`c` is not `a`,`bc`.
pub fn of_parts<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        digest.update(part);
    }
    hexadecimal(&digest.finalize())
}

/// The length of a small file and the digest of its content.
///
/// # Errors
/// It cannot be read.
pub fn of_file(path: &Path) -> std::io::Result<(u64, String)> {
    let content = std::fs::read(path)?;
    Ok((content.len() as u64, hexadecimal(&Sha256::digest(&content))))
}

/// The digest of all that a reader has.
///
/// # Errors
/// It cannot be read.
pub fn of_reader(reader: &mut dyn Read) -> std::io::Result<String> {
    let mut digest = Sha256::new();
    let mut block = vec![0; 64 * 1024];
    loop {
        match reader.read(&mut block) {
            Ok(0) => return Ok(hexadecimal(&digest.finalize())),
            Ok(length) => digest.update(block.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The digest of bytes.
pub fn of_bytes(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// The digest of lines, as they are.
pub fn of_lines(lines: &[String]) -> String {
    let mut digest = Sha256::new();
    for line in lines {
        digest.update(line);
    }
    hexadecimal(&digest.finalize())
}

/// Bytes as lower-case hexadecimal digits.
pub fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
