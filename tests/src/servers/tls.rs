//! Certificates that nobody else in the world trusts.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::folder::ServerFolder;
use super::programs::program;

/// Whom a server's certificate names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    /// The host where the server is: `localhost`, `127.0.0.1` and `::1`.
    ForLocalhost,
    /// Another host, so that `verify-full` must refuse it and `verify-ca` must not.
    ForAnotherHost,
}

/// What the clients of a server with TLS need, as paths of files.
#[derive(Debug)]
pub struct TlsFiles {
    /// The authority that signed the server's certificate.
    pub authority: PathBuf,
    /// An authority that signed nothing here.
    pub another_authority: PathBuf,
    folder: PathBuf,
}

/// A client's certificate and its key.
#[derive(Debug)]
pub struct ClientCertificate {
    /// The certificate; its common name is the user.
    pub certificate: PathBuf,
    /// The key, which only we can read.
    pub key: PathBuf,
}

impl TlsFiles {
    /// Puts a server's own certificate and key, `server.crt` and `server.key`, and what its clients need
    /// into its folder.
    pub(super) fn install(folder: &ServerFolder, certificate: Certificate) -> Self {
        let names = match certificate {
            Certificate::ForLocalhost => "DNS:localhost, IP:127.0.0.1, IP:::1",
            Certificate::ForAnotherHost => "DNS:elsewhere.example",
        };
        let issued = ours().issue("server", &format!("subjectAltName = {names}"));
        folder.write("server.crt", &issued.certificate);
        folder.write("server.key", &issued.key);
        folder.write("authority.crt", &ours().certificate);
        let clients = folder.folder("clients");
        Self {
            authority: folder.write_ours("clients/authority.crt", &ours().certificate),
            another_authority: folder
                .write_ours("clients/another-authority.crt", &another().certificate),
            folder: clients,
        }
    }

    /// A user's certificate.
    pub fn client(&self, user: &str) -> ClientCertificate {
        self.issue(user, ours(), user)
    }

    /// A certificate that names the user, signed by an authority that the server does not know.
    pub fn forged_client(&self, user: &str) -> ClientCertificate {
        self.issue(user, another(), &format!("{user}-forged"))
    }

    fn issue(&self, user: &str, authority: &Authority, file: &str) -> ClientCertificate {
        let issued = authority.issue(user, "extendedKeyUsage = clientAuth");
        let write = |extension: &str, text: &str| {
            let path = self.folder.join(format!("{file}.{extension}"));
            write_private(&path, text);
            path
        };
        ClientCertificate {
            certificate: write("crt", &issued.certificate),
            key: write("key", &issued.key),
        }
    }
}

fn write_private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
}

/// A certificate and its key, as text.
struct Issued {
    certificate: String,
    key: String,
}

type Authority = Issued;

/// The authority of this process's servers.
fn ours() -> &'static Authority {
    static AUTHORITY: OnceLock<Authority> = OnceLock::new();
    AUTHORITY.get_or_init(|| authority("Throwaway authority of the tests"))
}

/// An authority of the same kind that no server here knows.
fn another() -> &'static Authority {
    static AUTHORITY: OnceLock<Authority> = OnceLock::new();
    AUTHORITY.get_or_init(|| authority("Another throwaway authority"))
}

/// A configuration of our own: what the machine's says differs from machine to machine.
const CONFIGURATION: &str = "\
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
";

fn authority(name: &str) -> Authority {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("openssl.cnf"), CONFIGURATION).unwrap();
    openssl(
        folder.path(),
        "req -x509 -config openssl.cnf -extensions authority -newkey ec \
         -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -keyout key -out certificate",
        &["-subj", &format!("/CN={name}")],
    );
    read(folder.path())
}

impl Authority {
    /// Signs a certificate for a subject.
    fn issue(&self, subject: &str, extensions: &str) -> Issued {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("openssl.cnf", CONFIGURATION);
        write("extensions", extensions);
        write("authority.crt", &self.certificate);
        write("authority.key", &self.key);
        openssl(
            folder.path(),
            "req -new -config openssl.cnf -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
             -keyout key -out request",
            &["-subj", &format!("/CN={}", subject.replace('/', "\\/"))],
        );
        openssl(
            folder.path(),
            "x509 -req -in request -CA authority.crt -CAkey authority.key -CAcreateserial \
             -days 3650 -extfile extensions -out certificate",
            &[],
        );
        read(folder.path())
    }
}

fn read(folder: &Path) -> Issued {
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    Issued { certificate: read("certificate"), key: read("key") }
}

fn openssl(folder: &Path, arguments: &str, more: &[&str]) {
    let mut command = Command::new(program("openssl"));
    command.current_dir(folder).args(arguments.split_whitespace()).args(more);
    let output = command.output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments}: {words}");
}
