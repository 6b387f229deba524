//! What moves the weights: optimisers, losses, schedules, clipping, parts of a batch, averages, weights by name.

use super::*;
use anygrad::train::Metric;

#[test]
fn twelve_steps_under_a_schedule_are_those_of_the_references() {
    if common::gpu(Trust::Trusted).is_some() {
        let optimizer = "kind = \"sgd\"\nlearning_rate = 0.3\n[schedule]\nkind = \"cosine\"\nwarmup = 4\nwarmup_from = 0.1";
        agrees_with_the_references(&small(optimizer, "", ""), 1e-5);
    }
}

#[test]
fn twelve_steps_of_rmsprop_and_of_lion_are_those_of_the_references() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    for optimizer in [
        "kind = \"rmsprop\"\nlearning_rate = 0.003\nepsilon = 1e-4\nmomentum = 0.5\ncentered = true\nalpha = 0.9",
        "kind = \"rmsprop\"\nlearning_rate = 0.003\nepsilon = 1e-4\nweight_decay = 0.01",
        "kind = \"lion\"\nlearning_rate = 0.003\nweight_decay = 0.1",
    ] {
        agrees_with_the_references(&small(optimizer, "", ""), 1e-4);
    }
}

#[test]
fn twelve_steps_of_every_loss_are_those_of_the_references() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let optimizer = "kind = \"sgd\"\nlearning_rate = 0.3";
    for loss in [
        "loss = \"binary_cross_entropy\"",
        "loss = \"mae\"",
        "loss = \"huber\"\nhuber_delta = 0.25",
        "loss = \"mse\"",
    ] {
        agrees_with_the_references(&small(optimizer, loss, ""), 1e-5);
    }
}

#[test]
fn twelve_steps_with_clipped_gradients_are_those_of_the_references_and_others_than_without() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let optimizer = "kind = \"sgd\"\nlearning_rate = 0.5";
    let dataset = random_dataset();
    let free = trained(&small(optimizer, "", ""), &dataset, Trust::Trusted);
    for clip in ["clip_norm = 0.1", "clip_value = 0.01"] {
        let config = small(&format!("{optimizer}\n{clip}"), "", "");
        agrees_with_the_references(&config, 1e-5);
        let clipped = trained(&config, &dataset, Trust::Trusted);
        assert_ne!(clipped.1, free.1, "{clip} makes a difference");
    }
}

#[test]
fn twelve_steps_of_averaged_weights_are_those_of_the_references() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let optimizer = "kind = \"sgd\"\nlearning_rate = 0.3";
    for average in [
        "kind = \"ema\"\ndecay = 0.8",
        "kind = \"swa\"\nbegin = 1",
        "kind = \"swa\"",
    ] {
        let config = small(&format!("{optimizer}\n[average]\n{average}"), "", "");
        agrees_with_the_references(&config, 1e-5);
    }
}

#[test]
fn averaged_weights_are_what_is_tested_and_the_last_ones_are_kept_beside_them() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let dataset = random_dataset();
    let optimizer = "kind = \"sgd\"\nlearning_rate = 0.3";
    let (plain, _) = trained(&small(optimizer, "", ""), &dataset, Trust::Trusted);
    let average = format!("{optimizer}\n[average]\nkind = \"ema\"\ndecay = 0.9");
    let (averaged, _) = trained(&small(&average, "", ""), &dataset, Trust::Trusted);
    assert_eq!(plain.raw_weights, None);
    assert_eq!(
        averaged.raw_weights.as_ref(),
        Some(&plain.weights),
        "the same training"
    );
    assert_ne!(averaged.weights, plain.weights);
    // A training that begins with weights and leaves them tests just these.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("averaged.safetensors");
    std::fs::write(&path, averaged.weights.to_bytes().unwrap()).unwrap();
    let still = small("kind = \"sgd\"\nlearning_rate = 1e-30", "", "");
    let mut request = request(still, Trust::Trusted);
    request.init = Some(path);
    let still = train_on(&request, &dataset, &mut |_| Ok(())).unwrap();
    assert_eq!(still.test, averaged.test);
    assert_ne!(plain.test, averaged.test);
}

/// Both trainings have the same losses and weights, up to rounding.
fn agree(one: &(Outcome, Vec<f32>), other: &(Outcome, Vec<f32>), what: &str) {
    assert_eq!(one.1.len(), other.1.len(), "{what}");
    for (a, b) in one.1.iter().zip(&other.1) {
        assert!(
            (a - b).abs() <= 1e-5 * a.abs().max(1.0),
            "{what}: {a} and {b}"
        );
    }
    let tensors = one
        .0
        .weights
        .tensors()
        .iter()
        .zip(other.0.weights.tensors());
    for (a, b) in tensors {
        let largest = a.data.iter().fold(0.0f32, |most, x| most.max(x.abs()));
        for (x, y) in a.data.iter().zip(&b.data) {
            assert!(
                (x - y).abs() <= 1e-5 * largest,
                "{what}, {}: {x} and {y}",
                a.name
            );
        }
    }
}

#[test]
fn accumulated_gradients_and_micro_batches_are_one_large_batch() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    // 23 samples: the second step of an epoch is cut short, within a part and by whole parts.
    let dataset = random_dataset();
    let optimizer = "kind = \"sgd\"\nlearning_rate = 0.1\nmomentum = 0.9\nclip_norm = 0.5\n[average]\nkind = \"ema\"\ndecay = 0.5";
    let of = |batch: usize, train: &str| {
        // Every sample has its mask in whatever part of a batch it is.
        let masked = "[[layer]]\nkind = \"dropout\"\np = 0.3\n";
        let text = small(optimizer, train, masked).to_toml();
        let text = text.replace("\nbatch = 5\n", &format!("\nbatch = {batch}\n"));
        let config = config::parse("parts.toml", &text, &[]).unwrap();
        trained(&config, &dataset, Trust::Trusted)
    };
    let whole = of(15, "");
    for (batch, train) in [
        (5, "accumulate = 3"),
        (15, "micro_batch = 4"),
        (15, "micro_batch = 1"),
        (5, "accumulate = 3\nmicro_batch = 2"),
        (15, "micro_batch = \"auto\""),
    ] {
        agree(&of(batch, train), &whole, train);
    }
}

#[test]
fn twelve_steps_of_mixed_samples_are_those_of_the_references_and_others_than_without() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let dataset = random_dataset();
    let optimizer = "kind = \"sgd\"\nlearning_rate = 0.3";
    let free = trained(&small(optimizer, "", ""), &dataset, Trust::Trusted);
    for (augment, train) in [
        ("mixup = 1.0", "label_smoothing = 0.1"),
        (
            "mixup = 0.2\nshift = 2\nflip = \"horizontal\"",
            "accumulate = 2\nmicro_batch = 3",
        ),
        ("mixup = 4.0", "loss = \"binary_cross_entropy\""),
        ("mixup = 0.4", "loss = \"mse\""),
    ] {
        let config = small(
            &format!("{optimizer}\n[data.augment]\n{augment}"),
            train,
            "",
        );
        agrees_with_the_references(&config, 1e-5);
        let mixed = trained(&config, &dataset, Trust::Trusted);
        assert_ne!(mixed.1, free.1, "{augment} makes a difference");
    }
}

#[test]
fn mixing_does_not_depend_on_how_a_batch_is_cut_or_streamed_and_heeds_what_samples_count() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let mut dataset = random_dataset();
    dataset.weights = Some((0..dataset.len()).map(|i| (i % 4) as f32 * 0.5).collect());
    let optimizer = "kind = \"sgd\"\nlearning_rate = 0.1\n[data.augment]\nmixup = 0.6\nshift = 1";
    let of = |train: &str, stream| {
        let mut config = small(optimizer, train, "");
        config.data.stream = stream;
        trained(&config, &dataset, Trust::Trusted)
    };
    let whole = of("", config::Streaming::Never);
    let cut = of("micro_batch = 2", config::Streaming::Never);
    agree(&cut, &whole, "micro_batch = 2");
    for (train, resident) in [("", whole), ("micro_batch = 2", cut)] {
        let streamed = of(train, config::Streaming::Always);
        assert_eq!(streamed.1, resident.1, "{train}");
        assert_eq!(streamed.0.weights, resident.0.weights, "{train}");
    }
    // A sample that counts nothing is still mixed in, and counts nothing there.
    let plain = trained(&small(optimizer, "", ""), &random_dataset(), Trust::Trusted);
    assert_ne!(plain.1, of("", config::Streaming::Never).1);
}

#[test]
fn twelve_steps_in_parts_are_those_of_the_references() {
    if common::gpu(Trust::Trusted).is_some() {
        let optimizer = "kind = \"adam\"\nlearning_rate = 0.01\nepsilon = 1e-5";
        let parts = "accumulate = 2\nmicro_batch = 3";
        agrees_with_the_references(&small(optimizer, parts, ""), 1e-4);
    }
}

#[test]
fn weights_by_name_are_frozen_or_learn_at_their_own_rate() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let groups = "[[param]]\nmatch = \"conv*\"\nlr_scale = 0.25\n[[param]]\nmatch = \"*.bias\"\ndecay_scale = 0\n\
        [[param]]\nmatch = \"conv1\"\nfreeze = true";
    for optimizer in [
        "kind = \"sgd\"\nlearning_rate = 0.3\nmomentum = 0.9\nweight_decay = 0.1",
        "kind = \"sgd\"\nlearning_rate = 0.3\nclip_norm = 0.5",
        "kind = \"adamw\"\nlearning_rate = 0.01\nepsilon = 1e-5\nweight_decay = 0.5",
        "kind = \"rmsprop\"\nlearning_rate = 0.003\nepsilon = 1e-4\nweight_decay = 0.1",
        "kind = \"lion\"\nlearning_rate = 0.003\nweight_decay = 0.5",
    ] {
        let config = small(&format!("{optimizer}\n{groups}"), "", "");
        agrees_with_the_references(&config, 1e-4);
        let dataset = random_dataset();
        let network = Network::new(&config, dataset.sample_shape, 4).unwrap();
        let before = Weights::from_slab(&network, &network.initial(config.seed));
        let (outcome, _) = trained(&config, &dataset, Trust::Trusted);
        for (before, after) in before.tensors().iter().zip(outcome.weights.tensors()) {
            let bits = |data: &[f32]| data.iter().map(|x| x.to_bits()).collect::<Vec<u32>>();
            let same = bits(&before.data) == bits(&after.data);
            assert_eq!(
                same,
                before.name.starts_with("conv1."),
                "{optimizer}: {}",
                before.name
            );
        }
    }
}

#[test]
fn names_that_no_weight_has_and_nothing_to_train_are_refused() {
    let refused = |groups: &str| {
        let config = small(&format!("kind = \"sgd\"\n{groups}"), "", "");
        Network::new(&config, [9, 7, 3], 4).unwrap_err()
    };
    let error = refused("[[param]]\nmatch = \"conf*\"\nfreeze = true").to_string();
    assert!(error.contains("speaks of no weight"), "{error}");
    assert!(
        error.contains("conv1.weight, conv1.bias, conv2.weight"),
        "{error}"
    );
    assert!(error.starts_with("small.toml:14:1:"), "{error}");
    let error = refused("[[param]]\nmatch = \"*\"\nfreeze = true").to_string();
    assert!(error.contains("every weight is frozen"), "{error}");
}

/// The losses of a training are those of the references.
fn losses_agree(config: &Config, dataset: &Dataset) -> (Outcome, Vec<f32>) {
    let (outcome, losses) = trained(config, dataset, Trust::Trusted);
    let (truth, _) = interpreted(config, dataset, losses.len());
    for (&loss, truth) in losses.iter().zip(truth) {
        let error = (f64::from(loss) - truth).abs();
        assert!(
            error <= 1e-5 * truth.abs().max(1.0),
            "{loss}, truth {truth}"
        );
    }
    (outcome, losses)
}

#[test]
fn weights_of_samples_count_by_their_shares_of_the_whole_batch() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let weighing = |weight: fn(u8) -> f32| Dataset {
        weights: Some((0..41).map(weight).collect()),
        ..random_dataset()
    };
    let of = |train: &str, batch: usize| {
        let text = small("kind = \"sgd\"\nlearning_rate = 0.1", train, "").to_toml();
        let text = text.replace("\nbatch = 5\n", &format!("\nbatch = {batch}\n"));
        config::parse("weighted.toml", &text, &[]).unwrap()
    };
    let config = of("", 15);
    let uneven = weighing(|i| f32::from(i % 5) * 0.5);
    let weighted = losses_agree(&config, &uneven);
    // PyTorch divides by the sum of the weights, so that only their ratios matter.
    let larger = weighing(|i| f32::from(i % 5) * 4.0);
    agree(
        &trained(&config, &larger, Trust::Trusted),
        &weighted,
        "eight times the weights",
    );
    let plain = trained(&config, &random_dataset(), Trust::Trusted);
    let even = weighing(|_| 3.0);
    agree(
        &trained(&config, &even, Trust::Trusted),
        &plain,
        "even weights",
    );
    assert_ne!(weighted.1, plain.1, "uneven weights make a difference");
    let parts = trained(
        &of("accumulate = 3\nmicro_batch = 4", 5),
        &uneven,
        Trust::Trusted,
    );
    agree(&parts, &weighted, "in parts");
}

#[test]
fn one_output_tells_two_classes_apart() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    // The brighter half of grey pictures is the second class.
    let brightness = |sample: usize| u8::try_from(sample * 6).unwrap();
    let labels: Vec<u32> = (0..41).map(|sample| u32::from(sample % 2 == 1)).collect();
    let bytes = (0..41).flat_map(|sample| {
        let shade = brightness(sample / 4) + if sample % 2 == 1 { 190 } else { 0 };
        std::iter::repeat_n(shade, 9 * 7 * 3)
    });
    let dataset = Dataset {
        samples: Samples::Bytes(bytes.collect()),
        targets: Targets::Classes {
            labels,
            names: ["dark", "bright"].map(str::to_owned).to_vec(),
        },
        ..random_dataset()
    };
    let text = small(
        "kind = \"adam\"\nlearning_rate = 0.02",
        "loss = \"binary_cross_entropy\"",
        "",
    )
    .to_toml();
    let text = text.replace("out_features = 4\n", "out_features = 1\n");
    let mut config = config::parse("yes-or-no.toml", &text, &[]).unwrap();
    losses_agree(&config, &dataset);
    config.train.length = config::Length::Epochs(30);
    let (outcome, losses) = trained(&config, &dataset, Trust::Trusted);
    assert!(losses[losses.len() - 1] < losses[0] / 2.0, "{losses:?}");
    let figure = outcome.test.unwrap().metric;
    assert_eq!(figure, Metric::Accuracy(1.0), "every picture is told apart");
    let three = Network::new(&config, [9, 7, 3], 3).unwrap_err();
    assert!(three.to_string().contains("3 classes"), "{three}");
}
