//! One update of all parameters by Lion.

use super::state;
use crate::graph::{
    Array, Case, CaseInput, Dispatch, Domain, Fusion, Gradient, Lowering, Op, Operand, ShapeError,
    Tape, Target, TensorType,
};
use crate::reference;

/// Lion (Chen et al., Symbolic Discovery of Optimization Algorithms, 2023, algorithm 2).
///
/// Inputs: parameters (n), gradients (n), `m` (n), groups, `schedule`, `counters`. Outputs: the new parameters and `m`, in place.
/// The moment begins as zeros.
#[derive(Clone, Copy, Debug)]
pub struct Lion {
    /// How much of `m` counts in the update, and how much of it is kept; at least 0 and below 1. In f64, since what matters is the
    /// difference from 1.
    pub betas: [f64; 2],
    /// The factor of the parameters that is taken from them, as AdamW does.
    pub weight_decay: f32,
}

impl Default for Lion {
    /// The paper's.
    fn default() -> Self {
        Self {
            betas: [0.9, 0.99],
            weight_decay: 0.0,
        }
    }
}

impl Op for Lion {
    fn name(&self) -> &'static str {
        "lion"
    }

    fn pass(&self) -> &'static str {
        "forward"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        let kept = self.betas.iter().all(|beta| (0.0..1.0).contains(beta));
        if !kept || !self.weight_decay.is_finite() {
            return Err(ShapeError::new(format!(
                "{self:?}: betas are at least 0 and below 1, and the weight decay is finite"
            )));
        }
        state::expect_slabs("lion", inputs, &["parameters", "gradients", "m"])?;
        Ok(vec![inputs[0].clone(); 2])
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
            shader: "lion",
            entry: "forward",
            constants: vec![
                ("COUNT", count.into()),
                ("BETA1", (beta1 as f32).into()),
                ("BETA2", (beta2 as f32).into()),
                ("ONE_MINUS_BETA1", ((1.0 - beta1) as f32).into()),
                ("ONE_MINUS_BETA2", ((1.0 - beta2) as f32).into()),
                ("WEIGHT_DECAY", self.weight_decay.into()),
            ],
            operands: vec![
                update(0, 0),
                Operand::Input(1),
                update(2, 1),
                Operand::Input(3),
                Operand::Input(4),
            ],
            invocations: count.div_ceil(4),
            loop_trips: 0,
            flops: 10 * count as u64,
            fusion: Fusion::None,
        })]
    }

    fn gradient(&self, _: &mut Tape<'_>) -> Gradient {
        Gradient::None("an update is not differentiated")
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        reference::lion::forward(
            &inputs[0],
            &inputs[1],
            &inputs[2],
            &inputs[3],
            self.betas,
            self.weight_decay.into(),
            inputs[4].data[state::LEARNING_RATE],
        )
    }
}

/// With and without weight decay, betas of 0, gradients of 0 that nothing pushes; ragged and whole slabs.
pub fn cases() -> Vec<Case> {
    let plain = Lion::default();
    let decayed = Lion {
        betas: [0.8, 0.95],
        weight_decay: 0.3,
    };
    let forgetful = Lion {
        betas: [0.0, 0.0],
        ..plain
    };
    let case = |op, size: usize| {
        let slab = CaseInput::normal([size]);
        let mut inputs = vec![slab.clone(), slab.clone(), slab];
        inputs.extend(state::cases(size, 0.0625, 5));
        Case::new(op, inputs)
    };
    let mut cases = Vec::new();
    for size in [1, 3, 64, 257, 260, 10_006, 10_048] {
        cases.push(case(plain, size));
        cases.push(case(decayed, size));
    }
    cases.push(case(forgetful, 67));
    let mut still = case(decayed, 67);
    for slab in &mut still.inputs[1..3] {
        slab.domain = Domain::Given((0..67).map(|i| f64::from(i % 3 - 1)).collect());
    }
    cases.push(still);
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gradient_that_is_no_number_is_not_hidden_by_its_sign() {
        let of = |x: f64| Array::new([1], vec![x]);
        for gradient in [f64::NAN, f64::INFINITY] {
            let inputs = [
                of(1.0),
                of(gradient),
                of(0.0),
                Array::new([1, 2], vec![1.0, 1.0]),
                Array::new([4], vec![0.1, 0.0, 0.0, 0.0]),
                Array::zeros([8]),
            ];
            assert!(!Lion::default().reference(&inputs)[0].data[0].is_finite());
        }
    }
}
