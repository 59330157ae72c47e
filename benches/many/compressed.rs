//! Memory of connections that have carried a compressed message in each direction.

use engineio_client::transports::{Deflate, Transports};
use engineio_client::{Builder, Runtime};

use super::plan::{Context, Plan};
use super::system;
use super::worker::{Failure, OneClient, per_connection, report};

pub(crate) async fn run<R: Runtime + Default>(plan: Plan, with: Context) -> Result<(), Failure> {
    let _warm_up = open::<R>(plan, with).await?;
    let before = system::memory()?;
    let mut clients = Vec::with_capacity(plan.connections);
    for _ in 0..plan.connections {
        clients.push(open::<R>(plan, with).await?);
    }
    let memory = per_connection(before, system::memory()?, plan);
    report("memory", memory);
    Ok(())
}

/// Opens a connection, and receives the echo of a message that is longer than the threshold.
async fn open<R: Runtime + Default>(plan: Plan, with: Context) -> Result<OneClient<R>, Failure> {
    let (interval, port) = (plan.ping_interval().as_millis(), plan.port);
    let deflate = match with {
        Context::Off => String::new(),
        Context::Fresh => "&deflate=fresh".to_owned(),
        Context::Bits(bits) => format!("&deflate={bits}"),
    };
    let url = format!("http://127.0.0.1:{port}/?job=idle&ping_interval={interval}{deflate}");
    let mut builder =
        Builder::new(url, Transports::default(), R::default()).transports(["websocket"]);
    if with != Context::Off {
        builder = builder.deflate(Deflate::default());
    }
    let mut client = builder.connect().await?;
    let message = "a message that is compressed, ".repeat(100);
    client.send(&*message).await?;
    match client.recv().await {
        Some(echo) if echo.as_text() == Some(&message) => Ok(client),
        other => Err(format!("expected an echo, received {other:?}").into()),
    }
}
