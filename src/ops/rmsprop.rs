//! One update of all parameters by RMSProp.

use super::state;
use crate::graph::{
    Array, Case, CaseInput, Dispatch, Domain, Fusion, Gradient, Lowering, Op, Operand, ShapeError,
    Tape, Target, TensorType,
};
use crate::reference;

/// `torch.optim.RMSprop`.
///
/// Inputs: parameters (n), gradients (n), `square` (n), centered `average` (n), with momentum its buffer (n), groups, `schedule`,
/// `counters`. Outputs: the new parameters and moments, in place. All moments begin as zeros.
#[derive(Clone, Copy, Debug)]
pub struct RmsProp {
    /// How much of the moments is kept; at least 0 and below 1. In f64, since what matters is the difference from 1.
    pub alpha: f64,
    /// What is added to the root.
    pub epsilon: f32,
    /// The factor of the previous updates; 0 for none, and then there is no buffer.
    pub momentum: f32,
    /// Divides by the standard deviation, not the root of the mean square.
    pub centered: bool,
    /// The factor of the parameters that is added to the gradients.
    pub weight_decay: f32,
}

impl Default for RmsProp {
    /// PyTorch's.
    fn default() -> Self {
        Self {
            alpha: 0.99,
            epsilon: 1e-8,
            momentum: 0.0,
            centered: false,
            weight_decay: 0.0,
        }
    }
}

impl RmsProp {
    fn has_buffer(&self) -> bool {
        self.momentum > 0.0
    }

    /// Slabs beside parameters and gradients.
    pub fn moments(&self) -> usize {
        1 + usize::from(self.centered) + usize::from(self.has_buffer())
    }
}

impl Op for RmsProp {
    fn name(&self) -> &'static str {
        "rmsprop"
    }

    fn pass(&self) -> &'static str {
        "forward"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        let finite = [self.epsilon, self.momentum, self.weight_decay];
        if !(0.0..1.0).contains(&self.alpha)
            || finite.iter().any(|x| !x.is_finite())
            || self.epsilon < 0.0
            || self.momentum < 0.0
        {
            return Err(ShapeError::new(format!(
                "{self:?}: alpha is at least 0 and below 1, epsilon and momentum are not negative, and all are finite"
            )));
        }
        let mut slabs = vec!["parameters", "gradients", "square"];
        if self.centered {
            slabs.push("average");
        }
        if self.has_buffer() {
            slabs.push("momentum");
        }
        state::expect_slabs("rmsprop", inputs, &slabs)?;
        Ok(vec![inputs[0].clone(); 1 + self.moments()])
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "constants of the shader are f32, rounded once from f64"
    )]
    fn lower(&self, inputs: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        let count = inputs[0].elements();
        let moments = self.moments();
        let mut constants = vec![
            ("COUNT", count.into()),
            ("ALPHA", (self.alpha as f32).into()),
            ("ONE_MINUS_ALPHA", ((1.0 - self.alpha) as f32).into()),
            ("EPSILON", self.epsilon.into()),
            ("WEIGHT_DECAY", self.weight_decay.into()),
        ];
        let (entry, flops) = match (self.centered, self.has_buffer()) {
            (false, false) => ("forward", 10),
            (false, true) => ("forward_momentum", 12),
            (true, false) => ("forward_centered", 15),
            (true, true) => ("forward_centered_momentum", 17),
        };
        if self.has_buffer() {
            constants.push(("MOMENTUM", self.momentum.into()));
        }
        let update = |input, output| Operand::Update { input, output };
        let mut operands = vec![
            update(0, 0),
            Operand::Input(1),
            Operand::Input(2 + moments),
            Operand::Input(3 + moments),
        ];
        operands.extend((0..moments).map(|i| update(2 + i, 1 + i)));
        vec![Lowering::one(Dispatch {
            shader: "rmsprop",
            entry,
            constants,
            operands,
            invocations: count.div_ceil(4),
            loop_trips: 0,
            flops: flops * count as u64,
            fusion: Fusion::None,
        })]
    }

    fn gradient(&self, _: &mut Tape<'_>) -> Gradient {
        Gradient::None("an update is not differentiated")
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        let [.., groups, schedule, _] = inputs else {
            panic!("the inputs were inferred");
        };
        let buffer = &inputs[1 + self.moments()];
        reference::rmsprop::forward(
            &inputs[0],
            &inputs[1],
            &inputs[2],
            self.centered.then(|| &inputs[3]),
            self.has_buffer().then(|| (buffer, self.momentum.into())),
            groups,
            self.alpha,
            self.epsilon.into(),
            self.weight_decay.into(),
            schedule.data[state::LEARNING_RATE],
        )
    }
}

/// Every set of moments, with and without weight decay; an alpha of 0; ragged and whole slabs.
pub fn cases() -> Vec<Case> {
    let plain = RmsProp::default();
    let decayed = RmsProp {
        epsilon: 0.01,
        weight_decay: 0.05,
        ..plain
    };
    let mut cases = Vec::new();
    for size in [1, 3, 64, 257, 260, 10_006, 10_048] {
        for (centered, momentum) in [(false, 0.0), (false, 0.9), (true, 0.0), (true, 0.8)] {
            for op in [plain, decayed] {
                cases.push(case(
                    RmsProp {
                        alpha: 0.9,
                        centered,
                        momentum,
                        ..op
                    },
                    size,
                ));
            }
        }
    }
    cases.push(case(
        RmsProp {
            alpha: 0.0,
            epsilon: 0.5,
            ..plain
        },
        67,
    ));
    cases.push(case(plain, 67));
    cases
}

fn case(op: RmsProp, size: usize) -> Case {
    let slab = CaseInput::normal([size]);
    let mut inputs = vec![slab.clone(), slab.clone()];
    // A mean square is never below the square of the mean.
    let squares = (0..size).map(|i| 1.5 + (i % 7) as f64 / 4.0).collect();
    inputs.push(CaseInput::floats([size], Domain::Given(squares)));
    if op.centered {
        inputs.push(CaseInput::floats([size], Domain::Positive));
    }
    if op.has_buffer() {
        inputs.push(slab);
    }
    inputs.extend(state::cases(size, 0.0625, 5));
    Case::new(op, inputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gradient_that_never_changes_does_not_make_a_centered_root_negative() {
        // The mean square is the square of the mean, up to rounding.
        let op = RmsProp {
            centered: true,
            ..RmsProp::default()
        };
        let of = |x: f64| Array::new([1], vec![x]);
        let inputs = [
            of(1.0),
            of(0.1),
            of(0.009),
            of(0.1),
            Array::new([1, 2], vec![1.0, 1.0]),
            Array::new([4], vec![1e-9, 0.0, 0.0, 0.0]),
            Array::zeros([8]),
        ];
        assert!(op.reference(&inputs)[0].data[0].is_finite());
    }

    #[test]
    fn an_alpha_that_keeps_everything_is_refused() {
        let slab = TensorType::f32([64]);
        let mut inputs = vec![slab; 3];
        inputs.extend([state::groups(64), state::schedule(), state::counters()]);
        for alpha in [1.0, -0.1, f64::NAN] {
            let op = RmsProp {
                alpha,
                ..RmsProp::default()
            };
            assert!(op.infer(&inputs).is_err(), "{alpha}");
        }
        assert!(RmsProp::default().infer(&inputs).is_ok());
    }
}
