//! The least that a message costs: on WebSocket, a library alone, used as documented; on polling, prebuilt
//! requests.

mod fastwebsockets;
mod polling;
mod socket;
mod sockudo;
mod tokio_websockets;
mod tungstenite;

use std::process::ExitCode;

use engineio_client_compare::{
    Clock, Failure, Job, Laps, Tally, Task, Times, at_once, check_done, current_thread, threads,
};

use socket::{Address, Message, Socket};

fn main() -> ExitCode {
    engineio_client_compare::main(work)
}

fn work(task: &Task) -> Result<Times, Failure> {
    let address = Address::new(task)?;
    if task.transport == "polling" {
        return current_thread()?.block_on(polling::run(task, &address));
    }
    match (task.runtime.as_str(), task.library.as_str()) {
        ("tokio" | "tokio-threads", "async-tungstenite") => {
            on_tokio(task, async || tungstenite::on_tokio(&address).await)
        }
        ("tokio", "sockudo-ws") if task.deflate => {
            on_tokio(task, async || sockudo::connect_with_deflate(&address).await)
        }
        (_, library) if task.deflate => Err(format!("{library} has no compression").into()),
        ("tokio" | "tokio-threads", "sockudo-ws") => {
            on_tokio(task, async || sockudo::connect(&address).await)
        }
        ("tokio" | "tokio-threads", "tokio-websockets") => {
            on_tokio(task, async || tokio_websockets::connect(&address).await)
        }
        ("tokio" | "tokio-threads", "fastwebsockets") => {
            on_tokio(task, async || fastwebsockets::connect(&address).await)
        }
        ("smol", "async-tungstenite") => {
            let task = task.clone();
            smol::block_on(smol::spawn(async move {
                run(&task, tungstenite::on_smol(&address).await?).await
            }))
        }
        ("smol-block-on", "async-tungstenite") => {
            smol::block_on(async { run(task, tungstenite::on_smol(&address).await?).await })
        }
        ("async-std", "async-tungstenite") => {
            let task = task.clone();
            async_std::task::block_on(async_std::task::spawn(async move {
                run(&task, tungstenite::on_async_std(&address).await?).await
            }))
        }
        ("async-std-block-on", "async-tungstenite") => async_std::task::block_on(async {
            run(task, tungstenite::on_async_std(&address).await?).await
        }),
        (runtime, library) => Err(format!("unknown: {library} on {runtime}").into()),
    }
}

fn on_tokio<S: Socket>(
    task: &Task,
    connect: impl AsyncFn() -> Result<S, Failure>,
) -> Result<Times, Failure> {
    if task.runtime == "tokio" {
        return current_thread()?.block_on(async { run(task, connect().await?).await });
    }
    threads()?.block_on(at_once(task, connect, |task, socket| async move {
        run(&task, socket).await
    }))
}

async fn run(task: &Task, mut socket: impl Socket) -> Result<Times, Failure> {
    // The open packet.
    socket.next().await?;
    exchange(task, &mut socket).await
}

async fn exchange<S: Socket>(task: &Task, socket: &mut S) -> Result<Times, Failure> {
    let (text, bytes) = task.contents();
    let message = || {
        // Created for each message, as in a user's program.
        if task.text {
            let mut packet = String::with_capacity(text.len() + 1);
            packet.push('4');
            packet.push_str(&text);
            S::Message::text(packet)
        } else {
            S::Message::binary(bytes.clone())
        }
    };
    let mut tally = Tally::new(task);
    let mut laps = Laps::new(task);
    let clock = Clock::start();
    socket.feed(S::Message::text("4go".into())).await?;
    socket.flush().await?;
    match task.job {
        Job::Receive => {
            for _ in 0..task.count {
                add(&mut tally, &socket.next().await?);
            }
        }
        Job::Send => {
            for _ in 0..task.count {
                socket.feed(message()).await?;
            }
            socket.flush().await?;
            let answer = socket.next().await?;
            let times = clock.stop(laps);
            check_done(std::str::from_utf8(answer.contents().1)?.strip_prefix('4'))?;
            return Ok(times);
        }
        Job::Echo => {
            for _ in 0..task.count {
                socket.feed(message()).await?;
                socket.flush().await?;
                add(&mut tally, &socket.next().await?);
                laps.lap();
            }
        }
    }
    let times = clock.stop(laps);
    tally.check()?;
    Ok(times)
}

fn add(tally: &mut Tally, message: &impl Message) {
    match message.contents() {
        // The length does not include the packet type.
        (true, [b'4', text @ ..]) => tally.add(true, text.len()),
        (_, contents) => tally.add(false, contents.len()),
    }
}
