//! `y = exp(x) / Σ exp(x)` over the innermost axis.

use crate::graph::Array;

/// `y[r, c] = exp(x[r, c]) / Σ_i exp(x[r, i])`, both divided by the exponential of the row's maximum
pub fn forward(x: &Array) -> Array {
    let (rows, columns) = (x.shape.rows(), x.shape.last());
    let mut y = Array::zeros(x.shape.clone());
    for row in 0..rows {
        let at = |column: usize| x.data[row * columns + column];
        let mut maximum = at(0);
        for column in 0..columns {
            maximum = maximum.max(at(column));
        }
        let mut sum = 0.0;
        for column in 0..columns {
            sum += (at(column) - maximum).exp();
        }
        for column in 0..columns {
            y.data[row * columns + column] = (at(column) - maximum).exp() / sum;
        }
    }
    y
}

/// `dx[r, c] = y[r, c] · (dy[r, c] − Σ_i y[r, i] · dy[r, i])`
pub fn backward(y: &Array, dy: &Array) -> Array {
    let (rows, columns) = (y.shape.rows(), y.shape.last());
    let mut dx = Array::zeros(y.shape.clone());
    for row in 0..rows {
        let mut sum = 0.0;
        for column in 0..columns {
            sum += y.data[row * columns + column] * dy.data[row * columns + column];
        }
        for column in 0..columns {
            let i = row * columns + column;
            dx.data[i] = y.data[i] * (dy.data[i] - sum);
        }
    }
    dx
}
