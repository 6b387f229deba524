//! Pictures that are changed while training.

use super::Builder;
use crate::config::{self, Flip};
use crate::graph::Value;
use crate::ops::augment::{Augment, Strength};

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
}

/// What the configuration says of changes, as the kernels take it.
#[expect(clippy::cast_possible_truncation, reason = "rounded once to f32")]
pub(super) fn strength(augment: &config::Augment) -> Strength {
    let config::Augment {
        shift,
        flip,
        rotate,
        scale,
        brightness,
        contrast,
        cutout,
    } = *augment;
    Strength {
        shift,
        flip_x: matches!(flip, Flip::Horizontal | Flip::Both),
        flip_y: matches!(flip, Flip::Vertical | Flip::Both),
        rotate: (rotate.to_radians() / 2.0).tan() as f32,
        scale: scale as f32,
        brightness: brightness as f32,
        contrast: contrast as f32,
        cutout,
    }
}
