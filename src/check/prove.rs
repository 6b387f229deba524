//! Every kernel of an op against its reference, on a [`Runner`].

use std::collections::{BTreeMap, BTreeSet};

use super::compare::compare;
use super::experiment::{self, Experiment};
use super::{NodeRun, Runner, words};
use crate::ops::{self, Definition};

/// What outputs hold before the first and before the second run: both not a number as a float and far beyond any index, and
/// different, so that an element which is not written is seen in either run and between them.
const POISONS: [u32; 2] = [0xffff_ffff, 0x7fc0_0000];

/// What lies beyond the last element of an input: as a float 123.456, as an integer beyond any index. In training it is whatever
/// was there before; a kernel's results must not depend on it.
const PADDING: u32 = 0x42f6_e979;

/// What was found of one op.
#[derive(Clone, Debug)]
pub struct OpReport {
    /// The op.
    pub op: &'static str,
    /// One row for each way in which one of its passes was computed.
    pub rows: Vec<Row>,
    /// What kept a case from being tried at all.
    pub errors: Vec<String>,
}

impl OpReport {
    /// Whether nothing was found wrong and something was tried.
    pub fn passed(&self) -> bool {
        self.errors.is_empty() && self.rows.iter().all(|row| row.failures.is_empty())
    }

    /// All that is wrong, one text each.
    pub fn failures(&self) -> impl Iterator<Item = &str> {
        let rows = self.rows.iter().flat_map(|row| &row.failures);
        self.errors.iter().chain(rows).map(String::as_str)
    }

    /// Shader stem and entry point of every kernel that ran.
    pub fn kernels(&self) -> BTreeSet<(&'static str, &'static str)> {
        let rows = self.rows.iter();
        rows.flat_map(|row| row.kernels.iter().copied()).collect()
    }
}

/// What was found of one pass of one op, computed by one series of kernels.
#[derive(Clone, Debug)]
pub struct Row {
    /// Op and pass: `matmul.forward`.
    pub name: String,
    /// Shader stem and entry point of each kernel, in order.
    pub kernels: Vec<(&'static str, &'static str)>,
    /// How many sets of inputs were tried.
    pub cases: usize,
    /// The worst error over its tolerance, of all elements of all cases.
    pub worst: f64,
    /// The case in which it was met.
    pub worst_case: String,
    /// What is wrong, one text each.
    pub failures: Vec<String>,
}

/// Proves all ops. A node that occurs in the graphs of several cases is run once.
pub fn prove_all(runner: &mut dyn Runner) -> Vec<OpReport> {
    let mut seen = BTreeSet::new();
    ops::OPS
        .iter()
        .map(|definition| prove(definition, runner, &mut seen))
        .collect()
}

/// Proves one op: every node of the forward and backward graphs of its cases.
pub fn prove_op(definition: &Definition, runner: &mut dyn Runner) -> OpReport {
    prove(definition, runner, &mut BTreeSet::new())
}

fn prove(
    definition: &Definition,
    runner: &mut dyn Runner,
    seen: &mut BTreeSet<String>,
) -> OpReport {
    let mut rows: BTreeMap<_, Row> = BTreeMap::new();
    let mut errors = Vec::new();
    let cases = (definition.cases)();
    if cases.is_empty() {
        errors.push(format!("{}: there are no cases", definition.name));
    }
    for (index, case) in cases.iter().enumerate() {
        let target = runner.target();
        let experiments = match experiment::of_case(definition.name, index, case, &target, seen) {
            Ok(experiments) => experiments,
            Err(error) => {
                errors.push(error);
                continue;
            }
        };
        for experiment in &experiments {
            let (name, kernels) = (experiment.node.name(), experiment.kernels());
            let row = rows
                .entry((name.clone(), kernels.clone()))
                .or_insert_with(|| Row {
                    name,
                    kernels,
                    cases: 0,
                    worst: 0.0,
                    worst_case: String::new(),
                    failures: Vec::new(),
                });
            row.cases += 1;
            let (worst, failures) = try_experiment(experiment, runner);
            if worst >= row.worst {
                row.worst = worst;
                row.worst_case.clone_from(&experiment.what);
            }
            let what = &experiment.what;
            let failures = failures.into_iter().map(|text| format!("{what}: {text}"));
            row.failures.extend(failures);
        }
    }
    OpReport {
        op: definition.name,
        rows: rows.into_values().collect(),
        errors,
    }
}

/// Runs a node twice; gives all that is wrong with it, one text each.
pub fn prove_experiment(experiment: &Experiment, runner: &mut dyn Runner) -> Vec<String> {
    try_experiment(experiment, runner).1
}

/// Runs a node twice; gives the worst error over its tolerance, and all that is wrong.
fn try_experiment(experiment: &Experiment, runner: &mut dyn Runner) -> (f64, Vec<String>) {
    let inputs: Vec<_> = experiment
        .inputs
        .iter()
        .zip(&experiment.types)
        .map(|(input, tensor)| {
            words::padded_with(words::pack(input, tensor.dtype), tensor, PADDING)
        })
        .collect();
    let mut run = |poison| {
        runner.run_node(
            &experiment.node,
            &experiment.types,
            &inputs,
            &experiment.output_types,
            poison,
        )
    };
    let runs = match (run(POISONS[0]), run(POISONS[1])) {
        (Ok(first), Ok(second)) => [first, second],
        (Err(error), _) | (_, Err(error)) => {
            return (f64::INFINITY, vec![format!("cannot be run: {error}")]);
        }
    };
    let mut failures = Vec::new();
    for run in &runs {
        if let Err(error) = sizes(experiment, run) {
            return (f64::INFINITY, vec![error]);
        }
    }
    let [first, second] = runs;
    let mut worst: f64 = 0.0;
    for (i, tensor) in experiment.output_types.iter().enumerate() {
        let got = words::unpack(&first.outputs[i], tensor);
        let comparison = compare(&got, &experiment.truth[i], experiment.tolerances[i]);
        worst = worst.max(comparison.ratio);
        if !comparison.accepted {
            failures.push(format!(
                "output {i} {tensor} is {} at element {} where the reference is {}: {:.3e} times the tolerance",
                comparison.got, comparison.index, comparison.truth, comparison.ratio
            ));
        }
        let bytes = |run: &NodeRun| words::element_bytes(&run.outputs[i], tensor);
        if bytes(&first) != bytes(&second) {
            failures.push(format!("output {i} {tensor} differs between two runs"));
        }
        let update = experiment
            .updates
            .iter()
            .find(|&&(_, updated)| updated == i);
        for (run, poison) in [(&first, POISONS[0]), (&second, POISONS[1])] {
            let before = match update {
                Some(&(input, _)) => inputs[input].clone(),
                None => vec![poison; run.outputs[i].len()],
            };
            if let Some((word, content)) = words::dirty_padding(&run.outputs[i], &before, tensor) {
                failures.push(format!(
                    "output {i} {tensor} has {content:#010x} in word {word}, beyond its last element: zeros belong there"
                ));
            }
        }
    }
    for (i, tensor) in experiment.types.iter().enumerate() {
        let update = experiment.updates.iter().find(|(input, _)| *input == i);
        for run in [&first, &second] {
            let after = &run.inputs_after[i];
            match update {
                None if after != &inputs[i] => {
                    failures.push(format!("input {i} {tensor} is changed by the run"));
                }
                Some(&(_, output)) if after != &run.outputs[output] => {
                    failures.push(format!("input {i} {tensor} is not its own new state"));
                }
                _ => {}
            }
        }
    }
    if let Some([outside, long]) = [first.watched, second.watched].into_iter().max()
        && outside + long > 0
    {
        failures.push(format!(
            "{outside} invocations reach outside of an array, and {long} loop longer than the op says"
        ));
    }
    failures.dedup();
    (worst, failures)
}

/// Whether a run gives every tensor whole.
fn sizes(experiment: &Experiment, run: &NodeRun) -> Result<(), String> {
    let pairs = [
        ("output", &run.outputs, &experiment.output_types),
        ("input", &run.inputs_after, &experiment.types),
    ];
    for (kind, words, types) in pairs {
        let got: Vec<usize> = words.iter().map(|words| words.len() * 4).collect();
        let wanted: Vec<usize> = types.iter().map(crate::graph::TensorType::bytes).collect();
        if got != wanted {
            return Err(format!(
                "the run gives {kind}s of {got:?} bytes instead of {wanted:?}"
            ));
        }
    }
    Ok(())
}
