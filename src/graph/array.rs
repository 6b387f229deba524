//! A tensor on the host, in f64: what references compute with.

use super::shape::{Shape, TensorType};

/// A dense tensor of f64 in row-major order. Integers are held exactly (they stay below 2⁵³).
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// The extents.
    pub shape: Shape,
    /// The elements, innermost axis fastest.
    pub data: Vec<f64>,
}

impl Array {
    /// An array of `shape` with these elements.
    ///
    /// # Panics
    /// If the number of elements is not that of the shape.
    pub fn new(shape: impl Into<Shape>, data: Vec<f64>) -> Self {
        let shape = shape.into();
        assert_eq!(
            shape.elements(),
            data.len(),
            "an array of {shape} needs that many elements"
        );
        Self { shape, data }
    }

    /// An array of zeros.
    pub fn zeros(shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        let data = vec![0.0; shape.elements()];
        Self { shape, data }
    }

    /// Zeros of the shape of a tensor type.
    pub fn zeros_like(tensor: &TensorType) -> Self {
        Self::zeros(tensor.shape.clone())
    }

    /// The extents.
    pub fn dims(&self) -> &[usize] {
        self.shape.dims()
    }

    /// The same elements under another shape.
    pub fn reshaped(&self, shape: impl Into<Shape>) -> Self {
        Self::new(shape, self.data.clone())
    }

    /// The sum of products of all elements.
    pub fn dot(&self, other: &Self) -> f64 {
        self.data.iter().zip(&other.data).map(|(a, b)| a * b).sum()
    }
}
