//! Holding a part of the samples out.

use super::Parts;
use crate::error::{Error, Result};
use crate::rng::{Sequence, Stream};

/// The test part does not follow the seed: results of several seeds can be compared.
const TEST_SEED: u64 = 1998;

/// Which samples are held out. Inside each part the order of the file is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// The last ones.
    Tail,
    /// Any ones, drawn by the seed.
    Random,
    /// Drawn by the seed from each class in proportion.
    Stratified,
}

/// What is held out of samples that come without parts.
#[derive(Clone, Copy, Debug)]
pub struct HoldOut {
    /// The fraction of all samples that becomes the test part, where the source brings none.
    pub test: f64,
    /// The fraction of the training samples that becomes the validation part, where the source brings none.
    pub validation: f64,
    /// Which ones.
    pub split: Split,
    /// What the validation part is drawn by.
    pub seed: u64,
    /// One of several equal parts of the training samples takes the place of `validation`.
    pub fold: Option<Fold>,
}

/// A fold of a cross-validation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fold {
    /// Which one, from 0.
    pub index: usize,
    /// Of how many.
    pub count: usize,
}

/// The order training, validation, test of samples that come in the parts `given`, and where these parts then are. Samples without
/// labels (a regression) are stratified by nothing: they are drawn at random.
///
/// # Errors
/// If a fraction leaves a part without a sample, or a fold is asked of data with a validation part of its own.
pub(super) fn arrange(
    labels: Option<&[u32]>,
    given: &Parts,
    hold_out: &HoldOut,
) -> Result<(Vec<usize>, Parts)> {
    let of = |numbers: &[usize]| -> Vec<u32> {
        match labels {
            Some(labels) => numbers.iter().map(|&number| labels[number]).collect(),
            None => vec![0; numbers.len()],
        }
    };
    let pick = |numbers: &[usize], places: Vec<usize>| -> Vec<usize> {
        places.into_iter().map(|place| numbers[place]).collect()
    };
    let mut train: Vec<usize> = given.train.clone().collect();
    let mut validation: Vec<usize> = given.validation.clone().collect();
    let mut test: Vec<usize> = given.test.clone().collect();
    if test.is_empty() {
        let mut sequence = Sequence::new(TEST_SEED, Stream::Holdout, 0);
        let name = "test";
        let (kept, held) = self::hold_out(
            &of(&train),
            hold_out.test,
            hold_out.split,
            name,
            &mut sequence,
        )?;
        test = pick(&train, held);
        train = pick(&train, kept);
    }
    let mut sequence = Sequence::new(hold_out.seed, Stream::Split, 0);
    match (hold_out.fold, validation.is_empty()) {
        (Some(_), false) => {
            return Err(Error::usage(
                "--folds: the data brings a validation part of its own",
                "leave --folds out, or put the validation samples among those to train on",
            ));
        }
        (Some(fold), true) => {
            let (kept, held) = take_fold(&of(&train), fold, hold_out.split, &mut sequence)?;
            validation = pick(&train, held);
            train = pick(&train, kept);
        }
        (None, true) => {
            let name = "validation";
            let (kept, held) = self::hold_out(
                &of(&train),
                hold_out.validation,
                hold_out.split,
                name,
                &mut sequence,
            )?;
            validation = pick(&train, held);
            train = pick(&train, kept);
        }
        (None, false) => {}
    }
    let parts = Parts::of([train.len(), validation.len(), test.len()]);
    Ok(([train, validation, test].concat(), parts))
}

/// The numbers of the samples outside of a fold and inside, each in ascending order. The folds of one seed are disjoint, together
/// they are all samples, and their sizes differ by one at most.
fn take_fold(
    labels: &[u32],
    fold: Fold,
    split: Split,
    sequence: &mut Sequence,
) -> Result<(Vec<usize>, Vec<usize>)> {
    let n = labels.len();
    if fold.count < 2 || fold.count > n {
        return Err(Error::usage(
            format!("--folds {}: there are {n} samples to train on", fold.count),
            "use at least 2 folds, and at most as many as there are samples",
        ));
    }
    let mut numbers: Vec<usize> = (0..n).collect();
    if split == Split::Tail {
        let edge = |i: usize| i * n / fold.count;
        let held = edge(fold.index)..edge(fold.index + 1);
        return Ok(numbers
            .into_iter()
            .partition(|number| !held.contains(number)));
    }
    sequence.shuffle(&mut numbers);
    if split == Split::Stratified {
        // Class by class, so that each class is dealt out evenly.
        numbers.sort_by_key(|&number| labels[number]);
    }
    let held: Vec<usize> = (numbers.into_iter())
        .skip(fold.index)
        .step_by(fold.count)
        .collect();
    Ok(separate(n, &held))
}

/// The numbers of the samples that are kept and of those held out as the `part`, each in ascending order.
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
    part: &str,
    sequence: &mut Sequence,
) -> Result<(Vec<usize>, Vec<usize>)> {
    let n = labels.len();
    if fraction == 0.0 {
        return Ok(((0..n).collect(), Vec::new()));
    }
    if !(fraction > 0.0 && fraction < 1.0) {
        return Err(Error::usage(
            format!("a {part} fraction of {fraction} leaves no training or no {part} samples"),
            format!("choose a fraction below 1, such as 0.1, or 0 for no {part}"),
        ));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and n"
    )]
    let kept = (n as f64 * (1.0 - fraction)).floor() as usize;
    if kept == 0 || kept == n {
        let empty = if kept == 0 { "training" } else { part };
        return Err(Error::usage(
            format!("a {part} fraction of {fraction} leaves no {empty} sample of {n}"),
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

    fn hold_out_by(
        seed: u64,
        labels: &[u32],
        fraction: f64,
        split: Split,
    ) -> (Vec<usize>, Vec<usize>) {
        let mut sequence = Sequence::new(seed, Stream::Split, 0);
        hold_out(labels, fraction, split, "validation", &mut sequence).expect("the fraction fits")
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
        let (train, validation) =
            hold_out(&[0; 7], 0.0, Split::Stratified, "test", &mut sequence).unwrap();
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
                let error = hold_out(&vec![0; n], fraction, split, "validation", &mut sequence)
                    .expect_err(&format!("{n} × {fraction}"));
                assert_eq!(error.class(), Class::Usage, "{error}");
                assert!(!error.help().is_empty(), "{error}");
            }
        }
    }

    fn arranged(split: Split, fold: Option<Fold>, given: &Parts) -> (Vec<usize>, Parts) {
        let labels: Vec<u32> = (0..100).map(|i| i % 4).collect();
        let hold_out = HoldOut {
            test: 0.2,
            validation: 0.25,
            split,
            seed: 3,
            fold,
        };
        arrange(Some(&labels), given, &hold_out).expect("the fractions fit")
    }

    #[test]
    fn samples_without_parts_get_all_three_and_parts_that_are_given_stay() {
        let none = Parts::of([100, 0, 0]);
        for split in [Split::Tail, Split::Random, Split::Stratified] {
            let (order, parts) = arranged(split, None, &none);
            assert_eq!(parts, Parts::of([60, 20, 20]), "{split:?}");
            let mut sorted = order;
            sorted.sort_unstable();
            assert!(sorted.into_iter().eq(0..100), "{split:?}");
        }
        let (order, parts) = arranged(Split::Random, None, &Parts::of([70, 10, 20]));
        assert_eq!(parts, Parts::of([70, 10, 20]));
        assert!(order.into_iter().eq(0..100), "nothing moves");
    }

    #[test]
    fn folds_are_disjoint_and_together_all_samples_to_train_on() {
        for split in [Split::Tail, Split::Random, Split::Stratified] {
            let mut held = Vec::new();
            let mut tests = Vec::new();
            for index in 0..3 {
                let fold = Some(Fold { index, count: 3 });
                let (order, parts) = arranged(split, fold, &Parts::of([100, 0, 0]));
                let fold = &order[parts.validation.clone()];
                assert!(
                    fold.len().abs_diff(80 / 3) <= 1,
                    "{split:?}: {}",
                    fold.len()
                );
                if split == Split::Stratified {
                    for class in 0..4 {
                        let count = fold.iter().filter(|&&number| number % 4 == class).count();
                        assert!((6..=7).contains(&count), "{count} of class {class}");
                    }
                }
                held.extend_from_slice(fold);
                tests.push(order[parts.test].to_vec());
            }
            held.extend_from_slice(&tests[0]);
            assert!(
                tests.windows(2).all(|pair| pair[0] == pair[1]),
                "one test part"
            );
            held.sort_unstable();
            assert!(held.into_iter().eq(0..100), "{split:?}");
        }
    }

    #[test]
    fn folds_of_data_with_a_validation_part_or_of_too_few_samples_are_refused() {
        for (given, count) in [
            (Parts::of([8, 2, 2]), 2),
            (Parts::of([3, 0, 2]), 4),
            (Parts::of([3, 0, 2]), 1),
        ] {
            let hold_out = HoldOut {
                test: 0.0,
                validation: 0.0,
                split: Split::Random,
                seed: 1,
                fold: Some(Fold { index: 0, count }),
            };
            let error = arrange(None, &given, &hold_out).unwrap_err();
            assert_eq!(error.class(), Class::Usage, "{error}");
        }
    }
}
