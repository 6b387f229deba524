//! What is done to the samples of a batch while training: pictures are changed, samples are mixed with each other, and their losses
//! with them.

use std::ops::Range;
use std::sync::Arc;

use super::{Builder, Target, buffers};
use crate::config::{self, Config, Flip};
use crate::graph::{TensorType, Value};
use crate::ops::{
    augment::Augment, augment::Strength, batch_indices::BatchIndices, gather_batch::GatherBatch,
    mixup, mixup::Mixup, mul::Mul, stream_rows::StreamRows, weigh::Weigh,
};

/// Which rows of the next batch are at hand.
pub(super) struct Rows {
    /// How they were chosen.
    pub(super) op: BatchIndices,
    pub(super) counters: Value,
    /// The samples that they are.
    pub(super) indices: Value,
    /// 1 / (real samples of the batch), or 0.
    pub(super) weights: Value,
    /// Rows that a step of the pass goes through.
    pub(super) streamed: usize,
}

/// Samples, and what of their loss is that of their own targets and that of others.
pub(super) struct Mixed {
    pub(super) x: Value,
    /// What each row's own target counts.
    pub(super) own: Value,
    pub(super) other: Other,
}

/// The targets of what was mixed in.
#[derive(Clone, Copy)]
pub(super) struct Other {
    pub(super) target: Target,
    /// What each of them counts.
    pub(super) weights: Value,
}

impl Builder<'_> {
    /// The pictures of a batch, each changed in a way of its own.
    pub(super) fn change(&mut self, x: Value, drawn_by: [Value; 2], strength: Strength) -> Value {
        let [h, w, _] = self.data.sample_shape;
        let draw = Augment::Draw {
            seed: self.config.seed,
            size: [h, w],
            strength,
        };
        let drawn = self.graph.one(draw, &drawn_by);
        let apply = Augment::Apply {
            normalization: self.data.normalization.clone(),
            color: strength.brightness > 0.0 || strength.contrast > 0.0,
        };
        self.graph.one(apply, &[x, drawn])
    }

    /// Whether samples are mixed.
    pub(super) fn mixes(&self) -> bool {
        let augment = self.config.data.augment.as_ref();
        self.trains && augment.is_some_and(|augment| augment.mixup > 0.0)
    }

    /// Mixes the samples `x` of these rows, each with one out of the whole batch, which is changed as it is in its own row: how a batch
    /// is cut into parts makes no difference. `loss_weights` is what the rows count.
    pub(super) fn mix(&mut self, x: Value, loss_weights: Value, rows: &Rows) -> Mixed {
        let Range { start, end } = rows.op.rows;
        let batch = rows.op.batch;
        let table = TensorType::f32([mixup::ENTRIES]);
        let table = self.graph.persistent(buffers::SHARES, table);
        let draw = Mixup::Draw {
            seed: self.config.seed,
            count: rows.op.part.len(),
            batch,
            first: start,
        };
        let drawn = self
            .graph
            .apply(Arc::new(draw), &[rows.counters, rows.indices, table])
            .expect("what is drawn fits the rows");
        let [partner, share, rest] = drawn[..] else {
            unreachable!("three things are drawn");
        };
        let all = if (start, end) == (0, batch) {
            rows.indices
        } else {
            let op = BatchIndices {
                rows: 0..batch,
                ..rows.op.clone()
            };
            let chosen = self.graph.apply(Arc::new(op), &[rows.counters]);
            chosen.expect("counters fit")[0]
        };
        let others = self.graph.one(GatherBatch::Words, &[all, partner]);
        let other = match self.data.window(&self.config.train, rows.streamed) {
            None => self.gather(self.data.samples, others),
            Some(window) => {
                let op = StreamRows {
                    slots: window.slots,
                    stride: window.stride,
                    rows: 0..batch,
                };
                let there = self.graph.one(op, &[rows.counters]);
                let there = self.graph.one(GatherBatch::Words, &[there, partner]);
                self.gather(window.rows, there)
            }
        };
        let other = match self.augment {
            Some(strength) => self.change(other, [rows.counters, others], strength),
            None => other,
        };
        let target = self.target(others);
        let weights = match self.mean_weight {
            None => loss_weights,
            Some(mean) => {
                let own = self.own_weights(others);
                self.graph.one(Weigh, &[rows.weights, own, mean])
            }
        };
        Mixed {
            x: self.graph.one(Mixup::Apply, &[x, other, share, rest]),
            own: self.graph.one(Mul, &[loss_weights, share]),
            other: Other {
                target,
                weights: self.graph.one(Mul, &[weights, rest]),
            },
        }
    }
}

/// What the configuration says of changes to pictures, as the kernels take it; `None` where they stay as they are.
#[expect(clippy::cast_possible_truncation, reason = "rounded once to f32")]
pub(super) fn strength(config: &Config) -> Option<Strength> {
    let augment = config.data.augment.as_ref();
    let augment = augment.filter(|augment| augment.changes_pictures())?;
    let config::Augment {
        shift,
        flip,
        rotate,
        scale,
        brightness,
        contrast,
        cutout,
        mixup: _,
    } = *augment;
    Some(Strength {
        shift,
        flip_x: matches!(flip, Flip::Horizontal | Flip::Both),
        flip_y: matches!(flip, Flip::Vertical | Flip::Both),
        rotate: (rotate.to_radians() / 2.0).tan() as f32,
        scale: scale as f32,
        brightness: brightness as f32,
        contrast: contrast as f32,
        cutout,
    })
}
