//! Replaces compression if the feature `compression` is disabled: nothing is offered, so nothing is agreed.

use bytes::Bytes;

/// What the user asks for.
#[derive(Clone, Debug)]
pub(super) enum Deflate {}

impl Deflate {
    pub(super) fn offer(&self) -> String {
        match *self {}
    }

    pub(super) fn accept(&self, _: &[u8]) -> Result<Agreement, String> {
        match *self {}
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Agreement {}

impl Agreement {
    pub(super) fn log(&self) {
        match *self {}
    }
}

pub(super) const PIECE: usize = 64 * 1024;

pub(super) enum Deflater {}

impl Deflater {
    pub(super) fn new(agreement: &Agreement) -> Self {
        match *agreement {}
    }

    pub(super) fn threshold(&self) -> usize {
        match *self {}
    }

    pub(super) fn step(&mut self, _: Option<u8>, _: &[u8], _: impl FnOnce(Compressed<'_>)) -> Step {
        match *self {}
    }
}

#[allow(dead_code, reason = "nothing is compressed")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Plain,
    More,
    Done,
    Failed,
}

#[allow(dead_code, reason = "nothing is compressed")]
pub(super) struct Compressed<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) is_first: bool,
    pub(super) is_final: bool,
}

pub(super) enum Inflater {}

impl Inflater {
    pub(super) fn new(agreement: &Agreement) -> Self {
        match *agreement {}
    }

    pub(super) fn buffer() -> Vec<u8> {
        Vec::new()
    }

    pub(super) fn message(buffer: Vec<u8>) -> Bytes {
        Bytes::from(buffer)
    }

    pub(super) fn inflate(
        &mut self,
        _: &[u8],
        _: &mut Vec<u8>,
        _: usize,
        _: bool,
    ) -> Result<Inflated, Broken> {
        match *self {}
    }
}

#[allow(dead_code, reason = "nothing is decompressed")]
pub(super) enum Broken {
    TooLong,
    Corrupt,
}

#[allow(dead_code, reason = "nothing is decompressed")]
pub(super) enum Inflated {
    Whole,
    Part(usize),
}
