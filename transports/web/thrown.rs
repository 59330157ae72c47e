//! Exceptions of the host.

use js_sys::Reflect;
use wasm_bindgen::{JsCast as _, JsValue};

use super::thrown_text::without_secrets;

/// What an exception says, and its cause, which Node and Deno add: `TypeError: Failed to fetch`.
pub(super) fn text(thrown: &JsValue, url: &str) -> String {
    let mut text = own_text(thrown);
    if let Ok(cause) = Reflect::get(thrown, &JsValue::from_str("cause"))
        && cause.is_object()
    {
        text.push_str(": ");
        text.push_str(&own_text(&cause));
    }
    without_secrets(&text, url)
}

fn own_text(thrown: &JsValue) -> String {
    match thrown.dyn_ref::<js_sys::Error>() {
        Some(error) => error.to_string().into(),
        // A `DOMException` is no `Error` on some hosts.
        None => js_sys::Object::from(thrown.clone()).to_string().into(),
    }
}
