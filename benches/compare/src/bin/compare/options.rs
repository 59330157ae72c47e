//! The arguments.

use engineio_client_compare::Failure;
use lexopt::{Arg, Parser, ValueExt as _};

use crate::rows::{ROWS, Row};
use crate::subjects::{SUBJECTS, Subject};

pub(crate) struct Options {
    pub(crate) rows: Vec<Row>,
    pub(crate) subjects: Vec<Subject>,
    pub(crate) rounds: usize,
    pub(crate) runs: usize,
    pub(crate) quick: bool,
    pub(crate) markdown: bool,
    pub(crate) one_core: bool,
}

const HELP: &str = "\
Measures Engine.IO clients side by side: the CPU time of a message.

    --rounds N         of how many rounds the medians are (5)
    --runs N           repeats all of it, and tells in how many runs each target was met (1)
    --only WORDS       only rows whose names have these words; may be given more than once
    --subjects A,B     only these clients
    --without-peers    without Node and Python
    --one-core         the server on the core of the clients, not on its own
    --markdown         a table for a README
    --quick            a fiftieth of the messages, one round: does it work at all?
    --list             the names of rows and clients";

impl Options {
    /// `None` when what was asked for has been printed.
    ///
    /// # Errors
    ///
    /// When an argument is none of those, or leaves nothing to measure.
    pub(crate) fn parse() -> Result<Option<Self>, Failure> {
        let mut only: Vec<String> = Vec::new();
        let mut subjects = SUBJECTS.to_vec();
        let mut without_peers = false;
        let (mut rounds, mut runs) = (None, 1);
        let (mut quick, mut markdown, mut one_core) = (false, false, false);
        let mut arguments = Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Long("rounds") => rounds = Some(at_least_one("rounds", &mut arguments)?),
                Arg::Long("runs") => runs = at_least_one("runs", &mut arguments)?,
                Arg::Long("only") => only.push(arguments.value()?.string()?.to_lowercase()),
                Arg::Long("subjects") => {
                    let keys = arguments.value()?.string()?;
                    subjects = keys.split(',').map(find).collect::<Result<_, _>>()?;
                }
                Arg::Long("without-peers") => without_peers = true,
                Arg::Long("markdown") => markdown = true,
                Arg::Long("one-core") => one_core = true,
                Arg::Long("quick") => quick = true,
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
        let is_asked_for = |row: &Row| {
            let name = row.name().to_lowercase();
            only.is_empty() || only.iter().any(|words| name.contains(words))
        };
        let rows: Vec<Row> = ROWS.into_iter().filter(is_asked_for).collect();
        if rows.is_empty() {
            return Err(format!("no row has the words {}: see --list", only.join(" or ")).into());
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
        }))
    }
}

fn at_least_one(name: &str, arguments: &mut Parser) -> Result<usize, Failure> {
    match arguments.value()?.parse::<usize>() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("--{name} takes a number, 1 at least").into()),
    }
}

fn find(key: &str) -> Result<Subject, Failure> {
    let found = SUBJECTS.into_iter().find(|subject| subject.key == key);
    found.ok_or_else(|| format!("there is no client {key:?}: see --list").into())
}

fn list() {
    println!("rows:");
    for row in ROWS {
        println!("    {}", row.name());
    }
    println!("clients:");
    for subject in SUBJECTS {
        println!("    {:15} {}", subject.key, subject.title);
    }
}
