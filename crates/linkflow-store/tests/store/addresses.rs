//! How a database is reached: TLS as the address asks for it, and the right one of several hosts.

use linkflow_store::*;

use crate::help::*;
use crate::server::servers;

/// Connects to `host` with these options; an empty string is success.
fn try_connect(host: &str, options: &str) -> String {
    let database = Database::new();
    let url = format!("postgres://linkflow@{host}/{}?{options}", database.name);
    let dir = tempfile::tempdir().unwrap();
    let options = PgOptions { patience_ms: 0, ..PgOptions::new(url, dir.path()) };
    Store::connect(options).map_or_else(|e| e.to_string(), |_| String::new())
}

#[test]
fn tls_is_as_strict_as_the_address_asks() {
    let roots = servers().dir.join("server.crt");
    let roots = roots.display();
    let port = servers().postgres;
    let (named, numbered) = (format!("localhost:{port}"), format!("127.0.0.1:{port}"));
    let good = |host: &str, options: &str| assert_eq!(try_connect(host, options), "", "{host} {options}");
    let bad = |host: &str, options: &str| {
        let error = try_connect(host, options);
        assert!(error.contains("certificate"), "{host} {options}: {error}");
    };
    good(&numbered, "sslmode=disable");
    good(&numbered, "sslmode=prefer");
    good(&numbered, "sslmode=require");
    good(&named, &format!("sslmode=verify-full&sslrootcert={roots}"));
    good(&numbered, &format!("sslmode=verify-ca&sslrootcert={roots}"));
    bad(&numbered, &format!("sslmode=verify-full&sslrootcert={roots}"));
    bad(&named, "sslmode=verify-full");
}

#[test]
fn of_several_hosts_one_that_answers_is_taken() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let hosts = format!("127.0.0.1:{nobody},127.0.0.1:{}", servers().postgres);
    assert_eq!(try_connect(&hosts, "sslmode=disable"), "");
}
