//! The text of an exception, for an error.

/// Longest text that is quoted, in characters.
const MAX_QUOTED: usize = 200;

/// Removes the query of a URL, which holds the session's id and may hold a password, from a text that quotes the URL.
/// Some hosts do so when a request fails. The text is shortened to one line.
pub(super) fn without_secrets(text: &str, url: &str) -> String {
    let clean = match url.split_once('?') {
        Some((_, query)) if !query.is_empty() => text.replace(query, "…"),
        _ => text.to_owned(),
    };
    let one_line = clean.chars().map(|c| if c.is_control() { ' ' } else { c });
    one_line.take(MAX_QUOTED).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_of_a_url_is_not_quoted() {
        let url = "ws://chat.test/engine.io/?token=42&EIO=4&sid=S";
        for (thrown, quoted) in [
            ("TypeError: Failed to fetch", "TypeError: Failed to fetch"),
            (
                "error sending request for url (ws://chat.test/engine.io/?token=42&EIO=4&sid=S)",
                "error sending request for url (ws://chat.test/engine.io/?…)",
            ),
            ("two\nlines", "two lines"),
            ("", ""),
        ] {
            assert_eq!(without_secrets(thrown, url), quoted);
        }
        assert_eq!(
            without_secrets("no query?", "ws://chat.test/?"),
            "no query?"
        );
        assert_eq!(without_secrets(&"x".repeat(500), url).len(), MAX_QUOTED);
    }
}
