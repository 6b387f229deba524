//! Runners without an adapter, right and wrong ones: the proof of the proof.

use super::prove::{OpReport, prove_all, prove_op};
use super::{NodeRun, Runner, Words, case, words};
use crate::error::{Error, Result};
use crate::graph::{DType, Node, Target, TensorType};
use crate::ops;

/// How a runner fails.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    WrongSign,
    /// The first output is not written.
    Stale,
    /// The last element is not written.
    Tail,
    OneNan,
    /// One input is changed.
    ChangesInput,
    /// The second run differs in the last bit of one element.
    Nondeterministic,
    /// What lies beyond the last element is neither left alone nor zero.
    DirtyPadding,
    /// An invocation reaches outside of an array.
    Outside,
    /// Too few words.
    Short,
    /// The run is refused.
    Refuses,
}

/// Computes the references and rounds them to f32.
struct FakeRunner {
    fault: Fault,
    runs: u32,
}

impl FakeRunner {
    fn new(fault: Fault) -> Self {
        Self { fault, runs: 0 }
    }
}

impl Runner for FakeRunner {
    fn target(&self) -> Target {
        Target::FLOOR
    }

    fn run_node(
        &mut self,
        node: &Node,
        types: &[TensorType],
        inputs: &[Words],
        output_types: &[TensorType],
        poison: u32,
    ) -> Result<NodeRun> {
        self.runs += 1;
        let arrays: Vec<_> = inputs
            .iter()
            .zip(types)
            .map(|(words, tensor)| words::unpack(words, tensor))
            .collect();
        let mut outputs: Vec<Words> = node
            .op
            .reference(&arrays)
            .iter()
            .zip(output_types)
            .map(|(output, tensor)| words::pack(output, tensor.dtype))
            .collect();
        let mut inputs_after = inputs.to_vec();
        let last = output_types[0].elements() - 1;
        match self.fault {
            Fault::WrongSign => outputs[0].iter_mut().for_each(|word| *word ^= 1 << 31),
            Fault::Stale => outputs[0].fill(poison),
            Fault::Tail => outputs[0][last] = poison,
            Fault::OneNan => outputs[0][last / 2] = f32::NAN.to_bits(),
            Fault::ChangesInput => inputs_after[0][0] ^= 1,
            Fault::Nondeterministic => outputs[0][last] ^= self.runs & 1,
            Fault::DirtyPadding => outputs[0]
                .iter_mut()
                .skip(last + 1)
                .for_each(|word| *word = 1),
            Fault::Short => {
                outputs[0].pop();
            }
            Fault::Refuses => return Err(Error::device("the device is lost", "")),
            Fault::None | Fault::Outside => {}
        }
        for (input, output) in case::updates(node) {
            inputs_after[input].clone_from(&outputs[output]);
        }
        Ok(NodeRun {
            outputs,
            inputs_after,
            watched: [u32::from(self.fault == Fault::Outside), 0],
        })
    }
}

fn prove(op: &str, fault: Fault) -> OpReport {
    let definition = ops::OPS.iter().find(|definition| definition.name == op);
    let definition = definition.expect("the op is registered");
    prove_op(definition, &mut FakeRunner::new(fault))
}

#[test]
fn the_references_rounded_to_f32_are_proved_with_every_kernel_of_the_registry() {
    let mut runner = FakeRunner::new(Fault::None);
    let reports = prove_all(&mut runner);
    for report in &reports {
        assert!(report.passed(), "{:?}", report.failures().next());
        for row in &report.rows {
            assert!(row.cases > 0, "{} is tried", row.name);
            assert!(row.worst <= 0.25, "rounding is cheap: {row:?}");
        }
    }
    let cases: usize = reports
        .iter()
        .flat_map(|report| &report.rows)
        .map(|row| row.cases)
        .sum();
    assert_eq!(runner.runs as usize, 2 * cases, "each case runs twice");
}

#[test]
fn every_broken_runner_is_refused_for_the_right_reason() {
    for (fault, reason) in [
        (Fault::WrongSign, "times the tolerance"),
        (Fault::Stale, "times the tolerance"),
        (Fault::Tail, "times the tolerance"),
        (Fault::OneNan, "is NaN at element"),
        (Fault::ChangesInput, "is changed by the run"),
        (Fault::Nondeterministic, "differs between two runs"),
        (Fault::Outside, "1 invocations reach outside"),
        (Fault::Short, "bytes instead of"),
        (Fault::Refuses, "the device is lost"),
    ] {
        let report = prove("add", fault);
        assert!(!report.passed(), "{fault:?} is refused");
        for row in &report.rows {
            let failures = &row.failures;
            assert!(
                failures.len() >= row.cases,
                "{fault:?} is refused in each case of {}",
                row.name
            );
            assert!(
                failures.iter().any(|failure| failure.contains(reason)),
                "{fault:?}: {failures:?}"
            );
        }
    }
}

#[test]
fn an_output_that_is_not_written_differs_between_runs_too() {
    let report = prove("add", Fault::Tail);
    let failures: Vec<&str> = report.failures().collect();
    assert!(
        failures
            .iter()
            .any(|f| f.contains("differs between two runs")),
        "{failures:?}"
    );
}

#[test]
fn padding_that_is_not_zero_is_refused_wherever_there_is_padding() {
    let report = prove("add", Fault::DirtyPadding);
    let failures: Vec<&str> = report.failures().collect();
    let padded = (ops::add::cases().iter())
        .filter(|case| !case.inputs[0].tensor.elements().is_multiple_of(4))
        .count();
    assert_eq!(failures.len(), padded, "{failures:?}");
    assert!(
        failures
            .iter()
            .all(|f| f.contains("beyond its last element")),
        "{failures:?}"
    );
}

#[test]
fn the_kernels_of_forward_and_backward_are_reported() {
    let kernels = prove("relu", Fault::None).kernels();
    assert_eq!(
        kernels.into_iter().collect::<Vec<_>>(),
        [("relu", "backward"), ("relu", "forward")]
    );
}

#[test]
fn the_inputs_of_every_case_fill_their_storage() {
    for definition in ops::OPS {
        let cases = (definition.cases)();
        assert!(!cases.is_empty(), "{} has cases", definition.name);
        for case in cases {
            for input in &case.inputs {
                let words = words::pack(
                    &super::inputs::Numbers::new("any", 0, 0).draw(&input.tensor, &input.domain),
                    input.tensor.dtype,
                );
                let bytes = DType::storage_bytes(input.tensor.dtype, input.tensor.elements());
                assert_eq!(words.len() * 4, bytes, "{}", definition.name);
            }
        }
    }
}
