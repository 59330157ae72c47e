//! What is offered to the server, and what it accepts (RFC 7692, 7.1).

use super::super::super::shared::deflate::{Deflate, MAX_BITS, MIN_BITS, MIN_CLIENT_BITS};

const EXTENSION: &str = "permessage-deflate";
const CLIENT_NO_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_NO_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_BITS: &str = "client_max_window_bits";
const SERVER_BITS: &str = "server_max_window_bits";

/// The end of each compressed message, which is not sent (RFC 7692, 7.2.1).
pub(super) const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// The parameters of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Agreement {
    pub(super) threshold: usize,
    pub(super) level: u8,
    pub(super) client_bits: u8,
    pub(super) server_bits: u8,
    pub(super) client_takes_over: bool,
    pub(super) server_takes_over: bool,
}

impl Agreement {
    pub(in super::super) fn log(&self) {
        let Self {
            client_bits,
            server_bits,
            client_takes_over,
            server_takes_over,
            ..
        } = self;
        tracing::debug!(
            client_max_window_bits = client_bits,
            server_max_window_bits = server_bits,
            client_context_takeover = client_takes_over,
            server_context_takeover = server_takes_over,
            "messages are compressed"
        );
    }
}

/// The parameters of an answer.
#[derive(Default)]
struct Answer {
    client_no_takeover: bool,
    server_no_takeover: bool,
    client_bits: Option<u8>,
    server_bits: Option<u8>,
}

impl Deflate {
    /// The value of `Sec-WebSocket-Extensions` in the request.
    pub(in super::super) fn offer(&self) -> String {
        let mut offer = EXTENSION.to_owned();
        let mut add = |parameter: &str| {
            offer.push_str("; ");
            offer.push_str(parameter);
        };
        if !self.server_takes_over {
            add(SERVER_NO_TAKEOVER);
        }
        if !self.client_takes_over {
            add(CLIENT_NO_TAKEOVER);
        }
        if self.server_window_bits < MAX_BITS {
            add(&format!("{SERVER_BITS}={}", self.server_window_bits));
        }
        if self.client_window_bits < MAX_BITS {
            add(&format!("{CLIENT_BITS}={}", self.client_window_bits));
        } else {
            // Without a value it says that the server may limit the window.
            add(CLIENT_BITS);
        }
        offer
    }

    /// Checks the extension that the server has selected: an element of the header, such as
    /// `permessage-deflate; server_max_window_bits=10`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, as the predicate of "the response".
    pub(in super::super) fn accept(&self, selected: &[u8]) -> Result<Agreement, String> {
        let mut parts = selected.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
        if parts.next() != Some(EXTENSION.as_bytes()) {
            return Err("selects an extension that was not offered".to_owned());
        }
        let mut answer = Answer::default();
        for part in parts {
            answer.add(part)?;
        }
        self.agree(&answer)
    }

    fn agree(&self, answer: &Answer) -> Result<Agreement, String> {
        if !self.server_takes_over && !answer.server_no_takeover {
            return Err(without(SERVER_NO_TAKEOVER));
        }
        let server_bits = match answer.server_bits {
            None if self.server_window_bits < MAX_BITS => return Err(without(SERVER_BITS)),
            None => MAX_BITS,
            Some(bits) if bits > self.server_window_bits => {
                let most = self.server_window_bits;
                return Err(format!(
                    "selects {EXTENSION} with {SERVER_BITS}={bits}, and {most} was offered"
                ));
            }
            Some(bits) => bits,
        };
        let client_bits = match answer.client_bits {
            None => self.client_window_bits,
            Some(bits) if bits < MIN_CLIENT_BITS => {
                return Err(format!(
                    "demands {CLIENT_BITS}={bits}, and this client compresses with at least {MIN_CLIENT_BITS}"
                ));
            }
            // A server may ignore the value of the offer (RFC 7692, 7.1.2.2).
            Some(bits) => bits.min(self.client_window_bits),
        };
        Ok(Agreement {
            threshold: self.threshold,
            level: self.level,
            client_bits,
            server_bits,
            client_takes_over: self.client_takes_over && !answer.client_no_takeover,
            server_takes_over: !answer.server_no_takeover,
        })
    }
}

impl Answer {
    fn add(&mut self, parameter: &[u8]) -> Result<(), String> {
        let mut sides = parameter.splitn(2, |&byte| byte == b'=');
        let name = sides.next().unwrap_or_default().trim_ascii();
        let value = sides.next().map(|value| unquoted(value.trim_ascii()));
        let wrong = || {
            format!(
                "selects {EXTENSION} with an invalid parameter: \"{}\"",
                parameter
                    .get(..MAX_QUOTED)
                    .unwrap_or(parameter)
                    .escape_ascii()
            )
        };
        let is_twice = match (name, value) {
            (b"client_no_context_takeover", None) => {
                std::mem::replace(&mut self.client_no_takeover, true)
            }
            (b"server_no_context_takeover", None) => {
                std::mem::replace(&mut self.server_no_takeover, true)
            }
            (b"client_max_window_bits", Some(value)) => {
                let bits = window_bits(value).ok_or_else(wrong)?;
                self.client_bits.replace(bits).is_some()
            }
            (b"server_max_window_bits", Some(value)) => {
                let bits = window_bits(value).ok_or_else(wrong)?;
                self.server_bits.replace(bits).is_some()
            }
            _ => return Err(wrong()),
        };
        if is_twice {
            let name = name.escape_ascii();
            return Err(format!("selects {EXTENSION} with {name} twice"));
        }
        Ok(())
    }
}

/// Maximum number of bytes of a parameter that an error quotes.
const MAX_QUOTED: usize = 50;

/// A value may be quoted, and then contains nothing that needs the quotes (RFC 6455, 9.1).
fn unquoted(value: &[u8]) -> &[u8] {
    match value {
        [b'"', value @ .., b'"'] => value,
        value => value,
    }
}

/// A decimal number from 8 to 15 without leading zeros.
fn window_bits(value: &[u8]) -> Option<u8> {
    let bits = match value {
        [digit @ b'8'..=b'9'] => digit.checked_sub(b'0')?,
        [b'1', digit @ b'0'..=b'5'] => digit.checked_sub(b'0')?.checked_add(10)?,
        _ => return None,
    };
    (MIN_BITS..=MAX_BITS).contains(&bits).then_some(bits)
}

fn without(parameter: &str) -> String {
    format!("selects {EXTENSION} without {parameter}, which was asked for")
}
