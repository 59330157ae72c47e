//! What the system knows of this process.

use std::io;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

/// As many files as this process may have open; lets it have as many as it may.
pub(crate) fn raise_files() -> io::Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    )?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

/// The memory that this process has, in bytes: the pages that are there, whatever the allocator
/// means to do with them. (That of `statm` would be cheaper, and may be some hundred KiB off.)
pub(crate) fn memory() -> io::Result<u64> {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:"));
    let number = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
    match number.and_then(|number| number.parse::<u64>().ok()) {
        Some(kib) => Ok(kib * 1024),
        None => Err(io::Error::other("smaps_rollup has no Rss")),
    }
}

/// The time that this process has computed, for itself and in the system.
pub(crate) fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(seconds, nanoseconds)
}
