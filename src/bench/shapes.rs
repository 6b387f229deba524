//! The shapes that kernels are timed at: those of networks, large enough to fill an adapter. An op without a line here is timed at
//! the largest case of its proofs.

use super::Effort;
use crate::graph::{Case, CaseInput, Domain, Op, TensorType, Window};
use crate::ops::adam::Adam;
use crate::ops::add::Add;
use crate::ops::add_bias::AddBias;
use crate::ops::advance::{self, Advance};
use crate::ops::attention::Attention;
use crate::ops::avg_pool2d::AvgPool2d;
use crate::ops::batch_indices::BatchIndices;
use crate::ops::confusion_matrix::ConfusionMatrix;
use crate::ops::conv2d::Conv2d;
use crate::ops::count_correct::CountCorrect;
use crate::ops::cross_entropy::CrossEntropy;
use crate::ops::depthwise_conv2d::DepthwiseConv2d;
use crate::ops::embedding::Embedding;
use crate::ops::gather_batch::{GatherBatch, Normalization};
use crate::ops::gru::Gru;
use crate::ops::log_softmax::LogSoftmax;
use crate::ops::lstm::Lstm;
use crate::ops::matmul::Matmul;
use crate::ops::max_pool2d::MaxPool2d;
use crate::ops::mse::Mse;
use crate::ops::mul::Mul;
use crate::ops::reduce_sum::ReduceSum;
use crate::ops::relu::Relu;
use crate::ops::rnn::Rnn;
use crate::ops::rotary::{self, Rotary, Turn};
use crate::ops::scale::Scale;
use crate::ops::sgd::Sgd;
use crate::ops::sigmoid::Sigmoid;
use crate::ops::softmax::Softmax;
use crate::ops::tanh::Tanh;
use crate::ops::transpose::Transpose;
use crate::ops::{Definition, state};

/// A shape to time: the case, and whether its gradient is timed with it.
pub(super) struct Shape {
    pub(super) case: Case,
    pub(super) gradient: bool,
}

/// What an op is timed at.
pub(super) fn of(op: &Definition, effort: Effort) -> Vec<Shape> {
    let with_gradient = |case| Shape {
        case,
        gradient: true,
    };
    let listed = listed(op.name);
    let mut shapes: Vec<Shape> = if listed.is_empty() {
        largest((op.cases)())
            .into_iter()
            .map(with_gradient)
            .collect()
    } else {
        listed.into_iter().map(with_gradient).collect()
    };
    if op.name == "matmul" && effort == Effort::Full {
        // Its reference takes seconds; the gradient is made of products, too.
        shapes.push(Shape {
            case: matmul([1024; 3]),
            gradient: false,
        });
    }
    shapes
}

/// The case with the most elements.
fn largest(cases: Vec<Case>) -> Option<Case> {
    let elements = |case: &Case| {
        let inputs = case.inputs.iter();
        inputs.map(|input| input.tensor.elements()).sum::<usize>()
    };
    cases.into_iter().max_by_key(elements)
}

/// Elements of what is elementwise: 8 MiB, so that no cache below 32 MiB holds what three of them need.
const ELEMENTS: usize = 1 << 21;

/// Rows and columns of what works by rows: the scores of a batch, and the channels of one.
const ROWS: [usize; 2] = [1 << 15, 64];
const SCORES: [usize; 2] = [1 << 13, 100];

fn matmul([m, k, n]: [usize; 3]) -> Case {
    let inputs = vec![CaseInput::normal([m, k]), CaseInput::normal([k, n])];
    Case::new(Matmul::default(), inputs)
}

fn conv2d(x: [usize; 4], weight: [usize; 4], padding: usize, groups: usize) -> Case {
    let mut window = Window::new([weight[0], weight[1]]);
    window.padding = [padding; 2];
    Case::new(
        Conv2d::Forward { window, groups },
        vec![CaseInput::normal(x), CaseInput::normal(weight)],
    )
}

/// A recurrence over 32 sequences of 64 steps, with 128 units of so many gates.
fn recurrence(op: impl Op + 'static, gates: usize) -> Case {
    let inputs = vec![
        CaseInput::normal([32, 32, gates * 128]),
        CaseInput::floats([gates * 128, 128], Domain::Scaled(0.05)),
        CaseInput::normal([gates * 128]),
    ];
    Case::new(op, inputs)
}

/// Causal attention of samples, tokens, heads and channels of a head.
fn attention([samples, tokens, heads, channels]: [usize; 4]) -> Case {
    let causal = true;
    let inputs = vec![CaseInput::normal([samples, tokens, 3 * heads * channels])];
    Case::new(Attention::Forward { heads, causal }, inputs)
}

fn embedding(vocabulary: u32, ids: [usize; 2], channels: usize) -> Case {
    let inputs = vec![
        CaseInput::below(ids, vocabulary),
        CaseInput::normal([vocabulary as usize, channels]),
    ];
    Case::new(Embedding::Forward { padding: None }, inputs)
}

/// The shapes of an op by its name; none for one that has no line.
fn listed(op: &str) -> Vec<Case> {
    let flat = || CaseInput::normal([ELEMENTS]);
    let away = || CaseInput::floats([ELEMENTS], Domain::AwayFromZero);
    let rows = || CaseInput::normal(ROWS);
    let window = || {
        let mut window = Window::new([2, 2]);
        window.stride = [2, 2];
        window
    };
    let images = [32, 26, 26, 32];
    let schedule = || {
        let numbers = Domain::Given(vec![1e-3, 1e-3, 0.0, 0.0]);
        CaseInput::floats([state::SCHEDULE], numbers)
    };
    let counters = || CaseInput::words(&[7; state::COUNTERS]);
    let groups = || CaseInput::floats(state::groups(ELEMENTS).shape, Domain::Positive);
    let classes = u32::try_from(SCORES[1]).expect("there are few classes");
    let labels = || CaseInput::below([SCORES[0]], classes);
    let weights = || CaseInput::floats([SCORES[0]], Domain::Positive);
    let scores = || CaseInput::floats(SCORES, Domain::Distinct);
    match op {
        "adam" => {
            let positive = CaseInput::floats([ELEMENTS], Domain::Positive);
            let inputs = vec![
                flat(),
                flat(),
                flat(),
                positive,
                groups(),
                schedule(),
                counters(),
            ];
            vec![Case::new(Adam::default(), inputs)]
        }
        "add" => vec![Case::new(Add, vec![flat(), flat()])],
        "add_bias" => vec![Case::new(
            AddBias,
            vec![rows(), CaseInput::normal([ROWS[1]])],
        )],
        "advance" => {
            let op = Advance {
                count: 60_000,
                batch: 32,
            };
            let ring = CaseInput::normal([256, advance::ENTRY]);
            let one = || CaseInput::normal([1]);
            let counters = CaseInput::words(&[0; state::COUNTERS]);
            vec![Case::new(
                op,
                vec![counters, ring, one(), one(), schedule()],
            )]
        }
        // A layer of a small language model of characters, and one of a longer context.
        "attention" => vec![attention([12, 64, 4, 32]), attention([2, 256, 4, 64])],
        "avg_pool2d" => vec![Case::new(
            AvgPool2d::Forward { window: window() },
            vec![CaseInput::normal(images)],
        )],
        "batch_indices" => {
            let op = BatchIndices {
                part: 0..60_000,
                batch: 4096,
                rows: 0..4096,
                shuffle: Some(1),
            };
            vec![Case::new(op, vec![CaseInput::words(&[0; state::COUNTERS])])]
        }
        "confusion_matrix" => {
            let counts = CaseInput::below([SCORES[1]; 2], 1000);
            vec![Case::new(
                ConfusionMatrix,
                vec![counts, scores(), labels(), weights()],
            )]
        }
        // The three layers of the shipped network, and one whose channels do not see each other.
        "conv2d" => vec![
            conv2d([32, 28, 28, 1], [3, 3, 1, 32], 0, 1),
            conv2d([32, 13, 13, 32], [3, 3, 32, 64], 0, 1),
            conv2d([32, 5, 5, 64], [3, 3, 64, 64], 0, 1),
            conv2d([32, 14, 14, 32], [3, 3, 1, 32], 1, 32),
        ],
        "count_correct" => vec![Case::new(CountCorrect, vec![scores(), labels(), weights()])],
        "cross_entropy" => vec![Case::new(
            CrossEntropy::Forward {
                label_smoothing: 0.0,
            },
            vec![CaseInput::normal(SCORES), labels(), weights()],
        )],
        // The same as the last one of conv2d.
        "depthwise_conv2d" => {
            let mut window = Window::new([3, 3]);
            window.padding = [1, 1];
            vec![Case::new(
                DepthwiseConv2d::Forward { window },
                vec![
                    CaseInput::normal([32, 14, 14, 32]),
                    CaseInput::normal([3, 3, 1, 32]),
                ],
            )]
        }
        // The characters of a text, and the words of one.
        "embedding" => vec![
            embedding(65, [12, 64], 128),
            embedding(30_000, [8, 256], 256),
        ],
        "gather_batch" => {
            let samples = CaseInput {
                tensor: TensorType::u8([2048, 28, 28, 1]),
                domain: Domain::Below(256),
            };
            let normalization = Normalization::default();
            let indices = CaseInput::below([1024], 2048);
            vec![Case::new(
                GatherBatch::Bytes { normalization },
                vec![samples, indices],
            )]
        }
        "log_softmax" => vec![Case::new(LogSoftmax::Forward, vec![rows()])],
        // The first layer of the shipped network, and a square.
        "gru" => vec![recurrence(Gru::Forward { reverse: false }, 3)],
        "lstm" => vec![recurrence(Lstm::Forward { reverse: false }, 4)],
        "matmul" => vec![matmul([100, 784, 500]), matmul([512; 3])],
        "max_pool2d" => vec![Case::new(
            MaxPool2d::Forward { window: window() },
            vec![CaseInput::floats(images, Domain::Distinct)],
        )],
        "mse" => {
            let targets = CaseInput::normal(SCORES);
            vec![Case::new(
                Mse::Forward,
                vec![CaseInput::normal(SCORES), targets, weights()],
            )]
        }
        "mul" => vec![Case::new(Mul, vec![flat(), flat()])],
        "reduce_sum" => vec![
            Case::new(ReduceSum::sum(0..1), vec![rows()]),
            Case::new(ReduceSum::sum(1..2), vec![rows()]),
        ],
        "relu" => vec![Case::new(Relu::Forward, vec![away()])],
        "rnn" => {
            let (relu, reverse) = (false, false);
            vec![recurrence(Rnn::Forward { relu, reverse }, 1)]
        }
        "rotary" => {
            let turn = Turn {
                channels: 32,
                turned: 256,
                base: rotary::BASE,
            };
            let inputs = vec![CaseInput::normal([48, 64, 384])];
            vec![Case::new(Rotary::Forward(turn), inputs)]
        }
        "scale" => vec![Case::new(Scale { alpha: 0.5 }, vec![flat()])],
        "sgd" => {
            let op = Sgd {
                momentum: 0.9,
                ..Sgd::default()
            };
            vec![Case::new(
                op,
                vec![flat(), flat(), flat(), groups(), schedule(), counters()],
            )]
        }
        "sigmoid" => vec![Case::new(Sigmoid::Forward, vec![flat()])],
        "softmax" => vec![Case::new(Softmax::Forward, vec![rows()])],
        "tanh" => vec![Case::new(Tanh::Forward, vec![flat()])],
        "transpose" => {
            let perm = vec![0, 3, 1, 2];
            vec![Case::new(
                Transpose { perm },
                vec![CaseInput::normal([32, 28, 28, 64])],
            )]
        }
        _ => Vec::new(),
    }
}
