//! The chat server.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use engineioxide::handler::EngineIoHandler;
use engineioxide::{DisconnectReason, Socket, Str};

/// Sends every text that it receives to all sessions, also to the one that it came from.
#[derive(Debug, Default)]
pub struct Room {
    members: Mutex<Vec<Arc<Socket<()>>>>,
}

impl Room {
    fn members(&self) -> MutexGuard<'_, Vec<Arc<Socket<()>>>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EngineIoHandler for Room {
    type Data = ();

    fn on_connect(self: Arc<Self>, socket: Arc<Socket<()>>) {
        self.members().push(socket);
    }

    fn on_disconnect(&self, socket: Arc<Socket<()>>, _: DisconnectReason) {
        self.members().retain(|member| member.id != socket.id);
    }

    fn on_message(self: &Arc<Self>, text: Str, _: Arc<Socket<()>>) {
        for member in self.members().iter() {
            // `emit` fails when the session has ended, or when its queue is full.
            let _ = member.emit(text.clone());
        }
    }

    fn on_binary(self: &Arc<Self>, _: Bytes, _: Arc<Socket<()>>) {}
}
