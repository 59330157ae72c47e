//! Tests with a nameserver that never answers. `eio` runs in a mount namespace of its own, in which
//! `/etc/resolv.conf` names that server. This requires root on Linux. Elsewhere, the test prints that
//! it is skipped.

use std::net::UdpSocket;
use std::process::Command;

use super::{Eio, File, RUNTIMES};

/// The nameserver's address. Resolvers always use port 53.
const ADDRESS: &str = "127.53.53.53";

/// Runs a program with a file mounted over `/etc/resolv.conf`.
const SCRIPT: &str = r#"mount --bind "$1" /etc/resolv.conf && shift && exec "$@""#;

fn in_namespace(configuration: &File, program: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", SCRIPT, "sh"])
        .arg(configuration.path())
        .args(program);
    command
}

/// The nameserver's socket, and the file that names it. `None` if they can't be created.
fn nameserver() -> Option<(UdpSocket, File)> {
    // The resolver gives up after 150 s, which is longer than the time limit of the tests.
    let options = "options timeout:30 attempts:5";
    let configuration = File::new(&format!("nameserver {ADDRESS}\n{options}\n"));
    let seen = in_namespace(&configuration, &["cat", "/etc/resolv.conf"])
        .output()
        .ok()
        .filter(|output| String::from_utf8_lossy(&output.stdout).contains(ADDRESS));
    let socket = UdpSocket::bind((ADDRESS, 53)).ok()?;
    seen.map(|_| (socket, configuration))
}

#[test]
fn r4_a_nameserver_that_never_answers_does_not_delay_the_exit() {
    let Some((socket, configuration)) = nameserver() else {
        eprintln!("SKIPPED: needs Linux, root, unshare and a free port 53 on {ADDRESS}");
        return;
    };
    socket.set_nonblocking(true).expect("a socket");
    for runtime in RUNTIMES {
        let eio = Eio::start_by(
            in_namespace(&configuration, &[env!("CARGO_BIN_EXE_eio")]),
            &[
                "--runtime",
                runtime,
                "--transport",
                "polling",
                "--request-timeout",
                "0.5",
                "http://silent.example",
            ],
        );
        // This fails if `eio` has not ended after a minute. The resolver would take 150 s.
        let (lines, status, errors) = eio.finish();
        let asked = socket.recv(&mut [0; 512]).is_ok();
        if !asked {
            eprintln!("SKIPPED: this system's resolver does not ask the nameserver: {errors}");
            return;
        }
        assert_eq!((status, lines.len()), (1, 0), "{runtime}: {errors}");
        assert!(errors.contains("connecting failed"), "{errors}");
        assert!(errors.contains("timeout"), "{errors}");
    }
}
