//! Command line options.

use std::path::PathBuf;

use engineio_client_compare::Failure;
use lexopt::{Arg, Parser, ValueExt as _};

use crate::rows::{ROWS, Row};
use crate::subjects::{Group, SUBJECTS, Subject};

pub(crate) struct Options {
    pub(crate) rows: Vec<Row>,
    pub(crate) subjects: Vec<Subject>,
    pub(crate) rounds: usize,
    pub(crate) runs: usize,
    pub(crate) quick: bool,
    pub(crate) markdown: bool,
    pub(crate) one_core: bool,
    pub(crate) plots: Option<PathBuf>,
    /// With `plots`: the picture of connections is drawn from this file, and nothing is measured.
    pub(crate) connections: Option<PathBuf>,
}

const HELP: &str = "\
Compares the CPU time per message of Engine.IO clients.

    --rounds N         number of rounds of which a figure is the median (5)
    --runs N           repeat everything N times and report in how many runs each target was met (1)
    --only WORDS       only rows whose names contain WORDS; may be repeated
    --subjects A,B     only these clients; \"bare\" means all bare ones on tokio
    --without-peers    without Node and Python
    --one-core         run the server on the same core as the clients
    --markdown         print the tables as Markdown
    --plots DIR        draw what a message costs, as DIR/messages.svg, from the last run
    --connections FILE only draw what a connection costs, as connections.svg in the DIR of --plots, from a
                       file whose first line is connections,memory_kib,cpu_us_per_second
    --quick            a fiftieth of the messages, one round: check that everything works
    --list             list the names of rows and clients";

impl Options {
    /// Parses the options. Returns `None` after `--help` or `--list`.
    ///
    /// # Errors
    ///
    /// If an argument is unknown, or nothing is left to measure.
    pub(crate) fn parse() -> Result<Option<Self>, Failure> {
        let mut only: Vec<String> = Vec::new();
        let mut subjects = SUBJECTS.to_vec();
        let mut without_peers = false;
        let (mut rounds, mut runs) = (None, 1);
        let (mut quick, mut markdown, mut one_core) = (false, false, false);
        let (mut plots, mut connections) = (None, None);
        let mut arguments = Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Long("rounds") => rounds = Some(at_least_one("rounds", &mut arguments)?),
                Arg::Long("runs") => runs = at_least_one("runs", &mut arguments)?,
                Arg::Long("only") => only.push(arguments.value()?.string()?.to_lowercase()),
                Arg::Long("subjects") => {
                    let keys = arguments.value()?.string()?;
                    subjects = find(&keys)?;
                }
                Arg::Long("without-peers") => without_peers = true,
                Arg::Long("markdown") => markdown = true,
                Arg::Long("one-core") => one_core = true,
                Arg::Long("quick") => quick = true,
                Arg::Long("plots") => plots = Some(arguments.value()?.into()),
                Arg::Long("connections") => connections = Some(arguments.value()?.into()),
                Arg::Long("list") => {
                    list();
                    return Ok(None);
                }
                Arg::Long("help") | Arg::Short('h') => {
                    println!("{HELP}");
                    return Ok(None);
                }
                other => return Err(other.unexpected().into()),
            }
        }
        let is_selected = |row: &Row| {
            let name = row.name().to_lowercase();
            only.is_empty() || only.iter().any(|words| name.contains(words))
        };
        let rows: Vec<Row> = ROWS.into_iter().filter(is_selected).collect();
        if rows.is_empty() {
            return Err(format!("no row contains {}: see --list", only.join(" or ")).into());
        }
        if without_peers {
            subjects.retain(|subject| !subject.is_peer());
        }
        if subjects.is_empty() {
            return Err("no client is left to measure".into());
        }
        Ok(Some(Self {
            rows,
            subjects,
            rounds: rounds.unwrap_or(if quick { 1 } else { 5 }),
            runs,
            quick,
            markdown,
            one_core,
            plots,
            connections,
        }))
    }
}

fn at_least_one(name: &str, arguments: &mut Parser) -> Result<usize, Failure> {
    match arguments.value()?.parse::<usize>() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("--{name}: expected a number of at least 1").into()),
    }
}

/// The clients of a list, in the order of the table.
fn find(keys: &str) -> Result<Vec<Subject>, Failure> {
    let is_meant = |key: &str, subject: &Subject| {
        subject.key == key || (key == "bare" && subject.group == Group::Bare)
    };
    for key in keys.split(',') {
        if !SUBJECTS.iter().any(|subject| is_meant(key, subject)) {
            return Err(format!("unknown client {key:?}: see --list").into());
        }
    }
    let mut subjects = SUBJECTS.to_vec();
    subjects.retain(|subject| keys.split(',').any(|key| is_meant(key, subject)));
    Ok(subjects)
}

fn list() {
    println!("rows:");
    for row in ROWS {
        println!("    {}", row.name());
    }
    println!("clients:");
    for subject in SUBJECTS {
        println!("    {:23} {}", subject.key, subject.title);
    }
}
