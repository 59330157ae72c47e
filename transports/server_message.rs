//! What a server says in the body of an error response.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Maximum number of characters of a server's text that are quoted in an error.
pub(super) const MAX_QUOTED: usize = 200;

/// Maximum number of characters of an HTML page that are searched for its title or text.
const MAX_SEARCHED: usize = 16 * 1024;

/// The explanation in the body: the `message` and `code` of `{"code":1,"message":"..."}` (the code as
/// a number or a string), a JSON string, or the plain text. HTML tags are removed.
pub(crate) fn server_message(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?.trim();
    if text.is_empty() {
        return None;
    }
    if text.starts_with('<') {
        return text_of_page(text);
    }
    let said: Said = serde_json::from_str(text).unwrap_or_default();
    Some(match (said.message, said.code) {
        (Some(message), Some(code)) => format!("{message} (code {code})"),
        (Some(message), None) => message,
        (None, _) => text.to_owned(),
    })
}

/// The title of an HTML page, or its text if there is no title.
fn text_of_page(page: &str) -> Option<String> {
    // The page may be as long as the largest body.
    let page: String = page.chars().take(MAX_SEARCHED).collect();
    let lower = page.to_ascii_lowercase();
    let title = lower.find("<title>").zip(lower.find("</title>"));
    let page = title
        .and_then(|(start, end)| page.get(start..end))
        .unwrap_or(&page);
    let mut text = String::new();
    let mut in_tag = false;
    for c in page.chars() {
        match c {
            '<' => in_tag = true,
            '>' => {
                in_tag = false;
                text.push(' ');
            }
            c if !in_tag => text.push(c),
            _ => {}
        }
        if text.len() > 4 * MAX_QUOTED {
            break;
        }
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// The message and the code of a JSON object, or a JSON string.
///
/// `serde_json::Value` would do, with several kilobytes more of machine code, which a page in a browser has to load.
#[derive(Default)]
struct Said {
    message: Option<String>,
    code: Option<String>,
}

impl<'de> Deserialize<'de> for Said {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SaidVisitor)
    }
}

struct SaidVisitor;

impl<'de> Visitor<'de> for SaidVisitor {
    type Value = Said;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a string")
    }

    fn visit_str<E>(self, message: &str) -> Result<Said, E> {
        Ok(Said {
            message: Some(message.to_owned()),
            code: None,
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Said, A::Error> {
        let mut said = Said::default();
        while let Some(name) = fields.next_key::<String>()? {
            let value = fields.next_value()?;
            match (&*name, value) {
                ("message", Scalar::String(text)) => said.message = Some(text),
                ("message", _) => said.message = None,
                ("code", Scalar::String(code) | Scalar::Integer(code)) => said.code = Some(code),
                ("code", _) => said.code = None,
                _ => {}
            }
        }
        Ok(said)
    }
}

enum Scalar {
    String(String),
    /// In digits.
    Integer(String),
    Other,
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar::String(text.to_owned()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Scalar, E> {
        Ok(Scalar::Integer(number.to_string()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Scalar, E> {
        Ok(Scalar::Integer(number.to_string()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }

    fn visit_unit<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Scalar, A::Error> {
        while values.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Scalar, A::Error> {
        while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }
}
