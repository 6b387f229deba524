//! Whole trainings against PyTorch's: first gradients, weights after ten steps, losses.
//!
//! The digits travel with the project (`tests/golden`). The two MNIST networks need MNIST and their golden files, which do not:
//! they are compared where `ANYGRAD_GOLDEN` and `ANYGRAD_MNIST` name the folders, or `../shared` holds them.

use std::path::{Path, PathBuf};

use anygrad::config::{self, Config};
use anygrad::data::{Dataset, Parts, Samples, Targets, digits};
use anygrad::gpu::{Choice, Trust};
use anygrad::nn::Network;
use anygrad::train::{Event, Outcome, Request, Tune, Weights, train, train_on};

use crate::common;

const DIGITS: &str = r#"
[data]
source = "digits"
[train]
batch = 32
steps = 50
shuffle = false
[optimizer]
kind = "sgd"
learning_rate = 0.3
momentum = 0.9
nesterov = true
weight_decay = 1e-4
[[layer]]
kind = "conv2d"
out_channels = 8
kernel = 3
padding = 1
activation = "relu"
[[layer]]
kind = "max_pool2d"
kernel = 2
[[layer]]
kind = "conv2d"
out_channels = 16
kernel = 3
stride = 2
padding = 1
activation = "tanh"
[[layer]]
kind = "flatten"
[[layer]]
kind = "dense"
out_features = 32
activation = "sigmoid"
[[layer]]
kind = "dense"
out_features = 10
"#;

/// Every kind of normalisation with a gradient of its own, and the activations that a ReLU is a kin of. The last batch of an epoch is
/// not whole: statistics are those of its real samples.
const NORMS: &str = r#"
[data]
source = "digits"
divide_by = 255
[train]
batch = 300
steps = 50
shuffle = false
[optimizer]
kind = "sgd"
learning_rate = 0.05
momentum = 0.9
nesterov = true
weight_decay = 1e-3
[[layer]]
kind = "conv2d"
out_channels = 8
kernel = 3
padding = 1
bias = false
[[layer]]
kind = "batch_norm"
activation = "relu"
[[layer]]
kind = "max_pool2d"
kernel = 3
stride = 2
padding = 1
[[layer]]
kind = "conv2d"
out_channels = 12
kernel = 3
stride = 2
padding = 1
bias = false
[[layer]]
kind = "batch_norm"
epsilon = 1e-3
momentum = 0.3
activation = "silu"
[[layer]]
kind = "group_norm"
groups = 3
activation = "leaky_relu"
[[layer]]
kind = "adaptive_avg_pool2d"
output = 2
[[layer]]
kind = "flatten"
[[layer]]
kind = "dense"
out_features = 32
[[layer]]
kind = "layer_norm"
[[layer]]
kind = "gelu"
[[layer]]
kind = "dense"
out_features = 24
[[layer]]
kind = "rms_norm"
[[layer]]
kind = "elu"
[[layer]]
kind = "batch_norm"
activation = "softplus"
[[layer]]
kind = "dropout"
p = 0.0
[[layer]]
kind = "dense"
out_features = 10
"#;

/// As `tests/golden/record_gpt.py`: biases of keys have no gradient, which Adam would make steps of rounding errors of.
const GPT: &str = r#"
[data]
source = "text"
context = 7
[train]
batch = 4
steps = 10
shuffle = false
[optimizer]
kind = "adamw"
learning_rate = 3e-3
beta2 = 0.99
weight_decay = 0.1
clip_norm = 1.0
[[param]]
match = "*.bias"
decay_scale = 0
[[param]]
match = "*norm*"
decay_scale = 0
[[block.transformer.layer]]
kind = "layer_norm"
name = "norm1"
[[block.transformer.layer]]
kind = "attention"
name = "attention"
heads = 3
causal = true
bias = false
[[block.transformer.layer]]
kind = "add"
name = "middle"
inputs = ["input", "attention"]
[[block.transformer.layer]]
kind = "layer_norm"
name = "norm2"
[[block.transformer.layer]]
kind = "dense"
name = "widen"
out_features = 48
[[block.transformer.layer]]
kind = "gelu"
[[block.transformer.layer]]
kind = "dense"
name = "narrow"
out_features = 12
[[block.transformer.layer]]
kind = "add"
inputs = ["middle", "narrow"]
[[layer]]
kind = "embedding"
name = "token"
num_embeddings = VOCABULARY
embedding_dim = 12
[[layer]]
kind = "position_embedding"
name = "place"
[[layer]]
kind = "block"
block = "transformer"
repeat = 2
[[layer]]
kind = "layer_norm"
name = "norm"
[[layer]]
kind = "dense"
name = "head"
out_features = VOCABULARY
bias = false
"#;

/// A training to compare: where it starts, what it learns, how far weights may be off after ten steps.
#[derive(Clone)]
struct Golden {
    name: &'static str,
    folder: PathBuf,
    text: String,
    data: Option<PathBuf>,
    weights_tolerance: f64,
    loss_tolerance: f64,
}

impl Golden {
    fn file(&self, part: &str) -> PathBuf {
        self.folder.join(format!("{}.{part}", self.name))
    }

    fn config(&self, overrides: &[&str]) -> Config {
        let overrides: Vec<String> = overrides.iter().map(|&o| o.to_owned()).collect();
        config::parse(self.name, &self.text, &overrides).unwrap()
    }

    /// Trains from the golden weights and returns the outcome with the loss of every step.
    fn train(&self, overrides: &[&str]) -> (Outcome, Vec<f32>) {
        let choice = std::env::var("ANYGRAD_ADAPTER").unwrap_or_default();
        let request = Request {
            control: anygrad::train::Control::default(),
            config: self.config(overrides),
            data: self.data.clone(),
            fold: None,
            init: Some(self.file("init.safetensors")),
            adapter: Choice::from(choice.as_str()),
            trust: Trust::Trusted,
            tune: Tune::Off,
            profile: false,
        };
        let mut losses = Vec::new();
        let mut observe = |event: &Event| {
            if let Event::Steps(steps) = event {
                losses.extend(&steps.losses);
            }
            Ok(())
        };
        let outcome = if self.data.is_some() {
            train(&request, &mut observe)
        } else {
            train_on(&request, &digits_in_file_order(), &mut observe)
        };
        (outcome.unwrap(), losses)
    }

    /// The first gradient agrees within 1e-5 of each tensor's largest magnitude: with plain SGD and a learning rate of 1 it is
    /// what the first step subtracts. Of weights about 1 it has no more digits than they.
    fn first_gradient_agrees(&self) {
        let overrides = [
            "train.steps=1",
            "train.shuffle=false",
            "optimizer.learning_rate=1",
        ];
        let plain: &[&str] = match self.name {
            "mlp" => &[],
            "cnn" => &["optimizer.kind=sgd"],
            _ => &[
                "optimizer.momentum=0",
                "optimizer.nesterov=false",
                "optimizer.weight_decay=0",
            ],
        };
        let plain_optimizer = Self {
            text: self.text.replace("epsilon = 1e-7", ""),
            ..self.clone()
        };
        let (outcome, _) = plain_optimizer.train(&[&overrides, plain].concat());
        let before = Weights::read(&self.file("init.safetensors")).unwrap();
        let golden = Weights::read(&self.file("grad1.safetensors")).unwrap();
        for tensor in golden.tensors() {
            let (before, after) = (
                named(&before, &tensor.name),
                named(&outcome.weights, &tensor.name),
            );
            let gradient: Vec<f64> = before
                .iter()
                .zip(after)
                .map(|(&b, &a)| f64::from(b) - f64::from(a))
                .collect();
            agree(
                &format!("{} gradient", tensor.name),
                &gradient,
                &tensor.data,
                if self.name == "norms" { 1e-4 } else { 1e-5 },
            );
        }
    }

    /// Weights after ten steps and the losses of the first fifty agree.
    fn training_agrees(&self) {
        self.ten_steps_agree();
        self.losses_agree(50);
    }

    fn ten_steps_agree(&self) {
        let (outcome, _) = self.train(&["train.steps=10", "train.shuffle=false"]);
        let golden = Weights::read(&self.file("step10.safetensors")).unwrap();
        for tensor in golden.tensors() {
            let after: Vec<f64> = named(&outcome.weights, &tensor.name)
                .iter()
                .map(|&w| w.into())
                .collect();
            agree(
                &format!("{} after ten steps", tensor.name),
                &after,
                &tensor.data,
                self.weights_tolerance,
            );
        }
    }

    fn losses_agree(&self, steps: usize) {
        let length = format!("train.steps={steps}");
        let (_, losses) = self.train(&[&length, "train.shuffle=false"]);
        let text = std::fs::read_to_string(self.file("loss.csv")).unwrap();
        let golden: Vec<f64> = text
            .lines()
            .skip(1)
            .take(steps)
            .map(|line| line.split_once(',').unwrap().1.parse().unwrap())
            .collect();
        assert_eq!((losses.len(), golden.len()), (steps, steps), "all losses");
        let mut worst = 0.0f64;
        for (step, (&loss, golden)) in losses.iter().zip(golden).enumerate() {
            let error = (f64::from(loss) - golden).abs();
            worst = worst.max(error);
            assert!(
                error <= self.loss_tolerance * golden.abs().max(1.0),
                "loss of step {}: {loss}, PyTorch {golden}",
                step + 1
            );
        }
        common::say(&format!(
            "{}: losses of {steps} steps within {worst:.1e} of PyTorch's",
            self.name
        ));
    }
}

/// All 1,797 digits in the order of the file, as training samples.
fn digits_in_file_order() -> Dataset {
    let (bytes, labels) = digits::in_file_order().unwrap();
    let count = labels.len();
    Dataset {
        name: "digits in file order".to_owned(),
        sample_shape: [8, 8, 1],
        samples: Samples::Bytes(bytes),
        targets: Targets::Classes {
            labels,
            names: (0..10).map(|class| class.to_string()).collect(),
        },
        weights: None,
        encoding: None,
        parts: Parts {
            train: 0..count,
            validation: count..count,
            test: count..count,
        },
    }
}

fn named<'a>(weights: &'a Weights, name: &str) -> &'a [f32] {
    &weights
        .tensors()
        .iter()
        .find(|tensor| tensor.name == name)
        .unwrap()
        .data
}

/// Every element within `tolerance` of the tensor's largest magnitude; a NaN never is.
fn agree(what: &str, ours: &[f64], golden: &[f32], tolerance: f64) {
    assert_eq!(ours.len(), golden.len(), "{what}: as many elements");
    let largest = golden
        .iter()
        .fold(0.0f64, |most, &value| most.max(f64::from(value).abs()));
    assert!(largest > 0.0, "{what}: not all zero");
    for (place, (&ours, &golden)) in ours.iter().zip(golden).enumerate() {
        let error = (ours - f64::from(golden)).abs() / largest;
        assert!(
            error <= tolerance,
            "{what}: element {place} is {ours}, PyTorch's {golden}: {error:.1e} of the largest"
        );
    }
}

const RECURRENT: &str = r#"
[data]
source = "digits"
[train]
batch = 32
steps = 50
shuffle = false
[optimizer]
kind = "sgd"
learning_rate = 0.03
momentum = 0.9
nesterov = true
weight_decay = 1e-4
[[layer]]
kind = "lstm"
hidden = 11
layers = 2
[[layer]]
kind = "gru"
hidden = 8
[[layer]]
kind = "rnn"
hidden = 9
return = "last"
[[layer]]
kind = "dense"
out_features = 10
"#;

fn recurrent_golden() -> Golden {
    Golden {
        name: "digits-recurrent",
        text: RECURRENT.to_owned(),
        ..digits_golden()
    }
}

fn digits_golden() -> Golden {
    Golden {
        name: "digits",
        folder: Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden"),
        text: DIGITS.to_owned(),
        data: None,
        weights_tolerance: 1e-5,
        loss_tolerance: 1e-5,
    }
}

fn norms_golden() -> Golden {
    Golden {
        name: "norms",
        text: NORMS.to_owned(),
        weights_tolerance: 1e-4,
        loss_tolerance: 1e-3,
        ..digits_golden()
    }
}

/// A golden MNIST network, if its files are there.
fn mnist_golden(name: &'static str, net: &str, weights_tolerance: f64) -> Option<Golden> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let folder = |variable: &str, default: &str| {
        std::env::var_os(variable).map_or_else(|| shared.join(default), PathBuf::from)
    };
    let (folder, data) = (
        folder("ANYGRAD_GOLDEN", "golden"),
        folder("ANYGRAD_MNIST", "data/mnist"),
    );
    if !folder.join(format!("{name}.init.safetensors")).exists() || !data.exists() {
        common::say(&format!(
            "NOT RUN: the golden files of the {name} or MNIST are not on this machine"
        ));
        return None;
    }
    let (_, text) = config::SHIPPED
        .iter()
        .find(|(file, _)| *file == net)
        .unwrap();
    Some(Golden {
        name,
        folder,
        text: (*text).to_owned(),
        data: Some(data),
        weights_tolerance,
        loss_tolerance: 1e-5,
    })
}

#[test]
fn a_tiny_language_model_trains_as_in_pytorch() {
    if common::gpu(Trust::Trusted).is_none() {
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let data = folder.join("gpt.txt");
    let text = std::fs::read_to_string(&data).unwrap();
    let vocabulary: std::collections::BTreeSet<char> = text.chars().collect();
    let golden = Golden {
        name: "gpt",
        folder,
        text: GPT.replace("VOCABULARY", &vocabulary.len().to_string()),
        data: Some(data),
        weights_tolerance: 1e-4,
        loss_tolerance: 1e-5,
    };
    golden.ten_steps_agree();
    golden.losses_agree(10);
}

#[test]
fn the_digits_network_has_the_gradients_of_pytorch() {
    if common::gpu(Trust::Trusted).is_some() {
        digits_golden().first_gradient_agrees();
    }
}

#[test]
fn the_digits_network_trains_as_in_pytorch() {
    if common::gpu(Trust::Trusted).is_some() {
        digits_golden().training_agrees();
    }
}

#[test]
fn recurrent_layers_have_the_gradients_of_pytorch() {
    if common::gpu(Trust::Trusted).is_some() {
        recurrent_golden().first_gradient_agrees();
    }
}

#[test]
fn recurrent_layers_train_as_in_pytorch() {
    if common::gpu(Trust::Trusted).is_some() {
        recurrent_golden().training_agrees();
    }
}

#[test]
fn the_mnist_mlp_has_the_gradients_and_the_training_of_pytorch() {
    let golden = mnist_golden("mlp", "mnist-mlp.toml", 1e-5);
    if let (Some(golden), Some(_)) = (golden, common::gpu(Trust::Trusted)) {
        golden.first_gradient_agrees();
        golden.training_agrees();
    }
}

#[test]
fn the_mnist_cnn_has_the_gradients_and_the_training_of_pytorch() {
    let golden = mnist_golden("cnn", "mnist-cnn.toml", 1e-4);
    if let (Some(golden), Some(_)) = (golden, common::gpu(Trust::Trusted)) {
        golden.first_gradient_agrees();
        golden.training_agrees();
    }
}

#[test]
fn normalised_layers_train_as_in_pytorch() {
    if common::gpu(Trust::Trusted).is_some() {
        norms_golden().first_gradient_agrees();
        norms_golden().training_agrees();
    }
}

/// What PyTorch's network with the running statistics of ten steps loses on all digits.
const EVALUATED: f64 = 2.591181516647339;

#[test]
fn a_network_is_measured_with_its_running_statistics() {
    let Some(_) = common::gpu(Trust::Trusted) else {
        return;
    };
    let golden = norms_golden();
    let choice = std::env::var("ANYGRAD_ADAPTER").unwrap_or_default();
    let request = Request {
        control: anygrad::train::Control::default(),
        config: golden.config(&["train.steps=10"]),
        data: None,
        fold: None,
        init: Some(golden.file("init.safetensors")),
        adapter: Choice::from(choice.as_str()),
        trust: Trust::Trusted,
        tune: Tune::Off,
        profile: false,
    };
    let mut dataset = digits_in_file_order();
    dataset.parts.test = dataset.parts.train.clone();
    let outcome = train_on(&request, &dataset, &mut |_| Ok(())).unwrap();
    let loss = outcome.test.unwrap().loss;
    assert!((loss - EVALUATED).abs() < 1e-4, "{loss}");
}

/// Number `j` of tensor `k` of the weights that ResNet-20 begins with: between -1 and 1, as if at random.
fn scattered(k: usize, j: usize) -> f64 {
    let v = (12.9898 * j as f64 + 78.233 * (k + 1) as f64).sin() * 43_758.545_3;
    2.0 * (v - v.floor()) - 1.0
}

/// The shipped ResNet-20 on four batches of made-up pictures, as PyTorch trains it in float64. In float32 PyTorch itself is off by
/// 1e-4 after 9 steps and by 2e-3 after 33: rectifiers that switch amplify every rounding.
#[test]
fn resnet20_trains_as_in_pytorch() {
    let Some(_) = common::gpu(Trust::Trusted) else {
        return;
    };
    let (_, text) = config::SHIPPED
        .iter()
        .find(|(file, _)| *file == "cifar-resnet20.toml")
        .unwrap();
    let (before, rest) = text.split_once("[data.augment]").unwrap();
    let (_, behind) = rest.split_once("[train]").unwrap();
    let overrides = [
        "train.batch=16",
        "train.steps=36",
        "train.shuffle=false",
        "optimizer.learning_rate=0.002",
        "data.mean=0.0",
        "data.std=1.0",
    ];
    let overrides = overrides.map(str::to_owned);
    let text = format!("{before}[train]{behind}");
    let config = config::parse("resnet.toml", &text, &overrides).unwrap();
    let network = Network::new(&config, [32, 32, 3], 10).unwrap();
    assert_eq!(network.parameter_count(), 269_722);
    let mut slab = network.initial(1);
    for (k, parameter) in network.parameters.iter().enumerate() {
        let dims = parameter.border.file_shape(&parameter.shape);
        let elements = parameter.shape.elements();
        if dims.len() > 1 {
            let bound = (6.0 / (elements / dims[0]) as f64).sqrt();
            #[expect(clippy::cast_possible_truncation, reason = "rounded once to f32")]
            let file: Vec<f32> = (0..elements)
                .map(|j| (scattered(k, j) * bound) as f32)
                .collect();
            let kernels = parameter.border.to_kernels(&parameter.shape, &file);
            slab[parameter.offset..][..elements].copy_from_slice(&kernels);
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let init = folder.path().join("resnet.safetensors");
    let weights = Weights::from_slab(&network, &slab);
    std::fs::write(&init, weights.to_bytes().unwrap()).unwrap();
    let count = 64;
    let pixel = |i: usize| u8::try_from((i * i * 31 + i * 17 + i / 3072 * 1009) % 251).unwrap();
    let mut dataset = digits_in_file_order();
    dataset.sample_shape = [32, 32, 3];
    dataset.samples = Samples::Bytes((0..count * 3072).map(pixel).collect());
    dataset.parts = Parts {
        train: 0..count,
        validation: count..count,
        test: count..count,
    };
    let Targets::Classes { labels, .. } = &mut dataset.targets else {
        unreachable!("digits have classes");
    };
    *labels = (0..64).map(|i| i * 7 % 10).collect();
    let choice = std::env::var("ANYGRAD_ADAPTER").unwrap_or_default();
    let request = Request {
        control: anygrad::train::Control::default(),
        config,
        data: None,
        fold: None,
        init: Some(init),
        adapter: Choice::from(choice.as_str()),
        trust: Trust::Trusted,
        tune: Tune::Off,
        profile: false,
    };
    let mut losses: Vec<f32> = Vec::new();
    train_on(&request, &dataset, &mut |event: &Event| {
        if let Event::Steps(steps) = event {
            losses.extend(&steps.losses);
        }
        Ok(())
    })
    .unwrap();
    let golden = include_str!("golden/resnet.loss.csv").lines().skip(1);
    let golden: Vec<f64> = golden
        .map(|line| line.split_once(',').unwrap().1.parse().unwrap())
        .collect();
    assert_eq!((losses.len(), golden.len()), (36, 36));
    for (step, (&loss, golden)) in losses.iter().zip(golden).enumerate() {
        let tolerance = if step < 3 { 1e-4 } else { 1e-2 };
        let off = (f64::from(loss) - golden).abs();
        assert!(
            off <= tolerance,
            "step {}: {loss}, PyTorch {golden}",
            step + 1
        );
    }
}
