//! Compares the CPU time per message of Engine.IO clients. See `benches/README.md`.

mod machine;
mod options;
mod plots;
mod process;
mod results;
mod rows;
mod subjects;
mod tables;
mod targets;

use std::process::ExitCode;

use engineio_client_compare::Failure;

use options::Options;
use process::Launcher;
use results::{Results, Sample, with_unit};
use subjects::{Client, installed};
use targets::targets;

fn main() -> ExitCode {
    match Options::parse().and_then(|options| options.map_or(Ok(true), |options| run(&options))) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::from(2)
        }
    }
}

/// Returns whether every worker of this library and of the bare client succeeded.
fn run(options: &Options) -> Result<bool, Failure> {
    if let Some(file) = &options.connections {
        let folder = options.plots.as_deref();
        let folder = folder.ok_or("--connections requires --plots")?;
        plots::connections(folder, file)?;
        return Ok(true);
    }
    for subject in &options.subjects {
        let folder = match subject.client {
            Client::Node => "node",
            Client::Python => "python",
            _ => continue,
        };
        if !installed().join(folder).join("stamp").exists() {
            return Err(format!(
                "{} is not installed: run benches/compare/run, which installs it, or give --without-peers",
                subject.title
            )
            .into());
        }
    }
    let launcher = Launcher::new(options.one_core)?;
    println!("{}\n", machine::describe(&options.subjects, launcher.cores));
    let mut good = true;
    let mut runs = Vec::new();
    for number in 1..=options.runs {
        if options.runs > 1 {
            println!("run {number} of {}\n", options.runs);
        }
        let mut results = Results::default();
        for row in &options.rows {
            good &= measure(options, &launcher, row, &mut results)?;
        }
        for table in tables::all(options, &results) {
            println!("{}", table.write(options.markdown));
        }
        runs.push(results);
        print_targets(&runs[number - 1..], options.markdown);
    }
    if let (Some(folder), Some(results)) = (&options.plots, runs.last()) {
        plots::messages(folder, results)?;
    }
    if options.runs > 1 {
        println!("all {} runs\n", options.runs);
        print_targets(&runs, options.markdown);
    }
    Ok(good)
}

/// Measures a row. Each round measures every subject once, so that changes in the machine affect all of
/// them.
fn measure(
    options: &Options,
    launcher: &Launcher,
    row: &rows::Row,
    results: &mut Results,
) -> Result<bool, Failure> {
    let server = launcher.server(row)?;
    let mut good = true;
    for round in 1..=options.rounds {
        for subject in &options.subjects {
            let Some(count) = subject.count(row) else {
                continue;
            };
            if results.has_failed(row, subject) {
                continue;
            }
            let count = if options.quick {
                (count / 50).max(20)
            } else {
                count
            };
            let place = format!("{}, round {round}, {}", row.name(), subject.key);
            match launcher.worker(&server, row, subject, count) {
                Ok(times) => {
                    let all = times.wall_ns / 1e9;
                    let sample = Sample::new(row, count, times);
                    eprintln!(
                        "{place}: cpu {}, wall {} per message, {all:.2} s in total",
                        with_unit(sample.cpu),
                        with_unit(sample.wall)
                    );
                    results.add(row, subject, sample);
                }
                Err(trouble) => {
                    eprintln!("{place}: {} ({})", trouble.word, trouble.details.trim());
                    good &= !matches!(subject.client, Client::Ours | Client::Bare);
                    results.fail(row, subject, trouble.word);
                }
            }
        }
    }
    Ok(good)
}

/// Prints each target with its figures and, for several runs, in how many it was met.
fn print_targets(runs: &[Results], markdown: bool) {
    let mut lines = Vec::new();
    for target in targets() {
        let outcomes: Vec<_> = runs.iter().filter_map(|run| target.outcome(run)).collect();
        if outcomes.is_empty() {
            continue;
        }
        let met = outcomes.iter().filter(|outcome| outcome.met).count();
        let figures: Vec<String> = outcomes
            .iter()
            .map(|outcome| format!("{:.3}", outcome.ratio))
            .collect();
        let verdict = match (runs.len(), met) {
            (1, 0) => "MISSED".to_owned(),
            (1, _) => "met".to_owned(),
            _ => format!("met in {met} of {}", outcomes.len()),
        };
        let bullet = if markdown { "- " } else { "" };
        let figures = figures.join(", ");
        lines.push(format!("{bullet}{verdict}: {}: {figures}", target.name()));
    }
    if !lines.is_empty() {
        println!("targets\n\n{}\n", lines.join("\n"));
    }
}
