//! Tasks and sleeps of a handle.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use engineio_client::{Runtime as _, Web};
use futures::future::{Either, select};
use serde_json::json;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::failure::{Checked, failure, thrown};
use crate::options::Options;

/// Runs a task that sleeps, aborts another one, and measures both.
#[wasm_bindgen]
pub async fn tasks(options: String, milliseconds: u32) -> Checked<String> {
    let client = Options::read(&options)?
        .builder()
        .connect()
        .await
        .map_err(thrown)?;
    let handle = client.handle();
    let asleep = Duration::from_millis(milliseconds.into());
    let begun = Web::new().now();
    // Neither the task nor its result is `Send`.
    let slept = Rc::new(Cell::new(Duration::ZERO));
    let task = handle.spawn({
        let (handle, slept) = (handle.clone(), Rc::clone(&slept));
        async move {
            handle.sleep(asleep).await;
            slept.set(Web::new().now() - begun);
            slept
        }
    });
    let endless = handle.spawn(std::future::pending::<()>());
    endless.abort();
    let aborted = match endless.await {
        Ok(()) => return Err(failure("a task that never ends has ended")),
        Err(error) => format!("{:?}", error.kind()),
    };
    let slept = task.await.map_err(thrown)?.get();
    client.disconnect().await;
    Ok(json!({ "slept": slept.as_secs_f64() * 1000.0, "aborted": aborted }).to_string())
}

/// Which of two sleeps ends first, in milliseconds. JavaScript's timers keep no more than 2^31-1.
#[wasm_bindgen]
pub async fn race_of_sleeps(options: String, long: f64, short: f64) -> Checked<String> {
    let client = Options::read(&options)?
        .builder()
        .connect()
        .await
        .map_err(thrown)?;
    let sleep = |milliseconds: f64| client.sleep(Duration::from_secs_f64(milliseconds / 1000.0));
    let first = match select(pin!(sleep(long)), pin!(sleep(short))).await {
        Either::Left(_) => "long",
        Either::Right(_) => "short",
    };
    client.disconnect().await;
    Ok(first.to_owned())
}
