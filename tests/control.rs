//! What steers a training beside its numbers: each of these fails without the thing it is about.

use std::sync::Arc;
use std::time::Duration;

use anygrad::config::{self, Config, EarlyStopping, Every, Monitored, OnNan, Rollback};
use anygrad::data::{Dataset, Samples};
use anygrad::error::{Class, Error};
use anygrad::gpu::Trust;
use anygrad::train::{Checkpoint, Ending, Epoch, Event, Outcome, Resume, RolledBack, train_on};

use crate::common;
use crate::training::{random_dataset, request, small};

/// What a training came to, and what it told on the way.
struct Ran {
    outcome: Result<Outcome, Error>,
    epochs: Vec<Epoch>,
    steps: Vec<u64>,
    kept: Vec<Arc<Checkpoint>>,
    back: Vec<RolledBack>,
}

fn run(config: &Config, dataset: &Dataset, time: Option<Duration>, from: Option<Resume>) -> Ran {
    let mut request = request(config.clone(), Trust::Trusted);
    request.control.time = time;
    request.control.resume = from.map(Arc::new);
    let (mut epochs, mut steps, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    let mut back = Vec::new();
    let outcome = train_on(&request, dataset, &mut |event| {
        match event {
            Event::Epoch(epoch) => epochs.push(epoch.clone()),
            Event::Steps(told) => {
                steps.extend((told.first..).take(told.losses.len()));
            }
            Event::Checkpoint(checkpoint) => kept.push(Arc::clone(checkpoint)),
            Event::Rollback(rolled) => {
                epochs.clone_from(&rolled.epochs);
                back.push(rolled.clone());
            }
            _ => {}
        }
        Ok(())
    });
    Ran {
        outcome,
        epochs,
        steps,
        kept,
        back,
    }
}

fn bits(outcome: &Outcome) -> Vec<u8> {
    outcome.weights.to_bytes().unwrap()
}

fn config(optimizer: &str, epochs: u32) -> Config {
    let mut config = small(optimizer, "", "");
    config.train.length = config::Length::Epochs(epochs);
    config
}

/// Noise is learned by heart: the validation loss rises sooner or later.
const FAST: &str = "kind = \"adam\"\nlearning_rate = 0.02";

fn stopping(patience: u32, restore_best: bool) -> Config {
    let mut config = config(FAST, 200);
    let monitor = Monitored::ValidationLoss;
    config.early_stopping = Some(EarlyStopping {
        monitor,
        patience,
        min_delta: 0.0,
        restore_best,
    });
    config.checkpoints.best = Some(monitor);
    config
}

#[test]
fn a_training_that_no_longer_gets_better_ends_and_gives_its_best_epoch() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let dataset = random_dataset();
    let ran = run(&stopping(4, true), &dataset, None, None);
    let outcome = ran.outcome.unwrap();
    assert_eq!(outcome.ending, Ending::EarlyStopping);
    let (metric, best) = outcome.best.unwrap();
    assert_eq!(metric, Monitored::ValidationLoss);
    let losses: Vec<f64> = ran
        .epochs
        .iter()
        .map(|e| e.validation.unwrap().loss)
        .collect();
    let place = usize::try_from(best.epoch).unwrap() - 1;
    assert_eq!(losses.len(), place + 1 + 4, "four epochs later: {losses:?}");
    assert!(
        losses.iter().all(|loss| *loss >= losses[place]),
        "{losses:?}"
    );
    assert_eq!(best.value, losses[place]);
    // No step was done beyond the epoch that decided.
    assert_eq!(ran.steps.len(), losses.len() * 5);
    assert_eq!(outcome.steps, 5 * losses.len() as u64);

    // The weights are those of a training that was as long as the best epoch.
    assert!(outcome.restored, "the best is not the last");
    let short = run(
        &config(FAST, u32::try_from(best.epoch).unwrap()),
        &dataset,
        None,
        None,
    );
    let short = short.outcome.unwrap();
    assert_eq!(bits(&outcome), bits(&short));
    assert_eq!(outcome.test, short.test, "and so is what they are worth");

    // Without restoring, those of one as long as the whole.
    let last = run(&stopping(4, false), &dataset, None, None)
        .outcome
        .unwrap();
    assert!(!last.restored);
    let whole = u32::try_from(losses.len()).unwrap();
    let long = run(&config(FAST, whole), &dataset, None, None)
        .outcome
        .unwrap();
    assert_eq!(bits(&last), bits(&long));
    assert_ne!(bits(&last), bits(&short));
}

#[test]
fn early_stopping_goes_on_as_if_it_had_never_been_interrupted() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let dataset = random_dataset();
    let mut config = stopping(3, true);
    let whole = run(&config, &dataset, None, None).outcome.unwrap();
    config.checkpoints.every = Every::Steps(3);
    let kept = run(&config, &dataset, None, None).kept;
    let best = whole.best.unwrap().1.step;
    let state = |step: u64| kept.iter().find(|kept| kept.host.step == step).unwrap();
    // From within the patience: the best is behind, and nothing but the state of it is left.
    let from = kept.iter().find(|kept| kept.host.step > best + 5).unwrap();
    assert_eq!(from.host.monitor.best.unwrap().step, best);
    let resume = Resume {
        from: from.as_ref().clone(),
        others: vec![state(best).as_ref().clone()],
    };
    let ran = run(&config, &dataset, None, Some(resume));
    let outcome = ran.outcome.unwrap();
    assert_eq!(outcome.steps, whole.steps);
    assert_eq!(outcome.best, whole.best);
    assert_eq!(bits(&outcome), bits(&whole));
}

#[test]
fn the_best_epoch_is_kept_whenever_there_is_a_better_one() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let dataset = random_dataset();
    let mut config = config(FAST, 12);
    config.checkpoints.best = Some(Monitored::ValidationLoss);
    config.checkpoints.every = Every::Never;
    let ran = run(&config, &dataset, None, None);
    let mut lowest = f64::INFINITY;
    let better = ran.epochs.iter().filter(|epoch| {
        let loss = epoch.validation.unwrap().loss;
        let better = loss < lowest;
        lowest = lowest.min(loss);
        better
    });
    let mut wanted: Vec<u64> = better.map(|epoch| epoch.step).collect();
    let best = *wanted.last().unwrap();
    if best != 60 {
        wanted.push(60);
    }
    let kept: Vec<u64> = ran.kept.iter().map(|kept| kept.host.step).collect();
    assert_eq!(kept, wanted, "each improvement, and the end");
    let outcome = ran.outcome.unwrap();
    assert_eq!(outcome.best.unwrap().1.step, best);
    assert!(!outcome.restored, "nobody asked for it");
}

#[test]
fn watching_validation_without_validation_samples_is_refused() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let mut dataset = random_dataset();
    dataset.parts.validation = 30..30;
    let error = run(&stopping(3, true), &dataset, None, None)
        .outcome
        .unwrap_err();
    assert_eq!(error.class(), Class::Usage);
    assert!(
        error
            .to_string()
            .starts_with("early_stopping.monitor is validation_loss"),
        "{error}"
    );
    assert!(
        error.help().contains("data.validation=0.1"),
        "{}",
        error.help()
    );
}

#[test]
fn a_training_ends_when_its_time_is_over() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let dataset = random_dataset();
    let config = config(FAST, 1_000_000);
    let ran = run(&config, &dataset, Some(Duration::from_millis(300)), None);
    let outcome = ran.outcome.unwrap();
    assert_eq!(outcome.ending, Ending::TimeIsUp);
    assert!(outcome.test.is_some(), "it is tested");
    assert_eq!(ran.steps.len() as u64, outcome.steps);
    assert_eq!(
        ran.epochs.last().unwrap().step,
        outcome.steps,
        "its last epoch is told"
    );
    let last = ran.kept.last().unwrap();
    assert_eq!(last.host.step, outcome.steps);
    // It goes on to the bits of a training that had the time.
    let mut longer = config.clone();
    let more = u32::try_from(outcome.steps).unwrap() + 7;
    longer.train.length = config::Length::Steps(more);
    let resume = Resume {
        from: last.as_ref().clone(),
        others: Vec::new(),
    };
    let gone_on = run(&longer, &dataset, None, Some(resume)).outcome.unwrap();
    let unbroken = run(&longer, &dataset, None, None).outcome.unwrap();
    assert_eq!(bits(&gone_on), bits(&unbroken));
}

/// The random data set as floats, with a NaN in one training sample.
fn with_a_nan(sample: usize) -> Dataset {
    let mut dataset = random_dataset();
    let Samples::Bytes(bytes) = &dataset.samples else {
        panic!("the data set is bytes")
    };
    let mut floats: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte)).collect();
    floats[sample * 9 * 7 * 3 + 40] = f32::NAN;
    dataset.samples = Samples::Floats(floats);
    dataset
}

#[test]
fn a_nan_in_the_data_is_traced_to_its_sample() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let mut config = config("kind = \"sgd\"", 4);
    config.train.shuffle = false;
    // Samples 0 to 4 are the first batch of an epoch, 15 to 19 the fourth.
    let error = run(&config, &with_a_nan(17), None, None)
        .outcome
        .unwrap_err();
    assert_eq!(error.class(), Class::Check);
    for part in [
        "in step 4 (epoch 1)",
        "came up in step 4, in sample 17 of the data set",
    ] {
        assert!(error.to_string().contains(part), "{part} in {error}");
    }
    // From a state that was kept the search is shorter and finds the same.
    config.checkpoints.every = Every::Steps(2);
    let again = run(&config, &with_a_nan(17), None, None)
        .outcome
        .unwrap_err();
    assert_eq!(again.to_string(), error.to_string());
}

#[test]
fn numbers_that_overflow_are_traced_to_their_layer() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let dataset = random_dataset();
    let config = config("kind = \"sgd\"\nlearning_rate = 1e30", 4);
    let error = run(&config, &dataset, None, None).outcome.unwrap_err();
    let text = error.to_string();
    let layers = ["conv1", "conv2", "dense1", "dense2"];
    assert!(
        layers
            .iter()
            .any(|layer| text.contains(&format!("layer `{layer}`"))
                || text.contains(&format!("update of `{layer}."))),
        "{text}"
    );
    assert!(error.help().contains("learning rate"), "{}", error.help());
}

/// A rate at which the small network overflows now and then, but not at a part of it.
fn rolling_back() -> Config {
    let mut config = config("kind = \"sgd\"\nlearning_rate = 1e30", 6);
    config.checkpoints.every = Every::Steps(2);
    config.checkpoints.on_nan = OnNan::Rollback(Rollback {
        factor: 1e-32,
        limit: 2,
    });
    config
}

#[test]
fn a_training_goes_back_to_a_good_state_with_a_smaller_learning_rate() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let dataset = random_dataset();
    let config = rolling_back();
    let ran = run(&config, &dataset, None, None);
    let outcome = ran.outcome.unwrap();
    assert_eq!(outcome.ending, Ending::Complete);
    assert_eq!(outcome.steps, 30, "all steps are done");
    assert_eq!(ran.back.len(), 1, "once");
    let back = &ran.back[0];
    assert!(back.why.contains("not"), "{}", back.why);
    assert!(back.step.is_multiple_of(2), "to a state that was kept");
    assert_eq!(back.times, [1, 2]);
    assert_eq!(ran.epochs.len(), 6, "every epoch is told");
    // From the beginning, it is the training with the smaller rate.
    if back.step == 0 {
        let small = self::config("kind = \"sgd\"\nlearning_rate = 0.01", 6);
        let small = run(&small, &dataset, None, None).outcome.unwrap();
        let scores = (small.test.unwrap(), outcome.test.unwrap());
        assert!((scores.0.loss - scores.1.loss).abs() < 1e-4, "{scores:?}");
    }
    // A state from before the fall leads to the same fall and the same end.
    let again = run(&config, &dataset, None, None);
    assert_eq!(bits(&again.outcome.unwrap()), bits(&outcome));
    for from in ran.kept.iter().step_by(4) {
        let resume = Resume {
            from: from.as_ref().clone(),
            others: Vec::new(),
        };
        let gone_on = run(&config, &dataset, None, Some(resume)).outcome.unwrap();
        assert_eq!(bits(&gone_on), bits(&outcome), "from {}", from.host.step);
    }
}

#[test]
fn a_training_goes_back_only_so_often() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let mut config = rolling_back();
    config.checkpoints.on_nan = OnNan::Rollback(Rollback {
        factor: 0.5,
        limit: 2,
    });
    let ran = run(&config, &random_dataset(), None, None);
    assert_eq!(ran.back.len(), 2, "twice");
    assert_eq!(ran.back[1].learning_rate_factor, 0.25);
    let error = ran.outcome.unwrap_err();
    assert_eq!(error.class(), Class::Check);
    assert!(error.to_string().contains("came up"), "{error}");
}
