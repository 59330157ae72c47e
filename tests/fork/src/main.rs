//! Forks a process that has used a blocking client, and sees that the child can connect, or is told why
//! it can't: on each runtime, and never without an answer. (S15 of what was found once.)

use std::net::TcpListener;
use std::time::Duration;

use engineio_client::ErrorKind;
use engineio_client::blocking::{Background, Client};

/// How often the child is looked at in a second, and in all. Generous: its connection is refused at once.
const A_SECOND: u32 = 100;
const PATIENCE: u32 = 30 * A_SECOND;

/// What comes of connecting to where nobody listens.
fn connect(url: &str, runtime: Background) -> ErrorKind {
    let connected = Client::builder(url).runtime(runtime).connect().map(drop);
    let error = connected.expect_err("nobody listens");
    println!("    {}", error.report());
    error.kind()
}

/// Runs this in a child, and gives its exit status; `None` when it hangs.
fn in_a_child(run: impl FnOnce() -> i32) -> Option<i32> {
    // SAFETY: the child calls what this process could; that is what is tested.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "no process is left");
    if child == 0 {
        let status = run();
        // SAFETY: ends the process, without what would wait for threads that are not there.
        unsafe { libc::_exit(status) };
    }
    for _ in 0..PATIENCE {
        let mut status = 0;
        // SAFETY: a valid pointer, and the id of a child of this process.
        let ended = unsafe { libc::waitpid(child, &mut status, libc::WNOHANG) };
        if ended == child {
            return Some(libc::WEXITSTATUS(status));
        }
        std::thread::sleep(Duration::from_secs(1) / A_SECOND);
    }
    // SAFETY: as above.
    unsafe { libc::kill(child, libc::SIGKILL) };
    None
}

fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    drop(listener);
    // What the child is told: on tokio it connects, and hears of the refusal.
    for (name, runtime, expected) in [
        (
            "tokio",
            Background::tokio as fn() -> Background,
            ErrorKind::Connect,
        ),
        ("smol", Background::smol, ErrorKind::Runtime),
        ("async-std", Background::async_std, ErrorKind::Runtime),
    ] {
        println!("{name}: before the fork");
        assert_eq!(connect(&url, runtime()), ErrorKind::Connect);
        println!("{name}: after it");
        let status = in_a_child(|| i32::from(connect(&url, runtime()) != expected));
        assert_eq!(status, Some(0), "in the child, on {name}");
        println!("{name}: in the parent, again");
        assert_eq!(connect(&url, runtime()), ErrorKind::Connect);
    }
}
