//! URLs of database servers: `scheme://user:password@host:port,host:port/database?parameters`.
//!
//! Read as Prisma reads them, and beyond that as libpq does: several hosts, sockets as percent-encoded
//! hosts or `host=`. The user and the password end at the last `@` of the authority.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

use super::decoded;
use super::parameters::{Parameters, secrets_of};
use crate::error::Error;
use crate::secret::Secret;

/// The family of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerEngine {
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB.
    MySql,
}

impl ServerEngine {
    /// The name in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::MySql => "mysql",
        }
    }

    /// Where a server listens unless told otherwise.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Postgres => 5432,
            Self::MySql => 3306,
        }
    }

    /// The schemes of its URLs, as messages spell them.
    const fn scheme(self) -> &'static str {
        match self {
            Self::Postgres => "postgresql",
            Self::MySql => "mysql",
        }
    }
}

/// One place where a server may be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostAddress {
    /// A name, an IPv4 or IPv6 address without brackets, or a socket: the folder (PostgreSQL) or file
    /// (MySQL) with its leading `/`, or nothing for the client library's own socket.
    pub host: String,
    /// The port, where the URL says one.
    pub port: Option<u16>,
}

impl HostAddress {
    /// Whether it is a socket of this machine.
    pub fn is_socket(&self) -> bool {
        self.host.is_empty() || self.host.starts_with(['/', '@'])
    }

    /// Whether it is on this machine: a socket or loopback.
    pub fn is_local(&self) -> bool {
        self.is_socket()
            || self.host.eq_ignore_ascii_case("localhost")
            || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
    }

    /// One spelling of the many: lower case, an address in its shortest form, the port filled in.
    fn normalised(&self, engine: ServerEngine) -> String {
        let port = self.port.unwrap_or(engine.default_port());
        match (engine, self.is_socket()) {
            // A socket's file says everything; a folder holds one socket for each port.
            (ServerEngine::MySql, true) => self.host.clone(),
            (ServerEngine::Postgres, true) => format!("{}:{port}", self.host),
            (_, false) => {
                let name = self.host.trim_end_matches('.').to_lowercase();
                let name = name.parse::<IpAddr>().map_or(name, |address| address.to_string());
                format!("{name}:{port}")
            }
        }
    }
}

/// A server's URL, its parts decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl {
    /// The family of the server.
    pub engine: ServerEngine,
    /// Where it may be, in the order in which to try; never empty.
    pub hosts: Vec<HostAddress>,
    /// The user; none leaves it to the client library.
    pub user: Option<String>,
    /// The password; none leaves it to the client library's own files.
    pub password: Option<Secret>,
    /// The database.
    pub database: String,
    /// Prisma's `schema=`, in which its migrations table is.
    pub schema: Option<String>,
    /// Whether `pgbouncer=true` was said: a pooler that does not keep a session.
    pub says_pgbouncer: bool,
    /// What stands after the `?`.
    pub(super) parameters: Parameters,
    /// Every part that must not be seen, as written and decoded.
    secrets: Vec<Secret>,
}

impl ServerUrl {
    /// Reads what follows the scheme and its colon. No part of it is in the message.
    ///
    /// # Errors
    /// [`Error::UnsupportedDatabase`] where it cannot be read, or names no database.
    pub fn parse(engine: ServerEngine, rest: &str) -> Result<Self, Error> {
        let unreadable = || {
            fault(engine, "cannot be read; percent-encode special characters in user and password")
        };
        let parts = Parts::split(rest).ok_or_else(unreadable)?;
        let parameters = Parameters::parse(parts.query);
        let (user, password) = match parts.credentials {
            Some(credentials) => credentials.split_once(':').unwrap_or((credentials, "")),
            None => ("", ""),
        };
        // What only the query says is for other programs than Prisma; who writes it there means it.
        let user = non_empty(decoded(user)).or_else(|| owned(parameters.get("user")));
        let secret = non_empty(decoded(password)).or_else(|| owned(parameters.get("password")));
        let mut secrets = secrets_of(parts.query);
        secrets.extend([password.to_owned(), parts.fragment.to_owned()].map(Secret::new));
        secrets.extend(secret.clone().map(Secret::new));
        secrets.retain(|secret| !secret.expose_secret().is_empty());
        let hosts = hosts(engine, parts.hosts, &parameters).ok_or_else(unreadable)?;
        let database = database(engine, parts.path, user.as_deref(), &parameters)?;
        let own_words = [user.as_deref(), secret.as_deref(), Some(database.as_str())];
        if own_words.into_iter().flatten().any(|word| word.contains('\0')) {
            return Err(unreadable());
        }
        if engine == ServerEngine::MySql && hosts.len() > 1 {
            return Err(fault(engine, "names several hosts; name the one that is to be read"));
        }
        let is_postgres = engine == ServerEngine::Postgres;
        Ok(Self {
            engine,
            hosts,
            user,
            password: secret.map(Secret::new),
            database,
            schema: owned(parameters.get("schema")).filter(|_| is_postgres),
            says_pgbouncer: is_postgres && parameters.get("pgbouncer") == Some("true"),
            parameters,
            secrets,
        })
    }

    /// Every part that must not be seen.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().map(Secret::expose_secret)
    }

    /// Whether every place that it names is on this machine.
    pub fn is_local(&self) -> bool {
        self.hosts.iter().all(HostAddress::is_local)
    }

    /// Whether a pooler is in front, by what is known of the common ones. A hint for advice: only the
    /// server itself can say.
    pub fn looks_pooled(&self) -> bool {
        let known = |address: &HostAddress| {
            matches!(address.port, Some(6432 | 6543))
                || address.host.split('.').any(|label| label.ends_with("pooler"))
        };
        self.says_pgbouncer || self.engine == ServerEngine::Postgres && self.hosts.iter().any(known)
    }

    /// Whether it names a client certificate that only Prisma can read: PKCS #12, and no key beside it.
    pub fn has_only_prismas_identity(&self) -> bool {
        self.parameters.get("sslidentity").is_some()
            && self.parameters.get_by_any_spelling("sslkey").is_none()
    }

    /// Makes the paths of certificates and keys absolute.
    pub fn place_files(&mut self, place: impl Fn(&Path) -> PathBuf) {
        self.parameters.place_files(place);
    }

    /// What tells its database from every other: engine, hosts and name.
    pub(super) fn identity(&self) -> String {
        let mut hosts: Vec<String> =
            self.hosts.iter().map(|host| host.normalised(self.engine)).collect();
        hosts.sort();
        hosts.dedup();
        let hosts = hosts.join(",");
        crate::digest::of_parts([self.engine.name(), &hosts, &self.database])
    }

    /// The same where names that differ only in case are one.
    pub(super) fn caseless_identity(&self) -> String {
        Self { database: self.database.to_lowercase(), ..self.clone() }.identity()
    }

    /// Whether both lead to a database of the same engine and name.
    pub fn names_the_same_database(&self, other: &Self) -> bool {
        self.engine == other.engine && self.database == other.database
    }
}

fn fault(engine: ServerEngine, what: &str) -> Error {
    Error::UnsupportedDatabase { what: format!("the {} URL {what}", engine.scheme()) }
}

/// A URL behind its scheme, cut where its characters say so.
struct Parts<'a> {
    credentials: Option<&'a str>,
    hosts: &'a str,
    path: Option<&'a str>,
    query: &'a str,
    fragment: &'a str,
}

impl<'a> Parts<'a> {
    /// None where it is no such URL, or may have been cut within a password that was not encoded.
    fn split(rest: &'a str) -> Option<Self> {
        let rest = rest.strip_prefix("//")?;
        let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = match rest.split_once('/') {
            Some((authority, path)) => (authority, Some(path)),
            None => (rest, None),
        };
        let (credentials, hosts) = match authority.rsplit_once('@') {
            Some((credentials, hosts)) => (Some(credentials), hosts),
            None => (None, authority),
        };
        let mut names = query.split('&').filter_map(|pair| pair.split('=').next());
        let beyond_a_password = credentials.is_none() && !hosts.is_empty() && query.contains('@')
            || names.any(|name| name.contains('@'))
            || path.is_some_and(|path| path.contains('@'))
            || fragment.contains('@');
        (!beyond_a_password).then_some(Self { credentials, hosts, path, query, fragment })
    }
}

/// The hosts of the authority, or what the parameters name in their place.
fn hosts(engine: ServerEngine, spelled: &str, parameters: &Parameters) -> Option<Vec<HostAddress>> {
    let mut hosts = split_hosts(spelled).map(host).collect::<Option<Vec<_>>>()?;
    if let Some(port) = parameters.get("port") {
        let port = port_number(port)?;
        if hosts.iter().all(|host| host.port.is_none()) {
            for host in &mut hosts {
                host.port = Some(port);
            }
        }
    }
    let hosts = match engine {
        ServerEngine::Postgres => postgres_hosts(hosts, parameters),
        ServerEngine::MySql => mysql_hosts(hosts, parameters),
    };
    // A comma would be two hosts to libpq, and no name or path that is meant has the others.
    let possible = |host: &HostAddress| {
        !host.host.contains(|letter: char| letter.is_control() || letter == ',')
    };
    hosts.iter().all(possible).then_some(hosts)
}

/// Prisma and libpq prefer `host=`; the ports stay.
fn postgres_hosts(hosts: Vec<HostAddress>, parameters: &Parameters) -> Vec<HostAddress> {
    let Some(named) = parameters.get("host") else { return hosts };
    let ports: Vec<Option<u16>> = hosts.into_iter().map(|host| host.port).collect();
    let port_of = |index: usize| match ports.as_slice() {
        [only] => *only,
        several => several.get(index).copied().flatten(),
    };
    let named = named.split(',').enumerate();
    named.map(|(index, host)| HostAddress { host: host.to_owned(), port: port_of(index) }).collect()
}

/// A socket is named in one of several ways; no host is this machine.
fn mysql_hosts(mut hosts: Vec<HostAddress>, parameters: &Parameters) -> Vec<HostAddress> {
    let socket = ["socket", "unixsocket", "socketpath"]
        .iter()
        .find_map(|name| parameters.get_by_any_spelling(name))
        .map(|socket| socket.replace(['(', ')'], ""))
        .or_else(|| owned(parameters.get("host")).filter(|host| host.starts_with('/')));
    if let Some(socket) = socket {
        return vec![HostAddress { host: socket, port: None }];
    }
    for host in hosts.iter_mut().filter(|host| host.host.is_empty()) {
        "localhost".clone_into(&mut host.host);
    }
    hosts
}

/// Cuts at the commas outside of brackets.
fn split_hosts(spelled: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    spelled.split(move |letter| {
        match letter {
            '[' => inside = true,
            ']' => inside = false,
            _ => {}
        }
        letter == ',' && !inside
    })
}

fn host(spelled: &str) -> Option<HostAddress> {
    let (host, port) = match spelled.strip_prefix('[') {
        Some(bracketed) => {
            let (address, behind) = bracketed.split_once(']')?;
            let port = if behind.is_empty() { "" } else { behind.strip_prefix(':')? };
            (Some(address).filter(|address| !address.is_empty() && !address.contains('['))?, port)
        }
        None => spelled.split_once(':').unwrap_or((spelled, "")),
    };
    let host = percent_decode_str(host).decode_utf8().ok()?.into_owned();
    // No name has such characters: what has is a part of something that was not encoded.
    let possible = host.starts_with('/') || !host.contains(['/', '[', ']', ' ']);
    let port = if port.is_empty() { None } else { Some(port_number(port)?) };
    possible.then_some(HostAddress { host, port })
}

fn port_number(digits: &str) -> Option<u16> {
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|port| all_digits && *port != 0)
}

/// The database: of the path the first segment, as Prisma takes it. PostgreSQL has defaults: `postgres`
/// is Prisma's, and behind a bare `/` the server takes the user's name.
fn database(
    engine: ServerEngine,
    path: Option<&str>,
    user: Option<&str>,
    parameters: &Parameters,
) -> Result<String, Error> {
    let segment = path.map(|path| path.split('/').next().unwrap_or_default());
    if let Some(name) = segment.and_then(|segment| non_empty(decoded(segment))) {
        return Ok(name);
    }
    if let Some(name) = parameters.get("dbname") {
        return Ok(name.to_owned());
    }
    match (engine, path, user) {
        (ServerEngine::MySql, _, _) => Err(fault(engine, "names no database")),
        (ServerEngine::Postgres, Some(_), Some(user)) => Ok(user.to_owned()),
        (ServerEngine::Postgres, _, _) => Ok("postgres".to_owned()),
    }
}

fn non_empty(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn owned(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

#[cfg(test)]
mod tests;
