//! Servers that prove who they are, and clients that must.

use std::path::{Path, PathBuf};
use std::process::Command;

use backup_tests::servers::{
    Address, Certificate, PASSWORD, PostgresOptions, PostgresServer, program,
};
use serde_json::json;

use crate::backup::{Backup, FORMATS, create, project};

fn with(address: &Address, parameters: &[(&str, &Path)]) -> Address {
    let add = |address: Address, (name, value): &(&str, &Path)| {
        address.parameter(name, value.to_str().unwrap())
    };
    parameters.iter().fold(address.clone(), add)
}

fn assert_works(url: &Address, format: &str) {
    Backup::of(url, format).assert_no_warnings();
}

/// The connection must fail, and the client's or server's words must say why.
fn assert_fails(url: &Address, words: &str) {
    let envelope = create(&mut project(url).host(), json!({}));
    assert_eq!(envelope["code"], "connection_failed", "{url}: {envelope:#}");
    let said = envelope["prisma_output"].as_str().unwrap();
    assert!(said.contains(words), "{url}: {said}");
}

#[test]
fn a_private_authority_proves_the_server() {
    let options = PostgresOptions::default().tls(Certificate::ForLocalhost).only_tls();
    let server = PostgresServer::start_own(&options);
    let files = server.tls();
    let mode = |mode: &str| server.address("postgres").parameter("sslmode", mode);
    let (ours, another) = (files.authority.as_path(), files.another_authority.as_path());
    assert_works(&mode("require"), "sql");
    for (mode, format) in ["verify-ca", "verify-full", "require"].map(mode).iter().zip(FORMATS) {
        assert_works(&with(mode, &[("sslrootcert", ours)]), format);
        assert_fails(&with(mode, &[("sslrootcert", another)]), "certificate verify failed");
    }
    // To Prisma this is the authority; only with a key beside it is it the client's certificate.
    let plain = server.address("postgres");
    for url in [&mode("verify-full"), &mode("require"), &plain] {
        assert_works(&with(url, &[("sslcert", ours)]), "sql");
    }
    for url in [&mode("verify-full"), &mode("require")] {
        assert_fails(&with(url, &[("sslcert", another)]), "certificate verify failed");
    }
    let trusting = mode("require").parameter("sslaccept", "accept_invalid_certs");
    assert_works(&with(&trusting, &[("sslcert", another)]), "sql");
    let strict = mode("require").parameter("sslaccept", "strict");
    assert_works(&with(&strict, &[("sslcert", ours)]), "sql");
    // What this machine trusts did not sign it.
    assert_fails(&strict, "certificate");
    assert_fails(&mode("disable"), "no encryption");
    surroundings_name_the_authority(&mode("verify-full"), ours, another);
    a_relative_path_is_prismas(&mode("verify-full"), ours);
}

fn surroundings_name_the_authority(url: &Address, ours: &Path, another: &Path) {
    let project = project(url);
    let mut host = project.host();
    let parameters = json!({"format": "directory"});
    Backup::make_with(&project, host.env("PGSSLROOTCERT", ours), parameters);
    let mut host = project.host();
    let envelope = create(host.env("PGSSLROOTCERT", another), json!({}));
    assert_eq!(envelope["code"], "connection_failed", "{envelope:#}");
}

fn a_relative_path_is_prismas(url: &Address, ours: &Path) {
    for (parameter, place) in [("sslrootcert", "prisma/ca.crt"), ("sslcert", "ca.crt")] {
        let project = project(&url.clone().parameter(parameter, "./ca.crt"));
        std::fs::copy(ours, project.path(place)).unwrap();
        Backup::make(&project, json!({}));
    }
}

#[test]
fn a_client_proves_itself_with_a_certificate() {
    let options = PostgresOptions::default().tls(Certificate::ForAnotherHost).client_certificates();
    let server = PostgresServer::start_own(&options);
    let files = server.tls();
    let mode = |mode: &str| {
        let url = server.address("postgres").without_password().parameter("sslmode", mode);
        with(&url, &[("sslrootcert", &files.authority)])
    };
    let own = files.client("postgres");
    let known = [("sslcert", own.certificate.as_path()), ("sslkey", own.key.as_path())];
    for format in FORMATS {
        assert_works(&with(&mode("verify-ca"), &known), format);
    }
    let locked = locked(&own.key);
    let known_locked = [("sslcert", own.certificate.as_path()), ("sslkey", locked.as_path())];
    let with_locked = with(&mode("verify-ca"), &known_locked);
    assert_works(&with_locked.clone().parameter("sslpassword", PASSWORD), "directory");
    assert_fails(&with_locked.parameter("sslpassword", "wrong"), "private key");
    assert_fails(&with(&mode("verify-full"), &known), "does not match host name");
    let forged = files.forged_client("postgres");
    let forged = [("sslcert", forged.certificate.as_path()), ("sslkey", forged.key.as_path())];
    assert_fails(&with(&mode("verify-ca"), &forged), "unknown ca");
    assert_fails(&mode("verify-ca"), "certificate");
    let project = project(&mode("verify-ca"));
    let mut host = project.host();
    host.env("PGSSLCERT", &own.certificate).env("PGSSLKEY", &own.key);
    Backup::make_with(&project, &mut host, json!({}));
}

/// The same key, of no use without the password.
fn locked(key: &Path) -> PathBuf {
    let locked = key.with_extension("locked");
    let mut openssl = Command::new(program("openssl"));
    openssl.args(["pkey", "-aes256", "-passout", "env:PASSWORD", "-in"]).arg(key);
    openssl.arg("-out").arg(&locked).env("PASSWORD", PASSWORD);
    assert!(openssl.status().unwrap().success());
    locked
}
