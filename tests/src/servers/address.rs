//! Connection strings, spelled as Prisma spells them.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What needs no encoding anywhere in a URL.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Paths in parameters stand as people write them.
const PLAIN_IN_PARAMETERS: &AsciiSet = &PLAIN.remove(b'/');

/// The parts of a connection string; `to_string` puts them together, percent-encoded.
#[derive(Debug, Clone)]
pub struct Address {
    scheme: &'static str,
    user: String,
    password: Option<String>,
    hosts: Vec<(String, u16)>,
    database: String,
    parameters: Vec<(String, String)>,
    socket: (&'static str, String),
}

impl Address {
    /// A database at `localhost`.
    pub(super) fn new(scheme: &'static str, port: u16, database: &str) -> Self {
        Self {
            scheme,
            user: String::new(),
            password: None,
            hosts: vec![("localhost".to_owned(), port)],
            database: database.to_owned(),
            parameters: Vec::new(),
            socket: ("host", String::new()),
        }
    }

    /// Which parameter names the socket, and where it is.
    pub(super) fn with_socket(mut self, parameter: &'static str, path: String) -> Self {
        self.socket = (parameter, path);
        self
    }

    /// As somebody else.
    #[must_use]
    pub fn user(mut self, name: &str, password: &str) -> Self {
        name.clone_into(&mut self.user);
        self.password = Some(password.to_owned());
        self
    }

    /// Without its password.
    #[must_use]
    pub fn without_password(mut self) -> Self {
        self.password = None;
        self
    }

    /// At another host: a name, or an address of either family.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        for (known, _) in &mut self.hosts {
            host.clone_into(known);
        }
        self
    }

    /// At another port.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        for (_, known) in &mut self.hosts {
            *known = port;
        }
        self
    }

    /// With a host that is tried before the others.
    #[must_use]
    pub fn host_before(mut self, host: &str, port: u16) -> Self {
        self.hosts.insert(0, (host.to_owned(), port));
        self
    }

    /// Through the server's socket, as Prisma spells that.
    #[must_use]
    pub fn socket(self) -> Self {
        let (parameter, path) = self.socket.clone();
        self.parameter(parameter, &path)
    }

    /// With one more parameter.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = |text| utf8_percent_encode(text, PLAIN);
        write!(formatter, "{}://{}", self.scheme, encoded(&self.user))?;
        if let Some(password) = &self.password {
            write!(formatter, ":{}", encoded(password))?;
        }
        let hosts = self.hosts.iter().map(|(host, port)| {
            if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
        });
        let hosts = hosts.collect::<Vec<_>>().join(",");
        write!(formatter, "@{hosts}/{}", encoded(&self.database))?;
        for (index, (name, value)) in self.parameters.iter().enumerate() {
            let mark = if index == 0 { '?' } else { '&' };
            write!(formatter, "{mark}{name}={}", utf8_percent_encode(value, PLAIN_IN_PARAMETERS))?;
        }
        Ok(())
    }
}
