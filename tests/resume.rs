//! A training that was stopped and goes on: the same bits as one that never stopped.

use std::collections::BTreeSet;
use std::sync::Arc;

use anygrad::config::{self, Config, Every};
use anygrad::data::{Dataset, Targets};
use anygrad::error::{Class, Error};
use anygrad::gpu::Trust;
use anygrad::graph::{DType, Target};
use anygrad::nn::Network;
use anygrad::ops::gather_batch::Normalization;
use anygrad::plan::{Access, Plan};
use anygrad::train::step::{self, Pass, Resident};
use anygrad::train::{Checkpoint, Epoch, Event, Outcome, Resume, train_on};

use crate::common;
use crate::training::{normed, random_dataset, request, small};

/// What a training told, without what depends on the clock.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Told {
    pub(crate) losses: Vec<(u64, u32)>,
    epochs: Vec<Epoch>,
}

impl Told {
    fn of(&mut self, event: &Event) {
        match event {
            Event::Steps(steps) => {
                let bits = steps.losses.iter().map(|loss| loss.to_bits());
                self.losses.extend((steps.first..).zip(bits));
            }
            Event::Epoch(epoch) => self.epochs.push(timeless(epoch)),
            _ => {}
        }
    }
}

fn timeless(epoch: &Epoch) -> Epoch {
    Epoch {
        samples_per_second: 0.0,
        seconds: 0.0,
        ..epoch.clone()
    }
}

/// What a training came to, and the states it gave to be kept.
pub(crate) struct Ran {
    pub(crate) outcome: Result<Outcome, Error>,
    pub(crate) told: Told,
    pub(crate) kept: Vec<Arc<Checkpoint>>,
}

/// Trains from a state, until the adapter has reported so many steps.
pub(crate) fn run(
    config: &Config,
    dataset: &Dataset,
    from: Option<Resume>,
    stop_at: Option<u64>,
) -> Ran {
    let mut request = request(config.clone(), Trust::Trusted);
    request.control.resume = from.map(Arc::new);
    let stop = request.control.stop.clone();
    let (mut told, mut kept) = (Told::default(), Vec::new());
    let outcome = train_on(&request, dataset, &mut |event| {
        told.of(event);
        match event {
            Event::Checkpoint(checkpoint) => kept.push(Arc::clone(checkpoint)),
            Event::Steps(steps) => {
                let last = steps.first + steps.losses.len() as u64 - 1;
                if stop_at.is_some_and(|step| last >= step) {
                    stop.request(15);
                }
            }
            _ => {}
        }
        Ok(())
    });
    Ran {
        outcome,
        told,
        kept,
    }
}

pub(crate) fn from(checkpoint: &Checkpoint) -> Resume {
    Resume {
        from: checkpoint.clone(),
        others: Vec::new(),
    }
}

/// The epochs of a training that went on: those of the state it went on from, and its own.
fn all_epochs(from: &Checkpoint, told: &Told) -> Vec<Epoch> {
    let before = from.host.epochs.iter().map(timeless);
    before.chain(told.epochs.iter().cloned()).collect()
}

fn bits(outcome: &Outcome) -> Vec<u8> {
    outcome.weights.to_bytes().unwrap()
}

fn config(optimizer: &str, steps: u32) -> Config {
    let mut config = small(optimizer, "", "");
    config.train.length = config::Length::Steps(steps);
    config
}

const ADAM: &str = "kind = \"adam\"\nlearning_rate = 0.01";
const MOMENTUM: &str = "kind = \"sgd\"\nmomentum = 0.9\nnesterov = true";

#[test]
fn a_training_goes_on_from_any_step_to_the_bits_of_an_unbroken_one() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let dataset = random_dataset();
    // Five steps an epoch: the last epoch is cut short.
    for (optimizer, steps) in [(ADAM, 13), (MOMENTUM, 7)] {
        let mut config = config(optimizer, steps);
        let unbroken = run(&config, &dataset, None, None);
        let whole = unbroken.outcome.unwrap();
        assert_eq!(unbroken.kept.len(), 1, "the last state is kept");
        config.checkpoints.every = Every::Steps(1);
        let kept = run(&config, &dataset, None, None);
        assert_eq!(
            bits(&kept.outcome.unwrap()),
            bits(&whole),
            "keeping states changes nothing"
        );
        assert_eq!(kept.kept.len(), steps as usize, "every step is kept");
        config.checkpoints.every = Every::Never;
        for checkpoint in kept.kept.iter().step_by(3).chain(kept.kept.last()) {
            let step = checkpoint.host.step;
            let ran = run(&config, &dataset, Some(from(checkpoint)), None);
            let outcome = ran.outcome.unwrap();
            assert_eq!(bits(&outcome), bits(&whole), "from step {step}");
            assert_eq!(outcome.test, whole.test, "from step {step}");
            let place = usize::try_from(step).unwrap();
            assert_eq!(
                ran.told.losses,
                unbroken.told.losses[place..],
                "from {step}"
            );
            assert_eq!(
                all_epochs(checkpoint, &ran.told),
                unbroken.told.epochs,
                "from step {step}"
            );
        }
    }
}

#[test]
fn a_training_that_is_stopped_keeps_its_state_and_goes_on_from_there() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let dataset = random_dataset();
    let mut config = config(ADAM, 60);
    config.checkpoints.every = Every::Never;
    let whole = run(&config, &dataset, None, None);
    // Stopped again and again, a step further each time at least.
    let mut state: Option<Arc<Checkpoint>> = None;
    let mut stops = 0;
    let (outcome, epochs) = loop {
        let at = state.as_ref().map_or(0, |state| state.host.step) + 1;
        let ran = run(&config, &dataset, state.as_deref().map(from), Some(at));
        let epochs = match &state {
            Some(state) => all_epochs(state, &ran.told),
            None => ran.told.epochs,
        };
        match ran.outcome {
            Ok(outcome) => break (outcome, epochs),
            Err(error) => {
                assert_eq!(error.class(), Class::Stopped(15), "{error}");
                assert_eq!(error.class().exit_code(), 143);
                assert!(
                    error.to_string().contains("by SIGTERM after step"),
                    "{error}"
                );
                stops += 1;
                state = ran.kept.last().cloned();
                let step = state.as_ref().unwrap().host.step;
                assert!(step >= at, "a step was done: {step}");
            }
        }
    };
    assert!(stops >= 4, "{stops} stops");
    assert_eq!(bits(&outcome), bits(&whole.outcome.unwrap()));
    assert_eq!(epochs, whole.told.epochs);
}

#[test]
fn an_epoch_that_was_stopped_before_its_validation_is_validated_first() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let dataset = random_dataset();
    let mut config = config(ADAM, 10);
    config.checkpoints.every = Every::Epochs(1);
    let whole = run(&config, &dataset, None, None);
    let mut between = whole.kept[0].as_ref().clone();
    assert_eq!(between.host.step, 5, "the end of the first epoch");
    let mut epoch = between.host.epochs.pop().unwrap();
    assert!(epoch.validation.take().is_some(), "it was validated");
    between.host.measured = Some(epoch);
    let ran = run(&config, &dataset, Some(from(&between)), None);
    assert_eq!(ran.told.epochs, whole.told.epochs);
    assert_eq!(ran.kept[0].host.step, 5, "its state is kept again, whole");
    assert_eq!(bits(&ran.outcome.unwrap()), bits(&whole.outcome.unwrap()));
}

/// The training plan that [`train_on`] makes for the small network, on an adapter without subgroups.
fn plan(config: &Config, dataset: &Dataset) -> Plan {
    let network = Network::new(config, dataset.sample_shape, dataset.targets.outputs()).unwrap();
    let resident = Resident {
        samples: dataset.len(),
        sample_shape: dataset.sample_shape,
        dtype: DType::U8,
        classes: dataset.targets.outputs(),
        regression: false,
        weighted: false,
        window_bytes: None,
        normalization: Normalization {
            divide_by: 255.0,
            mean: vec![0.4, 0.5, 0.6],
            std: vec![0.3; 3],
        },
        windows: None,
    };
    let pass = Pass {
        part: dataset.parts.train.clone(),
        name: "training",
    };
    let graph = step::training(&network, config, &resident, &pass);
    Plan::for_target(graph, &[], &Target::default())
}

#[test]
fn every_buffer_that_a_step_changes_is_in_the_checkpoint() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let dataset = random_dataset();
    for optimizer in [ADAM, MOMENTUM] {
        let config = config(optimizer, 1);
        let plan = plan(&config, &dataset);
        let changed: BTreeSet<&str> = plan
            .kernels
            .iter()
            .flat_map(|kernel| &kernel.bindings)
            .filter(|(_, access)| *access == Access::ReadWrite)
            .filter_map(|(region, _)| plan.buffers[region.buffer].persistent.as_deref())
            .collect();
        assert!(changed.contains("first moments"), "{changed:?}");
        let checkpoint = &run(&config, &dataset, None, None).kept[0];
        let kept = checkpoint.buffers.iter().map(|buffer| buffer.name.as_str());
        let kept: BTreeSet<&str> = kept.chain(["parameters"]).collect();
        for name in changed {
            assert!(kept.contains(name), "{name} is not among {kept:?}");
        }
    }
}

#[test]
fn a_state_that_lacks_something_is_refused_and_one_that_was_changed_gives_other_bits() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let dataset = random_dataset();
    let config = config(ADAM, 9);
    let mut stopped = config.clone();
    stopped.checkpoints.every = Every::Steps(7);
    let whole = run(&stopped, &dataset, None, None);
    let checkpoint = whole.kept[0].as_ref();
    assert_eq!(checkpoint.host.step, 7);
    let whole = bits(&whole.outcome.unwrap());
    for index in 0..checkpoint.buffers.len() {
        let mut lacking = checkpoint.clone();
        let Some(buffer) = lacking.buffers.get_mut(index) else {
            panic!("there is a buffer {index}")
        };
        let name = buffer.name.clone();
        // What a step overwrites before it reads it may hold anything.
        let decides = !["gradients", "training metrics"].contains(&name.as_str());
        buffer.words.fill(0);
        let zeroed = run(&config, &dataset, Some(from(&lacking)), None);
        let same = zeroed.outcome.is_ok_and(|outcome| bits(&outcome) == whole);
        assert_eq!(same, !decides, "{name}");
        lacking.buffers.remove(index);
        let error = run(&config, &dataset, Some(from(&lacking)), None)
            .outcome
            .unwrap_err();
        assert_eq!(error.class(), Class::Data, "{error}");
        assert!(
            error.to_string().contains(&format!("`{name}` is missing")),
            "{error}"
        );
    }
}

#[test]
fn other_data_is_not_gone_on_with_and_another_driver_is_told() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let dataset = random_dataset();
    let config = config(ADAM, 3);
    let ran = run(&config, &dataset, None, None);
    let checkpoint = ran.kept[0].as_ref();
    let mut other = dataset.clone();
    let Targets::Classes { labels, .. } = &mut other.targets else {
        panic!("a data set of classes");
    };
    labels[3] ^= 1;
    let error = run(&config, &other, Some(from(checkpoint)), None)
        .outcome
        .unwrap_err();
    assert_eq!(error.class(), Class::Data, "{error}");
    assert!(error.to_string().contains("not the data"), "{error}");

    let mut elsewhere = checkpoint.clone();
    elsewhere.circumstances.driver = "another".to_owned();
    elsewhere.circumstances.kernels[0].push('!');
    let mut request = request(config, Trust::Trusted);
    request.control.resume = Some(Arc::new(from(&elsewhere)));
    let mut notes = Vec::new();
    train_on(&request, &dataset, &mut |event| {
        if let Event::Start(start) = event {
            notes.clone_from(&start.notes);
        }
        Ok(())
    })
    .unwrap();
    assert_eq!(notes.len(), 1, "{notes:?}");
    for part in ["driver", "was another", "1 kernels", "may differ"] {
        assert!(notes[0].contains(part), "{part} in {notes:?}");
    }
}

#[test]
fn a_streamed_training_of_mixed_samples_in_parts_that_goes_on_ends_in_the_bits_of_a_resident_one() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let dataset = random_dataset();
    let optimizer =
        format!("{ADAM}\n[data.augment]\nmixup = 0.4\nflip = \"horizontal\"\nshift = 1");
    let with = |stream, every| {
        let mut config = small(&optimizer, "accumulate = 2\nmicro_batch = 3", "");
        config.train.length = config::Length::Steps(11);
        config.data.stream = stream;
        config.checkpoints.every = every;
        config
    };
    let resident = with(config::Streaming::Never, Every::Never);
    let resident = bits(&run(&resident, &dataset, None, None).outcome.unwrap());
    let streamed = with(config::Streaming::Always, Every::Steps(2));
    let kept = run(&streamed, &dataset, None, None);
    assert_eq!(bits(&kept.outcome.unwrap()), resident, "streamed");
    for checkpoint in &kept.kept {
        let gone_on = run(&streamed, &dataset, Some(from(checkpoint)), None);
        let step = checkpoint.host.step;
        assert_eq!(
            bits(&gone_on.outcome.unwrap()),
            resident,
            "from step {step}"
        );
    }
}

/// Everything that has a memory, together: moments, averages, parts of a batch, a schedule that waits and one that moves.
#[test]
fn averages_parts_and_schedules_go_on_with_the_rest() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let dataset = random_dataset();
    let schedules = [
        "[average]\nkind = \"ema\"\ndecay = 0.9\n[schedule]\nkind = \"cosine\"\nwarmup = 3\n",
        "[average]\nkind = \"swa\"\nbegin = 2\n[schedule]\nkind = \"reduce_on_plateau\"\npatience = 1\nfactor = 0.5\n",
    ];
    for tables in schedules {
        let optimizer = format!(
            "kind = \"rmsprop\"\nlearning_rate = 0.02\nmomentum = 0.9\ncentered = true\nclip_norm = 1.0\n{tables}"
        );
        let train = "accumulate = 2\nmicro_batch = 2\nprecision = \"f16\"";
        let mut config = small(&optimizer, train, "");
        config.train.length = config::Length::Epochs(6);
        config.checkpoints.every = Every::Steps(4);
        let whole = run(&config, &dataset, None, None);
        let outcome = whole.outcome.unwrap();
        assert!(outcome.raw_weights.is_some(), "the result is an average");
        for state in &whole.kept {
            let names: Vec<&str> = state.buffers.iter().map(|b| b.name.as_str()).collect();
            for name in [
                "first moments",
                "second moments",
                "third moments",
                "schedule",
                "loss scale",
            ] {
                assert!(names.contains(&name), "{name} is not among {names:?}");
            }
            let ran = run(&config, &dataset, Some(from(state)), None);
            let gone_on = ran.outcome.unwrap();
            let step = state.host.step;
            assert_eq!(bits(&gone_on), bits(&outcome), "from step {step}\n{tables}");
            assert_eq!(gone_on.raw_weights, outcome.raw_weights, "from step {step}");
            assert_eq!(gone_on.test, outcome.test, "from step {step}");
            let epochs = all_epochs(state, &ran.told);
            assert_eq!(epochs, whole.told.epochs, "from step {step}\n{tables}");
        }
    }
}

#[test]
fn running_statistics_and_masks_go_on_with_the_rest() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let dataset = random_dataset();
    let mut config = normed(MOMENTUM, "accumulate = 2");
    config.train.length = config::Length::Steps(8);
    config.checkpoints.every = Every::Steps(3);
    let whole = run(&config, &dataset, None, None);
    let outcome = whole.outcome.unwrap();
    let running = |outcome: &Outcome, name: &str| {
        let mut tensors = outcome.weights.tensors().iter();
        let tensor = tensors.find(|tensor| tensor.name == name).unwrap();
        tensor.data.clone()
    };
    assert!(
        running(&outcome, "bn1.running_mean")
            .iter()
            .all(|&mean| mean != 0.0)
    );
    assert!(
        running(&outcome, "bn1.running_var")
            .iter()
            .all(|&variance| variance != 1.0)
    );
    assert!(whole.kept.len() > 1, "states between are kept");
    for state in &whole.kept {
        let gone_on = run(&config, &dataset, Some(from(state)), None)
            .outcome
            .unwrap();
        let step = state.host.step;
        assert_eq!(bits(&gone_on), bits(&outcome), "from step {step}");
        assert_eq!(gone_on.test, outcome.test, "from step {step}");
    }
}
