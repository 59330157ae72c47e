//! The limit of open files. Each connection needs one open file.

/// Raises the limit to `needed` if it is lower. The error says what the user can do.
#[cfg(target_os = "linux")]
pub(crate) fn allow(needed: u64) -> Result<(), String> {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let mut limit = getrlimit(Resource::Nofile);
    // `None` means that there is no limit.
    let Some(soft) = limit.current.filter(|soft| *soft < needed) else {
        return Ok(());
    };
    if let Some(hard) = limit.maximum.filter(|hard| *hard < needed) {
        return Err(format!(
            "{needed} open files are needed, and {hard} are allowed: choose fewer clients, \
             or raise the hard limit (as root: `ulimit -Hn {needed}`)"
        ));
    }
    limit.current = Some(needed);
    setrlimit(Resource::Nofile, limit)
        .map_err(|error| format!("cannot raise the limit of open files: {error}"))?;
    println!("Raised the limit of open files from {soft} to {needed}.");
    Ok(())
}

/// On other systems, the limit is unknown.
#[cfg(not(target_os = "linux"))]
pub(crate) fn allow(needed: u64) -> Result<(), String> {
    println!("If connections fail, allow {needed} open files: `ulimit -n {needed}`.");
    Ok(())
}
