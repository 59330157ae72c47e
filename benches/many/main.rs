//! How memory and CPU time grow with the number of connections, and how much memory a connection keeps
//! after a large message.
//!
//!     cargo bench --bench many --all-features [-- [--quick] [--csv FILE] [PART...]]
//!
//! The parts are `growth`, `idle`, `sessions`, `storm`, `large` and `deflate`.
//!
//! The server is a process of its own, and so are the clients of each measurement, so no measurement
//! starts with memory that another one has allocated. Requires Linux, for `/proc/self/smaps_rollup`.

#[cfg(target_os = "linux")]
mod compressed;
#[cfg(target_os = "linux")]
mod options;
#[cfg(target_os = "linux")]
mod pipe;
#[cfg(target_os = "linux")]
mod plan;
#[cfg(target_os = "linux")]
mod process;
#[cfg(target_os = "linux")]
#[path = "../server/mod.rs"]
mod server;
#[cfg(target_os = "linux")]
mod sessions;
#[cfg(target_os = "linux")]
mod storm;
#[cfg(target_os = "linux")]
mod system;
#[cfg(target_os = "linux")]
mod table;
#[cfg(target_os = "linux")]
mod worker;

#[cfg(target_os = "linux")]
fn main() {
    // Cargo adds this argument.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let done = match arguments.split_first() {
        Some((first, [])) if first == "--server" => process::serve(),
        Some((first, rest)) if first == "--worker" => match plan::Plan::parse(rest) {
            Some(plan) => worker::run(plan),
            None => Err(format!("invalid worker arguments: {rest:?}").into()),
        },
        _ => table::run(&arguments),
    };
    if let Err(error) = done {
        eprintln!("many: {error}");
        std::process::exit(1);
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("many: this benchmark requires Linux");
}
