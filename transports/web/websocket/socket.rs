//! A `WebSocket` object, and what it calls.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use engineio_client::Text;
use engineio_client::codec::Frame;
use js_sys::{ArrayBuffer, Reflect, Uint8Array};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{BinaryType, CloseEvent, MessageEvent, WebSocket};

use super::inbox::{Inbox, Incoming};

pub(super) type SharedInbox = Arc<Mutex<Inbox>>;

pub(super) fn lock(inbox: &Mutex<Inbox>) -> MutexGuard<'_, Inbox> {
    inbox.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Closes the connection when it is dropped.
pub(super) struct Socket {
    socket: WebSocket,
    /// Whether the memory of this module is shared between threads. A browser refuses to send from such memory.
    is_shared_memory: bool,
    _on_open: Closure<dyn FnMut()>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_close: Closure<dyn FnMut(CloseEvent)>,
}

impl Socket {
    pub(super) fn new(url: &str, inbox: &SharedInbox) -> Result<Self, JsValue> {
        let socket = WebSocket::new(url)?;
        // Before any message can arrive: blobs would have to be read later, and be overtaken by texts.
        socket.set_binary_type(BinaryType::Arraybuffer);
        let on_open = on_open(inbox);
        let on_message = on_message(inbox, &socket);
        let on_close = on_close(inbox);
        socket.set_onopen(Some(on_open.as_ref().unchecked_ref()));
        socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        socket.set_onclose(Some(on_close.as_ref().unchecked_ref()));
        Ok(Self {
            socket,
            is_shared_memory: is_memory_shared(),
            _on_open: on_open,
            _on_message: on_message,
            _on_close: on_close,
        })
    }

    /// Hands a frame to the browser. `buffer` is for the text of the frame.
    pub(super) fn send(&self, frame: Frame<'_>, buffer: &mut String) -> Result<(), JsValue> {
        match frame {
            Frame::Text(kind, text) => {
                buffer.clear();
                buffer.push(char::from(kind));
                buffer.push_str(text);
                self.socket.send_with_str(buffer)
            }
            Frame::Binary(data) if self.is_shared_memory => {
                let copy = Uint8Array::from(data);
                self.socket.send_with_array_buffer(&copy.buffer())
            }
            Frame::Binary(data) => self.socket.send_with_u8_array(data),
        }
    }

    /// Whether what is sent now is not thrown away by the browser.
    pub(super) fn is_open(&self) -> bool {
        self.socket.ready_state() == WebSocket::OPEN
    }

    /// Number of bytes that the browser has taken and not yet written.
    pub(super) fn buffered(&self) -> u32 {
        self.socket.buffered_amount()
    }

    /// Sends a close frame.
    pub(super) fn close(&self) {
        // Fails only for codes and reasons that are not allowed.
        let _ = self.socket.close();
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        self.close();
    }
}

fn on_open(inbox: &SharedInbox) -> Closure<dyn FnMut()> {
    let inbox = Arc::clone(inbox);
    Closure::new(move || lock(&inbox).open())
}

fn on_message(inbox: &SharedInbox, socket: &WebSocket) -> Closure<dyn FnMut(MessageEvent)> {
    let inbox = Arc::clone(inbox);
    let socket = socket.clone();
    Closure::new(move |event: MessageEvent| {
        let data = event.data();
        let incoming = match data.as_string() {
            Some(text) => Incoming::Text(Text::from(text)),
            None => {
                let buffer: ArrayBuffer = data.unchecked_into();
                Incoming::Binary(Bytes::from(Uint8Array::new(&buffer).to_vec()))
            }
        };
        let is_wanted = lock(&inbox).push(incoming);
        if !is_wanted {
            let _ = socket.close();
        }
    })
}

fn on_close(inbox: &SharedInbox) -> Closure<dyn FnMut(CloseEvent)> {
    let inbox = Arc::clone(inbox);
    Closure::new(move |event: CloseEvent| {
        let (code, reason) = (event.code(), event.reason());
        tracing::debug!(code, reason, "close event");
        lock(&inbox).close(code, &reason);
    })
}

fn is_memory_shared() -> bool {
    let buffer = Reflect::get(&wasm_bindgen::memory(), &JsValue::from_str("buffer"));
    buffer.is_ok_and(|buffer| !buffer.is_instance_of::<ArrayBuffer>())
}
