//! Remembers which servers have upgraded a session: see
//! [`Builder::remember_upgrade`](crate::Builder::remember_upgrade).

use std::sync::{Mutex, PoisonError};

/// The transport that sessions upgrade to.
const BETTER: &str = "websocket";

/// The origins of the servers that have upgraded a session, in alphabetical order.
static UPGRADED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Maximum number of servers that are remembered. If there are more, an arbitrary one is forgotten, but
/// not the newest.
const MOST_REMEMBERED: usize = 1024;

/// Where an origin is, or where it would have to be.
fn find(origins: &[String], origin: &str) -> Result<usize, usize> {
    origins.binary_search_by(|known| (**known).cmp(origin))
}

fn is_remembered(origin: &str) -> bool {
    let origins = UPGRADED.lock().unwrap_or_else(PoisonError::into_inner);
    find(&origins, origin).is_ok()
}

/// Notes which transport a session with this origin uses. `None` means that the upgrade of the session
/// failed.
pub(super) fn remember(origin: &str, transport: Option<&str>) {
    let upgraded = transport == Some(BETTER);
    let mut origins = UPGRADED.lock().unwrap_or_else(PoisonError::into_inner);
    match find(&origins, origin) {
        Ok(at) if !upgraded => {
            origins.remove(at);
        }
        Err(_) if upgraded => {
            if origins.len() >= MOST_REMEMBERED {
                origins.pop();
            }
            let at = find(&origins, origin).unwrap_or_else(|at| at);
            origins.insert(at, origin.to_owned());
        }
        _ => {}
    }
}

/// If an earlier session with this origin was upgraded, puts WebSocket first. The other transports stay
/// in the list, to fall back to.
pub(super) fn prefer_remembered(origin: &str, transports: &mut [&'static str]) {
    if is_remembered(origin)
        && let Some(at) = transports.iter().position(|name| *name == BETTER)
        && let Some(before) = transports.get_mut(..=at)
    {
        before.rotate_right(1);
    }
}
