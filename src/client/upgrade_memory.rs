//! Remembers which servers have upgraded a session: see
//! [`Builder::remember_upgrade`](crate::Builder::remember_upgrade).

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// The transport that sessions upgrade to.
const BETTER: &str = "websocket";

/// The origins of the servers that have upgraded a session.
static UPGRADED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Maximum number of servers that are remembered. If there are more, an arbitrary one is forgotten, but
/// not the newest.
const MOST_REMEMBERED: usize = 1024;

fn is_remembered(origin: &str) -> bool {
    UPGRADED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .contains(origin)
}

/// Notes which transport a session with this origin uses. `None` means that the upgrade of the session
/// failed.
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

/// If an earlier session with this origin was upgraded, puts WebSocket first. The other transports stay
/// in the list, to fall back to.
pub(super) fn prefer_remembered(origin: &str, transports: &mut [&'static str]) {
    if is_remembered(origin) {
        transports.sort_by_key(|name| *name != BETTER);
    }
}
