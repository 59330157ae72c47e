//! Tests the check for cycles on small crates: the check finds a cycle of each kind, and reports no
//! cycle in a crate without one.

use super::cycles;
use super::graph::Graph;

/// The cycles in a crate of these files.
fn cycles_in(files: &[(&str, &str)]) -> Vec<String> {
    let read = |path: &str| {
        let file = files.iter().find(|(name, _)| *name == path)?;
        Some(file.1.to_owned())
    };
    cycles::find(&Graph::read("src/lib.rs", &read))
}

/// Returns the import cycles that the check finds in a crate with the modules `one` and `other`, whose source
/// texts are the arguments. The root re-exports `other::Other`.
fn between(one: &str, other: &str) -> Vec<String> {
    cycles_in(&[
        (
            "src/lib.rs",
            "mod one;\nmod other;\npub use other::Other;\n",
        ),
        ("src/one.rs", one),
        ("src/other.rs", other),
    ])
}

const NAMES_ONE: &str = "use crate::one::One;\npub struct Other(One);\n";

#[test]
fn every_way_to_use_a_module_closes_a_cycle() {
    for one in [
        "use crate::other::Other;",
        "use super::other::Other;",
        "use crate::other::{self, Other as Mine};",
        "use crate::{other::Other};",
        "use super::{other::*};",
        "use engineio_client::other::Other;",
        // The next three use the module through the root, which re-exports `Other`.
        "use crate::Other;",
        "use engineio_client::Other;",
        "fn f(_: super::Other) {}",
        "fn f() { let _ = crate::other::Other::new(); }",
        "fn f() -> Vec<u8> { vec![crate::other::BYTE] }",
        "mod within { fn f(_: super::super::other::Other) {} }",
        "#[cfg(not(test))] use crate::other::Other;",
        "#[cfg(feature = \"x\")] use crate::other::Other;",
        "impl Iterator for One { type Item = crate::other::Other; }",
        "/* a comment */ pub use crate::other::Other; // and one",
        "const TEXT: &str = \"// no comment\"; use crate::other::Other;",
    ] {
        let cycles = between(one, NAMES_ONE);
        assert_eq!(cycles.len(), 1, "{one}");
        assert!(cycles[0].contains("src/one.rs names other"), "{cycles:?}");
        assert!(cycles[0].contains("src/other.rs names one"), "{cycles:?}");
    }
}

#[test]
fn code_that_uses_no_module_closes_no_cycle() {
    for one in [
        "",
        "// use crate::other::Other;",
        "/// See [`crate::other::Other`].\npub struct One;",
        "const TEXT: &str = \"crate::other::Other\";",
        "#[cfg(test)] use crate::other::Other;",
        "#[cfg(test)] mod tests { use crate::other::Other; }",
        "#[cfg(any(test, fuzzing))] impl One { fn f(_: crate::other::Other) {} }",
        "#[test] fn f(_: crate::other::Other) {}",
        "pub(in crate::other) struct One;",
        "use other::Other;",
        "use ::other::Other;",
        "mod other { pub struct Other; } use self::other::Other;",
        "fn f(other: u8) -> u8 { other }",
    ] {
        let cycles = between(one, NAMES_ONE);
        assert!(cycles.is_empty(), "{one}: {cycles:?}");
    }
}

#[test]
fn a_cycle_may_be_long_and_a_child_closes_one_with_its_parent() {
    let long = cycles_in(&[
        ("src/lib.rs", "mod a; mod b; mod c;"),
        ("src/a.rs", "use crate::b::B;"),
        ("src/b/mod.rs", "use super::c::C;"),
        ("src/c.rs", "fn f(_: super::a::A) {}"),
    ]);
    assert_eq!(long.len(), 1);
    assert!(long[0].starts_with("a cycle of 3 "), "{long:?}");

    let child = cycles_in(&[
        (
            "src/lib.rs",
            "#[path = \"../elsewhere/mod.rs\"] mod parent;",
        ),
        (
            "elsewhere/mod.rs",
            "use child::Child; mod child; pub struct Parent(Child);",
        ),
        ("elsewhere/child.rs", "use super::Parent; pub struct Child;"),
    ]);
    assert_eq!(child.len(), 1, "{child:?}");

    let in_code = cycles_in(&[
        ("src/lib.rs", "mod parent;"),
        ("src/parent.rs", "mod child; fn f() { child::g() }"),
        ("src/parent/child.rs", "impl super::Parent {} pub fn g() {}"),
    ]);
    assert_eq!(in_code.len(), 1, "{in_code:?}");
}

#[test]
fn only_impl_blocks_of_its_parent_excuse_a_child() {
    let crate_with = |child: &str| {
        let files = [
            ("src/lib.rs".to_owned(), "mod parent;".to_owned()),
            (
                "src/parent/mod.rs".to_owned(),
                "mod child; use child::Child; pub struct Parent(Child);".to_owned(),
            ),
            ("src/parent/child.rs".to_owned(), child.to_owned()),
        ];
        let read = |path: &str| {
            let file = files.iter().find(|(name, _)| name == path)?;
            Some(file.1.clone())
        };
        Graph::read("src/lib.rs", &read)
    };
    let mut graph =
        crate_with("use super::Parent; impl Parent { fn f(&self) {} } pub struct Child;");
    graph
        .holds_impl_blocks_of_its_parent("parent::child")
        .unwrap();
    assert_eq!(cycles::find(&graph).len(), 1);
    graph.excuse("parent::child");
    assert!(cycles::find(&graph).is_empty());

    let graph = crate_with("use super::Parent; fn f(_: Parent) {} pub struct Child;");
    let error = graph
        .holds_impl_blocks_of_its_parent("parent::child")
        .unwrap_err();
    assert!(error.contains("no impl block"), "{error}");
    let graph = crate_with("pub struct Child;");
    let error = graph
        .holds_impl_blocks_of_its_parent("parent::child")
        .unwrap_err();
    assert!(error.contains("need not"), "{error}");
}
