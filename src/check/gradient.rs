//! Proof of the gradient rules and their references by finite differences, in f64, without an adapter.
//!
//! For an op `y = f(x)` and a random cotangent dy, the gradient dx that the graph computes must satisfy
//! `⟨dy, f(x + h·v) − f(x − h·v)⟩ / 2h = ⟨dx, v⟩` for random directions v, one input at a time. Never a sum in place of dy: for
//! softmax the sum is constant, and a gradient of zeros would pass.

use std::collections::{BTreeMap, BTreeSet};

use super::case::CaseGraph;
use super::inputs::Numbers;
use super::interpreter::Interpreter;
use crate::graph::{Array, Case, CaseInput, DType, Domain};
use crate::ops::Definition;

/// The step: a power of two near the cube root of the spacing of f64, where truncation (h²) and rounding (1/h) are in balance.
const STEP: f64 = 1.0 / (1u64 << 18) as f64;

/// The error allowed, relative to |dx|: the size that ⟨dx, v⟩ has for a v of standard normal numbers.
const RTOL: f64 = 1e-6;

/// Random directions per input.
const DIRECTIONS: usize = 8;

/// Random directions per input of a case that is expensive to evaluate.
const FEW_DIRECTIONS: usize = 2;

/// Beyond this many elements a case is expensive.
const MANY_ELEMENTS: usize = 20_000;

/// Beyond this many floating-point operations a case is expensive.
const MANY_FLOPS: u64 = 2_000_000;

/// What was found of the gradients of one op.
#[derive(Clone, Debug)]
pub struct GradientReport {
    /// The op.
    pub op: &'static str,
    /// How many directions were tried, of all inputs of all cases.
    pub directions: usize,
    /// The worst error over its tolerance.
    pub worst: f64,
    /// What has no gradient, and why.
    pub exemptions: BTreeSet<String>,
    /// Cases in which a wrong gradient would pass too: the gradient is zero, or lost in rounding errors.
    pub vacuous: Vec<String>,
    /// What is wrong, one text each.
    pub failures: Vec<String>,
}

/// Proves the gradients of an op of the registry.
pub fn prove_gradient(definition: &Definition) -> GradientReport {
    prove_gradient_of(definition.name, &(definition.cases)())
}

/// Proves the gradients of an op in these cases.
pub fn prove_gradient_of(op: &'static str, cases: &[Case]) -> GradientReport {
    let mut report = GradientReport {
        op,
        directions: 0,
        worst: 0.0,
        exemptions: BTreeSet::new(),
        vacuous: Vec::new(),
        failures: Vec::new(),
    };
    // How often each input was proved, and how often it was not because the case was vacuous.
    let mut counts: BTreeMap<String, [usize; 2]> = BTreeMap::new();
    for (index, case) in cases.iter().enumerate() {
        let smooth = |input: &CaseInput| !matches!(input.domain, Domain::Tied);
        if !case.inputs.iter().all(smooth) {
            continue;
        }
        match prove_case(op, index, case) {
            Err(error) => report.failures.push(error),
            Ok(found) => {
                report.exemptions.extend(found.exemptions);
                for input in found.inputs {
                    report.directions += input.directions;
                    report.worst = report.worst.max(input.worst);
                    let count = counts.entry(input.name.clone()).or_default();
                    match input.verdict {
                        Verdict::Proved => count[0] += 1,
                        Verdict::Vacuous => {
                            count[1] += 1;
                            report
                                .vacuous
                                .push(format!("{}, {}", found.what, input.name));
                        }
                        Verdict::Wrong(error) => {
                            count[0] += 1;
                            report
                                .failures
                                .push(format!("{}, {}: {error}", found.what, input.name));
                        }
                    }
                }
            }
        }
    }
    for (input, [proved, vacuous]) in counts {
        if vacuous > proved {
            report.failures.push(format!(
                "{input}: a wrong gradient would pass in {vacuous} cases and be seen in {proved} only: the cases are vacuous"
            ));
        }
    }
    report
}

struct CaseReport {
    what: String,
    exemptions: Vec<String>,
    inputs: Vec<InputReport>,
}

struct InputReport {
    name: String,
    directions: usize,
    worst: f64,
    verdict: Verdict,
}

#[derive(Debug, PartialEq)]
enum Verdict {
    Proved,
    /// Sabotage passes.
    Vacuous,
    Wrong(String),
}

fn prove_case(name: &str, index: usize, case: &Case) -> Result<CaseReport, String> {
    let graph = CaseGraph::build(name, index, case)?;
    let mut report = CaseReport {
        what: graph.what.clone(),
        exemptions: graph.exemptions.clone(),
        inputs: Vec::new(),
    };
    if graph.cotangents.iter().all(Option::is_none) {
        return Ok(report);
    }
    let mut interpreter = Interpreter::new(&graph.graph);
    for (value, numbers) in &graph.feeds {
        interpreter.set(*value, numbers);
    }
    interpreter.step();
    let count = directions(&graph);
    for (i, input) in case.inputs.iter().enumerate() {
        if input.tensor.dtype != DType::F32 {
            continue;
        }
        let input_name = format!("{} input {i}", graph.node().name());
        match graph.gradients[i].map(|dx| interpreter.get(dx)) {
            Some(dx) => {
                let tried: Vec<Direction> = (0..count)
                    .map(|n| Direction::measure(&graph, i, Numbers::new(name, index, 64 + n)))
                    .collect();
                let worst = error_ratio(&dx, &tried);
                report.inputs.push(InputReport {
                    name: input_name,
                    directions: count,
                    worst,
                    verdict: verdict(&dx, &tried),
                });
            }
            None => {
                let direction = Direction::measure(&graph, i, Numbers::new(name, index, 64));
                let influence = if direction.slope.abs() <= direction.noise {
                    "and the outputs do not depend on it"
                } else {
                    "though the outputs depend on it"
                };
                report
                    .exemptions
                    .push(format!("{input_name}: no gradient, {influence}"));
            }
        }
    }
    Ok(report)
}

/// How many directions a case can afford.
fn directions(graph: &CaseGraph) -> usize {
    let node = graph.node();
    let values = node.inputs.iter().chain(&node.outputs);
    let elements: usize = values.map(|&v| graph.graph.tensor(v).elements()).sum();
    let flops = node.lowering.flops();
    if elements > MANY_ELEMENTS || flops > MANY_FLOPS {
        FEW_DIRECTIONS
    } else {
        DIRECTIONS
    }
}

/// The slope of ⟨dy, f⟩ along a direction, from the forward reference alone.
struct Direction {
    v: Array,
    /// `⟨dy, f(x + h·v) − f(x − h·v)⟩ / 2h`
    slope: f64,
    /// What the rounding errors of f64 may add to it.
    noise: f64,
}

impl Direction {
    fn measure(graph: &CaseGraph, input: usize, mut numbers: Numbers) -> Self {
        let feed = |value| {
            let found = graph.feeds.iter().find(|(fed, _)| *fed == value);
            &found.expect("every input of a case is fed").1
        };
        let node = graph.node();
        let mut inputs: Vec<Array> = graph.inputs.iter().map(|&v| feed(v).clone()).collect();
        let x = inputs[input].clone();
        let v = numbers.normals(graph.graph.tensor(graph.inputs[input]));
        let mut at = |h: f64| {
            for (moved, (x, v)) in inputs[input]
                .data
                .iter_mut()
                .zip(x.data.iter().zip(&v.data))
            {
                *moved = x + h * v;
            }
            node.op.reference(&inputs)
        };
        let (above, below) = (at(STEP), at(-STEP));
        let (mut slope, mut noise) = (0.0, 0.0);
        for (i, dy) in graph.cotangents.iter().enumerate() {
            let Some(dy) = dy.map(feed) else { continue };
            for ((dy, a), b) in dy.data.iter().zip(&above[i].data).zip(&below[i].data) {
                slope += dy * (a - b);
                noise += dy.abs() * (a.abs() + b.abs()) * f64::EPSILON;
            }
        }
        Self {
            v,
            slope: slope / (2.0 * STEP),
            noise: noise / (2.0 * STEP),
        }
    }
}

/// The worst error of a gradient over its tolerance; infinite for what is not a number.
fn error_ratio(dx: &Array, directions: &[Direction]) -> f64 {
    let size = dx.dot(dx).sqrt();
    let ratios = directions.iter().map(|direction| {
        let error = (dx.dot(&direction.v) - direction.slope).abs();
        let tolerance = RTOL * size + direction.noise;
        if error <= tolerance {
            // Both may be zero.
            error / tolerance.max(f64::MIN_POSITIVE)
        } else {
            Some(error / tolerance)
                .filter(|ratio| ratio.is_finite())
                .unwrap_or(f64::INFINITY)
        }
    });
    ratios.fold(0.0, f64::max)
}

/// The sabotage that a proof must withstand: no gradient, the wrong sign, one per cent too much, not a number.
fn mutants(dx: &Array) -> [Array; 4] {
    let scaled = |factor: f64| {
        let data = dx.data.iter().map(|x| x * factor).collect();
        Array::new(dx.shape.clone(), data)
    };
    let mut nan = dx.clone();
    let middle = nan.data.len() / 2;
    nan.data[middle] = f64::NAN;
    [scaled(0.0), scaled(-1.0), scaled(1.01), nan]
}

/// A gradient is proved if it is within the tolerance along each direction and each of its [`mutants`] is not: that is the floor
/// under its size.
fn verdict(dx: &Array, directions: &[Direction]) -> Verdict {
    let ratio = error_ratio(dx, directions);
    if ratio > 1.0 {
        return Verdict::Wrong(format!(
            "the gradient differs from finite differences by {ratio:.3e} times the tolerance"
        ));
    }
    if mutants(dx)
        .iter()
        .all(|mutant| error_ratio(mutant, directions) > 1.0)
    {
        Verdict::Proved
    } else {
        Verdict::Vacuous
    }
}

#[cfg(test)]
mod tests;
