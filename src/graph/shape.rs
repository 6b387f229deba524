//! Shapes, element types, and the arithmetic of sliding windows.

use std::fmt;

/// A tensor that is computed has at most this many elements: kernels count bytes in 32 bits.
pub const MAX_ELEMENTS: usize = 1 << 30;

/// The extents of a tensor, outermost first. Images are channels-last: `(N, H, W, C)`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Shape(Vec<usize>);

impl Shape {
    /// A shape from its extents.
    pub fn new(dims: impl Into<Vec<usize>>) -> Self {
        Self(dims.into())
    }

    /// The extents.
    pub fn dims(&self) -> &[usize] {
        &self.0
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// The number of elements; 1 for rank 0.
    pub fn elements(&self) -> usize {
        self.0.iter().product()
    }

    /// The innermost extent; 1 for rank 0.
    pub fn last(&self) -> usize {
        self.0.last().copied().unwrap_or(1)
    }

    /// Everything but the innermost extent, multiplied.
    pub fn rows(&self) -> usize {
        self.0[..self.0.len().saturating_sub(1)].iter().product()
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(dims: [usize; N]) -> Self {
        Self(dims.to_vec())
    }
}

impl From<Vec<usize>> for Shape {
    fn from(dims: Vec<usize>) -> Self {
        Self(dims)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(")?;
        for (i, dim) in self.0.iter().enumerate() {
            if i > 0 {
                write!(f, ", ")?;
            }
            write!(f, "{dim}")?;
        }
        write!(f, ")")
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What the elements of a tensor are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DType {
    /// 32-bit IEEE 754 floating point.
    F32,
    /// 32-bit unsigned integers: labels, indices, counters.
    U32,
    /// Bytes, four to a 32-bit word, the first in the lowest bits: raw pixels of a data set.
    U8,
}

impl DType {
    /// Bytes of storage for `elements` elements, rounded up to 16 so that a kernel may read the last `vec4` whole.
    pub fn storage_bytes(self, elements: usize) -> usize {
        let bytes = match self {
            Self::F32 | Self::U32 => elements * 4,
            Self::U8 => elements,
        };
        bytes.next_multiple_of(16)
    }
}

/// Shape and element type of a tensor.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TensorType {
    /// The extents.
    pub shape: Shape,
    /// The element type.
    pub dtype: DType,
}

impl TensorType {
    /// A tensor of 32-bit floats.
    pub fn f32(shape: impl Into<Shape>) -> Self {
        Self {
            shape: shape.into(),
            dtype: DType::F32,
        }
    }

    /// A tensor of 32-bit unsigned integers.
    pub fn u32(shape: impl Into<Shape>) -> Self {
        Self {
            shape: shape.into(),
            dtype: DType::U32,
        }
    }

    /// A tensor of packed bytes.
    pub fn u8(shape: impl Into<Shape>) -> Self {
        Self {
            shape: shape.into(),
            dtype: DType::U8,
        }
    }

    /// The number of elements.
    pub fn elements(&self) -> usize {
        self.shape.elements()
    }

    /// Bytes of storage.
    pub fn bytes(&self) -> usize {
        self.dtype.storage_bytes(self.elements())
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dtype = match self.dtype {
            DType::F32 => "f32",
            DType::U32 => "u32",
            DType::U8 => "u8",
        };
        write!(f, "{dtype}{}", self.shape)
    }
}

/// Inputs that do not fit an operation: the text names both shapes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ShapeError(pub String);

impl ShapeError {
    /// A shape error with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// A sliding window over height and width, with PyTorch's meaning of every attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Extent of the window in taps (height, width).
    pub kernel: [usize; 2],
    /// Distance between neighbouring windows.
    pub stride: [usize; 2],
    /// Zeros (or, for maxima, nothing) added on each side.
    pub padding: [usize; 2],
    /// Distance between neighbouring taps.
    pub dilation: [usize; 2],
}

impl Window {
    /// A window of `kernel` taps with stride 1, no padding and no dilation.
    pub fn new(kernel: [usize; 2]) -> Self {
        Self {
            kernel,
            stride: [1, 1],
            padding: [0, 0],
            dilation: [1, 1],
        }
    }

    /// The output extents for an input of `(height, width)`:
    /// `floor((in + 2·padding − dilation·(kernel − 1) − 1) / stride) + 1` (PyTorch, `torch.nn.Conv2d`).
    pub fn output(&self, input: [usize; 2]) -> Result<[usize; 2], ShapeError> {
        let mut output = [0; 2];
        for axis in 0..2 {
            let padded = input[axis] + 2 * self.padding[axis];
            let reach = self.dilation[axis] * (self.kernel[axis] - 1) + 1;
            if reach > padded {
                return Err(ShapeError::new(format!(
                    "a window of {} × {} (dilation {} × {}) does not fit an input of {} × {} with padding {} × {}",
                    self.kernel[0],
                    self.kernel[1],
                    self.dilation[0],
                    self.dilation[1],
                    input[0],
                    input[1],
                    self.padding[0],
                    self.padding[1],
                )));
            }
            output[axis] = (padded - reach) / self.stride[axis] + 1;
        }
        Ok(output)
    }
}
