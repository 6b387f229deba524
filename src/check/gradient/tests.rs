//! The proof of gradients, tried on right and wrong ones.

use super::*;
use crate::graph::{CaseInput, Gradient, Lowering, Op, ShapeError, Tape, Target, TensorType};
use crate::ops::{self, matmul::Matmul};

/// `y = x³ · scale`, whose gradient rule is as good as `rule` says.
#[derive(Clone, Copy, Debug)]
enum Cube {
    Forward { scale: f64, rule: f64 },
    Backward { factor: f64 },
}

impl Op for Cube {
    fn name(&self) -> &'static str {
        "cube"
    }
    fn pass(&self) -> &'static str {
        "forward"
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        Ok(vec![inputs[0].clone()])
    }
    fn lower(&self, _: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        vec![Lowering::Kernels {
            scratch: Vec::new(),
            dispatches: Vec::new(),
        }]
    }
    fn gradient(&self, tape: &mut Tape<'_>) -> Gradient {
        let Self::Forward { scale, rule } = *self else {
            return Gradient::None("second derivatives are not built");
        };
        let dy = tape.dy[0].expect("one output");
        let factor = scale * rule;
        let dx = tape
            .graph
            .one(Self::Backward { factor }, &[tape.inputs[0], dy]);
        Gradient::Of(vec![Some(dx)])
    }
    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        let data = match *self {
            Self::Forward { scale, .. } => {
                inputs[0].data.iter().map(|x| scale * x.powi(3)).collect()
            }
            Self::Backward { factor } => {
                let pairs = inputs[0].data.iter().zip(&inputs[1].data);
                pairs.map(|(x, dy)| factor * 3.0 * x * x * dy).collect()
            }
        };
        vec![Array::new(inputs[0].shape.clone(), data)]
    }
}

fn cube(scale: f64, rule: f64) -> Verdict {
    let case = Case::new(Cube::Forward { scale, rule }, vec![CaseInput::normal([50])]);
    let mut report = prove_case("cube", 0, &case).unwrap();
    report.inputs.remove(0).verdict
}

#[test]
fn a_right_gradient_is_proved_and_a_wrong_one_refused() {
    assert_eq!(cube(1.0, 1.0), Verdict::Proved);
    for wrong in [0.0, -1.0, 1.01, 1.0001, f64::NAN] {
        let verdict = cube(1.0, wrong);
        assert!(matches!(verdict, Verdict::Wrong(_)), "{wrong}: {verdict:?}");
    }
}

#[test]
fn the_proof_does_not_depend_on_the_scale_of_the_function() {
    for scale in [1e-12, 1e12] {
        assert_eq!(cube(scale, 1.0), Verdict::Proved);
        assert!(matches!(cube(scale, 1.01), Verdict::Wrong(_)), "{scale}");
    }
}

#[test]
fn a_case_without_a_gradient_to_speak_of_is_vacuous() {
    assert_eq!(cube(0.0, 1.0), Verdict::Vacuous);
    assert_eq!(cube(0.0, -1.0), Verdict::Vacuous);
}

#[test]
fn an_op_whose_cases_are_vacuous_fails() {
    let definition = Definition {
        name: "cube",
        shader: "",
        cases: || {
            let case = |scale| {
                let op = Cube::Forward { scale, rule: 1.0 };
                Case::new(op, vec![CaseInput::normal([5])])
            };
            vec![case(0.0), case(1.0), case(0.0)]
        },
    };
    let report = prove_gradient(&definition);
    assert_eq!(report.vacuous.len(), 2);
    assert_eq!(report.failures.len(), 1, "{:?}", report.failures);
}

#[test]
fn an_op_without_a_gradient_is_exempt_with_its_reason() {
    let case = Case::new(Cube::Backward { factor: 1.0 }, {
        vec![CaseInput::normal([5]), CaseInput::normal([5])]
    });
    let report = prove_case("cube", 0, &case).unwrap();
    assert_eq!(
        report.exemptions,
        ["cube.forward: second derivatives are not built"]
    );
    assert!(report.inputs.is_empty(), "nothing to prove");
}

#[test]
fn both_gradients_of_a_product_are_proved() {
    let case = Case::new(
        Matmul::default(),
        vec![CaseInput::normal([3, 4]), CaseInput::normal([4, 5])],
    );
    let report = prove_case("matmul", 0, &case).unwrap();
    assert_eq!(report.inputs.len(), 2);
    for input in &report.inputs {
        assert_eq!(input.verdict, Verdict::Proved, "{}", input.name);
        assert_eq!(input.directions, DIRECTIONS);
    }
    assert!(ops::OPS.iter().any(|op| op.name == "matmul"), "registered");
}
