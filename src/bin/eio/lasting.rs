//! The options about reconnecting and receipts.

use std::time::Duration;

use engineio_client::transports::Transports;
use engineio_client::{Builder, Receipts, Reconnect, Resend, Runtime};
use lexopt::{Parser, ValueExt as _};

use super::args::seconds;

/// Values of these options.
#[derive(Debug, Default)]
pub(crate) struct Lasting {
    pub(crate) reconnect: bool,
    resend: Option<Resend>,
    receipts: bool,
    delay: Option<Duration>,
    max_delay: Option<Duration>,
    attempts: Option<u32>,
}

/// The library's default for the longest delay before an attempt to reconnect.
const MAX_DELAY: Duration = Duration::from_secs(5);

impl Lasting {
    /// Whether this is one of these options, by its long name without dashes.
    pub(crate) fn has_option(name: &str) -> bool {
        const NAMES: [&str; 6] = [
            "reconnect",
            "resend",
            "receipts",
            "reconnect-delay",
            "reconnect-delay-max",
            "reconnect-attempts",
        ];
        NAMES.contains(&name)
    }

    /// Reads the value of one of these options, if it takes one.
    pub(crate) fn read(&mut self, name: &str, parser: &mut Parser) -> Result<(), lexopt::Error> {
        match name {
            "reconnect" => self.reconnect = true,
            "receipts" => self.receipts = true,
            "resend" => self.resend = Some(resend(&parser.value()?.string()?)?),
            "reconnect-delay" => {
                self.delay = Some(seconds("--reconnect-delay", &parser.value()?.string()?)?);
            }
            "reconnect-delay-max" => {
                let text = parser.value()?.string()?;
                self.max_delay = Some(seconds("--reconnect-delay-max", &text)?);
            }
            _ => self.attempts = Some(attempts(&parser.value()?.string()?)?),
        }
        Ok(())
    }

    /// Checks that the options are consistent.
    pub(crate) fn check(&self) -> Result<(), String> {
        if let (Some(delay), Some(max_delay)) = (self.delay, self.max_delay)
            && delay > max_delay
        {
            return Err("--reconnect-delay is longer than --reconnect-delay-max".into());
        }
        let given = [
            ("--resend", self.resend.is_some()),
            ("--reconnect-delay", self.delay.is_some()),
            ("--reconnect-delay-max", self.max_delay.is_some()),
            ("--reconnect-attempts", self.attempts.is_some()),
        ];
        match given.iter().find(|(_, is_given)| *is_given) {
            Some((option, _)) if !self.reconnect => Err(format!(
                "{option} needs --reconnect, since it concerns the sessions after the first"
            )),
            _ => Ok(()),
        }
    }

    /// Whether messages that may not have arrived are sent again.
    pub(crate) fn resends(&self) -> bool {
        self.resend == Some(Resend::Unconfirmed)
    }

    /// Whether the client finds out which messages have arrived.
    pub(crate) fn has_receipts(&self) -> bool {
        self.receipts || self.resends()
    }

    /// Applies the options to a builder.
    pub(crate) fn set<R: Runtime>(
        &self,
        mut builder: Builder<Transports, R>,
    ) -> Builder<Transports, R> {
        if self.has_receipts() {
            builder = builder.receipts(Receipts::new());
        }
        if !self.reconnect {
            return builder;
        }
        let delay = self.delay.unwrap_or(Duration::from_secs(1));
        // The library limits the first delay to the longest one, too.
        let max_delay = self.max_delay.unwrap_or_else(|| MAX_DELAY.max(delay));
        let mut reconnect = Reconnect::new()
            .resend(self.resend.unwrap_or_default())
            .delay(delay)
            .max_delay(max_delay);
        if let Some(attempts) = self.attempts {
            reconnect = reconnect.attempts(attempts);
        }
        builder.reconnect(reconnect)
    }
}

fn resend(text: &str) -> Result<Resend, lexopt::Error> {
    match text {
        "unsent" => Ok(Resend::Unsent),
        "unconfirmed" => Ok(Resend::Unconfirmed),
        _ => {
            Err(format!("the value of --resend must be unsent or unconfirmed, not {text:?}").into())
        }
    }
}

fn attempts(text: &str) -> Result<u32, lexopt::Error> {
    text.parse().map_err(|_| {
        format!("the value of --reconnect-attempts must be a number, not {text:?}").into()
    })
}
