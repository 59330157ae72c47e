//! A connection that lasts: the server dies each second, and every message arrives all the same.
//!
//!     cargo run --example reconnect

use std::collections::BTreeSet;
use std::error::Error;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use engineio_client::{Event, Message, Reconnect, Resend};
use engineioxide::handler::EngineIoHandler;
use engineioxide::service::EngineIoService;
use engineioxide::{DisconnectReason, Socket, Str};
use futures::StreamExt as _;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;

const MESSAGES: usize = 400;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = Server::start()?;
    let reconnect = Reconnect::new()
        .delay(Duration::from_millis(50))
        // What is not known to have arrived is sent again in the next session.
        .resend(Resend::Unconfirmed)
        // What each session hears first, and once.
        .greeting(async |connected| vec![Message::from(format!("log-in {}", connected.session))]);
    let mut client = engineio_client::tokio::Client::builder(&server.url)
        .reconnect(reconnect)
        .connect()
        .await?;

    let handle = client.handle();
    let sending = client.spawn(async move {
        for number in 0..MESSAGES {
            // It waits for no connection, but where the outbox is full.
            handle.send(number.to_string()).await?;
            handle.sleep(Duration::from_millis(10)).await;
        }
        let confirmed = handle.confirm().await;
        handle.close();
        confirmed.map_err(Box::<dyn Error + Send + Sync>::from)
    });
    while let Some(event) = client.next().await {
        match event {
            Event::Connected(connected) => {
                println!("Session {}, by {}.", connected.session, connected.transport);
            }
            Event::Disconnected(end) => println!(
                "Session {} is over: {}. Of its messages {} are confirmed, {} will go again.",
                end.session,
                end.reason,
                end.confirmed,
                end.unconfirmed + end.uncertain + end.unsent
            ),
            Event::Reconnecting(next) => {
                println!("Attempt {} follows in {:?}.", next.attempt, next.delay);
            }
            Event::GivenUp(given_up) => println!("Given up: {:?}.", given_up.messages),
            _ => {}
        }
    }
    sending.await?.map_err(|error| error.to_string())?;

    let received = server.stop();
    let numbers = received.iter().filter_map(|text| text.parse().ok());
    let distinct: BTreeSet<usize> = numbers.collect();
    let greetings = received
        .iter()
        .filter(|text| text.starts_with("log-in"))
        .count();
    println!(
        "The server got {} of {MESSAGES} messages, {} of them twice, and {greetings} greetings.",
        distinct.len(),
        received.len() - greetings - distinct.len()
    );
    if distinct.len() == MESSAGES {
        Ok(())
    } else {
        Err("messages were lost".into())
    }
}

/// It dies each second with all its sessions, and another takes its place.
struct Server {
    url: String,
    received: Arc<Mutex<Vec<String>>>,
    stopped: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Server {
    fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let url = format!("http://{}", listener.local_addr()?);
        let received = Arc::default();
        let stopped = Arc::new(AtomicBool::new(false));
        let (log, stop) = (Arc::clone(&received), Arc::clone(&stopped));
        let thread = std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime");
                let life = async {
                    tokio::spawn(serve(listener.try_clone(), Arc::clone(&log)));
                    tokio::time::sleep(Duration::from_secs(1)).await;
                };
                // Its sessions and connections go with it.
                runtime.block_on(life);
            }
        });
        Ok(Self {
            url,
            received,
            stopped,
            thread,
        })
    }

    /// Everything that it was sent.
    fn stop(self) -> Vec<String> {
        self.stopped.store(true, Ordering::Relaxed);
        let _ = self.thread.join();
        std::mem::take(&mut *self.received.lock().expect("nothing panics with it"))
    }
}

async fn serve(
    listener: std::io::Result<TcpListener>,
    received: Arc<Mutex<Vec<String>>>,
) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener?)?;
    let service = EngineIoService::new(Arc::new(Log(received)));
    loop {
        let (stream, _) = listener.accept().await?;
        let connection =
            http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone());
        tokio::spawn(connection.with_upgrades());
    }
}

#[derive(Debug)]
struct Log(Arc<Mutex<Vec<String>>>);

impl EngineIoHandler for Log {
    type Data = ();

    fn on_connect(self: Arc<Self>, _: Arc<Socket<()>>) {}

    fn on_disconnect(&self, _: Arc<Socket<()>>, _: DisconnectReason) {}

    fn on_message(self: &Arc<Self>, text: Str, _: Arc<Socket<()>>) {
        let mut received = self.0.lock().expect("nothing panics with it");
        received.push(text.to_string());
    }

    fn on_binary(self: &Arc<Self>, _: Bytes, _: Arc<Socket<()>>) {}
}
