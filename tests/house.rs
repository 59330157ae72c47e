//! The house rules. In `src` and `transports`, outside of tests, no module depends on itself through
//! others, and no file or function is too long to be read in one go. The tests prove every rule of the
//! guide's page on the protocol.

#[path = "house/cycles.rs"]
mod cycles;
#[path = "house/graph.rs"]
mod graph;
#[path = "house/planted.rs"]
mod planted;
#[path = "house/rules.rs"]
mod rules;
#[path = "house/sizes.rs"]
mod sizes;

use std::path::Path;

use graph::Graph;

/// Child modules that may use their parent. Each holds `impl` blocks of one of the parent's types,
/// because all `impl` blocks of that type together would be too long for one file.
const CHILDREN: [(&str, &str); 4] = [
    (
        "engine::close",
        "the methods of the engine that end a session",
    ),
    (
        "engine::opening",
        "the methods of the engine that open a session",
    ),
    (
        "engine::session",
        "the methods of the engine that receive and send in an open session",
    ),
    (
        "engine::upgrade",
        "the methods of the engine that upgrade a session",
    ),
];

/// Maximum length of [`CHILDREN`].
const MOST_CHILDREN: usize = 6;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn house() -> Graph {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).ok();
    Graph::read("src/lib.rs", &read)
}

#[test]
fn no_module_depends_on_itself_through_others() {
    let mut graph = house();
    assert!(
        graph.modules().count() > 80,
        "modules are missing from the graph"
    );
    for (child, _) in CHILDREN {
        graph.excuse(child);
    }
    let cycles = cycles::find(&graph);
    assert!(cycles.is_empty(), "{}", cycles.join("\n"));
}

#[test]
fn a_child_uses_its_parent_only_if_it_holds_impl_blocks_of_its_type() {
    let graph = house();
    assert!(CHILDREN.len() <= MOST_CHILDREN);
    for (child, reason) in CHILDREN {
        assert!(!reason.is_empty());
        graph.holds_impl_blocks_of_its_parent(child).unwrap();
    }
}

#[test]
fn no_file_is_longer_than_500_lines_unless_its_first_comment_says_why() {
    let long = sizes::long_files(root());
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn no_function_is_longer_than_60_lines() {
    let long = sizes::long_functions(root());
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn every_rule_of_the_guide_has_a_test_and_every_test_names_rules_that_exist() {
    let guide = rules::of_the_guide(root());
    let tests = rules::of_the_tests(root());
    let unknown = tests.iter().filter(|(rule, _)| !guide.contains(rule));
    let unknown: Vec<String> = unknown
        .map(|(rule, places)| format!("the guide has no rule E{rule}: {}", places.join(", ")))
        .collect();
    let untested = guide.iter().filter(|rule| !tests.contains_key(rule));
    let untested: Vec<String> = untested
        .map(|rule| format!("rule E{rule} has no test"))
        .collect();
    let faults = [unknown, untested].concat();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_comment_about_rules_has_one_form() {
    assert_eq!(rules::numbers("/// Rule E7."), Some(Ok(vec![7])));
    assert_eq!(rules::numbers("    // Rules E7, E9."), Some(Ok(vec![7, 9])));
    assert_eq!(rules::numbers("/// Rules of the house."), None);
    for malformed in ["Rule E7", "Rules E7.", "Rule E7, E9.", "Rules E7 and E9."] {
        let line = format!("/// {malformed}");
        assert_eq!(rules::numbers(&line), Some(Err(malformed)), "{line}");
    }
}
