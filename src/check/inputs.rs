//! The numbers with which a case is proved: the same ones on every machine and in every run.

use super::words;
use crate::graph::{Array, Case, DType, Domain, TensorType};
use crate::rng::{Sequence, Stream};

/// Random numbers that depend on nothing but what they are for.
#[derive(Clone, Debug)]
pub struct Numbers(Sequence);

impl Numbers {
    /// Numbers for a purpose: the name of an op, the index of its case, which of the tensors of the case.
    pub fn new(name: &str, case: usize, tensor: usize) -> Self {
        // FNV-1a over the name and the two indices.
        let indices = [case as u64, tensor as u64];
        let hash = name
            .bytes()
            .chain(indices.iter().flat_map(|index| index.to_le_bytes()))
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        Self(Sequence::new(hash, Stream::Test, 0))
    }

    /// Uniform in 0 to 1, 1 excluded.
    pub fn uniform(&mut self) -> f64 {
        self.0.uniform()
    }

    /// Uniform among `0..n`.
    pub fn below(&mut self, n: u32) -> u32 {
        self.0.below(n)
    }

    /// Standard normal.
    pub fn normal(&mut self) -> f64 {
        self.0.normal()
    }

    /// An array of standard normal numbers.
    pub fn normals(&mut self, tensor: &TensorType) -> Array {
        let data = (0..tensor.elements()).map(|_| self.normal()).collect();
        Array::new(tensor.shape.clone(), data)
    }

    /// The numbers of `domain` for a tensor, as its element type holds them.
    ///
    /// # Panics
    /// If the domain does not suit the tensor: a mistake in an op's cases.
    pub fn draw(&mut self, tensor: &TensorType, domain: &Domain) -> Array {
        let count = tensor.elements();
        let data: Vec<f64> = match domain {
            Domain::Normal => (0..count).map(|_| self.normal()).collect(),
            Domain::Scaled(deviation) => (0..count).map(|_| deviation * self.normal()).collect(),
            Domain::AwayFromZero => (0..count)
                .map(|_| {
                    let x = self.normal();
                    x + 0.06_f64.copysign(x)
                })
                .collect(),
            Domain::Distinct => self.distinct(count),
            Domain::Tied => (0..count).map(|_| f64::from(self.below(3)) - 1.0).collect(),
            Domain::Positive => (0..count).map(|_| self.positive()).collect(),
            Domain::Weights => self.weights(count),
            Domain::Below(n) => (0..count).map(|_| f64::from(self.below(*n))).collect(),
            Domain::Given(numbers) => numbers.clone(),
        };
        let integers = matches!(domain, Domain::Below(_) | Domain::Given(_));
        assert!(
            integers || tensor.dtype == DType::F32,
            "{tensor} holds integers, {domain:?} does not"
        );
        words::rounded(&Array::new(tensor.shape.clone(), data), tensor.dtype)
    }

    fn positive(&mut self) -> f64 {
        0.1 + 0.9 * self.uniform()
    }

    /// Numbers about zero, each pair at least 0.012 apart, in random order: one near each of `count` places at equal distances.
    fn distinct(&mut self, count: usize) -> Vec<f64> {
        let spacing = (6.0 / count as f64).max(0.02);
        let middle = (count as f64 - 1.0) / 2.0;
        let mut numbers: Vec<f64> = (0..count)
            .map(|i| (i as f64 - middle + 0.2 * (2.0 * self.uniform() - 1.0)) * spacing)
            .collect();
        self.0.shuffle(&mut numbers);
        numbers
    }

    /// A quarter zeros; with two or more numbers at least one zero and one that is not.
    fn weights(&mut self, count: usize) -> Vec<f64> {
        let mut numbers: Vec<f64> = (0..count)
            .map(|_| match self.below(4) {
                0 => 0.0,
                _ => self.positive(),
            })
            .collect();
        numbers[0] = self.positive();
        if count > 1 {
            numbers[count - 1] = 0.0;
        }
        numbers
    }
}

/// The inputs of case number `index` of the op `name`.
pub fn of_case(name: &str, index: usize, case: &Case) -> Vec<Array> {
    let draw = |(i, input): (usize, &crate::graph::CaseInput)| {
        Numbers::new(name, index, i).draw(&input.tensor, &input.domain)
    };
    case.inputs.iter().enumerate().map(draw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(domain: &Domain, count: usize) -> Vec<f64> {
        let tensor = match domain {
            Domain::Below(_) => TensorType::u32([count]),
            _ => TensorType::f32([count]),
        };
        Numbers::new("test", 1, 2).draw(&tensor, domain).data
    }

    #[test]
    fn every_domain_keeps_its_promise() {
        for count in [1, 2, 5, 100, 3000] {
            let away = draw(&Domain::AwayFromZero, count);
            assert!(away.iter().all(|x| x.abs() >= 0.05), "away from zero");
            let tied = draw(&Domain::Tied, count);
            assert!(
                tied.iter().all(|x| [-1.0, 0.0, 1.0].contains(x)),
                "tied: {tied:?}"
            );
            let positive = draw(&Domain::Positive, count);
            assert!(
                positive.iter().all(|x| (0.0999..=1.0).contains(x)),
                "positive"
            );
            let below = draw(&Domain::Below(7), count);
            assert!(below.iter().all(|&x| x < 7.0 && x == x.floor()), "below");
            let weights = draw(&Domain::Weights, count);
            assert!(weights.iter().any(|&x| x > 0.0), "a weight");
            assert!(count == 1 || weights.contains(&0.0), "a zero weight");
            let mut distinct = draw(&Domain::Distinct, count);
            let sorted = distinct.is_sorted();
            distinct.sort_by(f64::total_cmp);
            assert!(
                distinct.windows(2).all(|pair| pair[1] - pair[0] >= 0.01),
                "distinct"
            );
            assert!(count < 5 || !sorted, "shuffled");
        }
    }

    #[test]
    fn normal_numbers_have_mean_zero_and_variance_one() {
        let numbers = draw(&Domain::Normal, 100_000);
        let mean = numbers.iter().sum::<f64>() / 1e5;
        let variance = numbers.iter().map(|x| x * x).sum::<f64>() / 1e5;
        assert!(mean.abs() < 0.02, "mean {mean}");
        assert!((variance - 1.0).abs() < 0.03, "variance {variance}");
    }

    #[test]
    fn inputs_differ_by_op_case_and_input_and_in_nothing_else() {
        let first = |name, case, input| Numbers::new(name, case, input).uniform();
        assert_eq!(first("relu", 0, 0), first("relu", 0, 0));
        assert_ne!(first("relu", 0, 0), first("add", 0, 0));
        assert_ne!(first("relu", 0, 0), first("relu", 1, 0));
        assert_ne!(first("relu", 0, 0), first("relu", 0, 1));
        assert_ne!(first("relu", 1, 0), first("relu", 0, 1));
    }
}
