//! The lengths of files and functions.

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

const FILE: usize = 500;
const FUNCTION: usize = 60;

/// The path and the text of every file of `src` and `transports`, tests included.
fn files(root: &Path) -> Vec<(String, String)> {
    let mut folders: Vec<PathBuf> = vec![root.join("src"), root.join("transports")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a text");
                let name = path.strip_prefix(root).expect("the path is below the root");
                files.push((name.display().to_string(), text));
            }
        }
    }
    assert!(files.len() > 100, "files are missing");
    files.sort();
    files
}

/// The files that are too long, unless their first comment says why.
pub(crate) fn long_files(root: &Path) -> Vec<String> {
    let files = files(root).into_iter();
    let long = files.filter_map(|(name, text)| {
        let comment = text.lines().take_while(|line| line.starts_with("//!"));
        let has_reason = comment.into_iter().any(|line| line.contains("500 lines"));
        let lines = text.lines().count();
        (lines > FILE && !has_reason).then(|| format!("{name} has {lines} lines"))
    });
    long.collect()
}

pub(crate) fn long_functions(root: &Path) -> Vec<String> {
    let mut long = Vec::new();
    for (file, text) in files(root) {
        let tokens: TokenStream = text.parse().expect("the file can be parsed");
        functions(tokens, &mut |name, lines| {
            if lines > FUNCTION {
                long.push(format!("{file}: {name} has {lines} lines"));
            }
        });
    }
    long
}

/// Calls `tell` with the name of each function and the number of lines from its name to its end.
fn functions(tokens: TokenStream, tell: &mut dyn FnMut(String, usize)) {
    let mut begun: Option<(String, usize)> = None;
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(ident) if ident == "fn" => {
                if let Some(TokenTree::Ident(name)) = tokens.peek() {
                    begun = Some((name.to_string(), ident.span().start().line));
                }
            }
            TokenTree::Punct(punct) if punct.as_char() == ';' => begun = None,
            TokenTree::Group(group) => {
                if group.delimiter() == Delimiter::Brace
                    && let Some((name, first)) = begun.take()
                {
                    let last = group.span_close().end().line;
                    tell(name, last - first + 1);
                }
                functions(group.stream(), tell);
            }
            _ => {}
        }
    }
}
