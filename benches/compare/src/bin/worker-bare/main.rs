//! The least that a message costs: on WebSocket, the underlying library alone, used as documented; on
//! polling, prebuilt requests.

mod polling;

use std::process::ExitCode;

use async_tungstenite::tungstenite::Message as Frame;
use async_tungstenite::{self as library, WebSocketStream};
use engineio_client_compare::{Clock, Failure, Job, Tally, Task, Times, check_done};
use futures::{AsyncRead, AsyncWrite, SinkExt as _, StreamExt as _};

fn main() -> ExitCode {
    engineio_client_compare::main(work)
}

fn work(task: &Task) -> Result<Times, Failure> {
    if task.transport == "polling" {
        return tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(polling::run(task));
    }
    let address = task.address().replacen("http://", "ws://", 1) + "&EIO=4&transport=websocket";
    match task.runtime.as_str() {
        "tokio" => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(async {
                let (socket, _) = library::tokio::connect_async(address).await?;
                run(task, socket).await
            }),
        "smol" => smol::block_on(async {
            let (socket, _) = library::smol::connect_async(address).await?;
            run(task, socket).await
        }),
        "async-std" => async_std::task::block_on(async {
            #[expect(
                deprecated,
                reason = "deprecated like async-std itself, but still measured"
            )]
            let connecting = library::async_std::connect_async(address);
            run(task, connecting.await?.0).await
        }),
        other => Err(format!("unknown runtime {other}").into()),
    }
}

async fn run<S>(task: &Task, mut socket: WebSocketStream<S>) -> Result<Times, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // The open packet.
    next(&mut socket).await?;
    let (text, bytes) = task.contents();
    let message = || {
        // Created for each message, as in a user's program.
        if task.text {
            let mut packet = String::with_capacity(text.len() + 1);
            packet.push('4');
            packet.push_str(&text);
            Frame::text(packet)
        } else {
            Frame::binary(bytes.clone())
        }
    };
    let mut tally = Tally::new(task);
    let clock = Clock::start();
    socket.send(Frame::text("4go")).await?;
    match task.job {
        Job::Receive => {
            for _ in 0..task.count {
                add(&mut tally, next(&mut socket).await?);
            }
        }
        Job::Send => {
            for _ in 0..task.count {
                socket.feed(message()).await?;
            }
            socket.flush().await?;
            let answer = next(&mut socket).await?;
            let times = clock.stop();
            check_done(answer.to_text()?.strip_prefix('4'))?;
            return Ok(times);
        }
        Job::Echo => {
            for _ in 0..task.count {
                socket.send(message()).await?;
                add(&mut tally, next(&mut socket).await?);
            }
        }
    }
    let times = clock.stop();
    tally.check()?;
    Ok(times)
}

async fn next<S>(socket: &mut WebSocketStream<S>) -> Result<Frame, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match socket.next().await {
        Some(frame) => Ok(frame?),
        None => Err("the server has closed the connection".into()),
    }
}

fn add(tally: &mut Tally, frame: Frame) {
    match frame {
        // The length does not include the packet type.
        Frame::Text(text) => tally.add(text.starts_with('4'), text.len() - 1),
        frame => tally.add(false, frame.len()),
    }
}
