//! The server as a program. Prints its port, and exits when its standard input ends.

#[path = "../../../server/mod.rs"]
mod server;

fn main() -> std::io::Result<()> {
    server::run()
}
