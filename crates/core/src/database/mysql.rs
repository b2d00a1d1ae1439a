//! How a URL is told to the clients of MySQL and MariaDB, whose options differ: in neutral words.

use super::server_url::{ServerEngine, ServerUrl};
use crate::secret::Secret;

/// Where a MySQL server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MySqlEndpoint {
    /// Over the network, also to this machine: the clients take the name `localhost` for a socket
    /// unless they are told the protocol.
    Tcp {
        /// A name or an address, without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// A socket's file.
    Socket(String),
}

/// How a connection is encrypted and what is checked; the words are MySQL's `--ssl-mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MySqlTlsMode {
    /// Not at all.
    Disabled,
    /// Where the server can.
    Preferred,
    /// Always, whatever the certificate.
    Required,
    /// The certificate is from a known authority.
    VerifyCa,
    /// And is this host's.
    VerifyIdentity,
}

/// What a URL says of encryption.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MySqlTls {
    /// How; none where it says nothing.
    pub mode: Option<MySqlTlsMode>,
    /// The file of the authorities that are trusted; none where it names none.
    pub authorities: Option<String>,
    /// The file of the client's certificate.
    pub certificate: Option<String>,
    /// The file of its key.
    pub key: Option<String>,
}

/// Everything that a MySQL client must be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MySqlConnection {
    /// Where the server is.
    pub endpoint: MySqlEndpoint,
    /// The user; none leaves it to the client.
    pub user: Option<String>,
    /// The password; none leaves it to the client's own files.
    pub password: Option<Secret>,
    /// The database.
    pub database: String,
    /// Encryption.
    pub tls: MySqlTls,
    /// How many seconds to wait for a connection, where the URL says so.
    pub connect_timeout: Option<u32>,
}

impl ServerUrl {
    /// What a client of MySQL or MariaDB is told to connect to where this URL leads.
    pub fn mysql_connection(&self) -> MySqlConnection {
        let first = self.hosts.first();
        let endpoint = match first {
            Some(address) if address.is_socket() => MySqlEndpoint::Socket(address.host.clone()),
            _ => MySqlEndpoint::Tcp {
                host: first.map_or_else(|| "localhost".to_owned(), |address| address.host.clone()),
                port: first
                    .and_then(|address| address.port)
                    .unwrap_or(ServerEngine::MySql.default_port()),
            },
        };
        MySqlConnection {
            endpoint,
            user: self.user.clone(),
            password: self.password.clone(),
            database: self.database.clone(),
            tls: self.mysql_tls(),
            connect_timeout: self
                .parameters
                .get_by_any_spelling("connecttimeout")
                .and_then(|seconds| seconds.parse().ok())
                .filter(|seconds| *seconds > 0),
        }
    }

    fn mysql_tls(&self) -> MySqlTls {
        let said = |name| self.parameters.get_by_any_spelling(name);
        let key = said("sslkey");
        let certificate = said("sslcert");
        let authorities =
            said("sslca").or_else(|| said("sslrootcert")).or(certificate.filter(|_| key.is_none()));
        // Prisma accepts any certificate unless told otherwise; who names one wants it to be checked.
        let by_acceptance = match said("sslaccept") {
            Some("strict") => Some(MySqlTlsMode::VerifyIdentity),
            Some(_) => Some(MySqlTlsMode::Required),
            None if authorities.is_some() => Some(MySqlTlsMode::VerifyCa),
            None if key.is_some() || said("sslidentity").is_some() => Some(MySqlTlsMode::Required),
            None => None,
        };
        let by_mode = said("sslmode").and_then(mode).or_else(|| self.mysql_tls_by_drivers_words());
        let mode = match (by_mode, by_acceptance) {
            (Some(MySqlTlsMode::Disabled), _) => Some(MySqlTlsMode::Disabled),
            // Who says a mode means it; only `strict` asks for more.
            (Some(mode), Some(MySqlTlsMode::VerifyIdentity)) if mode < MySqlTlsMode::VerifyCa => {
                Some(MySqlTlsMode::VerifyIdentity)
            }
            (said, by_acceptance) => said.or(by_acceptance),
        };
        let owned = |text: Option<&str>| text.map(str::to_owned);
        MySqlTls {
            mode,
            authorities: owned(authorities),
            certificate: owned(certificate.filter(|_| key.is_some())),
            key: owned(key),
        }
    }

    /// `ssl=…`, `useSSL=…` and `requireSSL=…` of the drivers for Java and JavaScript.
    fn mysql_tls_by_drivers_words(&self) -> Option<MySqlTlsMode> {
        let said = |name| self.parameters.get_by_any_spelling(name).map(str::to_lowercase);
        match said("ssl").as_deref() {
            Some("false" | "0") => return Some(MySqlTlsMode::Disabled),
            Some("true" | "1") => return Some(MySqlTlsMode::Required),
            Some(object) if object.starts_with('{') => {
                let rejects = serde_json::from_str::<serde_json::Value>(object)
                    .ok()
                    .and_then(|object| object.get("rejectunauthorized")?.as_bool());
                return Some(match rejects {
                    Some(false) => MySqlTlsMode::Required,
                    _ => MySqlTlsMode::VerifyIdentity,
                });
            }
            _ => {}
        }
        match (said("requiressl").as_deref(), said("usessl").as_deref()) {
            (Some("true"), _) => Some(MySqlTlsMode::Required),
            (_, Some("false")) => Some(MySqlTlsMode::Disabled),
            (_, Some("true")) => Some(MySqlTlsMode::Preferred),
            _ => None,
        }
    }
}

/// The words of MySQL, of MariaDB's drivers and of PostgreSQL.
fn mode(word: &str) -> Option<MySqlTlsMode> {
    let word = word.to_lowercase().replace('_', "-");
    Some(match word.as_str() {
        "disabled" | "disable" => MySqlTlsMode::Disabled,
        "preferred" | "prefer" | "allow" => MySqlTlsMode::Preferred,
        "required" | "require" | "trust" | "no-verify" => MySqlTlsMode::Required,
        "verify-ca" => MySqlTlsMode::VerifyCa,
        "verify-identity" | "verify-full" => MySqlTlsMode::VerifyIdentity,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(rest: &str) -> MySqlConnection {
        ServerUrl::parse(ServerEngine::MySql, rest).unwrap().mysql_connection()
    }

    #[test]
    fn servers_are_reached_over_the_network_or_a_socket() {
        let tcp = |host: &str, port| MySqlEndpoint::Tcp { host: host.to_owned(), port };
        let socket = |path: &str| MySqlEndpoint::Socket(path.to_owned());
        for (rest, expected) in [
            ("//u:p@db.example.com/d", tcp("db.example.com", 3306)),
            ("//u:p@localhost:3307/d", tcp("localhost", 3307)),
            ("//u@[2001:db8::1]:33/d", tcp("2001:db8::1", 33)),
            ("///d", tcp("localhost", 3306)),
            ("//u@localhost/d?socket=/run/mysqld/mysqld.sock", socket("/run/mysqld/mysqld.sock")),
            ("//u@localhost/d?socket=(/tmp/mysql.sock)", socket("/tmp/mysql.sock")),
            ("//u@localhost/d?unix_socket=%2Ftmp%2Fm.sock", socket("/tmp/m.sock")),
            ("//u@localhost/d?host=/tmp/m.sock", socket("/tmp/m.sock")),
            ("//u@%2Ftmp%2Fm.sock/d", socket("/tmp/m.sock")),
            ("//u@h/d?host=elsewhere", tcp("h", 3306)),
        ] {
            assert_eq!(connection(rest).endpoint, expected, "{rest}");
        }
    }

    #[test]
    fn user_password_and_database_are_decoded() {
        let connection = connection("//ro%40ot:p%23%26%3F@h/my%2Ddata?connect_timeout=7");
        assert_eq!(connection.user.as_deref(), Some("ro@ot"));
        assert_eq!(connection.password.unwrap().expose_secret(), "p#&?");
        assert_eq!(connection.database, "my-data");
        assert_eq!(connection.connect_timeout, Some(7));
    }

    #[test]
    fn encryption_has_many_spellings() {
        use MySqlTlsMode::{Disabled, Preferred, Required, VerifyCa, VerifyIdentity};
        for (query, mode, authorities) in [
            ("", None, None),
            ("sslaccept=strict", Some(VerifyIdentity), None),
            ("sslaccept=accept_invalid_certs", Some(Required), None),
            ("sslaccept=accept_invalid_certs&sslcert=/ca.pem", Some(Required), Some("/ca.pem")),
            ("sslcert=/ca.pem", Some(VerifyCa), Some("/ca.pem")),
            ("sslcert=/ca.pem&sslaccept=strict", Some(VerifyIdentity), Some("/ca.pem")),
            ("sslmode=require", Some(Required), None),
            ("ssl-mode=VERIFY_CA&ssl-ca=/ca.pem", Some(VerifyCa), Some("/ca.pem")),
            ("ssl_mode=VERIFY_IDENTITY", Some(VerifyIdentity), None),
            ("sslMode=trust", Some(Required), None),
            ("sslmode=DISABLED&sslaccept=strict", Some(Disabled), None),
            ("sslmode=REQUIRED&sslaccept=strict", Some(VerifyIdentity), None),
            ("sslmode=VERIFY_CA&sslaccept=strict", Some(VerifyCa), None),
            ("sslmode=nonsense", None, None),
            ("ssl=true", Some(Required), None),
            ("ssl=0", Some(Disabled), None),
            ("ssl=%7B%22rejectUnauthorized%22%3Atrue%7D", Some(VerifyIdentity), None),
            ("ssl={\"rejectUnauthorized\":false}", Some(Required), None),
            ("useSSL=true", Some(Preferred), None),
            ("useSSL=true&requireSSL=true", Some(Required), None),
        ] {
            let tls = connection(&format!("//h/d?{query}")).tls;
            assert_eq!((tls.mode, tls.authorities.as_deref()), (mode, authorities), "{query}");
        }
    }

    #[test]
    fn a_certificate_with_a_key_is_the_clients() {
        let tls = connection("//h/d?sslcert=/c.pem&sslkey=/c.key&ssl-ca=/ca.pem").tls;
        assert_eq!(tls.certificate.as_deref(), Some("/c.pem"));
        assert_eq!(tls.key.as_deref(), Some("/c.key"));
        assert_eq!(tls.authorities.as_deref(), Some("/ca.pem"));
        assert_eq!(tls.mode, Some(MySqlTlsMode::VerifyCa));
        let tls = connection("//h/d?sslcert=/c.pem&sslkey=/c.key").tls;
        assert_eq!((tls.mode, tls.authorities), (Some(MySqlTlsMode::Required), None));
    }
}
