//! The learning rate of every step of real trainings against `torch.optim.lr_scheduler` (`tests/golden/schedules.csv`).

use anygrad::config;
use anygrad::data::{Dataset, Parts, Samples, Targets};
use anygrad::gpu::{Choice, Trust};
use anygrad::train::{Control, Event, Request, Tune, train_on};

use crate::common;

/// 32 samples of one pixel: 8 batches of 4, as the recorded schedules have them in an epoch.
fn dataset() -> Dataset {
    Dataset {
        name: "dots".to_owned(),
        sample_shape: [1, 1, 1],
        samples: Samples::Bytes((0..32).map(|i| i * 8).collect()),
        targets: Targets::Classes {
            labels: (0..32).map(|i| i / 16).collect(),
            names: ["dark", "bright"].map(str::to_owned).to_vec(),
        },
        weights: None,
        encoding: None,
        parts: Parts {
            train: 0..32,
            validation: 32..32,
            test: 32..32,
        },
    }
}

/// The learning rates of a training of so many steps.
fn learning_rates(schedule: &str, steps: usize) -> Vec<f64> {
    let text = format!(
        "[data]\nsource = \"idx\"\n[train]\nbatch = 4\nsteps = {steps}\n[optimizer]\nkind = \"sgd\"\nlearning_rate = 0.2\n\
         [schedule]\n{schedule}\n[[layer]]\nkind = \"flatten\"\n[[layer]]\nkind = \"dense\"\nout_features = 2\n"
    );
    let choice = std::env::var("ANYGRAD_ADAPTER").unwrap_or_default();
    let request = Request {
        config: config::parse("schedule.toml", &text, &[]).unwrap(),
        data: None,
        init: None,
        fold: None,
        adapter: Choice::from(choice.as_str()),
        trust: Trust::Trusted,
        tune: Tune::Off,
        control: Control::default(),
        profile: false,
    };
    let mut rates = Vec::new();
    let mut observe = |event: &Event| {
        match event {
            Event::Steps(steps) => rates.extend(steps.learning_rates.iter().map(|&r| f64::from(r))),
            Event::Epoch(epoch) => {
                let last = rates.last();
                assert_eq!(Some(&f64::from(epoch.learning_rate)), last, "{epoch:?}");
            }
            _ => {}
        }
        Ok(())
    };
    train_on(&request, &dataset(), &mut observe).unwrap();
    rates
}

/// The columns of the recorded file, by name.
fn recorded() -> Vec<(String, Vec<f64>)> {
    let mut lines = include_str!("golden/schedules.csv").lines();
    let names = lines.next().unwrap().split(',').skip(1);
    let mut columns: Vec<(String, Vec<f64>)> =
        names.map(|name| (name.to_owned(), Vec::new())).collect();
    for line in lines {
        for ((_, column), number) in columns.iter_mut().zip(line.split(',').skip(1)) {
            column.push(number.parse().unwrap());
        }
    }
    columns
}

/// What each recorded schedule is called here.
const SCHEDULES: [(&str, &str); 10] = [
    ("step", "kind = \"step\"\nevery = 3\ngamma = 0.5"),
    (
        "multi_step",
        "kind = \"multi_step\"\nmilestones = [30, 80, 80, 120]\nunit = \"step\"",
    ),
    ("exponential", "kind = \"exponential\"\ngamma = 0.9"),
    (
        "cosine",
        "kind = \"cosine\"\nperiod = 100\nmin_learning_rate = 0.01",
    ),
    (
        "cosine_restarts",
        "kind = \"cosine_restarts\"\nperiod = 20\nmultiply = 2\nmin_learning_rate = 0.001",
    ),
    (
        "cosine_restarts_even",
        "kind = \"cosine_restarts\"\nperiod = 4\nunit = \"epoch\"",
    ),
    ("one_cycle", "kind = \"one_cycle\""),
    (
        "one_cycle_linear",
        "kind = \"one_cycle\"\npct_start = 0.5\nanneal = \"linear\"\ndiv_factor = 10\nfinal_div_factor = 100",
    ),
    (
        "warmup_constant",
        "kind = \"constant\"\nwarmup = 20\nwarmup_from = 0.1",
    ),
    (
        "warmup_cosine",
        "kind = \"cosine\"\nwarmup = 10\nwarmup_from = 0.25",
    ),
];

#[test]
fn every_schedule_gives_the_learning_rates_of_pytorch_for_150_steps() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let recorded = recorded();
    let mut worst = 0.0f64;
    for ((name, golden), (same, schedule)) in recorded.iter().zip(SCHEDULES) {
        assert_eq!(name, same, "the columns are in this order");
        let rates = learning_rates(schedule, golden.len());
        assert_eq!((rates.len(), golden.len()), (150, 150), "{name}");
        for (step, (&rate, &golden)) in rates.iter().zip(golden).enumerate() {
            let error = (rate - golden).abs() / golden;
            worst = worst.max(error);
            assert!(
                error <= 4e-6,
                "{name}, step {step}: {rate}, PyTorch {golden}"
            );
        }
    }
    common::say(&format!(
        "{} schedules within {worst:.1e} of PyTorch's",
        recorded.len()
    ));
}

#[test]
fn a_learning_rate_falls_behind_an_epoch_without_progress_and_the_next_steps_have_it() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    // No loss is smaller than another one by 99.9 %.
    let schedule = "kind = \"reduce_on_plateau\"\npatience = 1\nthreshold = 0.999\nfactor = 0.25\nmin_learning_rate = 0.005\nwarmup = 2";
    let rates = learning_rates(schedule, 64);
    let expected = |step: usize| match step {
        0 => 0.0,
        1 => 0.1,
        // The first epoch is the best, two are waited for.
        2..24 => 0.2,
        24..40 => 0.05,
        40..56 => 0.0125,
        _ => 0.005,
    };
    assert_eq!(rates.len(), 64);
    for (step, rate) in rates.into_iter().enumerate() {
        assert!((rate - expected(step)).abs() < 1e-7, "step {step}: {rate}");
    }
}

#[test]
fn a_warmup_longer_than_the_training_and_one_from_nothing_are_straight_lines() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let rates = learning_rates("kind = \"cosine\"\nwarmup = 100", 50);
    for (step, rate) in rates.into_iter().enumerate() {
        let line = 0.2 * step as f64 / 100.0;
        assert!((rate - line).abs() <= 1e-7, "step {step}: {rate}");
    }
}
