//! What each kind of layer is: its shapes and parameters, and its ops.

use std::sync::Arc;

use super::{Border, Init, Layer, Network, params};
use crate::config::{Activation, Config, Initializer, LayerKind, Loss, Pool2d, Task};
use crate::error::{Error, Result};
use crate::graph::{Graph, MAX_ELEMENTS, OpRef, Shape, ShapeError, TensorType, Value, Window};
use crate::ops::{
    add_bias::AddBias, avg_pool2d::AvgPool2d, conv2d::Conv2d, cross_entropy::MAX_CLASSES,
    log_softmax::LogSoftmax, matmul::Matmul, max_pool2d::MaxPool2d, relu::Relu, reshape::Reshape,
    sigmoid::Sigmoid, softmax::Softmax, tanh::Tanh, transpose::Transpose,
};

/// Checks all layers and lists their parameters.
pub(super) fn check(config: &Config, sample: [usize; 3], classes: usize) -> Result<Network> {
    check_data(config, sample, classes)?;
    let mut network = Network {
        layers: Vec::new(),
        parameters: Vec::new(),
        slab_elements: 0,
    };
    let mut shape = input(sample);
    // The image that the last flatten turned into a row, for the order of the next dense layer's weights in files.
    let mut flattened: Option<[usize; 3]> = None;
    for (index, layer) in config.layers.iter().enumerate() {
        let refuse = |message: String, label: &str, help: &str| {
            Err(config.error_at(
                &layer.span,
                format!("layer `{}`: {message}", layer.name),
                label,
                help,
            ))
        };
        let first = network.parameters.len();
        let name = |what: &str| format!("{}.{what}", layer.name);
        match (&layer.kind, shape.as_slice()) {
            (LayerKind::Conv2d(conv), &[h, w, c]) => {
                if c % conv.groups != 0 {
                    return refuse(
                        format!(
                            "{c} input channels cannot be divided into {} groups",
                            conv.groups
                        ),
                        &format!("the input is {}", image(&shape)),
                        "choose `groups` so that it divides the input channels",
                    );
                }
                let [oh, ow] = match conv_window(conv).output([h, w]) {
                    Ok(output) => output,
                    Err(error) => {
                        return refuse(
                            error.to_string(),
                            &format!("the input is {}", image(&shape)),
                            "use a smaller kernel or more padding, or remove a layer before it that shrinks the image",
                        );
                    }
                };
                let [kh, kw] = conv.kernel;
                let group_c = c / conv.groups;
                let fan_in = kh * kw * group_c;
                let weight = Shape::from([kh, kw, group_c, conv.out_channels]);
                let fan_out = kh * kw * conv.out_channels / conv.groups;
                let rule = resolve(conv.init, config, index, conv.activation);
                let init = Init::weight(rule, fan_in, fan_out);
                network.push(name("weight"), weight, Border::Conv, init);
                if conv.bias {
                    network.push(
                        name("bias"),
                        Shape::from([conv.out_channels]),
                        Border::Same,
                        Init::bias(rule, fan_in),
                    );
                }
                shape = vec![oh, ow, conv.out_channels];
            }
            (LayerKind::MaxPool2d(pool) | LayerKind::AvgPool2d(pool), &[h, w, c]) => {
                match pool_window(pool).output([h, w]) {
                    Ok([oh, ow]) => shape = vec![oh, ow, c],
                    Err(error) => {
                        return refuse(
                            error.to_string(),
                            &format!("the input is {}", image(&shape)),
                            "use a smaller kernel, or remove a layer before it that shrinks the image",
                        );
                    }
                }
            }
            (LayerKind::Conv2d(_) | LayerKind::MaxPool2d(_) | LayerKind::AvgPool2d(_), _) => {
                return refuse(
                    format!(
                        "it needs an image (height, width, channels), but its input is a row of {} features",
                        shape[0]
                    ),
                    "comes after the image was flattened",
                    "move it before `flatten`",
                );
            }
            (LayerKind::Dense(dense), &[features]) => {
                let border = match flattened.take() {
                    Some([h, w, c]) => Border::Flattened { h, w, c },
                    None => Border::Same,
                };
                let rule = resolve(dense.init, config, index, dense.activation);
                let init = Init::weight(rule, features, dense.out_features);
                network.push(
                    name("weight"),
                    Shape::from([dense.out_features, features]),
                    border,
                    init,
                );
                if dense.bias {
                    network.push(
                        name("bias"),
                        Shape::from([dense.out_features]),
                        Border::Same,
                        Init::bias(rule, features),
                    );
                }
                shape = vec![dense.out_features];
            }
            (LayerKind::Dense(_), _) => {
                return refuse(
                    format!(
                        "it needs a row of features, but its input is {}",
                        image(&shape)
                    ),
                    "comes before the image is flattened",
                    "put a layer with `kind = \"flatten\"` before it",
                );
            }
            (LayerKind::Flatten, &[h, w, c]) => {
                flattened = Some([h, w, c]);
                shape = vec![h * w * c];
            }
            (LayerKind::Softmax | LayerKind::LogSoftmax, &[_, _, _]) => {
                return refuse(
                    format!(
                        "it needs a row of features, but its input is {}",
                        image(&shape)
                    ),
                    "comes before the image is flattened",
                    "put a layer with `kind = \"flatten\"` before it",
                );
            }
            (
                LayerKind::Flatten
                | LayerKind::Activation(_)
                | LayerKind::Softmax
                | LayerKind::LogSoftmax,
                _,
            ) => {}
        }
        let batch = config.train.rows();
        if !countable(batch, &shape) {
            return refuse(
                format!(
                    "its output for a batch of {batch} has {batch} × {} numbers, more than {MAX_ELEMENTS}",
                    image(&shape)
                ),
                "this layer",
                "make the layer smaller, or `train.batch`",
            );
        }
        if network.slab_elements > MAX_ELEMENTS {
            return refuse(
                format!("with its weights the network has more than {MAX_ELEMENTS} of them"),
                "this layer",
                "make it smaller, or reduce its input before it",
            );
        }
        network.layers.push(Layer {
            name: layer.name.clone(),
            kind: layer.kind.clone(),
            output: shape.clone(),
            parameters: first..network.parameters.len(),
        });
    }
    check_output(config, &shape, classes)?;
    check_trains(config, &network)?;
    params::apply(config, &mut network)?;
    check_loops(config, sample, &network)?;
    Ok(network)
}

/// What the first layer gets: an image, or a row of features where a sample is one pixel.
fn input(sample: [usize; 3]) -> Vec<usize> {
    match sample {
        [1, 1, features] => vec![features],
        image => image.to_vec(),
    }
}

/// What `auto` stands for: Kaiming before a ReLU, in the layer itself or as the next one; Xavier otherwise.
fn resolve(
    init: Initializer,
    config: &Config,
    index: usize,
    activation: Option<Activation>,
) -> Initializer {
    if init != Initializer::Auto {
        return init;
    }
    let next = config.layers.get(index + 1).map(|layer| &layer.kind);
    let relu = match activation {
        Some(activation) => activation == Activation::Relu,
        None => next == Some(&LayerKind::Activation(Activation::Relu)),
    };
    if relu {
        Initializer::KaimingUniform
    } else {
        Initializer::XavierUniform
    }
}

/// Whether kernels can count the elements of a batch of this shape.
fn countable(batch: usize, shape: &[usize]) -> bool {
    shape
        .iter()
        .try_fold(batch, |product, &extent| product.checked_mul(extent))
        .is_some_and(|elements| elements <= MAX_ELEMENTS)
}

/// There is something to learn from, and a batch of it can be counted.
fn check_data(config: &Config, sample: [usize; 3], classes: usize) -> Result<()> {
    let batch = config.train.rows();
    if sample.contains(&0) || classes == 0 {
        return Err(Error::data(
            format!(
                "the data has samples of {} numbers and {classes} classes: neither may be empty",
                image(&sample)
            ),
            "use data with samples and labels",
        ));
    }
    if classes > MAX_CLASSES {
        return Err(Error::data(
            format!("the data has {classes} classes, more than {MAX_CLASSES}"),
            "use data with fewer classes; they are counted from 0 to the largest label",
        ));
    }
    if !countable(batch, &sample) {
        return Err(Error::usage(
            format!(
                "train.batch: {batch} samples of {} are more than {MAX_ELEMENTS} numbers",
                image(&sample)
            ),
            "make `train.batch` smaller, or the samples",
        ));
    }
    Ok(())
}

/// At least one layer has weights.
fn check_trains(config: &Config, network: &Network) -> Result<()> {
    if !network.parameters.is_empty() {
        return Ok(());
    }
    let last = config.layers.last().expect("a configuration has layers");
    Err(config.error_at(
        &last.span,
        "no layer of the network has weights: there is nothing to train",
        "the last layer",
        "add a layer with `kind = \"dense\"` or `kind = \"conv2d\"`",
    ))
}

/// The last layer gives one number for each class.
fn check_output(config: &Config, shape: &[usize], classes: usize) -> Result<()> {
    let wanted = match (config.data.task, classes) {
        (Task::Classification, _) => format!("{classes} classes"),
        (Task::Regression, 1) => "1 number to predict".to_owned(),
        (Task::Regression, _) => format!("{classes} numbers to predict"),
    };
    let last = config.layers.last().expect("a configuration has layers");
    // One yes or no tells two classes apart.
    let yes_or_no = config.train.loss == Loss::BinaryCrossEntropy && classes == 2;
    if *shape == [classes] || yes_or_no && *shape == [1] {
        return Ok(());
    }
    let what = if shape.len() == 1 {
        format!("{} numbers", shape[0])
    } else {
        format!("an image of {}", image(shape))
    };
    Err(config.error_at(
        &last.span,
        format!(
            "layer `{}`: the network ends in {what}, but the data has {wanted}",
            last.name
        ),
        "the last layer",
        format!("end the network in a dense layer with `out_features = {classes}`"),
    ))
}

/// No op refuses its shapes: sums longer than a kernel may loop are found here, on a batch of one.
fn check_loops(config: &Config, [h, w, c]: [usize; 3], network: &Network) -> Result<()> {
    let mut graph = Graph::new();
    let slab = graph.persistent("parameters", TensorType::f32([network.slab_elements]));
    let x = graph.input("x", TensorType::f32([1, h, w, c]));
    append(network, &mut graph, slab, x).map(|_| ()).map_err(
        |(index, error): (usize, ShapeError)| {
            let layer = &config.layers[index];
            config.error_at(
                &layer.span,
                format!("layer `{}`: {error}", layer.name),
                "this layer",
                "make it smaller",
            )
        },
    )
}

/// Appends all layers to a graph.
pub(super) fn forward(network: &Network, graph: &mut Graph, slab: Value, x: Value) -> Value {
    append(network, graph, slab, x)
        .unwrap_or_else(|(_, error)| panic!("a checked network fits: {error}"))
}

fn append(
    network: &Network,
    graph: &mut Graph,
    slab: Value,
    x: Value,
) -> Result<Value, (usize, ShapeError)> {
    let mut x = x;
    if let [batch, 1, 1, features] = *graph.shape(x).dims() {
        let shape = Shape::from([batch, features]);
        x = graph.one(Reshape { shape }, &[x]);
    }
    for (index, layer) in network.layers.iter().enumerate() {
        let outside = graph.enter(layer.name.clone());
        let appended = append_layer(network, layer, graph, slab, x);
        graph.enter(outside);
        x = appended.map_err(|error| (index, error))?;
        graph.set_label(x, layer.name.clone());
    }
    Ok(x)
}

fn append_layer(
    network: &Network,
    layer: &Layer,
    graph: &mut Graph,
    slab: Value,
    x: Value,
) -> Result<Value, ShapeError> {
    let parameters: Vec<Value> = layer
        .parameters
        .clone()
        .map(|index| network.parameter(graph, slab, index))
        .collect();
    let mut apply = |op: OpRef, inputs: &[Value]| graph.apply(op, inputs).map(|outputs| outputs[0]);
    match &layer.kind {
        LayerKind::Conv2d(conv) => {
            let op = Conv2d::Forward {
                window: conv_window(conv),
                groups: conv.groups,
            };
            let y = apply(Arc::new(op), &[x, parameters[0]])?;
            Ok(finish(graph, y, parameters.get(1), conv.activation))
        }
        LayerKind::Dense(dense) => {
            let op = Matmul {
                transpose_a: false,
                transpose_b: true,
            };
            let y = apply(Arc::new(op), &[x, parameters[0]])?;
            Ok(finish(graph, y, parameters.get(1), dense.activation))
        }
        LayerKind::MaxPool2d(pool) => apply(
            Arc::new(MaxPool2d::Forward {
                window: pool_window(pool),
            }),
            &[x],
        ),
        LayerKind::AvgPool2d(pool) => apply(
            Arc::new(AvgPool2d::Forward {
                window: pool_window(pool),
            }),
            &[x],
        ),
        LayerKind::Flatten => {
            let x = match *graph.shape(x).dims() {
                [_, h, w, c] if h * w > 1 && c > 1 && !network.has_dense() => graph.one(
                    Transpose {
                        perm: vec![0, 3, 1, 2],
                    },
                    &[x],
                ),
                _ => x,
            };
            let batch = graph.shape(x).dims()[0];
            let features = graph.shape(x).elements() / batch;
            Ok(graph.one(
                Reshape {
                    shape: Shape::from([batch, features]),
                },
                &[x],
            ))
        }
        LayerKind::Activation(activation) => Ok(activate(graph, x, *activation)),
        LayerKind::Softmax => apply(Arc::new(Softmax::Forward), &[x]),
        LayerKind::LogSoftmax => apply(Arc::new(LogSoftmax::Forward), &[x]),
    }
}

/// Bias and activation, where the layer has them.
fn finish(
    graph: &mut Graph,
    y: Value,
    bias: Option<&Value>,
    activation: Option<Activation>,
) -> Value {
    let mut y = y;
    if let Some(&bias) = bias {
        y = graph.one(AddBias, &[y, bias]);
    }
    match activation {
        Some(activation) => activate(graph, y, activation),
        None => y,
    }
}

fn activate(graph: &mut Graph, x: Value, activation: Activation) -> Value {
    match activation {
        Activation::Relu => graph.one(Relu::Forward, &[x]),
        Activation::Sigmoid => graph.one(Sigmoid::Forward, &[x]),
        Activation::Tanh => graph.one(Tanh::Forward, &[x]),
    }
}

fn conv_window(conv: &crate::config::Conv2d) -> Window {
    Window {
        kernel: conv.kernel,
        stride: conv.stride,
        padding: conv.padding,
        dilation: conv.dilation,
    }
}

fn pool_window(pool: &Pool2d) -> Window {
    Window {
        kernel: pool.kernel,
        stride: pool.stride,
        padding: pool.padding,
        dilation: [1, 1],
    }
}

/// `height × width × channels`.
fn image(shape: &[usize]) -> String {
    shape
        .iter()
        .map(usize::to_string)
        .collect::<Vec<_>>()
        .join(" × ")
}

/// A layer in a few words.
pub(super) fn describe(kind: &LayerKind) -> String {
    let pair = |[a, b]: [usize; 2]| format!("{a}×{b}");
    let mut text = kind.word().to_owned();
    let mut add = |part: String| {
        text.push(' ');
        text.push_str(&part);
    };
    let activation = match kind {
        LayerKind::Conv2d(conv) => {
            add(pair(conv.kernel));
            let extras = [
                (conv.stride != [1, 1], "stride", pair(conv.stride)),
                (conv.padding != [0, 0], "padding", pair(conv.padding)),
                (conv.dilation != [1, 1], "dilation", pair(conv.dilation)),
                (conv.groups != 1, "groups", conv.groups.to_string()),
            ];
            for (_, name, value) in extras.into_iter().filter(|(there, ..)| *there) {
                add(format!("{name} {value}"));
            }
            conv.activation
        }
        LayerKind::MaxPool2d(pool) | LayerKind::AvgPool2d(pool) => {
            add(pair(pool.kernel));
            if pool.stride != pool.kernel {
                add(format!("stride {}", pair(pool.stride)));
            }
            if pool.padding != [0, 0] {
                add(format!("padding {}", pair(pool.padding)));
            }
            None
        }
        LayerKind::Dense(dense) => dense.activation,
        _ => None,
    };
    match activation {
        Some(activation) => format!("{text}, {}", activation.word()),
        None => text,
    }
}
