//! The check of circles finds one of each kind, and takes nothing else for one.

use super::circles;
use super::graph::Graph;

/// The circles in a crate of these files.
fn circles_in(files: &[(&str, &str)]) -> Vec<String> {
    let read = |path: &str| {
        let file = files.iter().find(|(name, _)| *name == path)?;
        Some(file.1.to_owned())
    };
    circles::find(&Graph::read("src/lib.rs", &read))
}

/// A crate of two modules, of which the second names the first.
fn between(one: &str, other: &str) -> Vec<String> {
    circles_in(&[
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
fn each_way_of_naming_a_module_closes_a_circle() {
    for one in [
        "use crate::other::Other;",
        "use super::other::Other;",
        "use crate::other::{self, Other as Mine};",
        "use crate::{other::Other};",
        "use super::{other::*};",
        "use engineio_client::other::Other;",
        // By the root, which passes the name on.
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
        let circles = between(one, NAMES_ONE);
        assert_eq!(circles.len(), 1, "{one}");
        assert!(circles[0].contains("src/one.rs names other"), "{circles:?}");
        assert!(circles[0].contains("src/other.rs names one"), "{circles:?}");
    }
}

#[test]
fn what_names_no_module_closes_none() {
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
        let circles = between(one, NAMES_ONE);
        assert!(circles.is_empty(), "{one}: {circles:?}");
    }
}

#[test]
fn a_circle_may_be_long_and_a_child_closes_one_with_its_parent() {
    let long = circles_in(&[
        ("src/lib.rs", "mod a; mod b; mod c;"),
        ("src/a.rs", "use crate::b::B;"),
        ("src/b/mod.rs", "use super::c::C;"),
        ("src/c.rs", "fn f(_: super::a::A) {}"),
    ]);
    assert_eq!(long.len(), 1);
    assert!(long[0].starts_with("a circle of 3"), "{long:?}");

    let child = circles_in(&[
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

    let in_code = circles_in(&[
        ("src/lib.rs", "mod parent;"),
        ("src/parent.rs", "mod child; fn f() { child::g() }"),
        ("src/parent/child.rs", "impl super::Parent {} pub fn g() {}"),
    ]);
    assert_eq!(in_code.len(), 1, "{in_code:?}");
}

#[test]
fn a_child_is_forgiven_for_impl_blocks_of_its_parent_alone() {
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
    assert_eq!(circles::find(&graph).len(), 1);
    graph.forgive("parent::child");
    assert!(circles::find(&graph).is_empty());

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
