//! A server that dies every second with all its sessions and connections, and starts anew on the same
//! port. It keeps the texts that it receives.

use std::io;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use engineioxide::handler::EngineIoHandler;
use engineioxide::{DisconnectReason, Socket, Str};

use crate::server::serve;

const LIFETIME: Duration = Duration::from_secs(1);

pub(crate) struct MortalServer {
    pub(crate) url: String,
    received: Arc<Mutex<Vec<String>>>,
    stopped: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl MortalServer {
    pub(crate) fn start() -> io::Result<Self> {
        // The listener survives, so that connections wait for the next life.
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let url = format!("http://{}", listener.local_addr()?);
        let received: Arc<Mutex<Vec<String>>> = Arc::default();
        let stopped = Arc::new(AtomicBool::new(false));
        let (log, stop) = (Arc::clone(&received), Arc::clone(&stopped));
        let thread = std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                if let Err(error) = live(&listener, Log(Arc::clone(&log))) {
                    eprintln!("The server cannot start: {error}.");
                    return;
                }
            }
        });
        Ok(Self {
            url,
            received,
            stopped,
            thread,
        })
    }

    /// Stops the server at the end of its current life. Returns every text that it has received.
    pub(crate) fn stop(self) -> Vec<String> {
        self.stopped.store(true, Ordering::Relaxed);
        let _ = self.thread.join();
        std::mem::take(
            &mut *self
                .received
                .lock()
                .expect("no thread panics with the lock"),
        )
    }
}

/// Serves for one life. Dropping the runtime at the end closes every connection.
fn live(listener: &TcpListener, log: Log) -> io::Result<()> {
    let listener = listener.try_clone()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        tokio::spawn(serve(listener, log));
        tokio::time::sleep(LIFETIME).await;
    });
    Ok(())
}

#[derive(Debug)]
struct Log(Arc<Mutex<Vec<String>>>);

impl EngineIoHandler for Log {
    type Data = ();

    fn on_connect(self: Arc<Self>, _: Arc<Socket<()>>) {}

    fn on_disconnect(&self, _: Arc<Socket<()>>, _: DisconnectReason) {}

    fn on_message(self: &Arc<Self>, text: Str, _: Arc<Socket<()>>) {
        let mut received = self.0.lock().expect("no thread panics with the lock");
        received.push(text.to_string());
    }

    fn on_binary(self: &Arc<Self>, _: Bytes, _: Arc<Socket<()>>) {}
}
