//! The bare server, as a program: prints its port, and ends when its standard input does.

#[path = "../../../server/mod.rs"]
mod server;

fn main() -> std::io::Result<()> {
    server::run()
}
