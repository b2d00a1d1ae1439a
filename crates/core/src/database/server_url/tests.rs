use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;

use super::*;

/// All that a URL's parts may hold unencoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

fn postgres(rest: &str) -> ServerUrl {
    ServerUrl::parse(ServerEngine::Postgres, rest).unwrap_or_else(|error| panic!("{rest}: {error}"))
}

fn hosts_of(rest: &str) -> String {
    let shown = postgres(rest).hosts.into_iter().map(|address| match address.port {
        Some(port) => format!("<{}>{port}", address.host),
        None => format!("<{}>", address.host),
    });
    shown.collect()
}

#[test]
fn hosts_and_ports_are_read() {
    for (rest, expected) in [
        ("//db.example.com/d", "<db.example.com>"),
        ("//u:p@db.example.com:6000/d", "<db.example.com>6000"),
        ("//u@h:/d", "<h>"),
        ("//u:p@[2001:db8::1]/d", "<2001:db8::1>"),
        ("//[::1]:6000/d", "<::1>6000"),
        ("//[fe80::1%25eth0]/d", "<fe80::1%eth0>"),
        ("//a,b:2,[::1]:3,/d", "<a><b>2<::1>3<>"),
        ("///d", "<>"),
        ("//u@/d", "<>"),
        ("//:6000/d", "<>6000"),
        ("//%2Fvar%2Frun%2Fpostgresql/d", "</var/run/postgresql>"),
        ("//u:p@%2Frun%2Fpg:6000/d", "</run/pg>6000"),
        ("///d?host=/var/run/postgresql", "</var/run/postgresql>"),
        ("//u:p@localhost:6000/d?host=%2Fcloudsql%2Fp%3Ar%3Ai", "</cloudsql/p:r:i>6000"),
        ("//u@x:1,y:2/d?host=a,b", "<a>1<b>2"),
        ("//u@x:1/d?host=a,b", "<a>1<b>1"),
        ("//u@h/d?port=6000", "<h>6000"),
        ("//u@h:1/d?port=6000", "<h>1"),
        ("//h", "<h>"),
        ("//h?schema=x", "<h>"),
    ] {
        assert_eq!(hosts_of(rest), expected, "{rest}");
    }
}

#[test]
fn users_and_passwords_end_at_the_last_at_sign() {
    for (rest, user, password) in [
        ("//u:p@h/d", Some("u"), Some("p")),
        ("//u@h/d", Some("u"), None),
        ("//u:@h/d", Some("u"), None),
        ("//:p@h/d", None, Some("p")),
        ("//@h/d", None, None),
        ("//h/d", None, None),
        ("//u@corp:p@ss:word@h/d", Some("u@corp"), Some("p@ss:word")),
        ("//u%40corp:p%40ss%3Aword%2F%3F%23@h/d", Some("u@corp"), Some("p@ss:word/?#")),
        ("//u:100%@h/d", Some("u"), Some("100%")),
        ("//u:%zz%41@h/d", Some("u"), Some("%zzA")),
        ("//u:%ff@h/d", Some("u"), Some("%ff")),
        ("//u:p+q%20r@h/d", Some("u"), Some("p+q r")),
        ("//u:päß@h/d", Some("u"), Some("päß")),
        ("///d?user=u&password=p%2Bq", Some("u"), Some("p+q")),
        ("//a:b@h/d?user=u&password=p", Some("a"), Some("b")),
    ] {
        let url = postgres(rest);
        assert_eq!(url.user.as_deref(), user, "{rest}");
        assert_eq!(url.password.as_ref().map(Secret::expose_secret), password, "{rest}");
        assert_eq!(url.database, "d", "{rest}");
    }
}

#[test]
fn the_database_is_the_paths_first_segment_or_prismas_default() {
    for (rest, database) in [
        ("//h/shop", "shop"),
        ("//h/shop/", "shop"),
        ("//h/shop/more", "shop"),
        ("//h/my%20shop%2F%25", "my shop/%"),
        ("//h/shop#comment", "shop"),
        ("//h", "postgres"),
        ("//h?schema=x", "postgres"),
        ("//u:p@h", "postgres"),
        ("//u:p@h/", "u"),
        ("//h/", "postgres"),
        ("//h/?dbname=shop", "shop"),
    ] {
        assert_eq!(postgres(rest).database, database, "{rest}");
    }
    let error = ServerUrl::parse(ServerEngine::MySql, "//u:hunter2@h/").unwrap_err().to_string();
    assert_eq!(error, "Unsupported database: the mysql URL names no database");
}

#[test]
fn prismas_own_words_are_heard() {
    let url = postgres("//h/d?schema=a&schema=my%20schema&pgbouncer=true");
    assert_eq!(url.schema.as_deref(), Some("my schema"));
    assert!(url.says_pgbouncer);
    assert!(!postgres("//h/d?pgbouncer=false").says_pgbouncer);
    let mysql = ServerUrl::parse(ServerEngine::MySql, "//h/d?schema=a&pgbouncer=true").unwrap();
    assert_eq!((mysql.schema, mysql.says_pgbouncer), (None, false));
}

#[test]
fn common_poolers_are_guessed() {
    for rest in [
        "//h/d?pgbouncer=true",
        "//h:6543/d",
        "//h:6432/d",
        "//ep-cool-name-123-pooler.eu-central-1.aws.neon.tech/d",
        "//aws-0-eu-central-1.pooler.supabase.com:5432/d",
    ] {
        assert!(postgres(rest).looks_pooled(), "{rest}");
    }
    for rest in ["//h/d", "//db.abcdefgh.supabase.co:5432/d", "//carpooler-db.example.com/d"] {
        assert!(!postgres(rest).looks_pooled(), "{rest}");
    }
}

#[test]
fn what_cannot_be_read_says_to_encode_and_nothing_else() {
    for rest in [
        // Characters that end the authority, within the password.
        "//app:pa/hunter2@db.example.com/shop",
        "//app:pa?hunter2@db.example.com/shop",
        "//app:pa#hunter2@db.example.com/shop",
        // The same, where what is before them could be a port.
        "//app:12/hunter2@db.example.com/shop",
        "//app:12?hunter2@db.example.com/shop",
        "//app:12#hunter2@db.example.com/shop",
        "//app:hunter2@12/hunter2@db.example.com/shop",
        "//app:hunter2@x#hunter2@db.example.com/shop",
        "//app:hunter2@?hunter2@db.example.com/shop",
        "//app:hunter2@x?a=b&hunter2@db.example.com/shop?c=d",
        "//u:hunter2@h:port/d",
        "//u:hunter2@h:0/d",
        "//u:hunter2@h:65536/d",
        "//u:hunter2@h:-1/d",
        "//u:hunter2@::1/d",
        "//u:hunter2@[::1/d",
        "//u:hunter2@[]/d",
        "//u:hunter2@[::1]5432/d",
        "//u:hunter2@%ff/d",
        "//u:hunter2@a%2Cb/d",
        "//u:hunter2@a%00/d",
        "//u:hunter2@a b/d",
        "//u:hunter2%00@h/d",
        "//u%00:hunter2@h/d",
        "//u:hunter2@h/d%00",
        "//u:hunter2@h/d?port=x",
        "u:hunter2@h/d",
        "/u:hunter2@h/d",
        "",
    ] {
        for engine in [ServerEngine::Postgres, ServerEngine::MySql] {
            let error = ServerUrl::parse(engine, rest).expect_err(rest);
            assert!(matches!(error, Error::UnsupportedDatabase { .. }), "{rest}");
            assert!(error.to_string().contains("percent-encode"), "{rest}: {error}");
            assert!(!error.to_string().contains("hunter2"), "{rest}: {error}");
        }
    }
}

#[test]
fn mysqls_clients_take_one_host() {
    let error = ServerUrl::parse(ServerEngine::MySql, "//u:hunter2@a,b/d").unwrap_err();
    assert!(error.to_string().contains("several hosts"), "{error}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn every_secret_is_told_in_both_forms_and_nothing_of_it_is_printed() {
    let rest = "//u:hunter2%21@h/d?schema=s&sslpassword=hunter2%3F&odd=hunter2a#hunter2b";
    let url = postgres(rest);
    let secrets: Vec<&str> = url.secrets().collect();
    for secret in ["hunter2%21", "hunter2!", "hunter2%3F", "hunter2?", "hunter2a", "hunter2b"] {
        assert!(secrets.contains(&secret), "{secret}");
    }
    assert!(!secrets.contains(&"s"));
    assert!(!format!("{url:?}").contains("hunter2"), "{url:?}");
    let by_query = postgres("//h/d?password=hunter2%26");
    assert!(by_query.secrets().any(|secret| secret == "hunter2&"));
}

#[test]
fn a_pkcs_12_identity_is_prismas_alone() {
    assert!(postgres("//h/d?sslidentity=c.p12").has_only_prismas_identity());
    assert!(!postgres("//h/d?sslidentity=c.p12&sslkey=k&sslcert=c").has_only_prismas_identity());
    assert!(!postgres("//h/d").has_only_prismas_identity());
}

proptest! {
    #[test]
    fn what_was_encoded_comes_back(
        user in "[^\\x00]{1,20}", password in "[^\\x00]{1,40}", database in "[^\\x00]{1,20}",
        host in "[a-z][a-z0-9.-]{0,20}", port in 1_u16.., mysql in any::<bool>(),
    ) {
        let engine = if mysql { ServerEngine::MySql } else { ServerEngine::Postgres };
        let rest = format!(
            "//{}:{}@{host}:{port}/{}?sslmode=require",
            encoded(&user), encoded(&password), encoded(&database)
        );
        let url = ServerUrl::parse(engine, &rest).unwrap();
        prop_assert_eq!(url.user.as_deref(), Some(user.as_str()));
        prop_assert_eq!(url.password.as_ref().map(Secret::expose_secret), Some(password.as_str()));
        prop_assert_eq!(&url.database, &database);
        prop_assert_eq!(&url.hosts, &[HostAddress { host, port: Some(port) }]);
        prop_assert!(url.secrets().any(|secret| secret == password));
        prop_assert!(url.secrets().any(|secret| secret == encoded(&password)));
    }

    #[test]
    fn parameters_come_back(value in "[^\\x00]{1,40}") {
        let url = postgres(&format!("//h/d?sslpassword={0}&schema={0}", encoded(&value)));
        prop_assert_eq!(url.schema.as_deref(), Some(value.as_str()));
        prop_assert_eq!(url.parameters.get("sslpassword"), Some(value.as_str()));
        prop_assert!(url.secrets().any(|secret| secret == value));
    }

    #[test]
    fn reading_never_panics_and_never_tells(text in "(?s).{0,80}", mysql in any::<bool>()) {
        let engine = if mysql { ServerEngine::MySql } else { ServerEngine::Postgres };
        if let Ok(url) = ServerUrl::parse(engine, &text) {
            url.libpq_environment();
            url.mysql_connection();
        }
        let password = format!("hunter2{text}hunter2");
        for rest in [
            format!("//app:{password}@db.example.com/shop"),
            format!("//app:12/{password}@db.example.com/shop?a=b"),
            format!("//app@x,y:{password}@db.example.com/shop"),
        ] {
            match ServerUrl::parse(engine, &rest) {
                Ok(url) => {
                    let hosts: String =
                        url.hosts.iter().map(|address| address.host.as_str()).collect();
                    prop_assert!(!url.database.contains("hunter2"), "{}", rest);
                    prop_assert!(!hosts.contains("hunter2"), "{}", rest);
                    prop_assert!(!format!("{url:?}").contains("hunter2"), "{}", rest);
                }
                Err(error) => prop_assert!(!error.to_string().contains("hunter2"), "{}", rest),
            }
        }
    }

    #[test]
    fn ordinary_urls_are_read_as_prismas_parser_reads_them(
        user in "([a-zA-Z0-9._~!$&'()*+;=-]|%[2-7][0-9a-fA-F]){0,12}",
        password in "([a-zA-Z0-9._~!$&'()*+,;=:@-]|%[2-7][0-9a-fA-F]){0,12}",
        host in "[a-z][a-z0-9-]{0,8}(\\.[a-z]{2,5})?", port in proptest::option::of(1_u16..),
        database in "[a-z]([a-zA-Z0-9_~!$&'()*+;=-]|%[2-7][0-9a-fA-F]){0,12}",
    ) {
        let port_text = port.map_or_else(String::new, |port| format!(":{port}"));
        let rest = format!("//{user}:{password}@{host}{port_text}/{database}?schema=a+b%2Bc");
        let expected = url::Url::parse(&format!("postgresql:{rest}")).unwrap();
        let found = postgres(&rest);
        prop_assert_eq!(Some(found.hosts[0].host.as_str()), expected.host_str());
        prop_assert_eq!(found.hosts[0].port, expected.port());
        prop_assert_eq!(found.user.unwrap_or_default(), decoded(expected.username()));
        let password = expected.password().map(decoded).unwrap_or_default();
        let segment = expected.path_segments().and_then(|mut segments| segments.next());
        prop_assert_eq!(Some(found.database), segment.map(decoded));
        prop_assert_eq!(found.password.as_ref().map_or("", Secret::expose_secret), password);
        let schema = expected.query_pairs().next().map(|(_, value)| value.into_owned());
        prop_assert_eq!(found.schema, schema);
    }
}
