//! The list of waiting tasks in a panic.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::task::Task;

/// Formats the tasks and what they wait for, a line each. `waits` has the known reasons, by task.
pub(super) fn report(tasks: &BTreeMap<u64, Task>, waits: &[(u64, String)]) -> String {
    let mut lines = String::new();
    for (id, task) in tasks {
        let mut what: Vec<_> = waits
            .iter()
            .filter(|(waiting, _)| waiting == id)
            .map(|(_, what)| what.as_str())
            .collect();
        if what.is_empty() {
            what.push("something other than a timer or the mock network");
        }
        let (name, since, what) = (&task.name, task.ran, what.join("; "));
        let _ = write!(lines, "\n  {name}, since {since:?}: waits for {what}");
    }
    lines
}
