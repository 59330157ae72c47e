//! The order of the house: no module imports itself by way of others, and no file or function is too
//! long to be read in one go. Checked on `src` and `transports`, outside of tests.

#[path = "house/circles.rs"]
mod circles;
#[path = "house/graph.rs"]
mod graph;
#[path = "house/planted.rs"]
mod planted;
#[path = "house/sizes.rs"]
mod sizes;

use std::path::Path;

use graph::Graph;

/// Children that name their parent. Each holds `impl` blocks of a type of the parent, which is too
/// large for one file.
const CHILDREN: [(&str, &str); 4] = [
    (
        "engine::close",
        "the ends of a session are methods of the engine, and need a file of their own",
    ),
    (
        "engine::opening",
        "the opening of a session is methods of the engine, likewise",
    ),
    (
        "engine::session",
        "an open session's receiving and sending, likewise",
    ),
    ("engine::upgrade", "the upgrade, likewise"),
];

/// The most exceptions that there may ever be.
const MOST_CHILDREN: usize = 6;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn house() -> Graph {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).ok();
    Graph::read("src/lib.rs", &read)
}

#[test]
fn no_module_imports_itself_by_way_of_others() {
    let mut graph = house();
    assert!(graph.modules().count() > 80, "modules were overlooked");
    for (child, _) in CHILDREN {
        graph.forgive(child);
    }
    let circles = circles::find(&graph);
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn a_child_names_its_parent_only_to_hold_impl_blocks_of_its_type() {
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
