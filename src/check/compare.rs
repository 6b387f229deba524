//! When a result counts as the truth.

use crate::graph::Array;

/// How far a result may be from the truth: `atol + rtol·|truth|`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Share of the magnitude of the element.
    pub rtol: f64,
    /// The same for all elements.
    pub atol: f64,
}

/// Half the distance of neighbouring f32 about 1: the relative error of one rounding.
pub const ROUNDING: f64 = 1.0 / (1u64 << 24) as f64;

/// The error that WGSL allows the built-in functions (`exp`, `log`, `tanh`, division): some hundred roundings, relative.
pub const RTOL: f64 = 1e-5;

impl Tolerance {
    /// Integers: no difference at all.
    pub const EXACT: Self = Self {
        rtol: 0.0,
        atol: 0.0,
    };

    /// The tolerance of a tensor of floats.
    ///
    /// `terms` are the floating-point operations per element; their rounding errors add up like a random walk, whatever the order
    /// of the summation: `√terms` of them. `magnitude` is the largest |truth|, so `ROUNDING · magnitude` is one rounding of the
    /// result. `response` is how far the truth itself moves when each float input is moved by one rounding: it is larger than a
    /// rounding of the result where a sum cancels, and no algorithm in f32 can do better. The larger of both is allowed
    /// `4 + 2·√terms` times.
    ///
    /// A missing or repeated term changes a sum of n terms by about `magnitude / √n`, that is by a million roundings over n of
    /// them: far beyond this.
    pub fn of(terms: f64, magnitude: f64, response: f64) -> Self {
        Self {
            rtol: RTOL,
            atol: (4.0 + 2.0 * terms.sqrt()) * (ROUNDING * magnitude).max(response),
        }
    }

    /// The tolerance at an element whose truth is `truth`.
    pub fn at(&self, truth: f64) -> f64 {
        self.atol + self.rtol * truth.abs()
    }
}

/// The element that is worst off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// Its index in row-major order.
    pub index: usize,
    /// What the result says there.
    pub got: f64,
    /// What the truth is there.
    pub truth: f64,
    /// Error over tolerance there; infinite for what is not a number.
    pub ratio: f64,
    /// Whether every element is within the tolerance.
    pub accepted: bool,
}

/// Compares a result with the truth.
///
/// # Panics
/// If the shapes differ.
pub fn compare(got: &Array, truth: &Array, tolerance: Tolerance) -> Comparison {
    assert_eq!(
        got.shape, truth.shape,
        "a result has the shape of the truth"
    );
    let mut worst = Comparison {
        index: 0,
        got: 0.0,
        truth: 0.0,
        ratio: -1.0,
        accepted: true,
    };
    for (index, (&got, &truth)) in got.data.iter().zip(&truth.data).enumerate() {
        let error = (got - truth).abs();
        // In this direction, because a comparison with NaN is false.
        let within = error <= tolerance.at(truth);
        let ratio = match () {
            () if error == 0.0 => 0.0,
            () if within => error / tolerance.at(truth),
            () => Some(error / tolerance.at(truth))
                .filter(|ratio| ratio.is_finite())
                .unwrap_or(f64::INFINITY),
        };
        if ratio > worst.ratio {
            worst = Comparison {
                index,
                got,
                truth,
                ratio,
                accepted: worst.accepted,
            };
        }
        worst.accepted &= within;
    }
    worst.ratio = worst.ratio.max(0.0);
    worst
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(got: &[f64], truth: &[f64], tolerance: Tolerance) -> Comparison {
        let array = |data: &[f64]| Array::new([data.len()], data.to_vec());
        compare(&array(got), &array(truth), tolerance)
    }

    #[test]
    fn the_worst_element_is_reported_not_the_first() {
        let tolerance = Tolerance {
            rtol: 0.1,
            atol: 0.0,
        };
        let comparison = compared(&[1.2, 2.0, 5.0], &[1.0, 2.0, 2.0], tolerance);
        assert_eq!(comparison.index, 2);
        assert!((comparison.ratio - 15.0).abs() < 1e-9, "{comparison:?}");
        assert!(!comparison.accepted, "{comparison:?}");
        assert!(
            compared(&[1.05, 2.0], &[1.0, 2.0], tolerance).accepted,
            "within"
        );
    }

    #[test]
    fn what_is_not_a_number_is_refused_wherever_it_stands() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let loose = Tolerance {
                rtol: 1.0,
                atol: 1e300,
            };
            assert!(!compared(&[1.0, bad], &[1.0, 1.0], loose).accepted, "{bad}");
            assert!(
                !compared(&[1.0, 1.0], &[1.0, f64::NAN], loose).accepted,
                "NaN"
            );
        }
        let nan = compared(&[9.0, f64::NAN], &[1.0, 1.0], Tolerance::EXACT);
        assert_eq!((nan.index, nan.ratio), (0, f64::INFINITY));
    }

    #[test]
    fn integers_must_be_equal() {
        assert!(
            compared(&[3.0, 0.0], &[3.0, 0.0], Tolerance::EXACT).accepted,
            "equal"
        );
        assert!(
            !compared(&[3.0, 1.0], &[3.0, 0.0], Tolerance::EXACT).accepted,
            "one off"
        );
    }

    #[test]
    fn a_sum_in_f32_passes_in_any_order_and_one_missing_term_does_not() {
        let mut numbers = super::super::inputs::Numbers::new("sum", 0, 0);
        for count in [10, 1000, 100_000] {
            let x: Vec<f32> = (0..count)
                .map(|_| {
                    #[expect(clippy::cast_possible_truncation, reason = "rounding is the purpose")]
                    let x = numbers.normal() as f32;
                    x
                })
                .collect();
            let truth: f64 = x.iter().map(|&x| f64::from(x)).sum();
            let norm = x.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
            let tolerance = Tolerance::of(f64::from(count), truth.abs(), ROUNDING * norm);
            let accepted = |sum: f64| compared(&[sum], &[truth], tolerance).accepted;
            let forwards = x.iter().fold(0.0f32, |sum, x| sum + x);
            let backwards = x.iter().rev().fold(0.0f32, |sum, x| sum + x);
            assert!(accepted(f64::from(forwards)), "{count} forwards");
            assert!(accepted(f64::from(backwards)), "{count} backwards");
            assert!(!accepted(truth - f64::from(x[3])), "{count}, one missing");
        }
    }
}
