//! What is left of this folder where the browser makes the connections.

pub(super) mod status_error;
