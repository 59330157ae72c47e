//! The command line.

use std::path::PathBuf;

use super::worker::Failure;

pub(crate) const PARTS: [&str; 6] = ["growth", "idle", "sessions", "storm", "large", "deflate"];

pub(crate) struct Options {
    pub(crate) quick: bool,
    /// Where to write the rows of `growth` as comma-separated values.
    pub(crate) csv: Option<PathBuf>,
    /// The parts to measure; empty for all.
    parts: Vec<String>,
}

impl Options {
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let mut options = Self {
            quick: false,
            csv: None,
            parts: Vec::new(),
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--quick" => options.quick = true,
                "--csv" => {
                    let file = arguments.next().ok_or("--csv requires a file name")?;
                    options.csv = Some(file.into());
                }
                part if PARTS.contains(&part) => options.parts.push(part.to_owned()),
                other => {
                    let words = format!(
                        "unknown argument {other:?}: expected --quick, --csv FILE or any of {PARTS:?}"
                    );
                    return Err(words.into());
                }
            }
        }
        if options.csv.is_some() && !options.wants("growth") {
            return Err("--csv requires the part growth".into());
        }
        Ok(options)
    }

    pub(crate) fn wants(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|wanted| wanted == part)
    }
}
