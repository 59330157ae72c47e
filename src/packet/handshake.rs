//! The server's handshake: the contents of the open packet.

use super::json::Json;
use crate::error::{Error, ErrorKind};

/// The parameters of a session, which the server sends in its open packet.
///
/// ```
/// use engineio_client::Handshake;
///
/// let json = r#"{"sid":"lv_VI97H","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
/// let handshake = Handshake::parse(json)?;
/// assert_eq!(handshake.sid, "lv_VI97H");
/// assert_eq!(handshake.upgrades, ["websocket"]);
/// assert_eq!(handshake.max_payload, Some(1_000_000));
/// # Ok::<(), engineio_client::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Handshake {
    /// The session id.
    pub sid: String,
    /// The transports to which the server can upgrade the session.
    pub upgrades: Vec<String>,
    /// Time between two pings of the server.
    pub ping_interval: std::time::Duration,
    /// Time that the server waits for a pong. The client ends a session in which it has received nothing
    /// for `ping_interval + ping_timeout`.
    pub ping_timeout: std::time::Duration,
    /// Largest body, in bytes, that the server accepts on polling. `None` means that it announced no
    /// limit.
    pub max_payload: Option<u64>,
}

/// Upper bound of `pingInterval` and `pingTimeout`, so that sums of times cannot overflow.
const YEAR_MS: f64 = 365.0 * 24.0 * 3600.0 * 1000.0;

impl Handshake {
    /// Parses the JSON of an open packet.
    ///
    /// | field | accepted |
    /// |---|---|
    /// | `sid` | a non-empty string |
    /// | `pingInterval`, `pingTimeout` | milliseconds, as a number or a string of digits, which some servers send; at most one is zero; values beyond one year are reduced to one year |
    /// | `upgrades` | an array, or absent; elements that are not strings are ignored |
    /// | `maxPayload` | bytes, as a number or a string of digits; absent or zero means no limit |
    ///
    /// `null` counts as absent in every field: JSON serializers write it for an infinite number, as Node
    /// does for `maxHttpBufferSize: Infinity`. Unknown fields are ignored.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Handshake`] if the text is not a JSON object, or if a field has a value that the
    /// table does not accept. The message names the field. The server is at fault; another attempt
    /// fails the same way.
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
        let value: Json = serde_json::from_str(json).map_err(|error| {
            Error::new(
                ErrorKind::Handshake,
                "the server's handshake is malformed: not JSON",
            )
            .with_source(error)
        })?;
        if !matches!(value, Json::Object(_)) {
            return Err(Error::new(
                ErrorKind::Handshake,
                "the server's handshake is malformed: not a JSON object",
            ));
        }
        let sid = match value.field("sid") {
            Some(Json::String(sid)) if !sid.is_empty() => sid.clone(),
            other => return Err(malformed("sid", "a non-empty string", other)),
        };
        let ping_interval = milliseconds("pingInterval", value.field("pingInterval"))?;
        let ping_timeout = milliseconds("pingTimeout", value.field("pingTimeout"))?;
        if ping_interval.saturating_add(ping_timeout).is_zero() {
            return Err(Error::new(
                ErrorKind::Handshake,
                "the server's handshake is malformed: `pingInterval` and `pingTimeout` are both zero",
            ));
        }
        let upgrades = match value.field("upgrades") {
            None => Vec::new(),
            Some(Json::Array(names)) => names
                .iter()
                .filter_map(|name| match name {
                    Json::String(name) => Some(name.clone()),
                    _ => None,
                })
                .collect(),
            other => return Err(malformed("upgrades", "an array", other)),
        };
        let max_payload = match value.field("maxPayload") {
            None => None,
            value => {
                let expected = "a non-negative number";
                let bytes =
                    number(value).ok_or_else(|| malformed("maxPayload", expected, value))?;
                // A float beyond `u64::MAX` saturates, and a limit that large has no effect.
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

/// Reads a non-negative number or a string of digits.
fn number(value: Option<&Json>) -> Option<f64> {
    let number = match value? {
        Json::Number(number) => *number,
        Json::String(text) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => {
            // Digits that overflow are a number beyond every limit.
            text.parse().unwrap_or(u64::MAX) as f64
        }
        _ => return None,
    };
    Some(number).filter(|number| *number >= 0.0)
}

fn milliseconds(field: &'static str, value: Option<&Json>) -> Result<std::time::Duration, Error> {
    match number(value) {
        Some(ms) => {
            let whole = ms.min(YEAR_MS).round() as u64;
            Ok(std::time::Duration::from_millis(whole))
        }
        _ => Err(malformed(
            field,
            "a non-negative number of milliseconds",
            value,
        )),
    }
}

fn malformed(field: &str, expected: &str, found: Option<&Json>) -> Error {
    let found = match found {
        None => {
            let message = format!("the server's handshake is malformed: no `{field}`");
            return Error::new(ErrorKind::Handshake, message);
        }
        Some(Json::Null) => "null",
        Some(Json::Bool) => "a boolean",
        Some(Json::Number(_)) => "an unsuitable number",
        Some(Json::String(_)) => "an unsuitable string",
        Some(Json::Array(_)) => "an array",
        Some(Json::Object(_)) => "an object",
    };
    let message =
        format!("the server's handshake is malformed: `{field}` is {found}, not {expected}");
    Error::new(ErrorKind::Handshake, message)
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
    fn a_handshake_of_a_real_server_is_parsed() {
        // Ported from the protocol's test-suite.js:60, engine.io's server.js:523 and
        // python-engineio's test_polling_connection_successful.
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
    fn fields_may_be_absent_oddly_typed_or_unknown() {
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

    /// Node's server sends `{"maxPayload":null}` if configured with `maxHttpBufferSize: Infinity`.
    #[test]
    fn r1_null_counts_as_absent_and_max_payload_may_be_a_string() {
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
    fn the_error_names_the_malformed_field() {
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
