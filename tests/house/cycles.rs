//! Finds the cycles in the graph of modules: its strongly connected components of more than one module.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::{Graph, Module};

/// Returns one report for each cycle. The report lists which modules of the cycle name which others.
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
    let mut cycles = Vec::new();
    for (module, from_here) in &reached {
        let is_back = |other: &&Module| reached[*other].contains(*module);
        let cycle: BTreeSet<&Module> = from_here.iter().copied().filter(is_back).collect();
        if cycle.is_empty() || !told.insert(cycle.clone()) {
            continue;
        }
        let lines = cycle.iter().flat_map(|module| {
            let within = named[*module].iter().filter(|other| cycle.contains(other));
            within.map(|other| format!("  {} names {}", graph.file(module), other.join("::")))
        });
        let lines: Vec<String> = lines.collect();
        cycles.push(format!(
            "a cycle of {} modules:\n{}",
            cycle.len(),
            lines.join("\n")
        ));
    }
    cycles
}

/// The modules that a module names, directly or through other modules.
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
