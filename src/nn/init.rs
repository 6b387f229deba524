//! Initial values of parameters.

use super::{Network, Parameter};
use crate::config::Initializer;
use crate::rng::{Sequence, Stream};

/// What a parameter is before the first step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// Zero.
    Zeros,
    /// One.
    Ones,
    /// Uniform between minus and plus this bound.
    Uniform(f64),
    /// Normal with this standard deviation.
    Normal(f64),
    /// The same, drawn again beyond two deviations.
    TruncatedNormal(f64),
    /// As a matrix of (outputs, all the rest): rows at right angles and of length 1, or columns where there are fewer of them
    /// (Saxe et al. 2013).
    Orthogonal,
}

/// The deviation of `normal` and `trunc_normal`, as in the published recipes of GPT-2 and BERT.
const DEVIATION: f64 = 0.02;

impl Init {
    /// The rule for weights that make an output of `fan_in` numbers and put an input into `fan_out` ones: He et al. 2015
    /// (Kaiming, with the gain √2 of a ReLU), Glorot and Bengio 2010 (Xavier).
    pub(super) fn weight(rule: Initializer, fan_in: usize, fan_out: usize) -> Self {
        let (fan_in, both) = (fan_in as f64, (fan_in + fan_out) as f64);
        match rule {
            Initializer::KaimingUniform => Self::Uniform((6.0 / fan_in).sqrt()),
            Initializer::KaimingNormal => Self::Normal((2.0 / fan_in).sqrt()),
            Initializer::Auto | Initializer::XavierUniform => Self::Uniform((6.0 / both).sqrt()),
            Initializer::XavierNormal => Self::Normal((2.0 / both).sqrt()),
            Initializer::Normal => Self::Normal(DEVIATION),
            Initializer::TruncNormal => Self::TruncatedNormal(DEVIATION),
            Initializer::Orthogonal => Self::Orthogonal,
            Initializer::Pytorch => Self::Uniform((1.0 / fan_in).sqrt()),
        }
    }

    /// The rule for biases beside such weights.
    pub(super) fn bias(rule: Initializer, fan_in: usize) -> Self {
        match rule {
            Initializer::Pytorch => Self::Uniform((1.0 / fan_in as f64).sqrt()),
            _ => Self::Zeros,
        }
    }
}

/// A slab of initial parameters, and behind it the running statistics; the padding between tensors is zero.
pub(super) fn slab(network: &Network, seed: u64) -> Vec<f32> {
    let mut slab = vec![0.0; network.slab_elements + network.statistics_elements];
    for statistic in &network.statistics {
        let begin = network.slab_elements + statistic.offset;
        slab[begin..][..statistic.shape.elements()].fill(statistic.init);
    }
    for (index, parameter) in network.parameters.iter().enumerate() {
        let id = u32::try_from(index).expect("fewer than 2^32 parameters");
        let mut sequence = Sequence::new(seed, Stream::Init, id);
        let place = &mut slab[parameter.offset..][..parameter.shape.elements()];
        let mut fill = |draw: &mut dyn FnMut(&mut Sequence) -> f64| {
            for value in &mut *place {
                *value = round(draw(&mut sequence));
            }
        };
        match parameter.init {
            Init::Zeros => {}
            Init::Ones => place.fill(1.0),
            Init::Uniform(bound) => fill(&mut |s| s.uniform_in(-bound, bound)),
            Init::Normal(deviation) => fill(&mut |s| deviation * s.normal()),
            Init::TruncatedNormal(deviation) => fill(&mut |s| deviation * truncated(s)),
            Init::Orthogonal => place.copy_from_slice(&orthogonal_parameter(parameter, sequence)),
        }
        for value in place {
            *value *= parameter.init_scale;
        }
    }
    slab
}

#[expect(clippy::cast_possible_truncation, reason = "rounded once to f32")]
fn round(value: f64) -> f32 {
    value as f32
}

/// A standard normal number of at most 2.
fn truncated(sequence: &mut Sequence) -> f64 {
    loop {
        let number = sequence.normal();
        if number.abs() <= 2.0 {
            return number;
        }
    }
}

/// The outputs are the first axis in the order of files, so the matrix is made there.
fn orthogonal_parameter(parameter: &Parameter, mut sequence: Sequence) -> Vec<f32> {
    let dims = parameter.border.file_shape(&parameter.shape);
    let rows = dims[0];
    let columns = parameter.shape.elements() / rows;
    let (count, length) = (rows.min(columns), rows.max(columns));
    let vectors = orthonormal(count, length, &mut sequence);
    let file: Vec<f32> = (0..rows * columns)
        .map(|i| {
            let (row, column) = (i / columns, i % columns);
            let (vector, place) = if rows <= columns {
                (row, column)
            } else {
                (column, row)
            };
            round(vectors[vector][place])
        })
        .collect();
    parameter.border.to_kernels(&parameter.shape, &file)
}

/// So many vectors of this length at right angles to each other: normal ones, each freed of its predecessors (Gram and Schmidt,
/// twice, which makes up for rounding) and brought to length 1.
fn orthonormal(count: usize, length: usize, sequence: &mut Sequence) -> Vec<Vec<f64>> {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let mut vectors: Vec<Vec<f64>> = Vec::with_capacity(count);
    while vectors.len() < count {
        let mut next: Vec<f64> = (0..length).map(|_| sequence.normal()).collect();
        for earlier in vectors.iter().chain(&vectors) {
            let share = dot(&next, earlier);
            for (x, y) in next.iter_mut().zip(earlier) {
                *x -= share * y;
            }
        }
        let norm = dot(&next, &next).sqrt();
        // What is left of a vector that lay almost in the others' span is mostly rounding: draw another.
        if norm > 1e-6 {
            next.iter_mut().for_each(|x| *x /= norm);
            vectors.push(next);
        }
    }
    vectors
}

#[cfg(test)]
mod tests {
    use crate::config;
    use crate::nn::Network;

    /// Weight and bias of a dense layer of 64 → 48 features behind an 8 × 8 image.
    fn initial(init: &str) -> (Vec<f32>, Vec<f32>) {
        let text = format!(
            "init = \"{init}\"\n[data]\nsource = \"digits\"\n[optimizer]\nkind = \"sgd\"\n\
             [[layer]]\nkind = \"flatten\"\n[[layer]]\nkind = \"dense\"\nout_features = 48\nactivation = \"relu\"\n"
        );
        let config = config::parse("net.toml", &text, &[]).expect("a configuration");
        let network = Network::new(&config, [8, 8, 1], 48).expect("a network");
        let slab = network.initial(3);
        let of = |index: usize| {
            let parameter = &network.parameters[index];
            slab[parameter.offset..][..parameter.shape.elements()].to_vec()
        };
        (of(0), of(1))
    }

    fn deviation(values: &[f32]) -> f64 {
        let squares = values.iter().map(|&x| f64::from(x).powi(2));
        (squares.sum::<f64>() / values.len() as f64).sqrt()
    }

    fn largest(values: &[f32]) -> f64 {
        values
            .iter()
            .map(|&x| f64::from(x).abs())
            .fold(0.0, f64::max)
    }

    #[test]
    fn uniform_rules_fill_their_bounds_and_normal_ones_have_their_deviation() {
        // 3,072 numbers: their deviation is within 5 % of the rule's, and the largest uniform one within 1 % of the bound.
        for (init, bound) in [
            ("auto", 6.0 / 64.0),
            ("kaiming_uniform", 6.0 / 64.0),
            ("xavier_uniform", 6.0 / 112.0),
            ("pytorch", 1.0 / 64.0),
        ] {
            let bound = f64::sqrt(bound);
            let (weight, _) = initial(init);
            let most = largest(&weight);
            assert!(
                most <= bound * 1.000_001 && most > 0.99 * bound,
                "{init}: {most} of {bound}"
            );
            assert!(
                (deviation(&weight) / (bound / f64::sqrt(3.0)) - 1.0).abs() < 0.05,
                "{init}"
            );
        }
        for (init, variance) in [
            ("kaiming_normal", 2.0 / 64.0),
            ("xavier_normal", 2.0 / 112.0),
            ("normal", 0.0004),
        ] {
            let (weight, _) = initial(init);
            assert!(
                (deviation(&weight) / f64::sqrt(variance) - 1.0).abs() < 0.05,
                "{init}"
            );
            assert!(
                largest(&weight) > 3.0 * f64::sqrt(variance),
                "{init} has tails"
            );
        }
        // A normal distribution cut at two deviations has 0.8796 of the deviation.
        let (weight, _) = initial("trunc_normal");
        assert!(largest(&weight) <= 0.04, "{}", largest(&weight));
        assert!(
            (deviation(&weight) / (0.02 * 0.8796) - 1.0).abs() < 0.05,
            "trunc_normal"
        );
    }

    #[test]
    fn biases_begin_at_zero_but_for_pytorchs_rule() {
        for init in ["auto", "kaiming_normal", "trunc_normal", "orthogonal"] {
            assert!(initial(init).1.iter().all(|&x| x == 0.0), "{init}");
        }
        let (_, bias) = initial("pytorch");
        assert!(largest(&bias) <= 0.125 && largest(&bias) > 0.1, "{bias:?}");
    }

    #[test]
    fn orthogonal_rows_have_length_one_and_stand_at_right_angles() {
        let (weight, _) = initial("orthogonal");
        let row = |i: usize| &weight[i * 64..][..64];
        for i in 0..48 {
            for j in 0..=i {
                let products = row(i)
                    .iter()
                    .zip(row(j))
                    .map(|(&a, &b)| f64::from(a) * f64::from(b));
                let dot: f64 = products.sum();
                let expected = f64::from(u8::from(i == j));
                assert!((dot - expected).abs() < 1e-6, "rows {i} and {j}: {dot}");
            }
        }
    }

    #[test]
    fn the_first_values_of_weights_that_are_named_are_multiplied() {
        let layers = "[[layer]]\nkind = \"flatten\"\n[[layer]]\nkind = \"dense\"\nout_features = 8\n\
            [[layer]]\nkind = \"dense\"\nout_features = 10\n";
        let initial = |param: &str| {
            let text = format!(
                "init = \"pytorch\"\n[data]\nsource = \"digits\"\n[optimizer]\nkind = \"sgd\"\n{param}{layers}"
            );
            let config = config::parse("net.toml", &text, &[]).expect("a configuration");
            let network = Network::new(&config, [8, 8, 1], 10).expect("a network");
            let offset = network.parameters[2].offset;
            let slab = network.initial(1);
            (slab[..offset].to_vec(), slab[offset..].to_vec())
        };
        let (first, second) = initial("");
        let (same, scaled) = initial("[[param]]\nmatch = \"dense2\"\ninit_scale = 0.25\n");
        assert_eq!(same, first);
        let quarters: Vec<f32> = second.iter().map(|x| 0.25 * x).collect();
        assert_eq!(scaled, quarters);
        assert!(largest(&scaled) > 0.0, "they are not zero");
    }

    #[test]
    fn a_layer_may_have_a_rule_of_its_own() {
        let text = "init = \"orthogonal\"\n[data]\nsource = \"digits\"\n[optimizer]\nkind = \"sgd\"\n\
            [[layer]]\nkind = \"conv2d\"\nout_channels = 20\nkernel = 3\n[[layer]]\nkind = \"flatten\"\n\
            [[layer]]\nkind = \"dense\"\nout_features = 10\ninit = \"trunc_normal\"\n";
        let config = config::parse("net.toml", text, &[]).expect("a configuration");
        let network = Network::new(&config, [8, 8, 1], 10).expect("a network");
        let slab = network.initial(1);
        // The convolution's 20 filters have 9 taps each: in the kernels' order (3, 3, 1, 20), each of the 9 rows has length 1.
        for tap in slab[..180].chunks(20) {
            assert!(
                (deviation(tap) * f64::sqrt(20.0) - 1.0).abs() < 1e-6,
                "{tap:?}"
            );
        }
        let dense = &network.parameters[2];
        assert!(
            largest(&slab[dense.offset..][..7200]) <= 0.04,
            "the dense layer"
        );
    }
}
