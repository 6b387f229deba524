//! What ops have in common that move elements along one axis: tensors seen as (outer, axis, inner).

use crate::graph::{Shape, ShapeError};

/// An axis of a tensor between what is outside and what is inside of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Along {
    pub(super) outer: usize,
    pub(super) extent: usize,
    pub(super) inner: usize,
}

impl Along {
    /// The axis number `axis` of a shape.
    pub(super) fn of(op: &str, shape: &Shape, axis: usize) -> Result<Self, ShapeError> {
        let dims = shape.dims();
        let Some(&extent) = dims.get(axis) else {
            return Err(ShapeError::new(format!(
                "{op} of {shape} along axis {axis}: there is no such axis"
            )));
        };
        Ok(Self {
            outer: dims[..axis].iter().product(),
            extent,
            inner: dims[axis + 1..].iter().product(),
        })
    }

    /// Elements that move as one, and how many of them are inside of the axis: a `vec4` where what is inside is made of them, or
    /// where the axis itself is, all its `places` included.
    pub(super) fn lanes(&self, places: &[usize], step: usize) -> Lanes {
        let fours = |number: &usize| number.is_multiple_of(4);
        if self.inner.is_multiple_of(4) {
            Lanes {
                lanes: 4,
                inner: self.inner / 4,
                along: 1,
            }
        } else if self.inner == 1 && step == 1 && places.iter().all(fours) {
            Lanes {
                lanes: 4,
                inner: 1,
                along: 4,
            }
        } else {
            Lanes {
                lanes: 1,
                inner: self.inner,
                along: 1,
            }
        }
    }
}

/// In what units an axis is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lanes {
    /// Elements that move as one.
    pub(super) lanes: usize,
    /// Units inside of the axis.
    pub(super) inner: usize,
    /// Elements of the axis in one unit.
    pub(super) along: usize,
}

impl Lanes {
    /// The entry point for it.
    pub(super) fn entry(self) -> &'static str {
        match self.lanes {
            4 => "forward_vec4",
            _ => "forward",
        }
    }
}

/// A shape with another extent along an axis.
pub(super) fn with_extent(shape: &Shape, axis: usize, extent: usize) -> Shape {
    let mut dims = shape.dims().to_vec();
    dims[axis] = extent;
    Shape::new(dims)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_as_one_is_inside_of_the_axis_or_along_it() {
        let along = |dims: &[usize], axis| Along::of("slice", &Shape::new(dims), axis).unwrap();
        let lanes = |dims: &[usize], axis, places: &[usize], step| {
            let Lanes {
                lanes,
                inner,
                along,
            } = along(dims, axis).lanes(places, step);
            (lanes, inner, along)
        };
        assert_eq!(lanes(&[2, 3, 8], 1, &[3, 1], 2), (4, 2, 1));
        assert_eq!(lanes(&[2, 3, 8], 2, &[8, 4], 1), (4, 1, 4));
        assert_eq!(lanes(&[2, 3, 8], 2, &[8, 4], 2), (1, 1, 1));
        assert_eq!(lanes(&[2, 3, 8], 2, &[8, 3], 1), (1, 1, 1));
        assert_eq!(lanes(&[2, 3, 5], 1, &[3, 2], 1), (1, 5, 1));
        let error = Along::of("slice", &Shape::from([2, 3]), 2).unwrap_err();
        assert_eq!(
            error.0,
            "slice of (2, 3) along axis 2: there is no such axis"
        );
    }
}
