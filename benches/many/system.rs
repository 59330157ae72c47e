//! Memory, CPU time and file limits of this process.

use std::io;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

/// Number of local ports from which the system lets connections to one address be made.
pub(crate) fn ports() -> io::Result<usize> {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")?;
    let mut ends = range.split_whitespace().map(str::parse::<usize>);
    match (ends.next(), ends.next()) {
        (Some(Ok(first)), Some(Ok(last))) => Ok(last.saturating_sub(first)),
        _ => Err(io::Error::other("ip_local_port_range has no range")),
    }
}

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
    bytes_of("/proc/self/smaps_rollup", "Rss:")
}

/// The largest resident memory of this process so far, in bytes.
pub(crate) fn peak() -> io::Result<u64> {
    bytes_of("/proc/self/status", "VmHWM:")
}

fn bytes_of(file: &str, name: &str) -> io::Result<u64> {
    let text = std::fs::read_to_string(file)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
    match number.and_then(|number| number.parse::<u64>().ok()) {
        Some(kib) => Ok(kib * 1024),
        None => Err(io::Error::other(format!("{file} has no {name}"))),
    }
}

/// CPU time of this process, user and system.
pub(crate) fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(seconds, nanoseconds)
}
