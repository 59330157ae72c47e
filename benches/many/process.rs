//! The other processes: this program, again. Each ends when its standard input does.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use super::plan::Plan;
use super::{server, system};

type Failure = Box<dyn Error + Send + Sync>;

/// What the server does in its process.
pub(crate) fn serve() -> Result<(), Failure> {
    system::raise_files()?;
    Ok(server::run()?)
}

/// A process that is ended with this.
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
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Has a worker carry out the plan against a server of its own, and gives what it has measured. (A
/// server of its own has a port of its own, on which no connection of an earlier one lingers.)
pub(crate) fn measure(mut plan: Plan) -> Result<Figures, Failure> {
    let mut server = Process::start(&["--server".to_owned()], None)?;
    let output = server.0.stdout.as_mut().ok_or("the server says nothing")?;
    let mut port = String::new();
    BufReader::new(output).read_line(&mut port)?;
    plan.port = port.trim().parse()?;

    let mut arguments = vec!["--worker".to_owned()];
    arguments.extend(plan.arguments());
    let mut worker = Process::start(&arguments, plan.environment())?;
    let mut report = String::new();
    let output = worker.0.stdout.as_mut().ok_or("the worker says nothing")?;
    output.read_to_string(&mut report)?;
    let status = worker.0.wait()?;
    if !status.success() {
        return Err(format!("the worker failed ({status}) at {plan:?}").into());
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
