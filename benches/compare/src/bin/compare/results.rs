//! The results of a run, and their tables.

use std::collections::BTreeMap;

use crate::rows::Row;
use crate::subjects::Subject;

#[derive(Clone, Debug)]
pub(crate) enum Cell {
    /// CPU time per message, for each round.
    Figures(Vec<f64>),
    /// Why there are no figures.
    Word(&'static str),
}

/// The cells of a run, by row and subject.
#[derive(Debug, Default)]
pub(crate) struct Results {
    cells: BTreeMap<(String, &'static str), Cell>,
}

impl Results {
    /// Adds the figure of a round, unless another round has failed.
    pub(crate) fn add(&mut self, row: &Row, subject: &Subject, figure: f64) {
        let cell = self.cells.entry((row.name(), subject.key));
        if let Cell::Figures(figures) = cell.or_insert_with(|| Cell::Figures(Vec::new())) {
            figures.push(figure);
        }
    }

    pub(crate) fn fail(&mut self, row: &Row, subject: &Subject, word: &'static str) {
        let key = (row.name(), subject.key);
        self.cells.insert(key, Cell::Word(word));
    }

    pub(crate) fn has_failed(&self, row: &Row, subject: &Subject) -> bool {
        let cell = self.cells.get(&(row.name(), subject.key));
        matches!(cell, Some(Cell::Word(_)))
    }

    /// Median of the rounds, in nanoseconds of CPU time per message.
    pub(crate) fn median(&self, row: &str, subject: &'static str) -> Option<f64> {
        match self.cells.get(&(row.to_owned(), subject)) {
            Some(Cell::Figures(figures)) => Some(median(figures)),
            _ => None,
        }
    }

    fn text(&self, row: &Row, subject: &Subject) -> String {
        match self.cells.get(&(row.name(), subject.key)) {
            None => "-".into(),
            Some(Cell::Word(word)) => (*word).into(),
            Some(Cell::Figures(figures)) => {
                let ours = median(figures);
                match self.median(&row.name(), "bare-tokio") {
                    Some(bare) if subject.is_ours() => {
                        format!("{} ({:.2})", with_unit(ours), ours / bare)
                    }
                    _ => with_unit(ours),
                }
            }
        }
    }

    fn lines(&self, rows: &[Row], subjects: &[Subject]) -> Vec<Vec<String>> {
        let titles = subjects.iter().map(|subject| subject.title.to_owned());
        let mut lines = vec![std::iter::once(String::new()).chain(titles).collect()];
        for row in rows {
            let cells = subjects.iter().map(|subject| self.text(row, subject));
            lines.push(std::iter::once(row.name()).chain(cells).collect());
        }
        lines
    }

    pub(crate) fn markdown(&self, rows: &[Row], subjects: &[Subject]) -> String {
        let mut text = String::new();
        for (index, line) in self.lines(rows, subjects).iter().enumerate() {
            text += &format!("| {} |\n", line.join(" | "));
            if index == 0 {
                text += &format!("|---|{}\n", "---:|".repeat(subjects.len()));
            }
        }
        text
    }

    /// A text table, split into blocks of columns that fit the width of a terminal.
    pub(crate) fn plain(&self, rows: &[Row], subjects: &[Subject]) -> String {
        let mut blocks: Vec<Vec<String>> = Vec::new();
        let mut last = 0;
        let lines = self.lines(rows, subjects);
        let names = column(&lines, 0, true);
        for index in 1..=subjects.len() {
            let cells = column(&lines, index, false);
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
        blocks.join("\n")
    }
}

const WIDTH: usize = 132;

/// A column, padded to the width of its widest cell.
fn column(lines: &[Vec<String>], index: usize, left: bool) -> Vec<String> {
    let cells: Vec<&str> = lines.iter().map(|line| line[index].as_str()).collect();
    let width = cells.iter().map(|cell| cell.chars().count()).max();
    let width = width.unwrap_or_default();
    let pad = |cell: &&str| match left {
        true => format!("{cell:<width$}"),
        false => format!("{cell:>width$}"),
    };
    cells.iter().map(pad).collect()
}

fn median(figures: &[f64]) -> f64 {
    let mut figures = figures.to_vec();
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
