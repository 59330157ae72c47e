//! Describes the machine and the versions that were measured.

use std::fs;
use std::process::Command;

use crate::process::Cores;
use crate::subjects::{Client, Subject};

const LOCK: &str = include_str!("../../../Cargo.lock");
const NODE: &str = include_str!("../../../peers/node/package-lock.json");
const PYTHON: &str = include_str!("../../../peers/python/requirements.txt");

const BUILD: &str = match option_env!("CARGO_PROFILE_RELEASE_LTO") {
    None => "Cargo's default release profile",
    Some(_) => "with link-time optimisation",
};

/// Lines with the date, the machine, and the versions of the clients.
pub(crate) fn describe(subjects: &[Subject], pinned: Cores) -> String {
    let has = |client| subjects.iter().any(|subject| subject.client == client);
    let cores = std::thread::available_parallelism().map_or(0, |cores| cores.get());
    let pinned = match pinned {
        Cores::One => "all on core 0",
        Cores::Two => "each client on core 0, the server on core 1",
        Cores::Any => "NOT pinned to cores: taskset is missing, or there is only one core",
    };
    let mut lines = vec![
        format!("date: {}", output("date", &["+%F"])),
        format!("machine: {}, {cores} cores, {}", cpu(), system()),
        format!("processes: {pinned}"),
        format!("{}, {BUILD}", output("rustc", &["--version"])),
    ];
    let crates = [
        "engineio-client",
        "async-tungstenite",
        "tungstenite",
        "sockudo-ws",
        "tokio-websockets",
        "fastwebsockets",
        "tokio",
        "smol",
        "async-std",
        "rust_engineio",
    ];
    let versions = crates.map(|name| format!("{name} {}", locked(name)));
    lines.push(versions.join(", "));
    if has(Client::Node) {
        let packages = ["engine.io-client", "ws"].map(|name| format!("{name} {}", in_node(name)));
        let node = output("node", &["--version"]);
        lines.push(format!("Node {node}: {}", packages.join(", ")));
    }
    if has(Client::Python) {
        let python = output("python3", &["--version"]);
        let packages: Vec<&str> = PYTHON
            .lines()
            .filter(|line| line.starts_with("python-engineio=") || line.starts_with("aiohttp="))
            .collect();
        lines.push(format!("{python}: {}", packages.join(", ")));
    }
    lines.join("\n")
}

fn output(program: &str, arguments: &[&str]) -> String {
    match Command::new(program).args(arguments).output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Err(_) => format!("({program} not found)"),
    }
}

fn cpu() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = info.lines().find(|line| line.starts_with("model name"));
    let model = line.and_then(|line| line.split_once(':'));
    model.map_or("unknown CPU".into(), |(_, model)| model.trim().to_owned())
}

fn system() -> String {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let line = release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let name = line.unwrap_or_default().trim_matches('"').to_owned();
    format!("{name}, {}", output("uname", &["-sr"]))
}

/// All versions of a crate in the lock file.
fn locked(name: &str) -> String {
    let head = format!("name = \"{name}\"\nversion = \"");
    let versions: Vec<&str> = LOCK
        .match_indices(&head)
        .filter_map(|(at, _)| LOCK.get(at + head.len()..)?.split('"').next())
        .collect();
    versions.join(" and ")
}

fn in_node(name: &str) -> String {
    let lock: serde_json::Value = serde_json::from_str(NODE).unwrap_or_default();
    let version = &lock["packages"][format!("node_modules/{name}")]["version"];
    version.as_str().unwrap_or_default().to_owned()
}
