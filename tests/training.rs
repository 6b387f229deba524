//! Whole trainings on the adapter: against the references, against themselves, and what they cost the host.

use anygrad::check::Interpreter;
use anygrad::config::{self, Config};
use anygrad::data::{Dataset, Parts, Samples, Targets, Text, Tokens};
use anygrad::error::Class;
use anygrad::gpu::{Choice, Trust};
use anygrad::graph::{Array, DType, Graph, Storage, TensorType, Value};
use anygrad::nn::{Inputs, Network};
use anygrad::ops::{advance, gather_batch::Normalization, loss_scale, mixup};
use anygrad::plan::Plan;
use anygrad::rng::{Sequence, Stream};
use anygrad::train::schedule;
use anygrad::train::step::{self, Pass, Resident, buffers};
use anygrad::train::{Control, Event, Outcome, Request, Tune, Weights, train, train_on};

use crate::common;
use crate::shaders::TARGETS;

mod graphs;
mod optimization;
mod text;

/// Every kind of layer, on small images of three channels whose extents divide nothing.
const LAYERS: &str = r#"
[[layer]]
kind = "conv2d"
out_channels = 8
kernel = 3
padding = 1
activation = "relu"
[[layer]]
kind = "max_pool2d"
kernel = [2, 3]
stride = 2
[[layer]]
kind = "conv2d"
out_channels = 12
kernel = [3, 1]
stride = [1, 2]
padding = [1, 0]
groups = 2
bias = false
[[layer]]
kind = "tanh"
[[layer]]
kind = "avg_pool2d"
kernel = 2
stride = 1
[[layer]]
kind = "flatten"
[[layer]]
kind = "dense"
out_features = 13
activation = "sigmoid"
[[layer]]
kind = "dense"
out_features = 4
"#;

/// The small network under an optimiser and a loss, with batches that do not divide the data.
pub(crate) fn small(optimizer: &str, train: &str, last: &str) -> Config {
    let text = format!(
        "seed = 7\n[data]\nsource = \"digits\"\ndivide_by = 255\nmean = [0.4, 0.5, 0.6]\nstd = 0.3\n\
         [train]\nbatch = 5\nsteps = 12\n{train}\n[optimizer]\n{optimizer}\n{LAYERS}{last}"
    );
    config::parse("small.toml", &text, &[]).unwrap()
}

/// The small network with layers that behave differently while it is trained, and with what they remember.
pub(crate) fn normed(optimizer: &str, train: &str) -> Config {
    let text = small(optimizer, train, "").to_toml();
    let pool = "\n[[layer]]\nkind = \"max_pool2d\"";
    let norms = "\n[[layer]]\nkind = \"batch_norm\"\n[[layer]]\nkind = \"dropout\"\np = 0.25\n";
    let tanh = "\n[[layer]]\nkind = \"tanh\"";
    let others = "\n[[layer]]\nkind = \"group_norm\"\ngroups = 3\n[[layer]]\nkind = \"dropout2d\"\np = 0.25\n";
    assert!(text.contains(pool) && text.contains(tanh), "{text}");
    let text = text.replace(pool, &format!("{norms}{pool}"));
    let text = text.replace(tanh, &format!("{others}{tanh}"));
    config::parse("normed.toml", &text, &[]).unwrap()
}

/// Random pixels and labels: 23 training, 7 validation, 11 test samples.
pub(crate) fn random_dataset() -> Dataset {
    let mut sequence = Sequence::new(3, Stream::Test, 0);
    let mut below = |n| sequence.below(n);
    let bytes = (0..41 * 9 * 7 * 3)
        .map(|_| u8::try_from(below(256)).unwrap())
        .collect();
    Dataset {
        name: "noise".to_owned(),
        sample_shape: [9, 7, 3],
        samples: Samples::Bytes(bytes),
        targets: Targets::Classes {
            labels: (0..41).map(|_| below(4)).collect(),
            names: ["a", "b", "c", "d"].map(str::to_owned).to_vec(),
        },
        weights: None,
        encoding: None,
        parts: Parts {
            train: 0..23,
            validation: 23..30,
            test: 30..41,
        },
    }
}

pub(crate) fn request(config: Config, trust: Trust) -> Request {
    let choice = std::env::var("ANYGRAD_ADAPTER").unwrap_or_default();
    let adapter = Choice::from(choice.as_str());
    Request {
        config,
        data: None,
        fold: None,
        init: None,
        adapter,
        trust,
        tune: Tune::Off,
        control: Control::default(),
        profile: false,
    }
}

/// Trains on the adapter; the outcome and the loss of every step.
fn trained(config: &Config, dataset: &Dataset, trust: Trust) -> (Outcome, Vec<f32>) {
    let mut losses = Vec::new();
    let outcome = train_on(&request(config.clone(), trust), dataset, &mut |event| {
        if let Event::Steps(steps) = event {
            losses.extend(&steps.losses);
        }
        Ok(())
    });
    (outcome.unwrap(), losses)
}

fn persistent(graph: &Graph, name: &str) -> Option<Value> {
    graph
        .values()
        .find(|&value| graph.info(value).storage == Storage::Persistent(name.to_owned()))
}

/// The same training by the references in f64: the loss of every step and the final slab.
fn interpreted(config: &Config, dataset: &Dataset, steps: usize) -> (Vec<f64>, Vec<f64>) {
    let (bytes, windows) = match &dataset.samples {
        Samples::Bytes(bytes) => (bytes, None),
        Samples::Text(Text {
            tokens: Tokens::Bytes(tokens),
            windows,
        }) => (tokens, Some(windows.clone())),
        _ => panic!("the data set is bytes"),
    };
    let resident = Resident {
        samples: dataset.len(),
        sample_shape: dataset.sample_shape,
        dtype: DType::U8,
        classes: dataset.targets.outputs(),
        regression: false,
        weighted: dataset.weights.is_some(),
        window_bytes: None,
        normalization: Normalization {
            divide_by: 255.0,
            mean: vec![0.4, 0.5, 0.6],
            std: vec![0.3; 3],
        },
        windows,
    };
    let network = Network::new(config, resident.signal(), dataset.targets.outputs()).unwrap();
    let pass = Pass {
        part: dataset.parts.train.clone(),
        name: "training",
    };
    let graph = step::training(&network, config, &resident, &pass);
    let mut interpreter = Interpreter::new(&graph);
    let mut set = |name: &str, data: Vec<f64>| {
        if let Some(value) = persistent(&graph, name) {
            interpreter.set(value, &Array::new(graph.shape(value).clone(), data));
        }
    };
    let mut slab: Vec<f64> = network
        .initial(config.seed)
        .into_iter()
        .map(f64::from)
        .collect();
    let statistics = slab.split_off(network.slab_elements);
    set(buffers::PARAMETERS, slab);
    set(buffers::STATISTICS, statistics);
    set(
        buffers::SAMPLES,
        bytes.iter().map(|&byte| f64::from(byte)).collect(),
    );
    if let Some(labels) = dataset.targets.labels() {
        let labels = labels.iter().map(|&label| f64::from(label));
        set(buffers::LABELS, labels.collect());
    }
    if let Some(weights) = &dataset.weights {
        set(
            buffers::WEIGHTS,
            weights.iter().map(|&w| f64::from(w)).collect(),
        );
    }
    let rows = config.train.rows() * resident.context().unwrap_or(1);
    set(buffers::ONES, vec![1.0; rows]);
    let scale = vec![f64::from(loss_scale::FIRST), 0.0, 0.0, 0.0];
    set(buffers::LOSS_SCALE, scale);
    set(
        buffers::GROUPS,
        network.groups().into_iter().map(f64::from).collect(),
    );
    let classes = dataset.targets.outputs();
    let class_rows = match network.outputs() {
        1 => vec![0.0, 1.0],
        _ => (0..classes * classes)
            .map(|i| f64::from(i % (classes + 1) == 0))
            .collect(),
    };
    set(buffers::IDENTITY, class_rows);
    let alpha = config.data.augment.as_ref().map_or(0.0, |a| a.mixup);
    if alpha > 0.0 {
        let shares = mixup::shares(alpha);
        set(buffers::SHARES, shares.into_iter().map(f64::from).collect());
    }
    let schedule = schedule::initial(config).map(f64::from);
    set(buffers::SCHEDULE, schedule.to_vec());
    let metrics = persistent(&graph, &pass.metrics()).unwrap();
    let losses = (0..steps)
        .map(|step| {
            interpreter.step();
            interpreter.get(metrics).data[step * advance::ENTRY]
        })
        .collect();
    let slab = match config.average {
        None => buffers::PARAMETERS,
        Some(_) => buffers::AVERAGED,
    };
    (
        losses,
        interpreter.get(persistent(&graph, slab).unwrap()).data,
    )
}

/// Losses within 1e-5 and weights within `tolerance` of each tensor's largest magnitude.
fn agrees_with_the_references(config: &Config, tolerance: f64) {
    is_near_the_references(config, 1e-5, tolerance);
}

/// Losses within the first tolerance and weights within the second, which is of each tensor's largest magnitude.
pub(crate) fn is_near_the_references(config: &Config, of_loss: f64, tolerance: f64) {
    let dataset = random_dataset();
    let network = Network::new(config, dataset.sample_shape, 4).unwrap();
    is_near_on(&dataset, &network, config, of_loss, tolerance);
}

/// The same on a data set.
fn is_near_on(dataset: &Dataset, network: &Network, config: &Config, of_loss: f64, tolerance: f64) {
    let (outcome, losses) = trained(config, dataset, Trust::Trusted);
    let (truth, slab) = interpreted(config, dataset, losses.len());
    assert_eq!(losses.len(), 12, "twelve steps");
    for (step, (&loss, &truth)) in losses.iter().zip(&truth).enumerate() {
        let error = (f64::from(loss) - truth).abs();
        assert!(
            error <= of_loss * truth.abs().max(1.0),
            "step {}: {loss}, truth {truth}",
            step + 1
        );
    }
    assert!(
        (truth[0] - truth[11]).abs() > 1e-3,
        "the training moves: {truth:?}"
    );
    for (parameter, tensor) in network.parameters.iter().zip(outcome.weights.tensors()) {
        let kernels = parameter.border.to_kernels(&parameter.shape, &tensor.data);
        let truth = &slab[parameter.offset..][..kernels.len()];
        let largest = truth
            .iter()
            .fold(0.0f64, |most, value| most.max(value.abs()));
        for (&ours, &truth) in kernels.iter().zip(truth) {
            let error = (f64::from(ours) - truth).abs();
            assert!(
                error <= tolerance * largest,
                "{}: {ours}, truth {truth}",
                parameter.name
            );
        }
    }
}

#[test]
fn twelve_steps_of_sgd_are_those_of_the_references() {
    if common::gpu(Trust::Trusted).is_some() {
        let optimizer = "kind = \"sgd\"\nlearning_rate = 0.1\nmomentum = 0.9\nnesterov = true\nweight_decay = 0.001";
        agrees_with_the_references(&small(optimizer, "", ""), 1e-5);
    }
}

#[test]
fn twelve_steps_of_adam_with_smoothed_labels_are_those_of_the_references() {
    if common::gpu(Trust::Trusted).is_some() {
        let optimizer = "kind = \"adam\"\nlearning_rate = 0.01\nepsilon = 1e-5";
        agrees_with_the_references(&small(optimizer, "label_smoothing = 0.1", ""), 1e-4);
    }
}

#[test]
fn twelve_steps_with_statistics_of_batches_and_masks_are_those_of_the_references() {
    if common::gpu(Trust::Trusted).is_some() {
        // The fifth batch has three samples, and two rows of padding that no mean may count.
        let optimizer = "kind = \"sgd\"\nlearning_rate = 0.1\nmomentum = 0.9";
        agrees_with_the_references(&normed(optimizer, ""), 1e-4);
    }
}

#[test]
fn twelve_steps_of_adamw_on_a_squared_error_are_those_of_the_references() {
    if common::gpu(Trust::Trusted).is_some() {
        let optimizer = "kind = \"adamw\"\nlearning_rate = 0.01\nepsilon = 1e-5";
        let config = small(
            optimizer,
            "loss = \"mse\"",
            "[[layer]]\nkind = \"softmax\"\n",
        );
        agrees_with_the_references(&config, 1e-4);
    }
}

#[test]
fn classes_behind_a_last_flatten_are_in_the_order_of_pytorch() {
    // The convolution doubles its input, 2 rows of 3 pixels of 2 channels.
    let config = |layers: &str| {
        let text = format!(
            "[data]\nsource = \"digits\"\n[optimizer]\nkind = \"sgd\"\n[[layer]]\nkind = \"conv2d\"\nout_channels = 2\n\
             kernel = 1\nbias = false\n{layers}"
        );
        config::parse("last-flatten.toml", &text, &[]).unwrap()
    };
    for layers in [
        "[[layer]]\nkind = \"flatten\"\n",
        "[[layer]]\nkind = \"flatten\"\n[[layer]]\nkind = \"relu\"\n[[layer]]\nkind = \"flatten\"\n",
    ] {
        let network = Network::new(&config(layers), [2, 3, 2], 12).unwrap();
        let mut graph = Graph::new();
        let slab = graph.persistent("parameters", TensorType::f32([network.slab_elements]));
        let x = graph.input("x", TensorType::f32([1, 2, 3, 2]));
        let inputs = Inputs {
            x,
            parameters: slab,
            statistics: None,
            training: None,
        };
        let logits = network.forward(&mut graph, inputs);
        let mut interpreter = Interpreter::new(&graph);
        let mut weight = vec![0.0; network.slab_elements];
        weight[..4].copy_from_slice(&[2.0, 0.0, 0.0, 2.0]);
        interpreter.set(slab, &Array::new([weight.len()], weight));
        let pixels: Vec<f64> = (0..12).map(f64::from).collect();
        interpreter.set(x, &Array::new([1, 2, 3, 2], pixels));
        interpreter.step();
        // Channel by channel, as torch.nn.Flatten has it.
        assert_eq!(
            interpreter.get(logits).data,
            [
                0.0, 4.0, 8.0, 12.0, 16.0, 20.0, 2.0, 6.0, 10.0, 14.0, 18.0, 22.0
            ],
            "{layers}"
        );
    }
}

#[test]
fn a_network_without_weights_is_refused() {
    let text =
        "[data]\nsource = \"digits\"\n[optimizer]\nkind = \"sgd\"\n[[layer]]\nkind = \"flatten\"\n";
    let config = config::parse("weightless.toml", text, &[]).unwrap();
    let error = Network::new(&config, [2, 5, 1], 10).unwrap_err();
    assert_eq!(error.class(), Class::Usage, "{error}");
    assert!(error.to_string().contains("nothing to train"), "{error}");
}

#[test]
fn one_seed_gives_the_same_bits_trusted_and_checked_and_another_seed_others() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let config = small("kind = \"adam\"", "", "");
    let dataset = random_dataset();
    let bytes = |config: &Config, trust| {
        trained(config, &dataset, trust)
            .0
            .weights
            .to_bytes()
            .unwrap()
    };
    let first = bytes(&config, Trust::Trusted);
    assert!(
        first == bytes(&config, Trust::Trusted),
        "two runs give one file"
    );
    assert!(
        first == bytes(&config, Trust::Checked),
        "run-time checks change no bit"
    );
    let other = Config { seed: 8, ..config };
    assert!(
        first != bytes(&other, Trust::Trusted),
        "another seed gives another file"
    );
}

#[test]
fn the_host_never_waits_in_the_loop_and_reads_only_the_metrics() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let mut config = small("kind = \"sgd\"", "", "");
    config.train.length = config::Length::Steps(400);
    let (outcome, losses) = trained(&config, &random_dataset(), Trust::Trusted);
    assert_eq!(losses.len(), 400, "every step is reported");
    assert_eq!(outcome.blocking_waits, 0, "no blocking wait in the loop");
    // What the metrics are copied into: two submissions in flight and one being read, of training and of validation; the state.
    assert!(
        outcome.buffers_made <= 24,
        "{} buffers",
        outcome.buffers_made
    );
    // One ring for every submission: on a busy machine one for every step, and every one of the two batches of 80 validations; never
    // fewer than one for each epoch.
    let ring = (step::RING * advance::ENTRY * 4) as u64;
    assert!(
        outcome.bytes_read <= ring * (400 + 2 * 80),
        "{} bytes",
        outcome.bytes_read
    );
    assert!(
        outcome.bytes_read >= 4096 * 80,
        "{} bytes",
        outcome.bytes_read
    );
}

#[test]
fn a_profile_has_every_kernel_fills_the_time_of_the_steps_and_changes_no_bit() {
    let Some(gpu) = common::gpu(Trust::Trusted) else {
        return;
    };
    if !gpu.info.features.contains(&"timestamps") {
        common::say("SKIPPED, the adapter has no timestamps");
        return;
    }
    let config = small("kind = \"adam\"", "", "");
    let dataset = random_dataset();
    let (plain, losses) = trained(&config, &dataset, Trust::Trusted);
    let mut profiled_losses: Vec<f32> = Vec::new();
    let request = Request {
        profile: true,
        ..request(config, Trust::Trusted)
    };
    let begin = std::time::Instant::now();
    let profiled = train_on(&request, &dataset, &mut |event| {
        if let Event::Steps(steps) = event {
            profiled_losses.extend(&steps.losses);
        }
        Ok(())
    });
    let wall = begin.elapsed().as_secs_f64() * 1e9;
    let profiled = profiled.unwrap();
    assert_eq!(profiled_losses, losses);
    let bytes = |outcome: &Outcome| outcome.weights.to_bytes().unwrap();
    assert_eq!(bytes(&profiled), bytes(&plain), "the same bits");
    assert_eq!(plain.profile, None);

    let profile = profiled.profile.unwrap();
    assert_eq!(profile.steps, 12, "every step is timed");
    let layers: Vec<&str> = profile
        .layers()
        .into_iter()
        .map(|(layer, _)| layer)
        .collect();
    for layer in [
        "batch",
        "conv1",
        "pool1",
        "conv2",
        "dense1",
        "dense2",
        "loss",
        "optimizer",
        "metrics",
    ] {
        assert!(layers.contains(&layer), "{layer} in {layers:?}");
    }
    assert!(
        profile
            .kernels
            .iter()
            .all(|kernel| kernel.label.contains('/'))
    );
    let (all, work) = (profile.step_nanoseconds(), profile.steps as f64);
    assert!(
        all > 0.0 && all * work < wall,
        "{all} ns a step of {wall} ns in all"
    );
    for step in &profile.trace {
        assert_eq!(step.len(), profile.kernels.len());
        let ordered = step.windows(2).all(|laps| laps[0].begin <= laps[1].begin);
        assert!(
            ordered && step.iter().all(|lap| lap.end >= lap.begin),
            "{step:?}"
        );
    }
    // The spans of the first step add up to the time from its begin to its end: nothing hides between the kernels.
    let first = &profile.trace[0];
    let spans: f64 = first.iter().map(anygrad::gpu::Lap::nanoseconds).sum();
    let span = first[first.len() - 1].end - first[0].begin;
    assert!(
        spans <= span * 1.001 && spans >= span * 0.3,
        "{spans} of {span}"
    );
}

#[test]
fn the_digits_are_learned() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let text = config::SHIPPED
        .iter()
        .find(|(name, _)| *name == "digits.toml")
        .unwrap()
        .1;
    let config = config::parse("digits.toml", text, &[]).unwrap();
    let mut epochs = Vec::new();
    let outcome = train(&request(config, Trust::Trusted), &mut |event| {
        if let Event::Epoch(epoch) = event {
            epochs.push(epoch.clone());
        }
        Ok(())
    });
    let test = outcome.unwrap().test.unwrap();
    let accuracy = test.metric.value();
    assert!(accuracy >= 0.97, "test accuracy {accuracy}");
    let (first, last) = (&epochs[0], &epochs[epochs.len() - 1]);
    assert!(last.train.loss < first.train.loss / 4.0, "the loss falls");
    assert!(
        epochs.iter().all(|epoch| epoch.validation.is_some()),
        "every epoch is validated"
    );
}

#[test]
fn a_loss_that_is_not_finite_stops_the_training_and_names_the_step() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let config = small("kind = \"sgd\"\nlearning_rate = 1e30", "", "");
    let error = train_on(
        &request(config, Trust::Trusted),
        &random_dataset(),
        &mut |_| Ok(()),
    )
    .unwrap_err();
    assert!(
        error.to_string().contains("not a finite number in step"),
        "{error}"
    );
    assert!(error.help().contains("learning rate"), "{}", error.help());
}

#[test]
fn an_activation_that_is_no_number_is_not_hidden_by_a_relu() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let config = small("kind = \"sgd\"", "", "");
    let dataset = random_dataset();
    let network = Network::new(&config, dataset.sample_shape, 4).unwrap();
    let mut slab = network.initial(7);
    // In one of the 8 channels of the first convolution, which a ReLU follows, bright pixels give inf − inf.
    let weight = &network.parameters[0];
    assert_eq!(weight.name, "conv1.weight");
    slab[weight.offset + 3] = 3e38;
    slab[weight.offset + 8 + 3] = -3e38;
    let bytes = Weights::from_slab(&network, &slab).to_bytes().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.safetensors");
    std::fs::write(&path, bytes).unwrap();
    let mut request = request(config, Trust::Trusted);
    request.init = Some(path);
    let error = train_on(&request, &dataset, &mut |_| Ok(())).unwrap_err();
    assert!(error.to_string().contains("in step 1 "), "{error}");
}

#[test]
fn an_update_that_breaks_the_weights_in_the_last_step_is_an_error() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let mut config = small(
        "kind = \"sgd\"\nlearning_rate = 3e38\nweight_decay = 1e38",
        "",
        "",
    );
    config.train.length = config::Length::Steps(1);
    let mut dataset = random_dataset();
    dataset.parts.validation = 30..30;
    dataset.parts.test = 41..41;
    let error = train_on(&request(config, Trust::Trusted), &dataset, &mut |_| Ok(())).unwrap_err();
    assert!(
        error.to_string().contains("not finite after the last step"),
        "{error}"
    );
}

#[test]
fn speed_counts_real_samples_and_a_momentum_that_rounds_to_zero_is_none() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let optimizer = "kind = \"sgd\"\nmomentum = 1e-60\nnesterov = true";
    let mut config = small(optimizer, "", "");
    // One batch of 23 real samples per epoch.
    config.train.batch = 4096;
    config.train.length = config::Length::Epochs(3);
    let mut epochs = Vec::new();
    let mut observe = |event: &Event| {
        if let Event::Epoch(epoch) = event {
            epochs.push(epoch.clone());
        }
        Ok(())
    };
    train_on(
        &request(config, Trust::Trusted),
        &random_dataset(),
        &mut observe,
    )
    .unwrap();
    assert_eq!(epochs.len(), 3, "an epoch is one step");
    let seconds = epochs[2].seconds;
    let fastest = epochs.iter().map(|epoch| epoch.samples_per_second);
    let busy: f64 = fastest.map(|speed| 23.0 / speed).sum();
    assert!(
        busy <= seconds * 1.001,
        "{busy} s on the adapter in {seconds} s"
    );
    assert!(
        busy >= seconds / 100.0,
        "{busy} s on the adapter in {seconds} s"
    );
}

#[test]
fn data_without_training_samples_is_refused() {
    let mut dataset = random_dataset();
    dataset.parts.train = 0..0;
    let config = small("kind = \"sgd\"", "", "");
    let error = train_on(&request(config, Trust::Trusted), &dataset, &mut |_| Ok(())).unwrap_err();
    assert!(error.to_string().contains("no training samples"), "{error}");
}

/// Whether a kernel, as its shader declares it, binds no buffer both to read and to write: wgpu refuses that.
fn assert_bindings_agree(kernel: &anygrad::plan::Kernel) {
    let stages = kernel.fusion.stages();
    let text = anygrad::ops::text(
        kernel.shader,
        &kernel.constants,
        stages,
        kernel.bindings.len(),
    );
    let module = anygrad::wgsl::parse(&text)
        .unwrap()
        .only(kernel.entry)
        .unwrap()
        .naga;
    let mut accesses = std::collections::BTreeMap::new();
    for (_, variable) in module.global_variables.iter() {
        let (Some(binding), naga::AddressSpace::Storage { access }) =
            (&variable.binding, variable.space)
        else {
            continue;
        };
        let (region, _) = kernel.bindings[binding.binding as usize];
        let writes = access.contains(naga::StorageAccess::STORE);
        let before = accesses.insert(region.buffer, writes);
        assert!(
            before.is_none_or(|before| before == writes),
            "{}",
            kernel.label
        );
    }
}

#[test]
fn planned_memory_is_within_a_tenth_of_the_lower_bound_for_every_shipped_net_and_kind_of_adapter() {
    for (name, text) in config::SHIPPED {
        let config = config::parse(name, text, &[]).unwrap();
        let (samples, sample_shape) = match name {
            "digits.toml" => (1437, [8, 8, 1]),
            "cifar-resnet20.toml" => (50_000, [32, 32, 3]),
            _ => (60_000, [28, 28, 1]),
        };
        let network = Network::new(&config, sample_shape, 10).unwrap();
        let resident = Resident {
            samples,
            sample_shape,
            dtype: DType::U8,
            classes: 10,
            regression: false,
            weighted: false,
            window_bytes: None,
            normalization: Normalization::default(),
            windows: None,
        };
        let pass = Pass {
            part: 0..samples,
            name: "training",
        };
        let graph = step::training(&network, &config, &resident, &pass);
        let fused = TARGETS.map(|target| Plan::for_target(graph.clone(), &[], &target));
        for plan in fused.iter().chain([&Plan::new(&graph, &[])]) {
            let ratio = plan.peak_bytes() as f64 / plan.lower_bound_bytes as f64;
            assert!((1.0..=1.1).contains(&ratio), "{name}: {ratio}");
            plan.kernels.iter().for_each(assert_bindings_agree);
        }
    }
}

#[test]
fn samples_that_are_streamed_end_in_the_same_bits_as_resident_ones() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let dataset = random_dataset();
    // More steps than the window has slots, so that these are used again.
    let config = |stream: &str| {
        let text = small("kind = \"adam\"", "", "").source.text;
        let sets = ["train.steps=300", stream].map(str::to_owned);
        config::parse("small.toml", &text, &sets).unwrap()
    };
    let (resident, losses) = trained(&config("data.stream=never"), &dataset, Trust::Trusted);
    let (streamed, again) = trained(&config("data.stream=always"), &dataset, Trust::Trusted);
    let bits = |losses: &[f32]| losses.iter().map(|loss| loss.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&losses), bits(&again));
    assert_eq!(resident.weights, streamed.weights);
    assert_eq!(resident.test, streamed.test);
}
