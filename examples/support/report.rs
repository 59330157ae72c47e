//! What the load generator shows: progress bars and a table of latencies.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A progress bar. It is drawn only on a terminal.
pub(crate) fn progress_bar(length: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len}");
    let bar = ProgressBar::new(length as u64);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// Prints a line of percentiles for each set of times.
pub(crate) fn print_table(rows: [(&str, Vec<Duration>); 2]) {
    println!("\nmilliseconds        p50      p90      p99      max");
    for (what, mut times) in rows {
        times.sort_unstable();
        let at = |percent: usize| {
            let last = times.len().saturating_sub(1);
            let time = times.get(last * percent / 100).copied();
            time.unwrap_or_default().as_secs_f64() * 1e3
        };
        let [p50, p90, p99, max] = [50, 90, 99, 100].map(at);
        println!("{what:14} {p50:8.1} {p90:8.1} {p99:8.1} {max:8.1}");
    }
}
