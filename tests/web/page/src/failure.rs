//! Errors that are thrown to the driver.

use engineio_client::Error;
use wasm_bindgen::JsError;

pub type Checked<T> = Result<T, JsError>;

pub fn failure(message: impl AsRef<str>) -> JsError {
    JsError::new(message.as_ref())
}

/// Throws an error of the library with its kind and its causes.
pub fn thrown(error: Error) -> JsError {
    failure(format!("{:?}: {}", error.kind(), error.report()))
}
