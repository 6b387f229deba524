//! One update of all parameters by Adam or AdamW.

use super::state;
use crate::graph::{
    Array, Case, CaseInput, Dispatch, Domain, Fusion, Gradient, Lowering, Op, Operand, ShapeError,
    Tape, Target, TensorType,
};
use crate::reference;

/// `torch.optim.Adam` or, decoupled, `torch.optim.AdamW`.
///
/// Inputs: parameters (n), gradients (n), `m` (n), `v` (n), groups, `schedule`, `counters`. Outputs: the new parameters, `m` and `v`, in
/// place. Both moments begin as zeros.
#[derive(Clone, Copy, Debug)]
pub struct Adam {
    /// How much of `m` and of `v` is kept; at least 0 and below 1. In f64, since what matters is their difference from 1.
    pub betas: [f64; 2],
    /// What is added to the root of `v`.
    pub epsilon: f32,
    /// The factor of the parameters that is added to the gradients, or, decoupled, taken from the parameters.
    pub weight_decay: f32,
    /// AdamW.
    pub decoupled: bool,
}

impl Default for Adam {
    /// PyTorch's Adam.
    fn default() -> Self {
        Self {
            betas: [0.9, 0.999],
            epsilon: 1e-8,
            weight_decay: 0.0,
            decoupled: false,
        }
    }
}

/// Below this logarithm a power of beta is nothing beside 1, even the first; ln 0 itself is no number for a shader.
const LEAST_LOG: f64 = -100.0;

impl Op for Adam {
    fn name(&self) -> &'static str {
        "adam"
    }

    fn pass(&self) -> &'static str {
        "forward"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        // A beta that 32 bits cannot tell from 1 would make the corrections zero.
        let kept = |beta: f64| beta >= 0.0 && 1.0 - beta >= f64::from(f32::MIN_POSITIVE);
        if !self.betas.into_iter().all(kept)
            || !self.epsilon.is_finite()
            || self.epsilon < 0.0
            || !self.weight_decay.is_finite()
        {
            return Err(ShapeError::new(format!(
                "{self:?}: betas are at least 0 and below 1, epsilon is not negative, and all are finite"
            )));
        }
        state::expect_slabs("adam", inputs, &["parameters", "gradients", "m", "v"])?;
        Ok(vec![inputs[0].clone(); 3])
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "constants of the shader are f32, rounded once from f64"
    )]
    fn lower(&self, inputs: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        let count = inputs[0].elements();
        let [beta1, beta2] = self.betas;
        let update = |input, output| Operand::Update { input, output };
        vec![Lowering::one(Dispatch {
            shader: "adam",
            entry: "forward",
            constants: vec![
                ("COUNT", count.into()),
                ("BETA1", (beta1 as f32).into()),
                ("BETA2", (beta2 as f32).into()),
                ("ONE_MINUS_BETA1", ((1.0 - beta1) as f32).into()),
                ("ONE_MINUS_BETA2", ((1.0 - beta2) as f32).into()),
                ("LOG_BETA1", (beta1.ln().max(LEAST_LOG) as f32).into()),
                ("LOG_BETA2", (beta2.ln().max(LEAST_LOG) as f32).into()),
                ("EPSILON", self.epsilon.into()),
                ("WEIGHT_DECAY", self.weight_decay.into()),
                ("DECOUPLED", self.decoupled.into()),
            ],
            operands: vec![
                update(0, 0),
                Operand::Input(1),
                update(2, 1),
                update(3, 2),
                Operand::Input(4),
                Operand::Input(5),
                Operand::Input(6),
            ],
            invocations: count.div_ceil(4),
            loop_trips: 0,
            flops: 15 * count as u64,
            fusion: Fusion::None,
        })]
    }

    fn gradient(&self, _: &mut Tape<'_>) -> Gradient {
        Gradient::None("an update is not differentiated")
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        reference::adam::forward(
            &inputs[0],
            &inputs[1],
            &inputs[2],
            &inputs[3],
            self.betas,
            self.epsilon.into(),
            self.weight_decay.into(),
            self.decoupled,
            &inputs[4],
            inputs[5].data[state::LEARNING_RATE],
            inputs[6].data[state::STEP],
        )
    }
}

/// Adam and AdamW, with and without weight decay, and betas of 0; the first step, later ones and very late ones; ragged and
/// whole slabs.
pub fn cases() -> Vec<Case> {
    let adam = Adam::default();
    let adamw = Adam {
        weight_decay: 0.01,
        decoupled: true,
        ..adam
    };
    let decayed = Adam {
        betas: [0.5, 0.9],
        epsilon: 0.01,
        weight_decay: 0.05,
        ..adam
    };
    let forgetful = Adam {
        betas: [0.0, 0.0],
        epsilon: 0.5,
        ..adam
    };
    let long = Adam {
        betas: [0.95, 0.9999],
        ..adamw
    };
    let case = |op, size: usize, step| {
        let slab = CaseInput::normal([size]);
        let v = CaseInput::floats([size], Domain::Positive);
        let mut inputs = vec![slab.clone(), slab.clone(), slab, v];
        inputs.extend(state::cases(size, 0.0625, step));
        Case::new(op, inputs)
    };
    let mut cases = Vec::new();
    for size in [1, 3, 64, 257, 260, 10_006, 10_048] {
        cases.push(case(adam, size, 0));
        cases.push(case(adamw, size, 7));
    }
    // The steps lie on both sides of where the series of 1 - exp(x) ends.
    // Where the parameters are zero, what is left is the step itself.
    for betas in [[0.61, 0.9], [0.9, 0.61]] {
        let mut case = case(Adam { betas, ..adam }, 67, 0);
        case.inputs[0].domain = Domain::Given(vec![0.0; 67]);
        cases.push(case);
    }
    for op in [adam, adamw, decayed, forgetful, long] {
        for step in [0, 1, 3, 4, 499, 500, 4999, 20_000, 16_777_217, u32::MAX] {
            cases.push(case(op, 67, step));
        }
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::descent;

    #[test]
    fn ten_steps_arrive_where_pytorch_arrives() {
        // torch.optim.Adam and AdamW(lr=0.1, ...) in float64 on the parabolas of `assert_descends`, after one step and ten.
        let adam = Adam::default();
        let list = [
            (
                adam,
                [0.900000001, -1.900000002, 0.400000001, 3.099999997],
                [0.153452561, -1.076249171, -0.143371906, 4.015194268],
            ),
            (
                Adam {
                    betas: [0.5, 0.9],
                    epsilon: 0.01,
                    weight_decay: 0.05,
                    ..adam
                },
                [0.901315789, -1.901639344, 0.401069519, 3.09375],
                [0.306318855, -1.177669341, 0.033355329, 4.058741493],
            ),
            (
                Adam {
                    betas: [0.0, 0.99],
                    ..adam
                },
                [0.900000001, -1.900000002, 0.400000001, 3.099999997],
                [0.377891951, -1.260263329, 0.055650475, 4.176393506],
            ),
            (
                Adam {
                    weight_decay: 0.05,
                    decoupled: true,
                    ..adam
                },
                [0.895000001, -1.890000002, 0.397500001, 3.084999997],
                [0.137532454, -1.013034136, -0.140192005, 3.845235908],
            ),
        ];
        for (op, first, tenth) in list {
            descent::assert_descends(&op, 2, &[(1, first), (10, tenth)], 1e-7);
        }
    }

    #[test]
    fn betas_that_keep_everything_are_refused() {
        let slab = TensorType::f32([64]);
        let mut inputs = vec![slab; 4];
        inputs.extend([state::groups(64), state::schedule(), state::counters()]);
        for beta in [1.0, -0.1, f64::NAN] {
            let op = Adam {
                betas: [0.9, beta],
                ..Adam::default()
            };
            assert!(op.infer(&inputs).is_err(), "{op:?}");
        }
        assert!(Adam::default().infer(&inputs).is_ok(), "the defaults fit");
    }
}
