//! What goes from layer to layer.

use std::fmt;

use crate::graph::{DType, Shape, TensorType};

/// What one sample is between two layers: a row of features (F), a sequence (T, C), an image (H, W, C), or the numbers of tokens
/// (T) in `u32`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Its extents, without the batch.
    pub shape: Vec<usize>,
    /// The type of its elements.
    pub dtype: DType,
    /// Of tokens: how many different ones there are, if that is known.
    pub vocabulary: Option<usize>,
    /// For a row of features in the order of an image, (H, W, C), where files have (C, H, W): where that comes from. Layers that
    /// treat all features alike hand it on with the signal; one that reorders its weights in files says so with `Check::absorb`.
    pub(super) flattened: Option<Flattened>,
}

/// Which layer made a row of an image, and what image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flattened {
    pub(super) layer: usize,
    pub(super) image: [usize; 3],
}

impl Signal {
    /// Floats of this shape.
    pub fn floats(shape: impl Into<Vec<usize>>) -> Self {
        Self {
            shape: shape.into(),
            dtype: DType::F32,
            vocabulary: None,
            flattened: None,
        }
    }

    /// So many tokens by their numbers.
    pub fn tokens(length: usize) -> Self {
        Self {
            dtype: DType::U32,
            ..Self::floats([length])
        }
    }

    /// The same tokens, of so many different ones.
    pub fn of(self, vocabulary: usize) -> Self {
        Self {
            vocabulary: Some(vocabulary),
            ..self
        }
    }

    /// The tensor of a batch of it.
    pub fn batch(&self, rows: usize) -> TensorType {
        let mut dims = vec![rows];
        dims.extend(&self.shape);
        TensorType {
            shape: Shape::new(dims),
            dtype: self.dtype,
        }
    }

    /// Numbers in it.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// What it is, in words: `a row of 10 features`, `an image of 28 × 28 × 1`.
    pub fn words(&self) -> String {
        match (self.dtype, self.shape.as_slice()) {
            (DType::U32, [length]) => format!("a row of {length} tokens"),
            (_, [features]) => format!("a row of {features} features"),
            (_, [_, _]) => format!("a sequence of {self}"),
            _ => format!("an image of {self}"),
        }
    }
}

/// A sample of (height, width, channels): an image, or a row of features where it is one pixel.
impl From<[usize; 3]> for Signal {
    fn from(sample: [usize; 3]) -> Self {
        match sample {
            [1, 1, features] => Self::floats([features]),
            image => Self::floats(image),
        }
    }
}

/// `height × width × channels`.
impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let extents: Vec<String> = self.shape.iter().map(usize::to_string).collect();
        f.write_str(&extents.join(" × "))
    }
}
