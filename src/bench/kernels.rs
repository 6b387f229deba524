//! Every kernel of the registry: held against its reference at the shape that is timed, then timed.

use std::collections::BTreeSet;

use super::clock::{Effort, Timing, time_plan};
use super::{Probes, Work, roofline, shapes};
use crate::check::experiment::{self, Experiment};
use crate::check::{OnGpu, prove_experiment, words};
use crate::error::Result;
use crate::gpu::{Executor, Gpu, Kernels, Memory};
use crate::graph::{Graph, TensorType, Value};
use crate::ops::{Definition, OPS};
use crate::plan::Plan;

/// One pass of one op, computed in one way at one shape.
#[derive(Clone, Debug)]
pub struct KernelBench {
    /// Op and pass: `matmul.forward`.
    pub name: String,
    /// The inputs.
    pub shape: String,
    /// The entry point of each kernel, in order.
    pub entries: Vec<&'static str>,
    /// What it takes.
    pub work: Work,
    /// What is wrong with its results, one text each: then it is not timed.
    pub failures: Vec<String>,
    /// Its time.
    pub timing: Option<Timing>,
    /// The least seconds that the adapter could need.
    pub roof_seconds: f64,
}

/// The names of all ops.
pub fn op_names() -> Vec<&'static str> {
    OPS.iter().map(|op| op.name).collect()
}

/// Checks and times the kernels of an op; `all_ways` also those that trainings on this adapter do not take.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If there is no op of that name.
pub fn kernels(
    gpu: &Gpu,
    probes: &Probes,
    op: &str,
    effort: Effort,
    all_ways: bool,
) -> Result<Vec<KernelBench>> {
    let definition = OPS.iter().find(|known| known.name == op);
    let definition = definition.unwrap_or_else(|| panic!("no op is called {op}"));
    let mut benches = Vec::new();
    for (index, shape) in shapes::of(definition, effort).into_iter().enumerate() {
        for mut experiment in experiments(definition, index, &shape, gpu, all_ways) {
            benches.push(bench(gpu, probes, &mut experiment, effort)?);
        }
    }
    Ok(benches)
}

/// The nodes of a shape with inputs and truth: in the way that trainings take, or in all.
fn experiments(
    definition: &Definition,
    index: usize,
    shape: &shapes::Shape,
    gpu: &Gpu,
    all_ways: bool,
) -> Vec<Experiment> {
    let target = gpu.target();
    let found = if shape.gradient {
        let mut seen = BTreeSet::new();
        experiment::of_case(definition.name, index, &shape.case, &target, &mut seen)
    } else {
        experiment::of_forward(definition.name, index, &shape.case, &target)
    };
    let mut found = found.unwrap_or_else(|error| panic!("{error}"));
    if !all_ways {
        // The ways of one node follow each other, the best guess first.
        found.dedup_by(|way, first| way.what == first.what);
    }
    found
}

fn bench(
    gpu: &Gpu,
    probes: &Probes,
    experiment: &mut Experiment,
    effort: Effort,
) -> Result<KernelBench> {
    let failures = prove_experiment(experiment, &mut OnGpu::new(gpu));
    let (plan, inputs) = plan(experiment);
    let roof_seconds = roofline(probes, &plan.kernels);
    let work = Work::of(&plan.kernels);
    let timing = if failures.is_empty() {
        let (mut memory, mut kernels) = (Memory::new(), Kernels::default());
        let mut executor = Executor::new(gpu, &mut memory, &mut kernels, plan)?;
        for (value, (numbers, tensor)) in
            (inputs.iter()).zip(experiment.inputs.iter().zip(&experiment.types))
        {
            executor.write(gpu, *value, &words::pack(numbers, tensor.dtype));
        }
        Some(time_plan(gpu, &memory, &mut executor, effort)?)
    } else {
        None
    };
    Ok(KernelBench {
        name: experiment.node.name(),
        shape: shape(&experiment.types),
        entries: experiment
            .kernels()
            .iter()
            .map(|(_, entry)| *entry)
            .collect(),
        work,
        failures,
        timing,
        roof_seconds,
    })
}

/// The plan of one node, and its inputs.
fn plan(experiment: &Experiment) -> (Plan, Vec<Value>) {
    let mut graph = Graph::new();
    let types = experiment.types.iter();
    let inputs: Vec<Value> = types
        .map(|tensor| graph.input("input", tensor.clone()))
        .collect();
    let outputs = graph.apply(experiment.node.op.clone(), &inputs);
    let outputs = outputs.expect("a node's inputs fit");
    graph.choose(0, experiment.node.lowering.clone());
    let keep: Vec<Value> = inputs.iter().chain(&outputs).copied().collect();
    (Plan::new(&graph, &keep), inputs)
}

/// The inputs in few words: `512×512 512×512`. Of several that are the same, and of rows beside a matrix, one is named.
fn shape(types: &[TensorType]) -> String {
    let most = types.iter().map(TensorType::elements).max().unwrap_or(0);
    let mut names: Vec<String> = Vec::new();
    for tensor in types {
        let dims = tensor.shape.dims();
        let small = dims.len() < 2 && tensor.elements() < most;
        let extents: Vec<String> = dims.iter().map(ToString::to_string).collect();
        let name = extents.join("×");
        if !small && (dims.len() == 2 && types.len() == 2 || !names.contains(&name)) {
            names.push(name);
        }
    }
    names.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::{Choice, Trust};
    use crate::graph::Target;

    #[test]
    fn what_is_wrong_is_not_timed_and_what_is_right_is() {
        let choice = std::env::var("ANYGRAD_ADAPTER").unwrap_or_default();
        let gpu = match Gpu::open(&Choice::from(choice.as_str()), Trust::Trusted) {
            Ok(gpu) => gpu,
            Err(_) if std::env::var("ANYGRAD_GPU").is_ok_and(|policy| policy == "skip") => return,
            Err(error) => panic!("{error}; {} (or set ANYGRAD_GPU=skip)", error.help()),
        };
        let probes = crate::bench::measure(&gpu, Effort::Quick).unwrap();
        let scale = OPS.iter().find(|op| op.name == "scale").unwrap();
        let case = (scale.cases)().pop().unwrap();
        let mut found = experiment::of_forward("scale", 0, &case, &gpu.target()).unwrap();
        let experiment = &mut found[0];
        let right = bench(&gpu, &probes, experiment, Effort::Quick).unwrap();
        assert!(right.failures.is_empty(), "{:?}", right.failures);
        assert!(right.timing.unwrap().seconds > 0.0);
        experiment.truth[0].data[3] += 1.0;
        let wrong = bench(&gpu, &probes, experiment, Effort::Quick).unwrap();
        assert!(
            wrong.failures[0].contains("at element 3"),
            "{:?}",
            wrong.failures
        );
        assert_eq!(wrong.timing, None);
    }

    #[test]
    fn every_op_is_timed_at_a_shape_with_all_passes_of_its_gradient() {
        for op in OPS {
            let shapes = shapes::of(op, Effort::Quick);
            assert!(!shapes.is_empty(), "{}", op.name);
            for (index, shape) in shapes.iter().enumerate() {
                let nodes = experiment::nodes_of_case(op.name, index, &shape.case, &Target::FLOOR);
                let nodes = nodes.unwrap_or_else(|error| panic!("{error}"));
                assert!(
                    nodes.iter().all(|node| node.node.lowering.ends()),
                    "{}",
                    op.name
                );
                assert_eq!(nodes[0].node.op.name(), op.name);
            }
        }
    }

    #[test]
    fn a_shape_names_what_is_large() {
        let f32 = |dims: &[usize]| TensorType::f32(dims.to_vec());
        for (types, name) in [
            (vec![f32(&[512, 512]), f32(&[512, 512])], "512×512 512×512"),
            (vec![f32(&[9]), f32(&[9]), f32(&[4])], "9"),
            (
                vec![f32(&[2, 5, 5, 1]), f32(&[3, 3, 3, 1])],
                "2×5×5×1 3×3×3×1",
            ),
            (vec![f32(&[8, 4]), f32(&[4])], "8×4"),
        ] {
            assert_eq!(shape(&types), name);
        }
    }
}
