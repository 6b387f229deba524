//! `y = x · Φ(x)` with the distribution function Φ of the standard normal, or with its approximation by a tanh.

use std::f64::consts::PI;

use crate::graph::Array;

/// `y[i] = x[i] · Φ(x[i])`, `Φ(x) = (1 + erf(x / √2)) / 2`; with `tanh`, `Φ(x) = (1 + tanh(√(2/π) · (x + 0.044715 · x³))) / 2`
pub fn forward(x: &Array, tanh: bool) -> Array {
    let mut y = Array::zeros(x.shape.clone());
    for i in 0..y.data.len() {
        y.data[i] = x.data[i] * distribution(x.data[i], tanh);
    }
    y
}

/// `dx[i] = (Φ(x[i]) + x[i] · Φ′(x[i])) · dy[i]`
pub fn backward(x: &Array, dy: &Array, tanh: bool) -> Array {
    let mut dx = Array::zeros(x.shape.clone());
    for i in 0..x.data.len() {
        let x = x.data[i];
        dx.data[i] = (distribution(x, tanh) + x * density(x, tanh)) * dy.data[i];
    }
    dx
}

/// Φ
fn distribution(x: f64, tanh: bool) -> f64 {
    if tanh {
        0.5 * (1.0 + inner(x).tanh())
    } else {
        0.5 * (1.0 + erf(x / 2.0_f64.sqrt()))
    }
}

/// Φ′
fn density(x: f64, tanh: bool) -> f64 {
    if tanh {
        let slope = (2.0 / PI).sqrt() * (1.0 + 3.0 * 0.044715 * x * x);
        let cosh = inner(x).cosh();
        if cosh.is_finite() {
            0.5 * slope / cosh / cosh
        } else {
            0.0
        }
    } else {
        (-x * x / 2.0).exp() / (2.0 * PI).sqrt()
    }
}

/// What the tanh is taken of.
fn inner(x: f64) -> f64 {
    (2.0 / PI).sqrt() * (x + 0.044715 * x * x * x)
}

/// `erf(z) = 2/√π · exp(−z²) · Σ_n 2ⁿ z^(2n+1) / (1 · 3 · … · (2n+1))`, whose terms have one sign; beyond 6 it is 1 in 53 bits
fn erf(z: f64) -> f64 {
    if z.abs() > 6.0 {
        return z.signum();
    }
    let (mut term, mut sum) = (z, z);
    for n in 1..300 {
        term *= 2.0 * z * z / f64::from(2 * n + 1);
        sum += term;
    }
    2.0 / PI.sqrt() * (-z * z).exp() * sum
}
