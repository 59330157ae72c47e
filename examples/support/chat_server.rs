//! The server of the chat example. It reports to all clients who joins and who leaves, and forwards
//! every message to all of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use engineioxide::handler::EngineIoHandler;
use engineioxide::{DisconnectReason, Socket, Str};
use serde::{Deserialize, Serialize};

/// What clients and server send to each other, as JSON: `{"type":"say","name":"Ada","text":"hello"}`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Chat {
    Join { name: String },
    Say { name: String, text: String },
    Leave { name: String },
}

/// Starts the server, and returns its URL.
pub(crate) fn start() -> std::io::Result<String> {
    crate::server::start_with(Room::default())
}

#[derive(Debug, Default)]
struct Room {
    members: Mutex<Vec<Arc<Socket<Name>>>>,
}

/// The name under which a client has joined.
type Name = Mutex<Option<String>>;

impl Room {
    fn members(&self) -> MutexGuard<'_, Vec<Arc<Socket<Name>>>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send_to_all(&self, chat: &Chat) {
        let json = serde_json::to_string(chat).expect("its maps have strings as keys");
        for member in self.members().iter() {
            // `emit` fails when this member is about to leave.
            let _ = member.emit(json.clone());
        }
    }
}

impl EngineIoHandler for Room {
    type Data = Name;

    fn on_connect(self: Arc<Self>, socket: Arc<Socket<Name>>) {
        self.members().push(socket);
    }

    fn on_disconnect(&self, socket: Arc<Socket<Name>>, _: DisconnectReason) {
        self.members().retain(|member| member.id != socket.id);
        if let Ok(mut name) = socket.data.lock()
            && let Some(name) = name.take()
        {
            self.send_to_all(&Chat::Leave { name });
        }
    }

    fn on_message(self: &Arc<Self>, text: Str, socket: Arc<Socket<Name>>) {
        // Anything that is not a chat message is ignored.
        let Ok(chat) = serde_json::from_str(&text) else {
            return;
        };
        if let Chat::Join { name } = &chat
            && let Ok(mut own) = socket.data.lock()
        {
            *own = Some(name.clone());
        }
        self.send_to_all(&chat);
    }

    fn on_binary(self: &Arc<Self>, _: Bytes, _: Arc<Socket<Name>>) {}
}
