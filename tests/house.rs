//! The house rules for `src` and `transports`, outside of tests: no module depends on itself through
//! others, and no file or function is too long to be read in one go.

#[path = "house/cycles.rs"]
mod cycles;
#[path = "house/graph.rs"]
mod graph;
#[path = "house/planted.rs"]
mod planted;
#[path = "house/sizes.rs"]
mod sizes;

use std::path::Path;

use graph::Graph;

/// Child modules that may use their parent. Each of them holds `impl` blocks of one of the parent's
/// types, which are too long for one file.
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

/// The greatest length of [`CHILDREN`].
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
