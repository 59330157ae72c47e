//! Packets, and the messages in them.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind};
pub use crate::text::Text;

/// What a user sends and receives: a text or binary data, and it arrives as what it was sent.
///
/// ```
/// use engineio_client::Message;
///
/// let text = Message::from("hello");
/// let binary = Message::from(vec![1, 2, 3]);
/// assert_eq!(text.as_text(), Some("hello"));
/// assert_eq!(binary.len(), 3);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the protocol knows these two, and a match should need no third arm"
)]
pub enum Message {
    /// A text.
    Text(Text),
    /// Binary data.
    Binary(Bytes),
}

impl Message {
    /// Its length in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(data) => data.len(),
        }
    }

    /// Whether it holds nothing (which is a message too).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text, unless it is binary.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// The data, unless it is text.
    pub fn as_binary(&self) -> Option<&Bytes> {
        match self {
            Self::Text(_) => None,
            Self::Binary(data) => Some(data),
        }
    }
}

impl Message {
    /// A text message that holds a value as JSON.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] for a value that can't be JSON: a map whose keys are not texts, say.
    ///
    /// ```
    /// use engineio_client::Message;
    ///
    /// let message = Message::from_json(&vec![1, 2, 3])?;
    /// assert_eq!(message.as_text(), Some("[1,2,3]"));
    /// # Ok::<(), engineio_client::Error>(())
    /// ```
    pub fn from_json<V: Serialize + ?Sized>(value: &V) -> Result<Self, Error> {
        serde_json::to_string(value)
            .map(Self::from)
            .map_err(|error| {
                Error::new(ErrorKind::Invalid, "the value can't be JSON").with_source(error)
            })
    }

    /// What the message says in JSON: a text, or binary data that is JSON in UTF-8.
    ///
    /// The message itself is what the server sent, whether it looks like JSON or not.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] when it is not JSON, or not of this type. Neither the error nor its
    /// causes repeat the message, but for a word at most where it does not fit the type.
    ///
    /// ```
    /// use engineio_client::Message;
    ///
    /// let numbers: Vec<u8> = Message::from("[1, 2, 3]").json()?;
    /// assert_eq!(numbers, [1, 2, 3]);
    /// assert!(Message::from("hello").json::<Vec<u8>>().is_err());
    /// # Ok::<(), engineio_client::Error>(())
    /// ```
    pub fn json<V: DeserializeOwned>(&self) -> Result<V, Error> {
        let value = match self {
            Self::Text(text) => serde_json::from_str(text),
            Self::Binary(data) => serde_json::from_slice(data),
        };
        value.map_err(|error| {
            Error::new(ErrorKind::Invalid, "the message is not the JSON awaited").with_source(error)
        })
    }
}

impl From<Text> for Message {
    fn from(text: Text) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<&String> for Message {
    fn from(text: &String) -> Self {
        Self::Text(text.into())
    }
}

impl From<Bytes> for Message {
    fn from(data: Bytes) -> Self {
        Self::Binary(data)
    }
}

impl From<Vec<u8>> for Message {
    fn from(data: Vec<u8>) -> Self {
        Self::Binary(data.into())
    }
}

impl From<&[u8]> for Message {
    fn from(data: &[u8]) -> Self {
        Self::Binary(Bytes::copy_from_slice(data))
    }
}

impl<const N: usize> From<&[u8; N]> for Message {
    fn from(data: &[u8; N]) -> Self {
        Self::Binary(Bytes::copy_from_slice(data))
    }
}

/// One packet of the protocol, as a transport carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "protocol 4 has these seven; a transport must handle each"
)]
pub enum Packet {
    /// `0`, with the handshake in JSON, which is not looked into here.
    Open(Text),
    /// `1`. A transport with a goodbye of its own (websocket's close frame) receives it as this.
    Close,
    /// `2`, from the server; with `probe` from the client.
    Ping(Text),
    /// `3`, with the data of the ping that it answers.
    Pong(Text),
    /// `4`, or binary data.
    Message(Message),
    /// `5`
    Upgrade,
    /// `6`
    Noop,
}

impl Packet {
    /// What an error calls it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Open(_) => "an open packet",
            Self::Close => "a close packet",
            Self::Ping(_) => "a ping",
            Self::Pong(_) => "a pong",
            Self::Message(_) => "a message",
            Self::Upgrade => "an upgrade packet",
            Self::Noop => "a noop",
        }
    }
}

/// What the server says of a session when it opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Handshake {
    /// The session's id.
    pub sid: String,
    /// The transports that the server offers to upgrade to.
    pub upgrades: Vec<String>,
    /// How often the server pings.
    pub ping_interval: std::time::Duration,
    /// How long the server waits for the pong, and this client beyond the interval for the ping.
    pub ping_timeout: std::time::Duration,
    /// The most bytes in a body that the server takes by polling; `None` is no limit.
    pub max_payload: Option<u64>,
}

/// What is longer than this is cut to it, so that no sum of times can overflow.
const YEAR_MS: f64 = 365.0 * 24.0 * 3600.0 * 1000.0;

impl Handshake {
    /// Reads what an open packet holds.
    ///
    /// `sid` is a string, not empty. `pingInterval` and `pingTimeout` are milliseconds, as numbers
    /// or strings of digits (some servers send those), not both zero, and cut to one year.
    /// `upgrades` may be absent; what in it is no string is ignored. `maxPayload` is a number or a
    /// string of digits, too; absent or zero it is no limit. `null` counts as absent in every field: it
    /// is what JSON makes of an infinite number (Node's `maxHttpBufferSize: Infinity`). Unknown fields are
    /// ignored.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Handshake`], naming the field that is wrong.
    ///
    /// ```
    /// use engineio_client::Handshake;
    ///
    /// let handshake = Handshake::parse(r#"{"sid":"a","pingInterval":25000,"pingTimeout":20000}"#)?;
    /// assert_eq!(handshake.sid, "a");
    /// assert_eq!(handshake.ping_interval.as_secs(), 25);
    /// # Ok::<(), engineio_client::Error>(())
    /// ```
    pub fn parse(json: &str) -> Result<Self, Error> {
        use serde_json::Value;
        let value: Value = serde_json::from_str(json).map_err(|error| {
            Error::new(ErrorKind::Handshake, "the open packet is not JSON").with_source(error)
        })?;
        let Value::Object(mut fields) = value else {
            return Err(Error::new(
                ErrorKind::Handshake,
                "the open packet is not a JSON object",
            ));
        };
        fields.retain(|_, value| !value.is_null());
        let sid = match fields.get("sid") {
            Some(Value::String(sid)) if !sid.is_empty() => sid.clone(),
            other => return Err(wrong("sid", "a string that is not empty", other)),
        };
        let ping_interval = milliseconds("pingInterval", fields.get("pingInterval"))?;
        let ping_timeout = milliseconds("pingTimeout", fields.get("pingTimeout"))?;
        if ping_interval.saturating_add(ping_timeout).is_zero() {
            return Err(Error::new(
                ErrorKind::Handshake,
                "pingInterval and pingTimeout in the open packet are both zero",
            ));
        }
        let upgrades = match fields.get("upgrades") {
            None => Vec::new(),
            Some(Value::Array(names)) => names
                .iter()
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect(),
            other => return Err(wrong("upgrades", "an array", other)),
        };
        let max_payload = match fields.get("maxPayload") {
            None => None,
            told => {
                let expected = "a number that is not negative";
                let bytes = number(told).ok_or_else(|| wrong("maxPayload", expected, told))?;
                // A float beyond u64 saturates, which is as good as no limit.
                Some(bytes as u64).filter(|&bytes| bytes > 0)
            }
        };
        Ok(Self {
            sid,
            upgrades,
            ping_interval,
            ping_timeout,
            max_payload,
        })
    }
}

/// A number that is not negative, or a string of digits.
fn number(value: Option<&serde_json::Value>) -> Option<f64> {
    use serde_json::Value;
    let number = match value? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => {
            text.parse().ok()
        }
        _ => None,
    };
    number.filter(|number| *number >= 0.0)
}

fn milliseconds(
    field: &'static str,
    value: Option<&serde_json::Value>,
) -> Result<std::time::Duration, Error> {
    match number(value) {
        Some(ms) => {
            let whole = ms.min(YEAR_MS).round() as u64;
            Ok(std::time::Duration::from_millis(whole))
        }
        _ => Err(wrong(
            field,
            "a number of milliseconds that is not negative",
            value,
        )),
    }
}

fn wrong(field: &str, wanted: &str, found: Option<&serde_json::Value>) -> Error {
    use serde_json::Value;
    let found = match found {
        None => "is absent",
        Some(Value::Null) => "is null",
        Some(Value::Bool(_)) => "is a boolean",
        Some(Value::Number(_)) => "is another number",
        Some(Value::String(_)) => "is another string",
        Some(Value::Array(_)) => "is an array",
        Some(Value::Object(_)) => "is an object",
    };
    Error::new(
        ErrorKind::Handshake,
        format!("{field} in the open packet {found}, not {wanted}"),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn parse(json: &str) -> Result<Handshake, String> {
        Handshake::parse(json).map_err(|error| {
            assert_eq!(error.kind(), ErrorKind::Handshake);
            error.to_string()
        })
    }

    #[test]
    fn a_handshake_as_servers_send_it() {
        // protocol: test-suite.js:60; engine.io: server.js:523; python-engineio:
        // test_polling_connection_successful
        let handshake = parse(
            r#"{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#,
        )
        .unwrap();
        assert_eq!(handshake.sid, "lv_VI97HAXpY6yYWAAAC");
        assert_eq!(handshake.upgrades, ["websocket"]);
        assert_eq!(handshake.ping_interval, Duration::from_secs(25));
        assert_eq!(handshake.ping_timeout, Duration::from_secs(20));
        assert_eq!(handshake.max_payload, Some(1_000_000));
    }

    #[test]
    fn what_may_be_absent_odd_or_unknown() {
        let handshake =
            parse(r#"{"sid":"a","pingInterval":"300","pingTimeout":0.6,"upgrades":[1,"x",null],"maxPayload":0,"new":{}}"#)
                .unwrap();
        assert_eq!(handshake.upgrades, ["x"]);
        assert_eq!(handshake.ping_interval, Duration::from_millis(300));
        assert_eq!(handshake.ping_timeout, Duration::from_millis(1));
        assert_eq!(handshake.max_payload, None);
        let long =
            parse(r#"{"sid":"a","pingInterval":1e300,"pingTimeout":"99999999999999999999999"}"#)
                .unwrap();
        assert_eq!(long.ping_interval, Duration::from_secs(365 * 24 * 3600));
        assert_eq!(long.ping_timeout, Duration::from_secs(365 * 24 * 3600));
        let most = |json: &str| {
            let open =
                format!(r#"{{"sid":"a","pingInterval":1,"pingTimeout":1,"maxPayload":{json}}}"#);
            parse(&open).unwrap().max_payload
        };
        assert_eq!(most("1e300"), Some(u64::MAX));
        assert_eq!(most("100.5"), Some(100));
    }

    /// `{"maxPayload":null}` is what Node's server makes of `maxHttpBufferSize: Infinity`.
    #[test]
    fn r1_null_is_as_if_absent_and_a_payload_limit_may_be_a_string() {
        let handshake = parse(
            r#"{"sid":"a","upgrades":null,"pingInterval":25000,"pingTimeout":20000,"maxPayload":null}"#,
        )
        .unwrap();
        assert_eq!(handshake.max_payload, None);
        assert!(handshake.upgrades.is_empty());
        let times = r#"{"sid":"a","pingInterval":1,"pingTimeout":1"#;
        for (json, most) in [
            ("\"1000000\"", Some(1_000_000)),
            ("\"0\"", None),
            ("null", None),
        ] {
            let handshake = parse(&format!("{times},\"maxPayload\":{json}}}")).unwrap();
            assert_eq!(handshake.max_payload, most, "{json}");
        }
        for (json, named) in [
            (r#"{"sid":null,"pingInterval":1,"pingTimeout":1}"#, "sid"),
            (
                r#"{"sid":"a","pingInterval":null,"pingTimeout":1}"#,
                "pingInterval",
            ),
            (
                r#"{"sid":"a","pingInterval":1,"pingTimeout":null}"#,
                "pingTimeout",
            ),
            (
                r#"{"sid":"a","pingInterval":1,"pingTimeout":1,"maxPayload":"1.5"}"#,
                "maxPayload",
            ),
            (
                r#"{"sid":"a","pingInterval":1,"pingTimeout":1,"maxPayload":-1}"#,
                "maxPayload",
            ),
            (
                r#"{"sid":"a","pingInterval":1,"pingTimeout":1,"maxPayload":[]}"#,
                "maxPayload",
            ),
        ] {
            let error = parse(json).unwrap_err();
            assert!(error.contains(named), "{json}: {error}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (json, named) in [
            ("", "JSON"),
            ("{", "JSON"),
            ("[]", "JSON object"),
            ("null", "JSON object"),
            ("{}", "sid"),
            (r#"{"sid":""}"#, "sid"),
            (r#"{"sid":7}"#, "sid"),
            (r#"{"sid":"a"}"#, "pingInterval"),
            (
                r#"{"sid":"a","pingInterval":-1,"pingTimeout":1}"#,
                "pingInterval",
            ),
            (r#"{"sid":"a","pingInterval":NaN,"pingTimeout":1}"#, "JSON"),
            (
                r#"{"sid":"a","pingInterval":"1.5","pingTimeout":1}"#,
                "pingInterval",
            ),
            (
                r#"{"sid":"a","pingInterval":"","pingTimeout":1}"#,
                "pingInterval",
            ),
            (
                r#"{"sid":"a","pingInterval":1,"pingTimeout":null}"#,
                "pingTimeout",
            ),
            (
                r#"{"sid":"a","pingInterval":1,"pingTimeout":[1]}"#,
                "pingTimeout",
            ),
            (
                r#"{"sid":"a","pingInterval":0,"pingTimeout":0}"#,
                "both zero",
            ),
            (
                r#"{"sid":"a","pingInterval":1,"pingTimeout":1,"upgrades":"websocket"}"#,
                "upgrades",
            ),
            (
                r#"{"sid":"a","pingInterval":1,"pingTimeout":1,"maxPayload":-5}"#,
                "maxPayload",
            ),
            (
                r#"{"sid":"a","pingInterval":1,"pingTimeout":1,"maxPayload":"five"}"#,
                "maxPayload",
            ),
        ] {
            let error = parse(json).expect_err(json);
            assert!(error.contains(named), "{json}: {error}");
        }
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(parse(&deep).is_err());
    }
}
