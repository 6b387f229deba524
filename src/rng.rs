//! Random numbers from counters: Philox4x32-10.
//!
//! J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw: *Parallel Random Numbers: As Easy as 1, 2, 3*, SC 2011. There is no state
//! to keep or to save: a number is a function of the seed, of what it is for ([`Stream`]) and of its place, so any invocation on
//! the GPU and any resumed run can ask for any of them. `shaders/lib/philox.wgsl` computes the same numbers on the GPU.

/// What random numbers are for: the third counter word, so that two uses of one seed never share a number.
///
/// The values are part of what a seed means; they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Stream {
    /// The order of the samples in an epoch; only [`permuted`] draws from it.
    Shuffle = 1,
    /// The first values of the parameters.
    Init = 2,
    /// Which samples are held out for validation.
    Split = 3,
    /// Inputs of tests and of `verify`.
    Test = 4,
    /// The fixed test part of a data set that comes without one.
    Holdout = 5,
    /// How pictures are changed while training; only `shaders/augment.wgsl` and its reference draw from it.
    Augment = 6,
    /// What dropout zeroes; only `shaders/dropout.wgsl` and its reference draw from it.
    Dropout = 7,
    /// What a sample is mixed with while training, and how much; only `shaders/mixup.wgsl` and its reference draw from it.
    Mixup = 8,
    /// The characters that a language model writes.
    Generation = 9,
}

/// Philox4x32-10: four uniform 32-bit words for a counter and a key.
pub fn philox(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let [mut c0, mut c1, mut c2, mut c3] = counter;
    let [mut k0, mut k1] = key;
    for _ in 0..10 {
        let (low0, high0) = low_high(0xD251_1F53 * u64::from(c0));
        let (low1, high1) = low_high(0xCD9E_8D57 * u64::from(c2));
        (c0, c1, c2, c3) = (high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0);
        k0 = k0.wrapping_add(0x9E37_79B9);
        k1 = k1.wrapping_add(0xBB67_AE85);
    }
    [c0, c1, c2, c3]
}

/// The key of a seed: its low and its high word.
pub fn key(seed: u64) -> [u32; 2] {
    let (low, high) = low_high(seed);
    [low, high]
}

#[expect(clippy::cast_possible_truncation, reason = "splits a word in two")]
fn low_high(wide: u64) -> (u32, u32) {
    (wide as u32, (wide >> 32) as u32)
}

/// The longest walk of [`permuted`]. At least a quarter of the network's domain lies inside `0..len`, so a walk is longer than
/// this with a chance of 0.75^256, about 10^-32; the bound is there because loops on the GPU are bounded.
const PERMUTED_WALK: u32 = 256;

/// Where `index` goes when `0..len` is shuffled: a bijection of `0..len` for each seed and epoch, computed one index at a time, so
/// that no permutation is ever stored.
///
/// A Feistel network of six rounds permutes the least power of four that holds `len` (at least four); a result beyond `len` is
/// fed back until one falls inside (cycle walking). `len` of 0 or 1 gives 0. An `index` at or beyond `len` counts as the last one,
/// so that a padded row of a batch reads a real sample.
pub fn permuted(index: u32, len: u32, seed: u64, epoch: u32) -> u32 {
    if len < 2 {
        return 0;
    }
    let half_bits = ((33 - (len - 1).leading_zeros()) / 2).max(1);
    let mask = (1 << half_bits) - 1;
    let mut x = index.min(len - 1);
    for _ in 0..PERMUTED_WALK {
        let (mut left, mut right) = (x >> half_bits, x & mask);
        for round in 0..6 {
            let counter = [right, round, Stream::Shuffle as u32, epoch];
            let f = philox(counter, key(seed))[0] & mask;
            (left, right) = (right, left ^ f);
        }
        x = left << half_bits | right;
        if x < len {
            return x;
        }
    }
    x % len
}

/// The numbers of one seed, stream and id, one after the other.
///
/// The counters are (block low, block high, stream, id), the key is the seed. Equal arguments give equal numbers on every machine
/// ([`Sequence::normal`] up to the last bits of the system's logarithm and cosine).
#[derive(Clone, Debug)]
pub struct Sequence {
    key: [u32; 2],
    stream: Stream,
    id: u32,
    /// Words drawn so far; four to a block.
    drawn: u64,
    block: [u32; 4],
    /// The second number of the last Box–Muller pair.
    spare: Option<f64>,
}

impl Sequence {
    /// The sequence of `id` (a parameter, a test case, ...) in `stream`.
    pub fn new(seed: u64, stream: Stream, id: u32) -> Self {
        Self {
            key: key(seed),
            stream,
            id,
            drawn: 0,
            block: [0; 4],
            spare: None,
        }
    }

    /// 32 uniform bits.
    pub fn next_u32(&mut self) -> u32 {
        let place = (self.drawn % 4) as usize;
        if place == 0 {
            let (low, high) = low_high(self.drawn / 4);
            self.block = philox([low, high, self.stream as u32, self.id], self.key);
        }
        self.drawn += 1;
        self.block[place]
    }

    /// Uniform in [0, 1), a multiple of 2^-53.
    pub fn uniform(&mut self) -> f64 {
        let high = f64::from(self.next_u32() >> 5);
        let low = f64::from(self.next_u32() >> 6);
        (high * f64::from(1 << 26) + low) / (1_u64 << 53) as f64
    }

    /// Uniform in [low, high), up to rounding.
    pub fn uniform_in(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Normal with mean 0 and variance 1 (Box–Muller, both of its numbers are used).
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        // 1 - u lies in (0, 1], where the logarithm is finite.
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        let (sine, cosine) = (std::f64::consts::TAU * self.uniform()).sin_cos();
        self.spare = Some(radius * sine);
        radius * cosine
    }

    /// Uniform in 0..n, without bias (Lemire's multiplication with rejection).
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    pub fn below(&mut self, n: u32) -> u32 {
        assert!(n > 0, "there is no number below 0");
        // 2^32 mod n low words are left over when 2^32 numbers are dealt out to n piles.
        let leftover = n.wrapping_neg() % n;
        loop {
            let (low, high) = low_high(u64::from(self.next_u32()) * u64::from(n));
            if low >= leftover {
                return high;
            }
        }
    }

    /// Shuffles `items` in place (Fisher–Yates).
    ///
    /// # Panics
    ///
    /// If there are more than 2^32 - 1 items.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let n = u32::try_from(last + 1).expect("at most 2^32 - 1 items are shuffled");
            items.swap(last, self.below(n) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_gives_the_known_answers_of_random123() {
        assert_eq!(
            philox([0; 4], [0; 2]),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox(
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0]
            ),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn permuted_is_a_bijection_for_every_length() {
        let lens = (1..=70).chain([255, 256, 257, 1023, 1797, 4097, 60_000, 65_537]);
        for len in lens {
            let mut seen = vec![false; len as usize];
            for index in 0..len {
                let x = permuted(index, len, 42, 3);
                assert!(x < len, "{index} of {len} went to {x}");
                assert!(!seen[x as usize], "{x} of {len} was hit twice");
                seen[x as usize] = true;
            }
        }
    }

    #[test]
    fn permuted_stays_inside_for_empty_ranges_and_indices_beyond_the_end() {
        assert_eq!(permuted(0, 0, 1, 1), 0);
        assert_eq!(permuted(9, 1, 1, 1), 0);
        for len in [2, 5, 1797, u32::MAX] {
            let last = permuted(len - 1, len, 7, 0);
            assert!(last < len, "{last} of {len}");
            assert_eq!(permuted(u32::MAX, len, 7, 0), last);
        }
    }

    #[test]
    fn permuted_differs_between_epochs_and_between_seeds() {
        let order = |seed, epoch| -> Vec<u32> {
            (0..1797)
                .map(|index| permuted(index, 1797, seed, epoch))
                .collect()
        };
        let first = order(1, 0);
        // Two unrelated permutations agree in one place on average.
        for other in [order(1, 1), order(2, 0), order(1 << 32 | 1, 0)] {
            let same = first.iter().zip(&other).filter(|(a, b)| a == b).count();
            assert!(same < 12, "{same} places agree");
        }
        assert_eq!(first, order(1, 0));
    }

    #[test]
    fn the_first_positions_of_an_epoch_are_uniform() {
        let (len, epochs) = (10, 20_000);
        for index in 0..2 {
            let mut counts = [0_u32; 10];
            for epoch in 0..epochs {
                counts[permuted(index, len, 5, epoch) as usize] += 1;
            }
            // 9 degrees of freedom: chi-squared above 33.7 has a chance of 1 in 10,000.
            let chi_squared = chi_squared(&counts);
            assert!(chi_squared < 33.7, "{chi_squared} from {counts:?}");
        }
    }

    #[test]
    fn permuted_keeps_these_numbers_forever() {
        let first: Vec<u32> = (0..6).map(|index| permuted(index, 1797, 1, 0)).collect();
        assert_eq!(first, [267, 1384, 580, 1399, 1563, 698]);
        let far = [0, 1, 59_999].map(|index| permuted(index, 60_000, 7 << 32 | 9, 5));
        assert_eq!(far, [54_916, 44_212, 59_507]);
    }

    #[test]
    fn sequences_of_other_seeds_streams_and_ids_are_other_numbers() {
        let draw = |seed, stream, id| {
            let mut sequence = Sequence::new(seed, stream, id);
            [(); 9].map(|()| sequence.next_u32())
        };
        let base = draw(1, Stream::Test, 0);
        assert_eq!(base, draw(1, Stream::Test, 0));
        assert_eq!(base[..4], philox([0, 0, 4, 0], [1, 0]));
        assert_eq!(base[8], philox([2, 0, 4, 0], [1, 0])[0]);
        for other in [
            draw(2, Stream::Test, 0),
            draw(1, Stream::Init, 0),
            draw(1, Stream::Test, 1),
        ] {
            assert!(base.iter().zip(&other).all(|(a, b)| a != b), "{other:?}");
        }
    }

    #[test]
    fn uniform_numbers_fill_their_range() {
        let mut sequence = Sequence::new(1, Stream::Test, 0);
        let mut counts = [0_u32; 16];
        for _ in 0..160_000 {
            let x = sequence.uniform();
            assert!((0.0..1.0).contains(&x), "{x}");
            let bin = (1..16).filter(|&bin| x >= f64::from(bin) / 16.0).count();
            counts[bin] += 1;
            let y = sequence.uniform_in(-3.0, -1.0);
            assert!((-3.0..=-1.0).contains(&y), "{y}");
        }
        // 15 degrees of freedom, 1 in 10,000.
        assert!(chi_squared(&counts) < 44.3, "{counts:?}");
    }

    #[test]
    fn normal_numbers_have_the_moments_of_the_normal_distribution() {
        let mut sequence = Sequence::new(1, Stream::Test, 1);
        let n = 200_000;
        let xs: Vec<f64> = (0..n).map(|_| sequence.normal()).collect();
        let moment = |power| xs.iter().map(|x: &f64| x.powi(power)).sum::<f64>() / f64::from(n);
        // Each bound is about five standard errors.
        for (power, expected, bound) in [
            (1, 0.0, 0.011),
            (2, 1.0, 0.016),
            (3, 0.0, 0.044),
            (4, 3.0, 0.11),
        ] {
            let got = moment(power);
            assert!((got - expected).abs() < bound, "moment {power} is {got}");
        }
        let lagged = xs.windows(2).map(|w| w[0] * w[1]).sum::<f64>() / f64::from(n);
        assert!(lagged.abs() < 0.011, "neighbours correlate by {lagged}");
    }

    #[test]
    fn below_is_unbiased_and_stays_below() {
        let mut sequence = Sequence::new(1, Stream::Test, 2);
        // A modulo would fall into the lower half twice as often here.
        let n = 3 << 30;
        let lower = (0..30_000).filter(|_| sequence.below(n) < n / 2).count();
        assert!(lower.abs_diff(15_000) < 430, "{lower} of 30,000");
        assert!(
            (0..100).all(|_| sequence.below(1) == 0),
            "only 0 is below 1"
        );
        let mut counts = [0_u32; 10];
        (0..100_000).for_each(|_| counts[sequence.below(10) as usize] += 1);
        assert!(chi_squared(&counts) < 33.7, "{counts:?}");
    }

    #[test]
    fn shuffle_keeps_every_item() {
        let mut items: Vec<u32> = (0..100).collect();
        Sequence::new(1, Stream::Test, 3).shuffle(&mut items);
        assert!(!items.is_sorted(), "{items:?}");
        items.sort_unstable();
        assert!(items.iter().copied().eq(0..100), "{items:?}");
        Sequence::new(1, Stream::Test, 3).shuffle::<u32>(&mut []);
    }

    #[test]
    fn the_shader_twin_is_valid_wgsl_without_bindings() {
        let module = naga::front::wgsl::parse_str(include_str!("../shaders/lib/philox.wgsl"))
            .expect("philox.wgsl parses");
        naga::valid::Validator::new(
            naga::valid::ValidationFlags::all(),
            naga::valid::Capabilities::empty(),
        )
        .validate(&module)
        .expect("philox.wgsl is valid");
        assert!(
            module.entry_points.is_empty(),
            "a library has no entry point"
        );
        assert!(
            module.global_variables.is_empty(),
            "a library has no binding"
        );
        let names: Vec<_> = (module.functions.iter())
            .filter_map(|(_, function)| function.name.as_deref())
            .collect();
        assert_eq!(names, ["multiply_wide", "philox", "permuted"]);
    }

    fn chi_squared(counts: &[u32]) -> f64 {
        let expected = f64::from(counts.iter().sum::<u32>()) / counts.len() as f64;
        (counts.iter())
            .map(|&count| (f64::from(count) - expected).powi(2) / expected)
            .sum()
    }
}
