//! Which servers have upgraded a session before, where a program wants that remembered.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// What a session is upgraded to.
const BETTER: &str = "websocket";

/// The origins whose servers have upgraded a session, of those that asked to be remembered.
static UPGRADED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// A program that talks to more servers than this forgets others than the newest.
const MOST_REMEMBERED: usize = 1024;

fn is_remembered(origin: &str) -> bool {
    UPGRADED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .contains(origin)
}

/// A session with this origin goes on by this transport; `None` after an upgrade that failed.
pub(super) fn remember(origin: &str, transport: Option<&str>) {
    let upgraded = transport == Some(BETTER);
    let mut origins = UPGRADED.lock().unwrap_or_else(PoisonError::into_inner);
    if !upgraded {
        origins.remove(origin);
    } else if origins.insert(origin.to_owned()) && origins.len() > MOST_REMEMBERED {
        let other = origins.iter().find(|known| *known != origin).cloned();
        if let Some(other) = other {
            origins.remove(&other);
        }
    }
}

/// Puts that transport first to which a session with this origin was upgraded before. The others stay
/// behind it, to fall back on.
pub(super) fn prefer_remembered(origin: &str, transports: &mut [&'static str]) {
    if is_remembered(origin) {
        transports.sort_by_key(|name| *name != BETTER);
    }
}
