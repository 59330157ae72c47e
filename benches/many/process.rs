//! Starts this program again as server and worker processes. Each process exits when its standard
//! input ends.

use std::collections::BTreeMap;

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use super::plan::Plan;
use super::worker::Failure;
use super::{server, system};

/// Runs the server in this process.
pub(crate) fn serve() -> Result<(), Failure> {
    system::raise_files()?;
    Ok(server::run()?)
}

/// A child process that is killed on drop.
struct Process(Child);

impl Process {
    fn start(
        arguments: &[String],
        environment: Option<(&'static str, &'static str)>,
    ) -> Result<Self, Failure> {
        let child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .envs(environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        Ok(Self(child))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The process may have exited already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a worker with this plan against a new server, and returns its measurements. A new server has a
/// new port, so no lingering connection of an earlier worker affects the measurement.
pub(crate) fn measure(mut plan: Plan) -> Result<Figures, Failure> {
    let mut server = Process::start(&["--server".to_owned()], None)?;
    let output = server
        .0
        .stdout
        .as_mut()
        .ok_or("the server has no standard output")?;
    let mut port = String::new();
    BufReader::new(output).read_line(&mut port)?;
    plan.port = port.trim().parse()?;

    let mut arguments = vec!["--worker".to_owned()];
    arguments.extend(plan.arguments());
    let mut worker = Process::start(&arguments, plan.environment())?;
    let mut report = String::new();
    let output = worker
        .0
        .stdout
        .as_mut()
        .ok_or("the worker has no standard output")?;
    output.read_to_string(&mut report)?;
    let status = worker.0.wait()?;
    if !status.success() {
        return Err(format!("the worker failed ({status}) with {plan:?}").into());
    }
    let lines = report.lines().filter_map(|line| {
        let (name, figure) = line.split_once(' ')?;
        Some((name.to_owned(), figure.parse().ok()?))
    });
    Ok(Figures(lines.collect()))
}

pub(crate) struct Figures(BTreeMap<String, f64>);

impl Figures {
    pub(crate) fn figure(&self, name: &str) -> Result<f64, Failure> {
        let figure = self.0.get(name).copied();
        figure.ok_or_else(|| format!("the worker did not measure {name}").into())
    }
}
