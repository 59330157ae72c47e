//! Memory, CPU time and file limits of this process.

use std::io;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

/// Raises the limit of open files to its maximum, and returns it.
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

/// Resident memory of this process in bytes, including memory that the allocator keeps. (`statm` would
/// be cheaper to read, but may be off by some hundred KiB.)
pub(crate) fn memory() -> io::Result<u64> {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:"));
    let number = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
    match number.and_then(|number| number.parse::<u64>().ok()) {
        Some(kib) => Ok(kib * 1024),
        None => Err(io::Error::other("smaps_rollup has no Rss")),
    }
}

/// CPU time of this process, user and system.
pub(crate) fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(seconds, nanoseconds)
}
