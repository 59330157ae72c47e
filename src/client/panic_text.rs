//! The text of a panic.

use std::any::Any;

/// What a panic was raised with, if it was a text.
pub(super) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        (None, None) => "not with a text",
    }
}
