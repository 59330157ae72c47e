//! Tests of `eio` over TLS: with a private CA, with those of the system, and without any.

use std::io::Write as _;

use engineio_client::transports::rustls::ALL_VERSIONS;
use serde_json::json;

use super::support::oxide::Oxide;
use super::support::peers::Peer;
use super::support::server::{Secure, Server as _, Setup};
use super::support::tls::{AUTHORITY, Authority, Front, Identity, expired};
use super::{Eio, File, MODES, RUNTIMES, connected, goodbye, run};

/// Checks that texts are echoed on each runtime and each transport, with these options.
fn talks(url: &str, options: &[&str]) {
    for runtime in RUNTIMES {
        for mode in MODES {
            let case = format!("{runtime}, {mode:?}");
            let mut eio = connected(url, runtime, mode, options);
            for number in 0..50 {
                eio.say(format!("m:{number}").as_bytes());
            }
            for number in 0..50 {
                let text = format!("m:{number}");
                let message = json!({"event": "message", "text": text});
                assert_eq!(eio.event(), message, "{case}");
            }
            goodbye(eio, &case);
        }
    }
}

#[test]
fn talks_to_engineioxide_over_tls() {
    let server = Secure::<Oxide>::start(Setup::Default);
    let (ca, other) = (
        File::new(&AUTHORITY.pem()),
        File::new(&Authority::new("other").pem()),
    );
    talks(&server.url(), &["--ca", other.path(), "--ca", ca.path()]);
    talks(&server.url().replace("https", "wss"), &["--insecure"]);
}

#[test]
#[ignore = "needs the peers that tests/run installs"]
fn talks_to_node_over_tls() {
    let server = Peer::node_with_tls(&[]);
    let ca = File::new(&AUTHORITY.pem());
    talks(&server.url(), &["--ca", ca.path()]);
    talks(&server.url(), &["--insecure"]);
}

/// Connects to this server, on a system with these CAs. Returns the exit status and the text on
/// standard error.
fn ends(url: &str, system: &File, options: &[&str]) -> Vec<(i32, String)> {
    let mut ends = Vec::new();
    for runtime in RUNTIMES {
        let mut arguments = vec!["--json", "--runtime", runtime, url];
        arguments.extend(options);
        let eio = Eio::start_with(&arguments, |command| {
            // Replaces the CAs of the machine that runs the test.
            command
                .env("SSL_CERT_FILE", &system.0)
                .env_remove("SSL_CERT_DIR");
        });
        // The program may have ended already.
        let mut input = eio.input.as_ref().expect("the input is open");
        let _ = input.write_all(b"m:x\n");
        let (_, status, errors) = eio.finish();
        ends.push((status, errors));
    }
    ends
}

fn refused(identity: &Identity, host: &str, options: &[&str], words: &str) {
    let server = Oxide::start(Setup::Default);
    let front = Front::of(&server.url(), identity.server());
    let system = File::new(&Authority::new("the system's").pem());
    let url = format!("https://{host}:{}", front.port());
    for (status, errors) in ends(&url, &system, options) {
        assert_eq!(status, 1, "{errors}");
        assert!(errors.contains(&format!("polling: {words}")), "{errors}");
        assert!(errors.contains("; websocket: the same error)"), "{errors}");
    }
    let mut insecure = options.to_vec();
    insecure.push("--insecure");
    for (status, errors) in ends(&url, &system, &insecure) {
        assert_eq!((status, errors.as_str()), (0, ""));
    }
}

#[test]
fn a_server_of_an_unknown_ca_is_refused() {
    let words = "the certificate of 127.0.0.1 was issued by a CA that is not trusted here";
    refused(&AUTHORITY.issue(&["127.0.0.1"]), "127.0.0.1", &[], words);
}

#[test]
fn a_certificate_for_another_host_is_refused_even_if_its_ca_is_trusted() {
    let ca = File::new(&AUTHORITY.pem());
    let words = "the certificate of localhost is not valid for that name";
    let identity = AUTHORITY.issue(&["127.0.0.1", "::1"]);
    refused(&identity, "localhost", &["--ca", ca.path()], words);
}

#[test]
fn an_expired_certificate_is_refused_even_if_its_ca_is_trusted() {
    let ca = File::new(&AUTHORITY.pem());
    let words = "the certificate of 127.0.0.1 has expired";
    let identity = AUTHORITY.issue_with(&["127.0.0.1"], expired);
    refused(&identity, "127.0.0.1", &["--ca", ca.path()], words);
}

#[test]
fn the_cas_of_the_system_are_trusted_with_and_without_additional_ones() {
    let server = Secure::<Oxide>::start(Setup::Default);
    let system = File::new(&AUTHORITY.pem());
    let other = File::new(&Authority::new("other").pem());
    for options in [&[][..], &["--ca", other.path()]] {
        for (status, errors) in ends(&server.url(), &system, options) {
            assert_eq!((status, errors.as_str()), (0, ""), "{options:?}");
        }
    }
    // Without any CA, no server can be trusted. The error says that the system has none.
    let empty = File::new("");
    for (status, errors) in ends(&server.url(), &empty, &[]) {
        assert_eq!(status, 1);
        assert!(
            errors.contains("CA certificates of this system"),
            "{errors}"
        );
    }
}

#[test]
fn a_file_without_a_ca_is_bad_usage() {
    let empty = File::new("nothing\n");
    let key = File::new(&AUTHORITY.issue(&["x.test"]).key);
    for (path, words) in [
        ("/nowhere/ca.pem", "can't be read"),
        (env!("CARGO_TARGET_TMPDIR"), "can't be read"),
        (empty.path(), "there is no certificate"),
        (key.path(), "there is no certificate"),
    ] {
        for insecure in [&[][..], &["--insecure"]] {
            let arguments = [&["--ca", path, "https://127.0.0.1:1"], insecure].concat();
            let (lines, status, errors) = run(&arguments, b"");
            assert_eq!((status, lines.len()), (2, 0), "{errors}");
            assert!(errors.contains(path) && errors.contains(words), "{errors}");
        }
    }
}

#[test]
fn n7_a_client_certificate_is_presented_to_a_server_that_requests_one() {
    let server = Oxide::start(Setup::Default);
    let identity = AUTHORITY.issue(&["127.0.0.1"]);
    let config = identity.server_with(ALL_VERSIONS, Some(&AUTHORITY));
    let front = Front::of(&server.url(), config);
    let client = AUTHORITY.issue(&["client.test"]);
    let (ca, certificate, key, both) = (
        File::new(&AUTHORITY.pem()),
        File::new(&client.certificate),
        File::new(&client.key),
        File::new(&[&*client.certificate, &client.key].concat()),
    );
    let apart = ["--cert", certificate.path(), "--key", key.path()];
    for options in [
        &[&["--ca", ca.path()], &apart[..]].concat()[..],
        &["--ca", ca.path(), "--cert", both.path()],
        &["--insecure", "--cert", both.path()],
    ] {
        talks(&front.url(), options);
    }
    for (status, errors) in ends(&front.url(), &ca, &[]) {
        assert_eq!(status, 1, "{errors}");
        assert!(errors.contains("certificate"), "{errors}");
    }
}

#[test]
fn n7_invalid_client_certificates_are_bad_usage() {
    let (one, other) = (AUTHORITY.issue(&["a.test"]), AUTHORITY.issue(&["b.test"]));
    let [certificate, key] = [&one.certificate, &one.key].map(|pem| File::new(pem));
    let foreign = File::new(&other.key);
    for (options, named) in [
        (&["--cert", "/nowhere.pem"][..], "/nowhere.pem"),
        (&["--cert", certificate.path()], "no private key"),
        (&["--cert", key.path()], "no certificate"),
        (
            &["--cert", certificate.path(), "--key", "/nowhere.key"],
            "/nowhere.key",
        ),
        (
            &["--cert", certificate.path(), "--key", foreign.path()],
            "can't be used together",
        ),
    ] {
        let arguments = [options, &["https://127.0.0.1:1"]].concat();
        let (lines, status, errors) = run(&arguments, b"");
        assert_eq!((status, lines.len()), (2, 0), "{options:?}: {errors}");
        assert!(errors.contains(named), "{options:?}: {errors}");
    }
}
