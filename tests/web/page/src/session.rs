//! A client that the driver leads step by step.

use std::cell::RefCell;

use engineio_client::web::Client;
use engineio_client::{Handle, Message};
use js_sys::Uint8Array;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::failure::{Checked, failure, thrown};
use crate::messages::{message, shown};
use crate::options::Options;
use crate::report;

/// JavaScript's `free` drops the client.
#[wasm_bindgen]
pub struct Session {
    handle: Handle,
    /// `None` while a call receives.
    client: RefCell<Option<Client>>,
}

/// Connects, and returns the error, which is expected.
#[wasm_bindgen]
pub async fn refused(options: String) -> Checked<String> {
    match Options::read(&options)?.builder().connect().await {
        Ok(client) => {
            let transport = client.transport();
            client.disconnect().await;
            let message = format!("the session opened ({transport:?}), and should not have");
            Err(failure(message))
        }
        Err(error) => Ok(report::error(&error).to_string()),
    }
}

#[wasm_bindgen]
impl Session {
    /// Opens a session.
    pub async fn open(options: String) -> Checked<Session> {
        let builder = Options::read(&options)?.builder();
        Ok(Self::new(builder.connect().await.map_err(thrown)?))
    }

    /// Opens a session, and returns before it is open.
    pub fn start(options: String) -> Checked<Session> {
        let builder = Options::read(&options)?.builder();
        Ok(Self::new(builder.start().map_err(thrown)?))
    }

    fn new(client: Client) -> Self {
        Self {
            handle: client.handle(),
            client: RefCell::new(Some(client)),
        }
    }

    pub async fn opened(&self) -> Checked<()> {
        self.handle.opened().await.map_err(thrown)?;
        Ok(())
    }

    pub async fn upgraded(&self) -> Checked<String> {
        Ok(self.handle.upgraded().await.map_err(thrown)?.to_owned())
    }

    pub fn transport(&self) -> Option<String> {
        self.handle.transport().map(str::to_owned)
    }

    pub fn sid(&self) -> Option<String> {
        self.handle.sid()
    }

    pub async fn send(&self, text: String) -> Checked<()> {
        let sent = self.handle.send(text).await;
        sent.map_err(|refused| thrown(refused.error))
    }

    /// Sends the numbered messages from `first` on.
    pub async fn send_numbered(&self, first: u32, count: u32) -> Checked<()> {
        for number in first..first + count {
            let sent = self.handle.send(message(number)).await;
            sent.map_err(|refused| thrown(refused.error))?;
        }
        Ok(())
    }

    /// Whether a message of this many bytes finds room in the outbox at once.
    pub fn try_send_bytes(&self, length: usize) -> bool {
        self.handle.try_send(vec![7_u8; length]).is_ok()
    }

    pub async fn flush(&self) -> Checked<()> {
        self.handle.flush().await.map_err(thrown)
    }

    pub async fn confirm(&self) -> Checked<()> {
        self.handle.confirm().await.map_err(thrown)
    }

    /// The next message: a string, a `Uint8Array`, or `undefined` after the end.
    pub async fn recv(&self) -> Checked<JsValue> {
        let mut client = self.take()?;
        let received = client.recv().await;
        self.client.replace(Some(client));
        Ok(match received {
            None => JsValue::UNDEFINED,
            Some(Message::Text(text)) => JsValue::from_str(&text),
            Some(Message::Binary(data)) => Uint8Array::from(&*data).into(),
        })
    }

    /// Receives the numbered messages from `first` on, and throws at the first one that is not the right one.
    pub async fn recv_numbered(&self, first: u32, count: u32) -> Checked<()> {
        let mut client = self.take()?;
        let mut checked = Ok(());
        for number in first..first + count {
            let received = client.recv().await;
            if received.as_ref() != Some(&message(number)) {
                let got = received.as_ref().map(shown);
                checked = Err(failure(format!("message {number} is {got:?}")));
                break;
            }
        }
        self.client.replace(Some(client));
        checked
    }

    /// The next event as JSON, or `undefined` after the end.
    pub async fn event(&self) -> Checked<Option<String>> {
        let mut client = self.take()?;
        let event = client.next_event().await;
        self.client.replace(Some(client));
        Ok(event.map(|event| report::event(&event).to_string()))
    }

    fn take(&self) -> Checked<Client> {
        let client = self.client.take();
        client.ok_or_else(|| failure("the test receives twice at the same time"))
    }

    /// How the session ended, as JSON.
    pub async fn wait(&self) -> String {
        report::closed(&self.handle.wait().await).to_string()
    }

    /// Closes the session, and returns how it ended as JSON.
    pub async fn disconnect(&self) -> String {
        report::closed(&self.handle.disconnect().await).to_string()
    }

    pub fn reconnect_now(&self) {
        self.handle.reconnect_now();
    }
}
