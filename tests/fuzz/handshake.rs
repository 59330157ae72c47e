//! The open packet: the parsed handshake, or the error, is compared with the rules for its fields.

use std::time::Duration;

use engineio_client::{ErrorKind, Handshake};
use serde_json::{Map, Value, json};

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The input: the part of an open packet after the `0`.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let fields = match serde_json::from_str(text) {
        Ok(Value::Object(mut fields)) => {
            // `null` counts as absent.
            fields.retain(|_, value| !value.is_null());
            Some(fields)
        }
        _ => None,
    };
    match (Handshake::parse(text), fields) {
        (Ok(handshake), Some(fields)) => is_what_it_says(&handshake, &fields),
        (Ok(handshake), None) => panic!("accepted text that is not an object: {handshake:?}"),
        (Err(error), fields) => {
            assert_eq!(error.kind(), ErrorKind::Handshake);
            let words = error.report().to_string();
            assert!(words.len() < 300, "{words}");
            if let Some(fields) = fields {
                let wrong = wrong_fields(&fields);
                assert!(
                    wrong.iter().any(|field| words.contains(field)),
                    "{words} where {wrong:?} are wrong"
                );
            }
        }
    }
}

fn is_what_it_says(handshake: &Handshake, fields: &Map<String, Value>) {
    let wrong = wrong_fields(fields);
    assert!(wrong.is_empty(), "{handshake:?} where {wrong:?} are wrong");
    assert_eq!(Value::from(handshake.sid.as_str()), fields["sid"]);
    let names = fields.get("upgrades").and_then(Value::as_array);
    let names = names.into_iter().flatten().filter_map(Value::as_str);
    assert!(names.eq(&handshake.upgrades));
    for (field, span) in [
        ("pingInterval", handshake.ping_interval),
        ("pingTimeout", handshake.ping_timeout),
    ] {
        assert!(span <= YEAR);
        let said = number(fields.get(field)).unwrap();
        if said < YEAR.as_secs_f64() * 1000.0 {
            // Rounded to whole milliseconds.
            assert!((said - span.as_secs_f64() * 1000.0).abs() <= 0.5 + 1e-4);
            assert_eq!(span.subsec_nanos() % 1_000_000, 0);
        } else {
            assert_eq!(span, YEAR);
        }
    }
    let said = number(fields.get("maxPayload"));
    match handshake.max_payload {
        None => assert!(said.is_none_or(|said| said < 1.0)),
        Some(most) => {
            let said = said.unwrap().min(u64::MAX as f64);
            assert!(most > 0);
            // Rounded down, within the precision of a float of this size.
            assert!((said - most as f64).abs() < 1.0 + said * 1e-15);
        }
    }
    let again = json!({
        "sid": handshake.sid,
        "upgrades": handshake.upgrades,
        "pingInterval": handshake.ping_interval.as_millis() as u64,
        "pingTimeout": handshake.ping_timeout.as_millis() as u64,
        "maxPayload": handshake.max_payload.unwrap_or(0),
    });
    if !(handshake.ping_interval + handshake.ping_timeout).is_zero() {
        assert_eq!(&Handshake::parse(&again.to_string()).unwrap(), handshake);
    } else {
        panic!("ping interval and ping timeout are both zero");
    }
}

fn wrong_fields(fields: &Map<String, Value>) -> Vec<&'static str> {
    let mut wrong = Vec::new();
    if fields
        .get("sid")
        .and_then(Value::as_str)
        .is_none_or(str::is_empty)
    {
        wrong.push("sid");
    }
    let interval = number(fields.get("pingInterval"));
    if interval.is_none() {
        wrong.push("pingInterval");
    }
    let timeout = number(fields.get("pingTimeout"));
    if timeout.is_none() {
        wrong.push("pingTimeout");
    }
    // Times that round to zero count as zero.
    if let (Some(interval), Some(timeout)) = (interval, timeout)
        && interval.round() + timeout.round() == 0.0
    {
        wrong.push("both zero");
    }
    if fields
        .get("upgrades")
        .is_some_and(|value| !value.is_array())
    {
        wrong.push("upgrades");
    }
    if let Some(most) = fields.get("maxPayload")
        && number(Some(most)).is_none()
    {
        wrong.push("maxPayload");
    }
    wrong
}

/// The number in a field of a time or of `maxPayload`.
fn number(value: Option<&Value>) -> Option<f64> {
    let number = match value? {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => {
            let digits = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
            digits.then(|| text.parse().ok())??
        }
        _ => return None,
    };
    (number >= 0.0).then_some(number)
}
