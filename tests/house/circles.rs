//! Finds the circles of a graph of modules: its strongly connected parts of more than one module.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::{Graph, Module};

/// Each circle, with who names whom in it.
pub(crate) fn find(graph: &Graph) -> Vec<String> {
    let named: BTreeMap<&Module, BTreeSet<Module>> = graph
        .modules()
        .map(|module| (module, graph.named_by(module)))
        .collect();
    let reached: BTreeMap<&Module, BTreeSet<&Module>> = named
        .keys()
        .map(|module| (*module, reach(&named, module)))
        .collect();
    let mut told = BTreeSet::new();
    let mut circles = Vec::new();
    for (module, from_here) in &reached {
        let is_back = |other: &&Module| reached[*other].contains(*module);
        let circle: BTreeSet<&Module> = from_here.iter().copied().filter(is_back).collect();
        if circle.is_empty() || !told.insert(circle.clone()) {
            continue;
        }
        let lines = circle.iter().flat_map(|module| {
            let within = named[*module].iter().filter(|other| circle.contains(other));
            within.map(|other| format!("  {} names {}", graph.file(module), other.join("::")))
        });
        let lines: Vec<String> = lines.collect();
        circles.push(format!(
            "a circle of {}:\n{}",
            circle.len(),
            lines.join("\n")
        ));
    }
    circles
}

/// What can be reached from a module in one step or more.
fn reach<'a>(
    named: &BTreeMap<&'a Module, BTreeSet<Module>>,
    module: &Module,
) -> BTreeSet<&'a Module> {
    let mut reached = BTreeSet::new();
    let mut next = vec![module];
    while let Some(module) = next.pop() {
        for other in &named[module] {
            let (other, _) = named.get_key_value(other).expect("a module");
            if reached.insert(*other) {
                next.push(other);
            }
        }
    }
    reached
}
