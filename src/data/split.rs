//! Holding a part of the samples out.

use crate::error::{Error, Result};
use crate::rng::Sequence;

/// Which samples of a training file are held out for validation. Inside each part the order of the file is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// The last ones.
    Tail,
    /// Any ones, drawn by the seed.
    Random,
    /// Drawn by the seed from each class in proportion.
    Stratified,
}

/// The numbers of the samples that are kept and of those held out, each in ascending order.
///
/// A fraction of 0 holds out nothing. Else, of n samples floor(n · (1 − `fraction`)) are kept, as by Keras' `validation_split`, whichever way they are chosen.
///
/// # Errors
///
/// If `fraction` is negative or not below 1, or leaves one of the two without a sample.
pub(super) fn hold_out(
    labels: &[u32],
    fraction: f64,
    split: Split,
    sequence: &mut Sequence,
) -> Result<(Vec<usize>, Vec<usize>)> {
    let n = labels.len();
    if fraction == 0.0 {
        return Ok(((0..n).collect(), Vec::new()));
    }
    if !(fraction > 0.0 && fraction < 1.0) {
        return Err(Error::usage(
            format!(
                "a validation fraction of {fraction} leaves no training or no validation samples"
            ),
            "choose a fraction below 1, such as 0.1, or 0 for no validation",
        ));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and n"
    )]
    let kept = (n as f64 * (1.0 - fraction)).floor() as usize;
    if kept == 0 || kept == n {
        let part = if kept == 0 { "training" } else { "validation" };
        return Err(Error::usage(
            format!("a validation fraction of {fraction} leaves no {part} sample of {n}"),
            format!(
                "choose a {} fraction, or use more samples",
                if kept == 0 { "smaller" } else { "larger" }
            ),
        ));
    }
    Ok(match split {
        Split::Tail => ((0..kept).collect(), (kept..n).collect()),
        Split::Random => {
            let mut numbers: Vec<usize> = (0..n).collect();
            sequence.shuffle(&mut numbers);
            separate(n, &numbers[kept..])
        }
        Split::Stratified => separate(n, &draw_from_each_class(labels, n - kept, sequence)),
    })
}

/// `count` sample numbers, taken from each class in proportion to its size (largest remainders; of equal ones the lower class).
fn draw_from_each_class(labels: &[u32], count: usize, sequence: &mut Sequence) -> Vec<usize> {
    let n = labels.len();
    let classes = labels.iter().max().map_or(0, |&label| label as usize + 1);
    let mut members = vec![Vec::new(); classes];
    for (number, &label) in labels.iter().enumerate() {
        members[label as usize].push(number);
    }
    let share = |size: usize| size as u128 * count as u128;
    let mut quotas: Vec<usize> = (members.iter())
        .map(|class| usize::try_from(share(class.len()) / n as u128).expect("at most the class"))
        .collect();
    let mut by_remainder: Vec<usize> = (0..classes).collect();
    by_remainder.sort_by_key(|&class| std::cmp::Reverse(share(members[class].len()) % n as u128));
    let missing = count - quotas.iter().sum::<usize>();
    for &class in &by_remainder[..missing] {
        quotas[class] += 1;
    }
    let mut drawn = Vec::with_capacity(count);
    for (class, quota) in members.iter_mut().zip(quotas) {
        sequence.shuffle(class);
        drawn.extend_from_slice(&class[..quota]);
    }
    drawn
}

/// The numbers 0..n without `held`, and `held`, both ascending.
fn separate(n: usize, held: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let mut is_held = vec![false; n];
    held.iter().for_each(|&number| is_held[number] = true);
    (0..n).partition(|&number| !is_held[number])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Class;
    use crate::rng::Stream;

    fn hold_out_by(
        seed: u64,
        labels: &[u32],
        fraction: f64,
        split: Split,
    ) -> (Vec<usize>, Vec<usize>) {
        let mut sequence = Sequence::new(seed, Stream::Split, 0);
        hold_out(labels, fraction, split, &mut sequence).expect("the fraction fits")
    }

    #[test]
    fn the_tail_is_cut_where_keras_cuts_it() {
        // int(floor(n * (1.0 - fraction))) in Python.
        for (n, fraction, kept) in [
            (60_000, 0.1, 54_000),
            (10, 0.25, 7),
            (1438, 0.1, 1294),
            (3, 0.5, 1),
            (100, 0.9, 9),
        ] {
            let (train, validation) = hold_out_by(1, &vec![0; n], fraction, Split::Tail);
            assert!(train.iter().copied().eq(0..kept), "{n} × {fraction}");
            assert!(validation.iter().copied().eq(kept..n), "{n} × {fraction}");
        }
    }

    #[test]
    fn every_split_keeps_every_sample_once_and_in_order() {
        let labels: Vec<u32> = (0..997).map(|i| (i * i) % 7).collect();
        for split in [Split::Tail, Split::Random, Split::Stratified] {
            let (train, validation) = hold_out_by(3, &labels, 0.2, split);
            assert_eq!((train.len(), validation.len()), (797, 200), "{split:?}");
            assert!(train.is_sorted() && validation.is_sorted(), "{split:?}");
            let mut all = [train, validation].concat();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..997), "{split:?}");
        }
    }

    #[test]
    fn drawn_splits_follow_the_seed() {
        let labels: Vec<u32> = (0..500).map(|i| i % 5).collect();
        for split in [Split::Random, Split::Stratified] {
            let first = hold_out_by(1, &labels, 0.3, split);
            assert_eq!(first, hold_out_by(1, &labels, 0.3, split));
            assert_ne!(first, hold_out_by(2, &labels, 0.3, split));
        }
    }

    #[test]
    fn a_stratified_split_gives_each_class_its_share_within_one_sample() {
        let labels: Vec<u32> = [vec![0; 700], vec![2; 90], vec![5; 9], vec![6; 1]].concat();
        for fraction in [0.05, 0.1, 0.33, 0.5, 0.9] {
            let (train, validation) = hold_out_by(9, &labels, fraction, Split::Stratified);
            let kept = (800.0 * (1.0 - fraction)).floor();
            assert_eq!(train.len() as f64, kept);
            for class in [0, 2, 5, 6] {
                let of = |part: &[usize]| part.iter().filter(|&&i| labels[i] == class).count();
                let size = labels.iter().filter(|&&label| label == class).count() as f64;
                let share = of(&validation) as f64;
                assert!(
                    (share - size * fraction).abs() <= 1.0,
                    "{share} of {size} at {fraction}"
                );
            }
        }
    }

    #[test]
    fn a_fraction_of_zero_holds_out_nothing() {
        let mut sequence = Sequence::new(1, Stream::Split, 0);
        let (train, validation) = hold_out(&[0; 7], 0.0, Split::Stratified, &mut sequence).unwrap();
        assert_eq!((train.len(), validation.len()), (7, 0));
    }

    #[test]
    fn a_fraction_that_empties_a_part_is_refused() {
        for (n, fraction) in [
            (10, 1.0),
            (10, -0.1),
            (10, f64::NAN),
            (10, f64::INFINITY),
            (10, 1e-17),
            (2, 0.9),
            (1, 0.5),
            (0, 0.5),
        ] {
            for split in [Split::Tail, Split::Random, Split::Stratified] {
                let mut sequence = Sequence::new(1, Stream::Split, 0);
                let error = hold_out(&vec![0; n], fraction, split, &mut sequence)
                    .expect_err(&format!("{n} × {fraction}"));
                assert_eq!(error.class(), Class::Usage, "{error}");
                assert!(!error.help().is_empty(), "{error}");
            }
        }
    }
}
