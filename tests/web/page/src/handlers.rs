//! Handlers in a page.

use std::cell::RefCell;
use std::rc::Rc;

use engineio_client::{Handle, Message};
use serde_json::json;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::failure::{Checked, failure, thrown};
use crate::messages::message;
use crate::options::Options;
use crate::report;

#[derive(Default)]
struct Seen {
    calls: Vec<String>,
    messages: Vec<Message>,
}

/// Not `Send`, which handlers need not be in a browser.
type Shared = Rc<RefCell<Seen>>;

fn with<O>(seen: &Shared, change: impl FnOnce(&mut Seen) -> O) -> O {
    change(&mut seen.borrow_mut())
}

/// A session whose messages are sent and received by handlers alone. It closes when all `count` echoes are there.
#[wasm_bindgen]
pub async fn by_handlers(options: String, count: u32) -> Checked<String> {
    let seen = Shared::default();
    let client = Options::read(&options)?
        .builder()
        .on_connect_with(Rc::clone(&seen), move |seen, handle: Handle| {
            with(&seen, |seen| seen.calls.push("connect".to_owned()));
            async move {
                for number in 0..count {
                    handle.send(message(number)).await?;
                }
                Ok(())
            }
        })
        .on_upgrade_with(Rc::clone(&seen), |seen, _handle, transport| {
            with(&seen, |seen| {
                seen.calls.push(format!("upgrade {transport}"))
            });
        })
        .on_message_with(Rc::clone(&seen), move |seen, handle: Handle, message| {
            let length = with(&seen, |seen| {
                seen.messages.push(message);
                seen.messages.len()
            });
            async move {
                if length == count as usize {
                    handle.upgraded().await?;
                    handle.close();
                }
                Ok(())
            }
        })
        .on_disconnect_with(Rc::clone(&seen), |seen, _handle, _closed| {
            with(&seen, |seen| seen.calls.push("disconnect".to_owned()));
        })
        .connect()
        .await
        .map_err(thrown)?;
    let closed = client.wait().await;
    with(&seen, |seen| check(&seen.messages, count))?;
    let calls = with(&seen, |seen| seen.calls.clone());
    Ok(json!({ "calls": calls, "closed": report::closed(&closed) }).to_string())
}

fn check(received: &[Message], count: u32) -> Checked<()> {
    let expected: Vec<Message> = (0..count).map(message).collect();
    if received != expected {
        let got = received.len();
        return Err(failure(format!(
            "the handler got {got} messages, which are not the {count} that were sent"
        )));
    }
    Ok(())
}
