//! Parses the command line.

use std::path::PathBuf;
use std::time::Duration;

use lexopt::prelude::{Long, Short, Value};
use lexopt::{Parser, ValueExt as _};

use super::lasting::Lasting;

#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) url: String,
    pub(crate) transports: Vec<String>,
    pub(crate) runtime: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) path: Option<String>,
    pub(crate) no_trailing_slash: bool,
    pub(crate) json: bool,
    pub(crate) binary_input: bool,
    pub(crate) linger: Duration,
    pub(crate) follow_redirects: bool,
    pub(crate) proxy: Option<String>,
    pub(crate) deflate: bool,
    pub(crate) request_timeout: Option<Duration>,
    pub(crate) max_message_size: Option<usize>,
    /// How many times `-v` was given.
    pub(crate) verbosity: u8,
    /// PEM files of CAs.
    pub(crate) ca: Vec<PathBuf>,
    /// PEM file of the client certificate.
    pub(crate) cert: Option<PathBuf>,
    /// PEM file of the certificate's key, if the file of the certificate does not contain the key.
    pub(crate) key: Option<PathBuf>,
    pub(crate) insecure: bool,
    pub(crate) lasting: Lasting,
}

impl Options {
    /// Sets an option that has no value. Returns whether there is such an option.
    fn set(&mut self, name: &str) -> bool {
        let option = match name {
            "no-trailing-slash" => &mut self.no_trailing_slash,
            "json" => &mut self.json,
            "binary-input" => &mut self.binary_input,
            "follow-redirects" => &mut self.follow_redirects,
            "insecure" => &mut self.insecure,
            "deflate" => &mut self.deflate,
            _ => return false,
        };
        *option = true;
        true
    }
}

/// What the command line requests.
pub(crate) enum Request {
    Run(Box<Options>),
    /// `-h`
    Summary,
    /// `--help`
    Help,
    Version,
}

pub(crate) fn parse(mut parser: Parser) -> Result<Request, String> {
    read(&mut parser).map_err(|error| error.to_string())
}

fn read(parser: &mut Parser) -> Result<Request, lexopt::Error> {
    let mut options = Options::default();
    let mut url = None;
    while let Some(argument) = parser.next()? {
        match argument {
            Long("transport") => {
                let names = parser.value()?.string()?;
                options
                    .transports
                    .extend(names.split(',').map(|name| name.trim().to_owned()));
            }
            Long("runtime") => options.runtime = Some(parser.value()?.string()?),
            Short('H') | Long("header") => {
                options.headers.push(header(&parser.value()?.string()?)?)
            }
            Long("query") => {
                let pair = parser.value()?.string()?;
                let Some((name, value)) = pair.split_once('=') else {
                    return Err("the value of --query must have the form NAME=VALUE".into());
                };
                options.query.push((name.to_owned(), value.to_owned()));
            }
            Long("path") => options.path = Some(parser.value()?.string()?),
            Long("linger") => options.linger = seconds("--linger", &parser.value()?.string()?)?,
            Long("proxy") => options.proxy = Some(parser.value()?.string()?),
            Long("request-timeout") => {
                options.request_timeout =
                    Some(seconds("--request-timeout", &parser.value()?.string()?)?);
            }
            Long("max-message-size") => {
                let text = parser.value()?.string()?;
                options.max_message_size = Some(bytes("--max-message-size", &text)?);
            }
            Short('v') => options.verbosity = options.verbosity.saturating_add(1),
            Long("ca") => options.ca.push(parser.value()?.into()),
            Long("cert") => options.cert = Some(parser.value()?.into()),
            Long("key") => options.key = Some(parser.value()?.into()),
            Long(name) if options.set(name) => {}
            Long(name) if Lasting::has_option(name) => {
                let name = name.to_owned();
                options.lasting.read(&name, parser)?;
            }
            Short('h') => return Ok(Request::Summary),
            Long("help") => return Ok(Request::Help),
            Short('V') | Long("version") => return Ok(Request::Version),
            Value(value) if url.is_none() => url = Some(value.string()?),
            other => return Err(other.unexpected()),
        }
    }
    if options.key.is_some() && options.cert.is_none() {
        return Err("--key needs --cert, the certificate to which the key belongs".into());
    }
    options.lasting.check()?;
    options.url = url.ok_or("the URL is missing; see eio -h")?;
    Ok(Request::Run(Box::new(options)))
}

/// Parses `NAME: VALUE`. An error does not repeat the value, which may be a secret.
fn header(text: &str) -> Result<(String, String), lexopt::Error> {
    match text.split_once(':') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("the value of -H must have the form 'NAME: VALUE'".into()),
    }
}

pub(crate) fn seconds(option: &str, text: &str) -> Result<Duration, lexopt::Error> {
    let seconds = text
        .parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| {
        format!("the value of {option} must be a number of seconds, not {text:?}").into()
    })
}

fn bytes(option: &str, text: &str) -> Result<usize, lexopt::Error> {
    let bytes = text.parse().ok();
    bytes.ok_or_else(|| {
        format!("the value of {option} must be a number of bytes, not {text:?}").into()
    })
}
