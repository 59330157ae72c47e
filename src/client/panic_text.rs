//! The message of a panic.

use std::any::Any;

/// The message of a panic, if it is a string.
pub(super) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        (None, None) => "the panic has no message",
    }
}
