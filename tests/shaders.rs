//! Nothing hides among the shaders: no kernel without an op and a case, no op without a reference, no fragment without an
//! importer, and no lowering that forgets a tensor.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anygrad::check::experiment::{CaseNode, nodes_of_case};
use anygrad::graph::{Dispatch, Graph, Lowering, Operand, Target};
use anygrad::{ops, wgsl};

/// Mesa's lavapipe up to 25.0 silently leaves loops after 65,535 iterations of one invocation, all loops added up.
const MAX_LOOP_TRIPS: usize = 60_000;

/// The fragments that own entry points: an elementwise op, a normalisation, a loss of numbers or a recurrent cell is the import and its
/// functions.
const FUNCTORS: [&str; 6] = [
    "binary",
    "norm",
    "recurrence",
    "regression",
    "row_norm",
    "unary",
];

/// The stems of the files of a folder with this extension.
fn stems(folder: &str, extension: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    fs::read_dir(folder)
        .expect("the folder can be read")
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .filter(|stem| stem != "mod")
        .collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
        .expect("the file can be read")
}

/// The kinds of adapters: the floor, and subgroups of every size that GPUs and software have.
pub(crate) const TARGETS: [Target; 6] = [
    Target::FLOOR,
    subgroups(8, true),
    subgroups(8, false),
    subgroups(16, false),
    subgroups(32, false),
    subgroups(64, false),
];

const fn subgroups(lanes: u32, wide_loads: bool) -> Target {
    Target {
        subgroup: Some(lanes),
        wide_loads,
        workgroup_tiles: !wide_loads,
        f16: false,
    }
}

/// Every node of the forward and backward graphs of every case, once for each way to compute it on some adapter.
pub(crate) fn nodes() -> Vec<CaseNode> {
    let mut nodes: Vec<CaseNode> = Vec::new();
    for definition in ops::OPS {
        for (index, case) in (definition.cases)().iter().enumerate() {
            let mut of_case: Vec<CaseNode> = Vec::new();
            for target in &TARGETS {
                let found = nodes_of_case(definition.name, index, case, target);
                for node in found.unwrap_or_else(|error| panic!("{error}")) {
                    let same = |known: &CaseNode| {
                        known.what == node.what && known.node.lowering == node.node.lowering
                    };
                    if !of_case.iter().any(same) {
                        of_case.push(node);
                    }
                }
            }
            nodes.extend(of_case);
        }
    }
    nodes
}

/// The kernels of a node.
pub(crate) fn dispatches(node: &CaseNode) -> &[Dispatch] {
    match &node.node.lowering {
        Lowering::View => &[],
        Lowering::Kernels { dispatches, .. } => dispatches,
    }
}

/// Fails with all breaches at once, one a line.
pub(crate) fn assert_none(breaches: &[String]) {
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

#[test]
fn an_op_is_three_files_of_one_stem_and_a_word_in_the_registry() {
    let registered: BTreeSet<String> = ops::OPS.iter().map(|op| op.name.to_owned()).collect();
    assert_eq!(registered.len(), ops::OPS.len(), "a name stands once");
    assert_eq!(stems("shaders", "wgsl"), registered, "shaders");
    let views = ops::VIEWS.iter().map(|view| view.name.to_owned());
    let all: BTreeSet<String> = registered.iter().cloned().chain(views).collect();
    let written = stems("src/ops", "rs").into_iter();
    let written: BTreeSet<String> = written
        .filter(|stem| {
            let text = read(&format!("src/ops/{stem}.rs"));
            text.contains("impl Op for") || text.contains("\nunary_op!(")
        })
        .collect();
    assert_eq!(written, all, "ops");
    assert_eq!(stems("src/reference", "rs"), all, "references");
}

#[test]
fn a_view_has_no_kernels_and_an_op_with_kernels_is_no_view() {
    for view in ops::VIEWS {
        for (index, case) in (view.cases)().iter().enumerate() {
            for node in nodes_of_case(view.name, index, case, &Target::FLOOR).unwrap() {
                assert!(dispatches(&node).is_empty(), "{}", node.what);
            }
        }
    }
    for op in ops::OPS {
        for (index, case) in (op.cases)().iter().enumerate() {
            let nodes = nodes_of_case(op.name, index, case, &Target::FLOOR).unwrap();
            assert!(!dispatches(&nodes[0]).is_empty(), "{}", nodes[0].what);
        }
    }
}

#[test]
fn every_fragment_is_embedded_imported_and_without_entry_points() {
    let embedded: BTreeSet<String> = wgsl::FRAGMENTS
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    assert_eq!(stems("shaders/lib", "wgsl"), embedded);
    let shaders = ops::OPS.iter().map(|op| op.shader);
    let texts: Vec<&str> = shaders
        .chain(wgsl::FRAGMENTS.iter().map(|(_, text)| *text))
        .collect();
    for (name, text) in wgsl::FRAGMENTS {
        let import = format!("#import {name}");
        let imported = |text: &&str| text.lines().any(|line| line.trim_end() == import);
        assert!(texts.iter().any(imported), "{name} is imported");
        assert_eq!(
            text.contains("@compute"),
            FUNCTORS.contains(name),
            "{name}: entry points stand in shaders and in functors"
        );
        assert!(
            !text.contains("@binding") || FUNCTORS.contains(name),
            "{name}: bindings stand in shaders and in functors"
        );
    }
}

#[test]
fn a_probe_is_a_file_of_its_own_and_its_one_kernel_or_two_import_nothing_but_how_to_count() {
    let embedded: BTreeSet<String> = ops::PROBES
        .iter()
        .map(|(name, _)| name.strip_prefix("probe/").unwrap().to_owned())
        .collect();
    assert_eq!(stems("shaders/probe", "wgsl"), embedded);
    for (name, text) in ops::PROBES {
        let mut imports = text.lines().filter(|line| line.starts_with("#import"));
        assert!(imports.all(|line| line == "#import flat"), "{name}");
        assert_eq!(ops::shader(name), *text);
    }
}

#[test]
fn every_entry_point_is_run_by_a_case_and_every_case_runs_one_that_exists() {
    let run: BTreeSet<(String, String)> = nodes()
        .iter()
        .flat_map(dispatches)
        .map(|dispatch| (dispatch.shader.to_owned(), dispatch.entry.to_owned()))
        .collect();
    let mut written = BTreeSet::new();
    for op in ops::OPS {
        let module = wgsl::parse(&wgsl::expand(op.shader));
        let module = module.unwrap_or_else(|error| panic!("{}: {error}", op.name));
        for entry in module.entry_points {
            written.insert((op.name.to_owned(), entry.name));
        }
    }
    assert_eq!(
        written, run,
        "entry points that exist, and those that cases run"
    );
}

#[test]
fn ways_to_compute_the_same_have_different_names() {
    for definition in ops::OPS {
        for case in (definition.cases)() {
            let mut graph = Graph::new();
            let inputs: Vec<_> = case
                .inputs
                .iter()
                .map(|input| graph.input("x", input.tensor.clone()))
                .collect();
            graph.apply(case.op.clone(), &inputs).unwrap();
            for target in &TARGETS {
                let ways = graph.ways(&graph.nodes()[0], target);
                let names: BTreeSet<String> = Lowering::names(&ways).into_iter().collect();
                assert_eq!(names.len(), ways.len(), "{:?}: {names:?}", case.op);
            }
        }
    }
}

#[test]
fn loops_stay_below_what_any_driver_runs_to_the_end() {
    let breaches: Vec<String> = nodes()
        .iter()
        .flat_map(|node| dispatches(node).iter().map(move |d| (node, d)))
        .filter(|(_, dispatch)| dispatch.loop_trips >= MAX_LOOP_TRIPS)
        .map(|(node, dispatch)| {
            let (entry, trips) = (dispatch.entry, dispatch.loop_trips);
            format!("{}: {entry} loops {trips} times", node.what)
        })
        .collect();
    assert_none(&breaches);
}

#[test]
fn every_case_names_its_tensors_as_they_are() {
    let mut breaches = Vec::new();
    for node in &nodes() {
        let mut written = BTreeSet::new();
        let mut updated = BTreeMap::new();
        let Lowering::Kernels {
            scratch,
            dispatches,
        } = &node.node.lowering
        else {
            continue;
        };
        let mut filled = vec![false; scratch.len()];
        for dispatch in dispatches {
            let mut refuse = |text: &str| breaches.push(format!("{}: {text}", node.what));
            if dispatch.invocations == 0 {
                refuse("a kernel has invocations");
            }
            for operand in &dispatch.operands {
                match *operand {
                    Operand::Input(i) if i >= node.types.len() => refuse("there is no such input"),
                    Operand::Scratch(i) if i >= scratch.len() => refuse("there is no such scratch"),
                    Operand::Scratch(i) => filled[i] = true,
                    Operand::Output(i) => {
                        written.insert(i);
                    }
                    Operand::Update { input, output } => {
                        if node.types.get(input) != node.output_types.get(output) {
                            refuse("an update keeps the type of its input");
                        }
                        if updated.insert(output, input).is_some_and(|i| i != input) {
                            refuse("an output is the new state of one input");
                        }
                        written.insert(output);
                    }
                    Operand::Input(_) => {}
                }
            }
        }
        if !filled.iter().all(|filled| *filled) {
            breaches.push(format!("{}: a scratch buffer is not used", node.what));
        }
        if written != (0..node.output_types.len()).collect() {
            breaches.push(format!("{}: kernels write {written:?}", node.what));
        }
    }
    assert_none(&breaches);
}
