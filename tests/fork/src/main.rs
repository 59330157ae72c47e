//! Forks a process that has used a blocking client, and checks that the child can connect, or gets an
//! error that says why it can't: on each runtime, without hanging.

use std::net::TcpListener;
use std::time::Duration;

use engineio_client::ErrorKind;
use engineio_client::blocking::{Background, Client};

/// How many times a second the child is polled, and how many times in all. The total is generous: the
/// child's connection is refused at once.
const A_SECOND: u32 = 100;
const PATIENCE: u32 = 30 * A_SECOND;

/// The error of connecting to an address without a listener.
fn connect(url: &str, runtime: Background) -> ErrorKind {
    let connected = Client::builder(url).runtime(runtime).connect().map(drop);
    let error = connected.expect_err("nobody listens");
    println!("    {}", error.report());
    error.kind()
}

/// Runs a function in a child process, and returns the exit status; `None` if the child hangs.
fn in_a_child(run: impl FnOnce() -> i32) -> Option<i32> {
    // SAFETY: `fork` has no precondition of its own. POSIX does not promise that the code of the child
    // works after the fork of a process with threads. This program tests whether it does.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "no process is left");
    if child == 0 {
        let status = run();
        // SAFETY: ends the process without exit handlers, which could wait for threads that the child
        // does not have.
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
    // SAFETY: the id of a child of this process that has not been waited for.
    unsafe { libc::kill(child, libc::SIGKILL) };
    None
}

fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    drop(listener);
    // The child's error. On tokio the child can connect, and is refused.
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
        println!("{name}: after the fork, in the child");
        let status = in_a_child(|| i32::from(connect(&url, runtime()) != expected));
        assert_eq!(status, Some(0), "in the child, on {name}");
        println!("{name}: after the fork, in the parent");
        assert_eq!(connect(&url, runtime()), ErrorKind::Connect);
    }
}
