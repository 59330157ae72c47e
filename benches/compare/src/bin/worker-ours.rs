//! The worker for this library, with each of its interfaces and runtimes, used as documented: with
//! default settings, so that all limits and back-pressure are in force.

use std::process::ExitCode;

use engineio_client::transports::{Deflate, Transports};
use engineio_client::{
    AsyncStd, Builder, Client, Event, Message, Receipts, Runtime, Smol, Tokio, blocking,
};
use engineio_client_compare::{
    Clock, Failure, Job, Laps, Tally, Task, Times, at_once, check_done, current_thread, threads,
};
use futures::StreamExt as _;
use futures::channel::oneshot;

fn main() -> ExitCode {
    engineio_client_compare::main(work)
}

fn work(task: &Task) -> Result<Times, Failure> {
    if task.api == "blocking" {
        return run_blocking(task);
    }
    match task.runtime.as_str() {
        "tokio" => current_thread()?.block_on(async { run(task, Tokio::current()?).await }),
        "tokio-threads" => threads()?.block_on(async {
            let runtime = Tokio::current()?;
            let connect = async || Ok(builder(task, runtime.clone()).connect().await?);
            at_once(task, connect, |task, client| async move {
                read(&task, client, async |client| client.recv().await).await
            })
            .await
        }),
        "smol" => {
            let task = task.clone();
            smol::block_on(smol::spawn(async move { run(&task, Smol::new()).await }))
        }
        "smol-block-on" => smol::block_on(run(task, Smol::new())),
        "async-std" => {
            let task = task.clone();
            let job = async_std::task::spawn(async move { run(&task, AsyncStd::new()).await });
            async_std::task::block_on(job)
        }
        "async-std-block-on" => async_std::task::block_on(run(task, AsyncStd::new())),
        other => Err(format!("unknown runtime {other}").into()),
    }
}

fn builder<R: Runtime>(task: &Task, runtime: R) -> Builder<Transports, R> {
    let builder = Builder::new(task.address(), Transports::default(), runtime);
    set_up(task, builder)
}

fn set_up<R: Runtime, M>(
    task: &Task,
    builder: Builder<Transports, R, M>,
) -> Builder<Transports, R, M> {
    let mut builder = builder.transports([task.transport.as_str()]);
    if task.deflate {
        let deflate = Deflate::default()
            .threshold(100)
            .client_context_takeover(false)
            .server_context_takeover(false);
        builder = builder.deflate(deflate);
    }
    match task.packets_per_post {
        Some(packets) => builder.packets_per_post(packets),
        None => builder,
    }
}

/// The contents from which each message is created, as in the bare client.
struct Contents {
    is_text: bool,
    text: String,
    bytes: Vec<u8>,
}

impl Contents {
    fn new(task: &Task) -> Self {
        let (text, bytes) = task.contents();
        Self {
            is_text: task.text,
            text,
            bytes,
        }
    }

    fn message(&self) -> Message {
        if self.is_text {
            Message::from(self.text.as_str())
        } else {
            Message::from(self.bytes.as_slice())
        }
    }
}

fn add(tally: &mut Tally, message: &Message) {
    tally.add(message.as_text().is_some(), message.len());
}

async fn run<R: Runtime>(task: &Task, runtime: R) -> Result<Times, Failure> {
    let builder = builder(task, runtime);
    match task.api.as_str() {
        "receipts" => {
            let client = builder.receipts(Receipts::new()).connect().await?;
            read(task, client, async |client| client.recv().await).await
        }
        "recv" => {
            let client = builder.connect().await?;
            read(task, client, async |client| client.recv().await).await
        }
        "stream" => {
            let client = builder.connect().await?;
            read(task, client, async |client| {
                loop {
                    if let Event::Message(message) = client.next().await? {
                        return Some(message);
                    }
                }
            })
            .await
        }
        "handlers" => handle(task, builder).await,
        _ => Err(task.wrong_api()),
    }
}

async fn read<R: Runtime>(
    task: &Task,
    mut client: Client<Transports, R>,
    next: impl AsyncFn(&mut Client<Transports, R>) -> Option<Message>,
) -> Result<Times, Failure> {
    let contents = Contents::new(task);
    let mut tally = Tally::new(task);
    let mut laps = Laps::new(task);
    let clock = Clock::start();
    client.send("go").await?;
    match task.job {
        Job::Receive => {
            while tally.count() < task.count {
                let Some(message) = next(&mut client).await else {
                    return Err(tally.lost(task, client.wait().await));
                };
                add(&mut tally, &message);
            }
        }
        Job::Send => {
            for _ in 0..task.count {
                client.send(contents.message()).await?;
            }
            let answer = next(&mut client).await;
            let times = clock.stop(laps);
            check_done(answer.as_ref().and_then(Message::as_text))?;
            return Ok(times);
        }
        Job::Echo => {
            while tally.count() < task.count {
                client.send(contents.message()).await?;
                let Some(message) = next(&mut client).await else {
                    return Err(tally.lost(task, client.wait().await));
                };
                add(&mut tally, &message);
                laps.lap();
            }
        }
    }
    let times = clock.stop(laps);
    tally.check()?;
    Ok(times)
}

/// Result of the job from the handler: the tally, the times of echoes, and for `send` the server's answer.
type End = (Tally, Laps, Option<Message>);

async fn handle<R: Runtime>(
    task: &Task,
    builder: Builder<Transports, R>,
) -> Result<Times, Failure> {
    let (sender, end) = oneshot::channel::<End>();
    let mut sender = Some(sender);
    let contents = Contents::new(task);
    let mut tally = Tally::new(task);
    let mut laps = Laps::new(task);
    let (job, count) = (task.job, task.count);
    let client = builder
        .on_message(move |handle, message| {
            let mut answer = None;
            if job == Job::Send {
                answer = Some(message);
            } else {
                add(&mut tally, &message);
                if job == Job::Echo {
                    laps.lap();
                }
                if job == Job::Echo && tally.count() < count {
                    // The outbox has room, since one message is in flight at a time.
                    handle.try_send(contents.message())?;
                }
            }
            if (answer.is_some() || tally.count() == count)
                && let Some(sender) = sender.take()
            {
                let _ = sender.send((tally.clone(), laps.clone(), answer));
            }
            Ok(())
        })
        .connect()
        .await?;
    let contents = Contents::new(task);
    let clock = Clock::start();
    client.send("go").await?;
    match job {
        Job::Receive => {}
        Job::Echo => client.send(contents.message()).await?,
        Job::Send => {
            for _ in 0..count {
                client.send(contents.message()).await?;
            }
        }
    }
    let end = end.await;
    let Ok((tally, laps, answer)) = end else {
        return Err(format!("loses data: {}", client.wait().await).into());
    };
    let times = clock.stop(laps);
    if job == Job::Send {
        check_done(answer.as_ref().and_then(Message::as_text))?;
    }
    tally.check()?;
    Ok(times)
}

fn run_blocking(task: &Task) -> Result<Times, Failure> {
    let mut client = set_up(task, blocking::Client::builder(task.address())).connect()?;
    let contents = Contents::new(task);
    let mut tally = Tally::new(task);
    let mut laps = Laps::new(task);
    let clock = Clock::start();
    client.send("go")?;
    match task.job {
        Job::Receive => {
            while tally.count() < task.count {
                let Some(message) = client.recv() else {
                    return Err(tally.lost(task, client.wait()));
                };
                add(&mut tally, &message);
            }
        }
        Job::Send => {
            for _ in 0..task.count {
                client.send(contents.message())?;
            }
            let answer = client.recv();
            let times = clock.stop(laps);
            check_done(answer.as_ref().and_then(Message::as_text))?;
            return Ok(times);
        }
        Job::Echo => {
            while tally.count() < task.count {
                client.send(contents.message())?;
                let Some(message) = client.recv() else {
                    return Err(tally.lost(task, client.wait()));
                };
                add(&mut tally, &message);
                laps.lap();
            }
        }
    }
    let times = clock.stop(laps);
    tally.check()?;
    Ok(times)
}
