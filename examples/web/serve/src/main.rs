//! Builds the page in `../page` and serves it, together with the chat server that it talks to:
//!
//!     cargo run --manifest-path examples/web/Cargo.toml [-- ADDRESS]
//!
//! It can also build the page of another manifest into a folder, for browsers or for Node:
//!
//!     cargo run --manifest-path examples/web/Cargo.toml -- build MANIFEST FOLDER [node] [CARGO ARGUMENTS]

mod bundle;
mod chat;
mod site;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use engineioxide::service::EngineIoService;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use bundle::Host;
use chat::Room;
use site::Site;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match *arguments {
        ["build", manifest, folder, "node", ref cargo @ ..] => {
            build(manifest, folder, Host::Node, cargo)
        }
        ["build", manifest, folder, ref cargo @ ..] => {
            build(manifest, folder, Host::Browser, cargo)
        }
        [] => serve("127.0.0.1:3000"),
        [address] if address.contains(':') => serve(address),
        _ => Err(
            "the arguments are: [ADDRESS], or: build MANIFEST FOLDER [node] [CARGO ARGUMENTS]"
                .into(),
        ),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn build(manifest: &str, folder: &str, host: Host, cargo: &[&str]) -> Result<(), Box<dyn Error>> {
    let module = bundle::compile(manifest.as_ref(), cargo)?;
    bundle::bind(&module, folder.as_ref(), host)
}

#[tokio::main(flavor = "current_thread")]
async fn serve(address: &str) -> Result<(), Box<dyn Error>> {
    // Before the build, which takes minutes the first time.
    let listener = TcpListener::bind(address).await.map_err(|error| {
        format!("cannot listen on {address}: {error} (another address can be given: cargo run .. -- 127.0.0.1:3001)")
    })?;
    let page = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../page"));
    let module = bundle::compile(&page.join("Cargo.toml"), &[])?;
    let built = module.with_extension("");
    bundle::bind(&module, &built, Host::Browser)?;
    let site = Site::read(page, &built)?;
    let service = EngineIoService::with_inner(site, Arc::new(Room::default()));
    println!(
        "The chat is on http://{} (Ctrl-C ends it).",
        listener.local_addr()?
    );
    loop {
        let (stream, _) = listener.accept().await?;
        let connection =
            http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone());
        tokio::spawn(connection.with_upgrades());
    }
}
