//! The list of the tasks that wait.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::task::Task;

/// The tasks and what they wait for, a line each. `waits` has what is known of that, by task.
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
