//! The worker for rust_engineio: its async client as a `Stream`, its fastest interface. Its `emit` sends
//! one message at a time. There is no other way to send.

use std::process::ExitCode;

use bytes::Bytes;
use engineio_client_compare::{
    Clock, Failure, Job, Laps, Tally, Task, Times, check_done, current_thread,
};
use futures::StreamExt as _;
use rust_engineio::asynchronous::{Client, ClientBuilder};
use rust_engineio::{Packet, PacketId};

fn main() -> ExitCode {
    engineio_client_compare::main(|task| current_thread()?.block_on(run(task)))
}

async fn run(task: &Task) -> Result<Times, Failure> {
    let builder = ClientBuilder::new(task.address().parse()?);
    let mut client = match task.transport.as_str() {
        "websocket" => builder.build_websocket().await?,
        _ => builder.build_polling().await?,
    };
    client.connect().await?;
    let (text, bytes) = task.contents();
    let message = || {
        // Created for each message, as in a user's program.
        if task.text {
            Packet::new(PacketId::Message, Bytes::from(text.clone()))
        } else {
            Packet::new(PacketId::MessageBinary, Bytes::from(bytes.clone()))
        }
    };
    let mut tally = Tally::new(task);
    let mut laps = Laps::new(task);
    let clock = Clock::start();
    client.emit(Packet::new(PacketId::Message, "go")).await?;
    match task.job {
        Job::Receive => {
            while tally.count() < task.count {
                add(&mut tally, task, next(&mut client).await?);
            }
        }
        Job::Send => {
            for _ in 0..task.count {
                client.emit(message()).await?;
            }
            let answer = next(&mut client).await?;
            let times = clock.stop(laps);
            check_done(std::str::from_utf8(&answer.data).ok())?;
            return Ok(times);
        }
        Job::Echo => {
            while tally.count() < task.count {
                client.emit(message()).await?;
                add(&mut tally, task, next(&mut client).await?);
                laps.lap();
            }
        }
    }
    let times = clock.stop(laps);
    tally.check()?;
    Ok(times)
}

async fn next(client: &mut Client) -> Result<Packet, Failure> {
    loop {
        match client.next().await {
            None => return Err("loses data: the stream has ended".into()),
            Some(packet) => {
                let packet = packet?;
                if let PacketId::Message | PacketId::MessageBinary = packet.packet_id {
                    return Ok(packet);
                }
            }
        }
    }
}

/// On WebSocket the client does not distinguish binary messages from texts, so only the length is
/// checked.
fn add(tally: &mut Tally, task: &Task, packet: Packet) {
    tally.add(task.text, packet.data.len());
}
