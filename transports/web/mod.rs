//! Transports over what a browser offers: [`Fetch`] sends the requests of polling, and [`WebSocket`] uses the
//! browser's own.
//!
//! On `wasm32-unknown-unknown` with the feature `web`, the default list
//! ([`Transports::default`](super::Transports::default)) consists of these, so a program rarely names them. They also work in
//! workers, in Node (from version 22 on; earlier ones have no `WebSocket`) and in Deno.
//!
//! # What differs in a browser
//!
//! - **Errors say less.** A browser hides from a page why a connection failed: a wrong port, a server that is down, a
//!   refused certificate and a server that does not allow the page's origin look the same. The developer tools
//!   of the browser show the cause. An HTTP status is known only if the response allows the page's origin, and the
//!   status of a refused WebSocket never.
//! - **The server must allow the page's origin** (CORS), unless the page comes from the server itself. Node's
//!   `engine.io` has the option `cors`, python-engineio `cors_allowed_origins`. A header of yours, such as `Authorization`,
//!   makes the browser ask the server first (a preflight request), so the server must allow the header, too.
//! - **The browser keeps the cookies.** [`Fetch::credentials`] says when it sends them. A [jar](crate::cookies) stays empty.
//! - **A browser reads on** when nobody takes the messages: see [`WebSocket::max_waiting`].
//! - **A message may arrive twice on polling.** If a kept connection ends before a response has begun, Chromium sends the
//!   request again, even a POST, and the page does not learn of it.
//! - **Redirects are an error**, since a browser shows no `Location`. Connect to the final URL.
//! - TLS, proxies, name resolution and compression are the browser's, without settings of ours.
//!
//! # What became of messages
//!
//! The counts of [`Closed`](crate::Closed) mean the same as elsewhere, as far as a browser tells:
//!
//! - A message sent over a WebSocket counts as sent, and is no longer *unsent*, when the browser has taken it and
//!   holds at most 128 KiB of this and earlier messages. Until then its batch is *uncertain* if the session ends. What the
//!   browser still holds when a connection fails is lost, and counts as unconfirmed.
//! - A browser's WebSocket sends no ping frames, so [`Confirms::Never`](crate::Confirms): receipts confirm nothing on it.
//! - On polling, messages are confirmed as elsewhere, [by polls](crate::Confirms::ByPoll). A browser does not report when it has
//!   sent a poll, so the time that a poll must stay unanswered counts from the call of `fetch`.
//! - A dropped WebSocket sends a close frame, because a browser cannot end a connection in any other way. A dropped
//!   request is aborted.

#[cfg(all(feature = "polling", any(target_os = "unknown", document_web)))]
mod fetch;
#[cfg(any(target_os = "unknown", document_web))]
mod thrown;
mod thrown_text;
#[cfg(feature = "websocket")]
mod websocket;

#[cfg(all(feature = "polling", any(target_os = "unknown", document_web)))]
pub use self::fetch::{Credentials, Fetch};
#[cfg(all(feature = "websocket", any(target_os = "unknown", document_web)))]
pub use self::websocket::WebSocket;
