//! Encrypted conversation with a private CA: starts an Engine.IO server with TLS in this process,
//! talks to it, and shows what somebody is told who does not trust that CA.
//!
//!     cargo run --example tls

use std::error::Error;

use engineio_client::ErrorKind;
use engineio_client::tokio::Client;
use engineio_client::transports::Tls;

#[path = "support/tls_server.rs"]
#[allow(dead_code, reason = "each example uses a part of it")]
mod tls_server;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = tls_server::start().await?;
    let url = format!("https://localhost:{}", server.port);
    println!("An Engine.IO server listens on {url}.");

    let tls = Tls::default().ca_pem(&server.ca)?;
    let mut client = Client::builder(&url).tls(tls).connect().await?;
    client.send("hello by TLS").await?;
    match client.recv().await {
        Some(message) => println!("The server echoed {:?}.", message.as_text()),
        None => return Err("the server has gone".into()),
    }
    println!("The session is over: {}.", client.disconnect().await);

    // Without the CA there is no conversation, and the error says why.
    let refused = Client::builder(&url).transports(["websocket"]).connect();
    match refused.await {
        Err(error) if error.kind() == ErrorKind::Tls => {
            println!("Without the CA: {}.", error.report());
            Ok(())
        }
        other => Err(format!("this should have been refused: {other:?}").into()),
    }
}
