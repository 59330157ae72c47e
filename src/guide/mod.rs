//! The guide: how the protocol works, and how to use this library in a program that lasts.
//!
//! | page | what it answers |
//! |---|---|
//! | [protocol] | What travels on the wire? Engine.IO 4 on one page, in numbered rules. |

#[doc = include_str!("protocol.md")]
pub mod protocol {}
