//! The tables of a run.

use crate::options::Options;
use crate::results::{Results, with_unit};
use crate::rows::{Kind, Row};
use crate::subjects::{Group, Subject};

/// Width of a terminal.
const WIDTH: usize = 132;

pub(crate) struct Table {
    title: &'static str,
    /// The cells of each line. The first line and the first cells are titles.
    lines: Vec<Vec<String>>,
}

/// All tables that have figures.
pub(crate) fn all(options: &Options, results: &Results) -> Vec<Table> {
    let group = |group| {
        let subjects = options.subjects.iter();
        subjects.filter(move |subject| subject.group == group)
    };
    let rows = |is_meant: fn(&Row) -> bool| options.rows.iter().filter(move |row| is_meant(row));
    let costs = || rows(|row| row.kind == Kind::Cost);
    let tables = [
        Table::of_rows(
            "CPU time per message: clients",
            results,
            costs(),
            group(Group::Clients),
        ),
        Table::of_rows(
            "CPU time per message: bare on tokio",
            results,
            costs(),
            group(Group::Bare),
        ),
        Table::of_rows(
            "CPU time per message: smol and async-std",
            results,
            costs(),
            group(Group::Runtimes),
        ),
        Table::of_rows(
            "messages per second, eight sessions",
            results,
            rows(|row| row.kind != Kind::Cost),
            options.subjects.iter(),
        ),
        Table::of_echoes(results, rows(|row| row.job == "echo"), &options.subjects),
    ];
    tables
        .into_iter()
        .filter(|table| table.lines.len() > 1)
        .collect()
}

impl Table {
    /// A line for each row and a column for each subject, without those that have no cell.
    fn of_rows<'a>(
        title: &'static str,
        results: &Results,
        rows: impl Iterator<Item = &'a Row>,
        subjects: impl Iterator<Item = &'a Subject>,
    ) -> Self {
        let rows: Vec<&Row> = rows.collect();
        let has_cell = |subject: &&Subject| rows.iter().any(|row| subject.count(row).is_some());
        let subjects: Vec<&Subject> = subjects.filter(has_cell).collect();
        if subjects.is_empty() {
            return Self {
                title,
                lines: Vec::new(),
            };
        }
        let titles = subjects.iter().map(|subject| subject.title);
        let titles = ["", "fastest bare"].into_iter().chain(titles);
        let mut lines = vec![titles.map(str::to_owned).collect()];
        for row in &rows {
            let mut line = vec![row.name(), fastest(results, row)];
            line.extend(subjects.iter().map(|subject| cell(results, row, subject)));
            lines.push(line);
        }
        Self { title, lines }
    }

    /// A line for each row and subject and a column for each percentile.
    fn of_echoes<'a>(
        results: &Results,
        rows: impl Iterator<Item = &'a Row>,
        subjects: &[Subject],
    ) -> Self {
        let titles = ["", "CPU", "p50", "p90", "p99", "p99.9", "longest"];
        let mut lines = vec![titles.map(str::to_owned).to_vec()];
        for row in rows {
            for subject in subjects {
                let (name, key) = (row.name(), subject.key);
                if let (Some(cpu), Some(echo)) =
                    (results.median(&name, key), results.echo(&name, key))
                {
                    let times = std::iter::once(cpu).chain(echo).map(with_unit);
                    let name = format!("{name}: {}", subject.title);
                    lines.push(std::iter::once(name).chain(times).collect());
                }
            }
        }
        Self {
            title: "time from sending a message to receiving its echo",
            lines,
        }
    }

    pub(crate) fn write(&self, markdown: bool) -> String {
        match markdown {
            true => self.markdown(),
            false => self.plain(),
        }
    }

    fn markdown(&self) -> String {
        let mut text = format!("**{}**\n\n", self.title);
        for (index, line) in self.lines.iter().enumerate() {
            text += &format!("| {} |\n", line.join(" | "));
            if index == 0 {
                text += &format!("|---|{}\n", "---:|".repeat(line.len() - 1));
            }
        }
        text
    }

    /// Split into blocks of columns that fit the width of a terminal.
    fn plain(&self) -> String {
        let mut blocks: Vec<Vec<String>> = Vec::new();
        let mut last = 0;
        let names = self.column(0, true);
        for index in 1..self.lines[0].len() {
            let cells = self.column(index, false);
            let width = cells[0].chars().count() + 2;
            if blocks.is_empty() || last + width > WIDTH {
                blocks.push(names.clone());
                last = names[0].chars().count();
            }
            if let Some(block) = blocks.last_mut() {
                for (line, cell) in block.iter_mut().zip(cells) {
                    *line += "  ";
                    *line += &cell;
                }
            }
            last += width;
        }
        let blocks: Vec<String> = blocks.iter().map(|block| block.join("\n") + "\n").collect();
        format!("{}\n\n{}", self.title, blocks.join("\n"))
    }

    /// A column, padded to the width of its widest cell.
    fn column(&self, index: usize, left: bool) -> Vec<String> {
        let cells = self.lines.iter().map(|line| line[index].as_str());
        let width = cells.clone().map(|cell| cell.chars().count()).max();
        let width = width.unwrap_or_default();
        let pad = |cell: &str| match left {
            true => format!("{cell:<width$}"),
            false => format!("{cell:>width$}"),
        };
        cells.map(pad).collect()
    }
}

fn fastest(results: &Results, row: &Row) -> String {
    match results.fastest_bare(&row.name()) {
        Some((title, figure)) => format!("{} ({title})", write(row, figure)),
        None => "-".into(),
    }
}

/// A figure, and for this client its ratio to the fastest bare one.
fn cell(results: &Results, row: &Row, subject: &Subject) -> String {
    let name = row.name();
    if let Some(word) = results.failure(&name, subject.key) {
        return word.into();
    }
    let Some(figure) = results.median(&name, subject.key) else {
        return "-".into();
    };
    match (results.fastest_bare(&name), row.kind) {
        (Some((_, bare)), Kind::Cost) if subject.is_ours() => {
            format!("{} ({:.2})", write(row, figure), figure / bare)
        }
        (Some((_, bare)), _) if subject.is_ours() => {
            format!("{} ({:.2})", write(row, figure), bare / figure)
        }
        _ => write(row, figure),
    }
}

fn write(row: &Row, figure: f64) -> String {
    match row.kind {
        Kind::Cost => with_unit(figure),
        // Nanoseconds per message are billions of messages per second.
        Kind::Throughput { .. } => format!("{:.2} M", 1e3 / figure),
    }
}
