//! Layers that change extents: larger images, zeros around, parts.

use super::{Append, Check, Refusal, Rule, Words, pair};
use crate::config::keys::Choice as _;
use crate::config::{Axis, Pad, Slice, Upsample, UpsampleMode};
use crate::graph::{Graph, Shape, ShapeError, Value};
use crate::nn::Signal;
use crate::ops::{pad, reshape::Reshape, slice, upsample};

/// A batch of sequences (N, T, C) as images of one row, (N, 1, T, C); images as they are.
pub(super) fn as_images(graph: &mut Graph, x: Value) -> Value {
    match *graph.shape(x).dims() {
        [n, t, c] => {
            let shape = Shape::from([n, 1, t, c]);
            graph.one(Reshape { shape }, &[x])
        }
        _ => x,
    }
}

/// The way back.
pub(super) fn as_sequences(graph: &mut Graph, y: Value) -> Value {
    let &[n, _, t, c] = graph.shape(y).dims() else {
        unreachable!("an image has four axes");
    };
    let shape = Shape::from([n, t, c]);
    graph.one(Reshape { shape }, &[y])
}

/// Which axis of a sample this is.
pub(super) fn place(axis: Axis, signal: &Signal) -> Result<usize, Refusal> {
    let found = match (axis, signal.shape.len()) {
        (Axis::Channels, rank) => Some(rank - 1),
        (Axis::Height, 3) | (Axis::Time, 2) => Some(0),
        (Axis::Width, 3) => Some(1),
        _ => None,
    };
    found.ok_or_else(|| {
        let axes = match signal.shape.len() {
            1 => "a row of features has `channels` alone",
            2 => "a sequence has `time` and `channels`",
            _ => "an image has `height`, `width` and `channels`",
        };
        Refusal::new(
            format!("its input is {}, without `{}`", signal.words(), axis.word()),
            "no such axis",
            axes,
        )
    })
}

impl Append<'_> {
    /// Which axis of its input, the batch counted, this is.
    pub(super) fn axis(&self, axis: Axis) -> usize {
        match axis {
            Axis::Channels => self.graph.shape(self.inputs[0]).rank() - 1,
            Axis::Height | Axis::Time => 1,
            Axis::Width => 2,
        }
    }
}

/// `upsample`: an image so many times as high and as wide.
pub(super) struct Larger<'a>(pub(super) &'a Upsample);

impl Rule for Larger<'_> {
    fn check(&self, at: &mut Check<'_>) -> Result<Signal, Refusal> {
        let input = at.input();
        let [h, w, c] = *input.shape else {
            return Err(Refusal::is_no_image(input));
        };
        let [sh, sw] = self.0.scale;
        Ok(Signal::floats([h * sh, w * sw, c]))
    }

    fn append(&self, to: &mut Append<'_>) -> Result<Value, ShapeError> {
        let op = upsample::Upsample::Forward {
            mode: match self.0.mode {
                UpsampleMode::Nearest => upsample::Mode::Nearest,
                UpsampleMode::Bilinear => upsample::Mode::Bilinear,
            },
            scale: self.0.scale,
        };
        to.apply(op, &[to.input()])
    }

    fn describe(&self, words: &mut Words) {
        words.add(pair(self.0.scale));
        words.add(self.0.mode.word());
    }
}

/// `pad`: zeros around.
pub(super) struct Zeros<'a>(pub(super) &'a Pad);

impl Zeros<'_> {
    /// The axes that get some, with how many before and behind.
    fn ends(&self) -> impl Iterator<Item = (Axis, [usize; 2])> {
        let ends = [
            (Axis::Height, self.0.height),
            (Axis::Width, self.0.width),
            (Axis::Time, self.0.time),
            (Axis::Channels, self.0.channels),
        ];
        ends.into_iter().filter(|(_, ends)| *ends != [0, 0])
    }
}

impl Rule for Zeros<'_> {
    fn check(&self, at: &mut Check<'_>) -> Result<Signal, Refusal> {
        let mut shape = at.input().shape.clone();
        for (axis, [before, behind]) in self.ends() {
            shape[place(axis, at.input())?] += before + behind;
        }
        Ok(Signal::floats(shape))
    }

    fn append(&self, to: &mut Append<'_>) -> Result<Value, ShapeError> {
        let mut x = to.input();
        for (axis, [begin, behind]) in self.ends() {
            let axis = to.axis(axis);
            let op = pad::Pad {
                axis,
                begin,
                step: 1,
                extent: begin + to.graph.shape(x).dims()[axis] + behind,
            };
            x = to.apply(op, &[x])?;
        }
        Ok(x)
    }

    fn describe(&self, words: &mut Words) {
        for (axis, [before, behind]) in self.ends() {
            words.add(format!("{} {before}+{behind}", axis.word()));
        }
    }
}

/// `slice`: a part of one axis.
pub(super) struct Part<'a>(pub(super) &'a Slice);

impl Part<'_> {
    /// How many are taken of an axis of this extent, where all that are asked for are there.
    fn size(&self, extent: usize) -> Option<usize> {
        let there = extent.checked_sub(self.0.begin)?.div_ceil(self.0.step);
        let size = self.0.size.unwrap_or(there);
        (1..=there).contains(&size).then_some(size)
    }
}

impl Rule for Part<'_> {
    fn check(&self, at: &mut Check<'_>) -> Result<Signal, Refusal> {
        let axis = place(self.0.axis, at.input())?;
        let mut shape = at.input().shape.clone();
        let Some(size) = self.size(shape[axis]) else {
            let part = match self.0.size {
                Some(size) => format!("{size} from {} on, every {},", self.0.begin, self.0.step),
                None => format!("what begins at {}", self.0.begin),
            };
            return Err(Refusal::new(
                format!(
                    "{part} is not in the {} {} of its input, {}",
                    shape[axis],
                    self.0.axis.word(),
                    at.input()
                ),
                "reaches beyond the end",
                "take less, counted from 0",
            ));
        };
        shape[axis] = size;
        Ok(Signal::floats(shape))
    }

    fn append(&self, to: &mut Append<'_>) -> Result<Value, ShapeError> {
        let axis = to.axis(self.0.axis);
        let extent = to.graph.shape(to.inputs[0]).dims()[axis];
        let op = slice::Slice {
            axis,
            begin: self.0.begin,
            step: self.0.step,
            extent: self.size(extent).unwrap_or(0),
        };
        to.apply(op, &[to.input()])
    }

    fn describe(&self, words: &mut Words) {
        words.add(self.0.axis.word());
        words.add(format!("from {}", self.0.begin));
        if self.0.step != 1 {
            words.add(format!("every {}", self.0.step));
        }
        if let Some(size) = self.0.size {
            words.add(format!("size {size}"));
        }
    }
}
