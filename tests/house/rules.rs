//! The numbered rules of `src/guide/protocol.md`, and the comments of the tests that prove them.
//!
//! A test that proves rules has a line of exactly the form `/// Rule E7.` or `/// Rules E7, E9.` above
//! its attribute. In a table of tests, a row has such a line as a plain comment, with `//`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The rules of the guide, as their numbers.
pub(crate) fn of_the_guide(root: &Path) -> BTreeSet<u32> {
    let path = root.join("src/guide/protocol.md");
    let text = fs::read_to_string(path).expect("the guide's page of the protocol");
    let mut rules = BTreeSet::new();
    for line in text.lines() {
        let Some((number, _)) = line
            .strip_prefix("- **E")
            .and_then(|rest| rest.split_once(".**"))
        else {
            continue;
        };
        let number = number.parse().expect("a rule's number");
        assert!(rules.insert(number), "the guide has two rules E{number}");
    }
    assert!(rules.len() > 50, "{} rules", rules.len());
    rules
}

/// The rules that tests prove, each with the places that say so.
pub(crate) fn of_the_tests(root: &Path) -> BTreeMap<u32, Vec<String>> {
    let mut rules: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for path in files_of_tests(root) {
        let text = fs::read_to_string(&path).expect("a text");
        for (number, line) in (1..).zip(text.lines()) {
            let path = path.strip_prefix(root).expect("below the root").display();
            let place = format!("{path}:{number}");
            match numbers(line) {
                None => {}
                Some(Ok(numbers)) => {
                    for rule in numbers {
                        rules.entry(rule).or_default().push(place.clone());
                    }
                }
                Some(Err(line)) => panic!("{place}: not of the form `Rules E7, E9.`: {line}"),
            }
        }
    }
    rules
}

/// The numbers in a comment that names rules, or `None` for any other line. If the comment is malformed,
/// it is returned as the error.
pub(crate) fn numbers(line: &str) -> Option<Result<Vec<u32>, &str>> {
    let line = line.trim_start();
    let comment = line
        .strip_prefix("/// ")
        .or_else(|| line.strip_prefix("// "))?;
    let rest = comment.strip_prefix("Rule")?;
    let (list, is_plural) = match (rest.strip_prefix(" E"), rest.strip_prefix("s E")) {
        (Some(list), _) => (list, false),
        (_, Some(list)) => (list, true),
        _ => return None,
    };
    let numbers = list.strip_suffix('.').and_then(|list| {
        let numbers = list.split(", E").map(str::parse);
        numbers.collect::<Result<Vec<u32>, _>>().ok()
    });
    let numbers = numbers.filter(|numbers| (numbers.len() > 1) == is_plural);
    Some(numbers.ok_or(comment))
}

/// The files of `tests`, and those of unit tests.
fn files_of_tests(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root.join("tests"), root.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy();
            // Skips hidden folders, such as `tests/peers/.installed`, and build output.
            if path.is_dir() && !name.starts_with('.') && name != "target" {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let is_of_tests = |path: &PathBuf| {
        let below = path.strip_prefix(root).expect("below the root");
        let mut names = below.iter().map(|name| name.to_string_lossy());
        names.any(|name| name.starts_with("test") || name == "properties.rs")
    };
    files.retain(is_of_tests);
    files.sort();
    files
}
