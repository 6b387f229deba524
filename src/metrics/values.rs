//! Numbers that are predicted against those that are true.

/// What a network says of some samples, and what is true: (samples, numbers), row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimates {
    width: usize,
    predicted: Vec<f32>,
    values: Vec<f32>,
}

/// How well a number is predicted, in its units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValueScores {
    /// The mean of the absolute errors: `mean_absolute_error`.
    pub mae: f64,
    /// The root of the mean squared error: `root_mean_squared_error`.
    pub rmse: f64,
    /// The share of the variance that is explained: `r2_score`; `None` where all values are equal.
    pub r2: Option<f64>,
}

impl Estimates {
    /// Rows of `width` numbers: what is predicted and what is true.
    ///
    /// # Panics
    /// If there are no numbers, or the lengths contradict each other.
    pub fn new(width: usize, predicted: Vec<f32>, values: Vec<f32>) -> Self {
        assert!(
            width > 0 && values.len().is_multiple_of(width),
            "rows are whole"
        );
        assert_eq!(predicted.len(), values.len(), "every number is predicted");
        Self {
            width,
            predicted,
            values,
        }
    }

    /// How many samples there are.
    pub fn samples(&self) -> usize {
        self.values.len() / self.width
    }

    /// What is true of a sample.
    pub fn values(&self, sample: usize) -> &[f32] {
        &self.values[sample * self.width..][..self.width]
    }

    /// What is predicted of a sample.
    pub fn predicted(&self, sample: usize) -> &[f32] {
        &self.predicted[sample * self.width..][..self.width]
    }

    /// How well each number is predicted.
    pub fn scores(&self) -> Vec<ValueScores> {
        let n = self.samples() as f64;
        let score = |place| {
            let column = |numbers: &[f32]| -> Vec<f64> {
                let column = numbers.iter().skip(place).step_by(self.width);
                column.map(|&number| f64::from(number)).collect()
            };
            let (values, predicted) = (column(&self.values), column(&self.predicted));
            let errors = || values.iter().zip(&predicted).map(|(y, p)| p - y);
            let mean = values.iter().sum::<f64>() / n;
            let squares: f64 = errors().map(|error| error * error).sum();
            let spread: f64 = values.iter().map(|y| (y - mean).powi(2)).sum();
            ValueScores {
                mae: errors().map(f64::abs).sum::<f64>() / n,
                rmse: (squares / n).sqrt(),
                r2: (spread > 0.0).then(|| 1.0 - squares / spread),
            }
        };
        (0..self.width).map(score).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_scores_are_those_of_scikit_learn() {
        // y = [3, -0.5, 2, 7], predicted [2.5, 0, 2, 8]: the example of scikit-learn's documentation; the second never changes.
        let values = vec![3.0, 1.0, -0.5, 1.0, 2.0, 1.0, 7.0, 1.0];
        let predicted = vec![2.5, 1.0, 0.0, 1.0, 2.0, 3.0, 8.0, 1.0];
        let scores = Estimates::new(2, predicted, values).scores();
        assert_eq!(scores[0].mae, 0.5);
        assert_eq!(scores[0].rmse, 0.375_f64.sqrt());
        let r2 = scores[0].r2.unwrap();
        assert!((r2 - 0.948_608_137).abs() < 1e-9, "{r2}");
        let never = [scores[1].mae, scores[1].rmse];
        assert_eq!((never, scores[1].r2), ([0.5, 1.0], None));
    }
}
