//! From gradients to new weights: unscale → clip → learning rate → update → average.

use std::sync::Arc;

use super::super::schedule::{self, Length};
use super::{Builder, buffers};
use crate::config::{Clip, Optimizer, Precision};
use crate::graph::{OpRef, TensorType, Value};
use crate::ops::{
    adam::Adam, clip_norm::ClipNorm, clip_value::ClipValue, lion::Lion, loss_scale,
    loss_scale::LossScale, rmsprop::RmsProp, sgd::Sgd, state,
};

impl Builder<'_> {
    /// What layers remember, if they do.
    pub(super) fn statistics(&mut self) -> Option<Value> {
        let elements = self.network.statistics_elements;
        let slab = TensorType::f32([elements]);
        (elements > 0).then(|| self.graph.persistent(buffers::STATISTICS, slab))
    }

    /// The gradient that each of `rows` losses begins with: 1, or the scale of the loss.
    pub(super) fn first_gradient(&mut self, rows: usize) -> Value {
        match self.config.train.precision {
            Precision::F32 => self
                .graph
                .persistent(buffers::ONES, TensorType::f32([rows])),
            Precision::F16 => {
                let state = self.loss_scale();
                self.graph.one(LossScale::Forward { rows }, &[state])
            }
        }
    }

    /// Undoes the scale of the loss; and what differs between parameters, for the optimiser. Gradients are changed in place.
    pub(super) fn unscale(&mut self, gradients: Value) -> (Value, Value) {
        let groups = state::groups(self.network.slab_elements);
        let groups = self.graph.persistent(buffers::GROUPS, groups);
        match self.config.train.precision {
            Precision::F32 => (gradients, groups),
            Precision::F16 => {
                self.graph.enter("optimizer");
                let state = self.loss_scale();
                let op = LossScale::Unscale {
                    interval: loss_scale::INTERVAL,
                };
                let unscaled = self
                    .graph
                    .apply(Arc::new(op), &[gradients, groups, state])
                    .expect("a slab, its groups and the scale fit");
                (unscaled[0], unscaled[1])
            }
        }
    }

    fn loss_scale(&mut self) -> Value {
        self.graph
            .persistent(buffers::LOSS_SCALE, loss_scale::state())
    }

    /// Makes gradients as small as they must be; they and `schedule` are changed in place.
    #[expect(clippy::cast_possible_truncation, reason = "rounded once to f32")]
    pub(super) fn clip(&mut self, gradients: Value, schedule: Value) -> [Value; 2] {
        self.graph.enter("optimizer");
        match self.config.clip {
            None => [gradients, schedule],
            Some(Clip::Value(limit)) => {
                let limit = limit as f32;
                [self.graph.one(ClipValue { limit }, &[gradients]), schedule]
            }
            Some(Clip::Norm(norm)) => {
                let max_norm = norm as f32;
                let clipped = self
                    .graph
                    .apply(Arc::new(ClipNorm { max_norm }), &[gradients, schedule])
                    .expect("a slab and the schedule fit");
                [clipped[0], clipped[1]]
            }
        }
    }

    /// The tensor that holds the learning rate.
    pub(super) fn schedule(&mut self) -> Value {
        self.graph.persistent(buffers::SCHEDULE, state::schedule())
    }

    /// Sets the learning rate of this step.
    pub(super) fn set_learning_rate(&mut self, counters: Value, length: Length) -> Value {
        self.graph.enter("optimizer");
        let schedule = self.schedule();
        match schedule::op(self.config, length) {
            None => schedule,
            Some(op) => self.graph.one(op, &[schedule, counters]),
        }
    }

    /// One update of all parameters; their new state.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "hyperparameters are rounded once to f32"
    )]
    pub(super) fn update(
        &mut self,
        counters: Value,
        gradients: Value,
        groups: Value,
        schedule: Value,
    ) -> Value {
        let mut inputs = vec![self.slab(buffers::PARAMETERS), gradients];
        let (op, moments): (OpRef, usize) = match &self.config.optimizer {
            Optimizer::Sgd(sgd) => {
                // A momentum that 32 bits cannot tell from 0 is none.
                let momentum = sgd.momentum as f32;
                let op = Sgd {
                    momentum,
                    nesterov: sgd.nesterov && momentum > 0.0,
                    weight_decay: sgd.weight_decay as f32,
                };
                (Arc::new(op), usize::from(momentum > 0.0))
            }
            Optimizer::Adam(adam) | Optimizer::AdamW(adam) => {
                let op = Adam {
                    betas: [adam.beta1, adam.beta2],
                    epsilon: adam.epsilon as f32,
                    weight_decay: adam.weight_decay as f32,
                    decoupled: matches!(self.config.optimizer, Optimizer::AdamW(_)),
                };
                (Arc::new(op), 2)
            }
            Optimizer::RmsProp(rmsprop) => {
                let op = RmsProp {
                    alpha: rmsprop.alpha,
                    epsilon: rmsprop.epsilon as f32,
                    momentum: rmsprop.momentum as f32,
                    centered: rmsprop.centered,
                    weight_decay: rmsprop.weight_decay as f32,
                };
                (Arc::new(op), op.moments())
            }
            Optimizer::Lion(lion) => {
                let op = Lion {
                    betas: [lion.beta1, lion.beta2],
                    weight_decay: lion.weight_decay as f32,
                };
                (Arc::new(op), 1)
            }
        };
        let moments = buffers::MOMENTS.into_iter().take(moments);
        inputs.extend(moments.map(|name| self.slab(name)));
        inputs.extend([groups, schedule, counters]);
        self.graph.apply(op, &inputs).expect("slabs fit")[0]
    }

    /// Takes the parameters into their average.
    pub(super) fn average(&mut self, counters: Value, parameters: Value, length: Length) {
        if let Some(op) = schedule::average(self.config, length) {
            let averaged = self.slab(buffers::AVERAGED);
            self.graph.one(op, &[averaged, parameters, counters]);
        }
    }
}
