//! An encrypted session with a server whose certificate comes from a private CA. The server runs in
//! the same process. A second client does not know the CA. It fails to connect, and its error says
//! why.
//!
//!     cargo run --example tls

use std::error::Error;

use engineio_client::ErrorKind;
use engineio_client::tokio::Client;
use engineio_client::transports::Tls;

#[path = "support/server.rs"]
mod server;
#[path = "support/tls_server.rs"]
mod tls_server;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = tls_server::start().await?;
    let url = format!("https://localhost:{}", server.port);
    println!("An Engine.IO server with TLS listens on {url}.");

    let tls = Tls::default().ca_pem(&server.ca)?;
    let mut client = Client::builder(&url).tls(tls).connect().await?;
    client.send("hello over TLS").await?;
    match client.recv().await {
        Some(message) => println!("The server echoed {message:?}."),
        None => return Err("the session ended early".into()),
    }
    println!("The session has ended: {}.", client.disconnect().await);

    // Without the CA the client refuses the server's certificate.
    let without_ca = Client::builder(&url).transports(["websocket"]);
    match without_ca.connect().await {
        Err(error) if error.kind() == ErrorKind::Tls => {
            println!("A client without the CA fails: {}.", error.report());
            Ok(())
        }
        other => Err(format!("expected a TLS error, not {other:?}").into()),
    }
}
