//! The client on a JavaScript event loop: a browser's, a worker's, Node's or Deno's.
//!
//! What needs no JavaScript is in `timing`, which is tested on every target.

#[cfg(any(target_os = "unknown", document_web))]
mod event_loop;
#[cfg(any(target_os = "unknown", document_web))]
mod host;
#[cfg(any(target_os = "unknown", document_web))]
mod polite;
#[cfg(any(target_os = "unknown", document_web))]
mod signal;
mod timing;

#[cfg(any(target_os = "unknown", document_web))]
pub use event_loop::Web;
