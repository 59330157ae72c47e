//! The results of a run.

use std::collections::BTreeMap;

use crate::process::Times;
use crate::rows::{Kind, Row};
use crate::subjects::{Group, SUBJECTS, Subject};

/// The measurement of a round, in nanoseconds per message.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) cpu: f64,
    pub(crate) wall: f64,
    /// Percentiles of the times of echoes; empty for other jobs.
    echo: Vec<f64>,
    /// The one of `cpu` and `wall` that the row is about.
    figure: f64,
}

impl Sample {
    /// `count` is the number of messages of a session.
    pub(crate) fn new(row: &Row, count: usize, times: Times) -> Self {
        let sessions = match row.kind {
            Kind::Cost => 1,
            Kind::Throughput { sessions, .. } => sessions,
        };
        let messages = (count * sessions) as f64;
        let (cpu, wall) = (times.cpu_ns / messages, times.wall_ns / messages);
        Self {
            cpu,
            wall,
            echo: times.echo_ns,
            figure: match row.kind {
                Kind::Cost => cpu,
                Kind::Throughput { .. } => wall,
            },
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Cell {
    /// One for each round.
    Samples(Vec<Sample>),
    /// Why there are no samples.
    Word(&'static str),
}

/// The cells of a run, by row and subject.
#[derive(Debug, Default)]
pub(crate) struct Results {
    cells: BTreeMap<(String, &'static str), Cell>,
}

impl Results {
    /// Adds the sample of a round, unless another round has failed.
    pub(crate) fn add(&mut self, row: &Row, subject: &Subject, sample: Sample) {
        let cell = self.cells.entry((row.name(), subject.key));
        if let Cell::Samples(samples) = cell.or_insert_with(|| Cell::Samples(Vec::new())) {
            samples.push(sample);
        }
    }

    pub(crate) fn fail(&mut self, row: &Row, subject: &Subject, word: &'static str) {
        let key = (row.name(), subject.key);
        self.cells.insert(key, Cell::Word(word));
    }

    pub(crate) fn has_failed(&self, row: &Row, subject: &Subject) -> bool {
        self.failure(&row.name(), subject.key).is_some()
    }

    /// Why there is no figure.
    pub(crate) fn failure(&self, row: &str, subject: &'static str) -> Option<&'static str> {
        match self.cells.get(&(row.to_owned(), subject)) {
            Some(Cell::Word(word)) => Some(word),
            _ => None,
        }
    }

    /// Median of the rounds, in nanoseconds per message.
    pub(crate) fn median(&self, row: &str, subject: &'static str) -> Option<f64> {
        let figures = self.samples(row, subject)?;
        Some(median(figures.iter().map(|sample| sample.figure).collect()))
    }

    /// The bare client on tokio with the smallest median, and this median.
    pub(crate) fn fastest_bare(&self, row: &str) -> Option<(&'static str, f64)> {
        SUBJECTS
            .iter()
            .filter(|subject| subject.group == Group::Bare)
            .filter_map(|subject| Some((subject.title, self.median(row, subject.key)?)))
            .min_by(|one, other| one.1.total_cmp(&other.1))
    }

    /// Median of the rounds, for each percentile of the times of echoes.
    pub(crate) fn echo(&self, row: &str, subject: &'static str) -> Option<Vec<f64>> {
        let samples = self.samples(row, subject)?;
        let number = samples.iter().map(|sample| sample.echo.len()).min()?;
        let at = |index: usize| median(samples.iter().map(|sample| sample.echo[index]).collect());
        Some((0..number).map(at).collect())
    }

    fn samples(&self, row: &str, subject: &'static str) -> Option<&[Sample]> {
        match self.cells.get(&(row.to_owned(), subject)) {
            Some(Cell::Samples(samples)) => Some(samples),
            _ => None,
        }
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let half = figures.len() / 2;
    match figures.len() % 2 {
        0 => (figures[half - 1] + figures[half]) / 2.0,
        _ => figures[half],
    }
}

/// Formats nanoseconds with a readable unit.
pub(crate) fn with_unit(figure: f64) -> String {
    match figure {
        ..1_000.0 => format!("{figure:.0} ns"),
        ..10_000.0 => format!("{:.2} µs", figure / 1e3),
        ..100_000.0 => format!("{:.1} µs", figure / 1e3),
        ..10_000_000.0 => format!("{:.0} µs", figure / 1e3),
        _ => format!("{:.1} ms", figure / 1e6),
    }
}
