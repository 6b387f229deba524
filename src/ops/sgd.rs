//! One update of all parameters by stochastic gradient descent.

use super::state;
use crate::graph::{
    Array, Case, CaseInput, Dispatch, Fusion, Gradient, Lowering, Op, Operand, ShapeError, Tape,
    Target, TensorType,
};
use crate::reference;

/// `torch.optim.SGD` with dampening 0.
///
/// Inputs: parameters (n), gradients (n), with momentum its buffer (n), groups, `schedule`, `counters`. Outputs: the new parameters and
/// the new buffer, in place. A buffer that was never written may hold anything: the first step does not read it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sgd {
    /// The factor of the previous updates; 0 for none, and then there is no buffer.
    pub momentum: f32,
    /// Nesterov's momentum.
    pub nesterov: bool,
    /// The factor of the parameters that is added to the gradients.
    pub weight_decay: f32,
}

impl Sgd {
    fn has_buffer(&self) -> bool {
        self.momentum > 0.0
    }
}

impl Op for Sgd {
    fn name(&self) -> &'static str {
        "sgd"
    }

    fn pass(&self) -> &'static str {
        "forward"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        if !(self.momentum.is_finite() && self.momentum >= 0.0 && self.weight_decay.is_finite()) {
            return Err(ShapeError::new(format!(
                "{self:?}: momentum and weight decay are finite, and momentum is not negative"
            )));
        }
        if self.nesterov && !self.has_buffer() {
            return Err(ShapeError::new(
                "sgd with Nesterov's momentum of 0: the momentum must be above 0",
            ));
        }
        let slabs: &[&str] = if self.has_buffer() {
            &["parameters", "gradients", "momentum"]
        } else {
            &["parameters", "gradients"]
        };
        state::expect_slabs("sgd", inputs, slabs)?;
        let outputs = 1 + usize::from(self.has_buffer());
        Ok(vec![inputs[0].clone(); outputs])
    }

    fn lower(&self, inputs: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
        let count = inputs[0].elements();
        let parameters = Operand::Update {
            input: 0,
            output: 0,
        };
        let momentum = Operand::Update {
            input: 2,
            output: 1,
        };
        let mut constants = vec![
            ("COUNT", count.into()),
            ("WEIGHT_DECAY", self.weight_decay.into()),
        ];
        let (entry, operands, flops) = if self.has_buffer() {
            constants.push(("MOMENTUM", self.momentum.into()));
            constants.push(("NESTEROV", self.nesterov.into()));
            (
                "forward_momentum",
                vec![
                    parameters,
                    Operand::Input(1),
                    Operand::Input(3),
                    Operand::Input(4),
                    momentum,
                    Operand::Input(5),
                ],
                if self.nesterov { 8 } else { 6 },
            )
        } else {
            (
                "forward",
                vec![
                    parameters,
                    Operand::Input(1),
                    Operand::Input(2),
                    Operand::Input(3),
                ],
                4,
            )
        };
        vec![Lowering::one(Dispatch {
            shader: "sgd",
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
        let [.., groups, schedule, counters] = inputs else {
            panic!("the inputs were inferred");
        };
        reference::sgd::forward(
            &inputs[0],
            &inputs[1],
            self.has_buffer()
                .then(|| (&inputs[2], self.momentum.into())),
            self.nesterov,
            groups,
            self.weight_decay.into(),
            schedule.data[state::LEARNING_RATE],
            counters.data[state::STEP],
        )
    }
}

/// Plain, with weight decay, momentum and Nesterov's momentum; the first step and a later one; ragged and whole slabs.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for size in [1, 3, 64, 257, 260, 10_006, 10_048] {
        for (momentum, nesterov, weight_decay) in [
            (0.0, false, 0.0),
            (0.0, false, 0.05),
            (0.9, false, 5e-4),
            (0.8, true, 0.01),
        ] {
            let op = Sgd {
                momentum,
                nesterov,
                weight_decay,
            };
            for step in [0, 1_000_003] {
                let slabs = 2 + usize::from(op.has_buffer());
                let mut inputs = vec![CaseInput::normal([size]); slabs];
                inputs.extend(state::cases(size, 0.125, step));
                cases.push(Case::new(op, inputs));
            }
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
        // torch.optim.SGD(lr=0.1, ...) in float64 on the parabolas of `assert_descends`, after one step and after ten.
        let list = [
            (
                (0.0, false, 0.0),
                [0.93, -1.95, 0.41, 3.03],
                [0.544074908, -1.598736939, 0.098318382, 3.343916379],
            ),
            (
                (0.0, false, 0.05),
                [0.925, -1.94, 0.4075, 3.015],
                [0.521274704, -1.528684114, 0.094285492, 3.168050727],
            ),
            (
                (0.9, false, 0.0),
                [0.93, -1.95, 0.41, 3.03],
                [-0.112152572, -0.689077089, 0.051979942, 4.602933596],
            ),
            (
                (0.9, true, 0.05),
                [0.8575, -1.886, 0.32425, 3.0285],
                [0.050091697, -0.578554696, 0.077429314, 3.961375344],
            ),
        ];
        for ((momentum, nesterov, weight_decay), first, tenth) in list {
            let op = Sgd {
                momentum,
                nesterov,
                weight_decay,
            };
            let moments = usize::from(op.has_buffer());
            descent::assert_descends(&op, moments, &[(1, first), (10, tenth)], 1e-6);
        }
    }

    #[test]
    fn momentum_without_its_buffer_is_refused() {
        let op = Sgd {
            momentum: 0.9,
            ..Sgd::default()
        };
        let slab = TensorType::f32([64]);
        let inputs = [
            slab.clone(),
            slab,
            state::groups(64),
            state::schedule(),
            state::counters(),
        ];
        assert!(op.infer(&inputs).is_err(), "a buffer is missing");
        assert!(Sgd::default().infer(&inputs).is_ok(), "none is needed");
    }
}
