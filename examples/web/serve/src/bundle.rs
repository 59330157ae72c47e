//! Building a page: cargo compiles it to WebAssembly, and wasm-bindgen adds the JavaScript that a browser loads it with.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use wasm_bindgen_cli_support::Bindgen;

const TARGET: &str = "wasm32-unknown-unknown";

/// Where the page will run.
pub enum Host {
    Browser,
    Node,
}

/// Runs wasm-bindgen, which writes the module to a folder as `NAME_bg.wasm`, and `NAME.js` which loads it.
pub fn bind(module: &Path, folder: &Path, host: Host) -> Result<(), Box<dyn Error>> {
    let mut bindgen = Bindgen::new();
    match host {
        Host::Browser => bindgen.web(true)?,
        Host::Node => bindgen.nodejs(true)?,
    };
    bindgen
        .input_path(module)
        .typescript(false)
        // `init()` then loads `NAME_bg.wasm` by itself.
        .omit_default_module_path(false)
        // The names of functions are a fifth of the module.
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(folder)?;
    Ok(())
}

/// Runs cargo for the `cdylib` of a manifest, and returns the path of the module. Cargo prints to standard output what it
/// has built, as JSON, so this works with any target folder.
pub fn compile(manifest: &Path, arguments: &[&str]) -> Result<PathBuf, Box<dyn Error>> {
    let cargo = variable_or("CARGO", "cargo");
    let output = Command::new(cargo)
        .args(["build", "--release", "--target", TARGET])
        .args([
            "--message-format",
            "json-render-diagnostics",
            "--manifest-path",
        ])
        .arg(manifest)
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(match has_target() {
            true => "the page could not be built".into(),
            false => {
                format!("Rust's target {TARGET} is not installed: run `rustup target add {TARGET}`")
                    .into()
            }
        });
    }
    let built = String::from_utf8(output.stdout)?;
    let module = built.lines().rev().find_map(module_of);
    module.ok_or_else(|| "the manifest has no library with crate-type = [\"cdylib\"]".into())
}

/// The path of the module, if this is the message that it was built.
fn module_of(message: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let files = message["filenames"].as_array()?;
    let mut paths = files.iter().filter_map(Value::as_str);
    paths
        .find(|path| path.ends_with(".wasm"))
        .map(PathBuf::from)
}

/// Whether the compiler has a standard library for the target.
fn has_target() -> bool {
    let output = Command::new(variable_or("RUSTC", "rustc"))
        .args(["--print", "target-libdir", "--target", TARGET])
        .output();
    output.is_ok_and(|output| {
        let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Path::new(&folder).exists()
    })
}

fn variable_or(name: &str, default: &str) -> OsString {
    env::var_os(name).unwrap_or_else(|| default.into())
}
