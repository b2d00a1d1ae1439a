//! How a URL is told to libpq: as variables, for `pg_dump` takes no password any other safe way.
//!
//! What Prisma alone understands stays behind. Where its word means something else to libpq it is
//! translated: `sslcert` is the server's certificate unless there is an `sslkey`, `sslaccept=strict` is
//! `sslmode=verify-full`.

use super::server_url::{ServerEngine, ServerUrl};
use crate::secret::Secret;

/// Variables that would lead libpq elsewhere than the URL says: to be taken away from its surroundings.
pub const MISLEADING_LIBPQ_VARIABLES: [&str; 3] = ["PGHOSTADDR", "PGSERVICE", "PGSERVICEFILE"];

/// Words that libpq takes for `sslmode`.
const SSL_MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

/// Parameters that go through as they are: their names, their variables and the words that they may be;
/// none where any will do. A word that is none of these is left out, as Prisma does.
const PASSED_ON: [(&str, &str, Option<&[&str]>); 16] = [
    ("channel_binding", "PGCHANNELBINDING", Some(&["disable", "prefer", "require"])),
    ("gssencmode", "PGGSSENCMODE", Some(&["disable", "prefer", "require"])),
    ("krbsrvname", "PGKRBSRVNAME", None),
    ("options", "PGOPTIONS", None),
    ("passfile", "PGPASSFILE", None),
    ("require_auth", "PGREQUIREAUTH", None),
    ("requirepeer", "PGREQUIREPEER", None),
    ("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION", Some(&TLS_VERSIONS)),
    ("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION", Some(&TLS_VERSIONS)),
    ("sslcertmode", "PGSSLCERTMODE", Some(&["disable", "allow", "require"])),
    ("sslcrl", "PGSSLCRL", None),
    ("sslcrldir", "PGSSLCRLDIR", None),
    ("sslkey", "PGSSLKEY", None),
    ("sslnegotiation", "PGSSLNEGOTIATION", Some(&["postgres", "direct"])),
    ("sslsni", "PGSSLSNI", Some(&["0", "1"])),
    (
        "target_session_attrs",
        "PGTARGETSESSIONATTRS",
        Some(&["any", "read-write", "read-only", "primary", "standby", "prefer-standby"]),
    ),
];

const TLS_VERSIONS: [&str; 4] = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];

/// Numbers that libpq takes from a service file or a connection string, but from no variable.
const SERVICE_NUMBERS: [&str; 5] = [
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "tcp_user_timeout",
];

/// What libpq is told. Every value is from a URL, so none of them can be printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LibpqEnvironment {
    /// Variables to set.
    pub variables: Vec<(&'static str, Secret)>,
    /// Variables to set where the surroundings have none of that name, and libpq's own file for it is
    /// not there either: `PGSSLROOTCERT` only, where Prisma would trust what the system trusts.
    pub defaults: Vec<(&'static str, Secret)>,
    /// Parameters that have no variable, for a service file. Their values have no line breaks.
    pub service: Vec<(&'static str, Secret)>,
}

impl LibpqEnvironment {
    /// The value of a variable that is to be set.
    pub fn variable(&self, name: &str) -> Option<&Secret> {
        self.variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.variables.push((name, Secret::new(value.into())));
    }
}

impl ServerUrl {
    /// The environment in which libpq connects to where this URL leads. What it does not say stays with
    /// libpq and its surroundings (`PGPASSFILE`, `PGSSLMODE`, …), but for host, port and database.
    pub fn libpq_environment(&self) -> LibpqEnvironment {
        let mut environment = LibpqEnvironment::default();
        let hosts: Vec<&str> = self.hosts.iter().map(|address| address.host.as_str()).collect();
        let ports = self.hosts.iter().map(|address| {
            address.port.unwrap_or(ServerEngine::Postgres.default_port()).to_string()
        });
        environment.set("PGHOST", hosts.join(","));
        environment.set("PGPORT", ports.collect::<Vec<_>>().join(","));
        environment.set("PGDATABASE", self.database.as_str());
        if let Some(user) = &self.user {
            environment.set("PGUSER", user.as_str());
        }
        if let Some(password) = &self.password {
            environment.set("PGPASSWORD", password.expose_secret());
        }
        for (name, variable, words) in PASSED_ON {
            let value = self.parameters.get(name);
            if let Some(value) =
                value.filter(|value| words.is_none_or(|words| words.contains(value)))
                && is_one_line(value)
            {
                environment.set(variable, value);
            }
        }
        if let Some(seconds) = self.parameters.get("connect_timeout").filter(|text| is_number(text))
        {
            environment.set("PGCONNECT_TIMEOUT", seconds);
        }
        self.tell_tls(&mut environment);
        for name in SERVICE_NUMBERS {
            if let Some(value) = self.parameters.get(name).filter(|text| is_number(text)) {
                environment.service.push((name, Secret::new(value.to_owned())));
            }
        }
        environment
    }

    fn tell_tls(&self, environment: &mut LibpqEnvironment) {
        let parameters = &self.parameters;
        let mode = self.libpq_ssl_mode();
        let key = parameters.get("sslkey");
        let certificate = parameters.get("sslcert");
        // Prisma accepts any certificate unless told otherwise; who names one wants it to be checked,
        // and only who says so does not.
        let accepts_any = parameters.get("sslaccept") == Some("accept_invalid_certs");
        let root =
            parameters.get("sslrootcert").or(certificate.filter(|_| key.is_none() && !accepts_any));
        if let Some(mode) = mode {
            environment.set("PGSSLMODE", mode);
        }
        if let Some(certificate) = certificate.filter(|_| key.is_some()) {
            environment.set("PGSSLCERT", certificate);
        }
        match root {
            Some(root) => environment.set("PGSSLROOTCERT", root),
            // With a weaker mode libpq refuses this word.
            None if mode == Some("verify-full") => {
                environment.defaults.push(("PGSSLROOTCERT", Secret::new("system".to_owned())));
            }
            None => {}
        }
        if let Some(password) = parameters.get("sslpassword")
            && key.is_some()
            && is_one_line(password)
        {
            environment.service.push(("sslpassword", Secret::new(password.to_owned())));
        }
    }

    /// The `sslmode` in libpq's words; none where the URL says none.
    fn libpq_ssl_mode(&self) -> Option<&'static str> {
        let parameters = &self.parameters;
        let said = parameters.get("sslmode").map(str::to_lowercase);
        let said = said.as_deref().and_then(|said| match said {
            // The word of JavaScript's driver.
            "no-verify" => Some("require"),
            _ => SSL_MODES.into_iter().find(|mode| *mode == said),
        });
        // libpq itself takes this spelling of other drivers.
        let by_other_word =
            || matches!(parameters.get("ssl"), Some("true" | "1")).then_some("require");
        let mode = said.or_else(by_other_word);
        // Prisma takes any other word for strict.
        let strict = parameters.get("sslaccept").is_some_and(|word| word != "accept_invalid_certs");
        match mode {
            None | Some("allow" | "prefer" | "require") if strict => Some("verify-full"),
            _ => mode,
        }
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a line of a service file, and a variable, can hold it.
fn is_one_line(text: &str) -> bool {
    !text.contains(['\n', '\r', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(rest: &str) -> LibpqEnvironment {
        ServerUrl::parse(ServerEngine::Postgres, rest).unwrap().libpq_environment()
    }

    /// The variables as `NAME=value`, joined by spaces, in the order of the list.
    fn told(rest: &str, names: &[&str]) -> String {
        let environment = environment(rest);
        let said = names.iter().filter_map(|name| {
            let value = environment.variable(name)?.expose_secret();
            Some(format!("{name}={value}"))
        });
        said.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn where_it_leads_is_always_said() {
        let names = ["PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE"];
        for (rest, expected) in [
            (
                "//app:p%40ss%2F%25@db.example.com:6000/shop?schema=public&connection_limit=5",
                "PGHOST=db.example.com PGPORT=6000 PGUSER=app PGPASSWORD=p@ss/% PGDATABASE=shop",
            ),
            ("//app@h/d", "PGHOST=h PGPORT=5432 PGUSER=app PGDATABASE=d"),
            (
                "//u:p@h1:1,h2,[::1]:3/d",
                "PGHOST=h1,h2,::1 PGPORT=1,5432,3 PGUSER=u PGPASSWORD=p PGDATABASE=d",
            ),
            (
                "//u@localhost/d?host=/var/run/postgresql",
                "PGHOST=/var/run/postgresql PGPORT=5432 PGUSER=u PGDATABASE=d",
            ),
            ("///d", "PGHOST= PGPORT=5432 PGDATABASE=d"),
            ("//h", "PGHOST=h PGPORT=5432 PGDATABASE=postgres"),
        ] {
            assert_eq!(told(rest, &names), expected, "{rest}");
        }
    }

    #[test]
    fn what_only_prisma_knows_stays_behind() {
        let known: Vec<&str> =
            environment("//h/d").variables.iter().map(|(name, _)| *name).collect();
        assert_eq!(known, ["PGHOST", "PGPORT", "PGDATABASE"]);
        let prismas = "schema=s&connection_limit=1&pgbouncer=true&pool_timeout=2&socket_timeout=3\
            &statement_cache_size=0&sslidentity=c.p12&sslpassword=hunter2&single_use_connections=true\
            &max_connection_lifetime=4&application_name=shop&unheard_of=1&hostaddr=10.0.0.1";
        assert_eq!(environment(&format!("//h/d?{prismas}")), environment("//h/d"));
    }

    #[test]
    fn certificates_are_told_apart() {
        let names = ["PGSSLMODE", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY"];
        for (query, expected) in [
            ("sslmode=require", "PGSSLMODE=require"),
            ("sslmode=REQUIRE", "PGSSLMODE=require"),
            ("sslmode=no-verify", "PGSSLMODE=require"),
            ("sslmode=nonsense", ""),
            ("ssl=true", "PGSSLMODE=require"),
            ("sslcert=/ca.pem", "PGSSLROOTCERT=/ca.pem"),
            ("sslmode=require&sslcert=/ca.pem", "PGSSLMODE=require PGSSLROOTCERT=/ca.pem"),
            ("sslmode=require&sslcert=/ca.pem&sslaccept=accept_invalid_certs", "PGSSLMODE=require"),
            ("sslcert=/c.pem&sslkey=/c.key", "PGSSLCERT=/c.pem PGSSLKEY=/c.key"),
            (
                "sslmode=verify-ca&sslcert=/c.pem&sslkey=/c.key&sslrootcert=/ca.pem",
                "PGSSLMODE=verify-ca PGSSLROOTCERT=/ca.pem PGSSLCERT=/c.pem PGSSLKEY=/c.key",
            ),
            ("sslrootcert=/ca.pem&sslcert=/x.pem", "PGSSLROOTCERT=/ca.pem"),
            ("sslaccept=strict", "PGSSLMODE=verify-full"),
            ("sslaccept=strict&sslmode=require", "PGSSLMODE=verify-full"),
            ("sslaccept=strict&sslmode=verify-ca", "PGSSLMODE=verify-ca"),
            ("sslaccept=strict&sslmode=disable", "PGSSLMODE=disable"),
            ("sslaccept=whatever", "PGSSLMODE=verify-full"),
        ] {
            assert_eq!(told(&format!("//h/d?{query}"), &names), expected, "{query}");
        }
    }

    #[test]
    fn the_systems_roots_are_a_default() {
        let defaults = |query: &str| environment(&format!("//h/d?{query}")).defaults.len();
        assert_eq!(defaults("sslmode=verify-full"), 1);
        assert_eq!(defaults("sslaccept=strict"), 1);
        assert_eq!(defaults("sslaccept=strict&sslcert=/ca.pem"), 0);
        assert_eq!(defaults("sslmode=verify-ca"), 0);
        assert_eq!(defaults("sslmode=require"), 0);
    }

    #[test]
    fn parameters_without_a_variable_are_for_a_service_file() {
        let query =
            "keepalives_idle=30&keepalives=1&tcp_user_timeout=x&sslkey=/k&sslpassword=a%20b";
        let service = environment(&format!("//h/d?{query}")).service;
        let service: Vec<_> =
            service.iter().map(|(name, value)| (*name, value.expose_secret())).collect();
        assert_eq!(
            service,
            [("sslpassword", "a b"), ("keepalives", "1"), ("keepalives_idle", "30")]
        );
        assert_eq!(environment("//h/d?sslkey=/k&sslpassword=a%0Ahost%3Devil").service, []);
    }

    #[test]
    fn words_that_libpq_would_refuse_are_left_out() {
        let names = ["PGCHANNELBINDING", "PGCONNECT_TIMEOUT", "PGTARGETSESSIONATTRS", "PGOPTIONS"];
        let good = "channel_binding=require&connect_timeout=10&target_session_attrs=read-write\
            &options=endpoint%3Dep-1";
        assert_eq!(
            told(&format!("//h/d?{good}"), &names),
            "PGCHANNELBINDING=require PGCONNECT_TIMEOUT=10 PGTARGETSESSIONATTRS=read-write PGOPTIONS=endpoint=ep-1"
        );
        let odd = "channel_binding=maybe&connect_timeout=soon&target_session_attrs=good";
        assert_eq!(told(&format!("//h/d?{odd}"), &names), "");
    }

    #[test]
    fn nothing_of_it_can_be_printed() {
        let printed = format!("{:?}", environment("//u:hunter2@h/d?sslkey=k&sslpassword=hunter2"));
        assert!(!printed.contains("hunter2"), "{printed}");
    }
}
