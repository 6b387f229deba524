//! What single layers are, by PyTorch: results and all gradients of the references, which the kernels are held to
//! (`tests/golden/layers.py`).

use std::sync::Arc;

use anygrad::check::Interpreter;
use anygrad::graph::{Array, Graph, Op, OpRef, TensorType, Window, autograd};
use anygrad::ops::adaptive_avg_pool2d::AdaptiveAvgPool2d;
use anygrad::ops::adaptive_max_pool2d::AdaptiveMaxPool2d;
use anygrad::ops::avg_pool2d::AvgPool2d;
use anygrad::ops::batch_norm::BatchNorm;
use anygrad::ops::elu::Elu;
use anygrad::ops::gelu::Gelu;
use anygrad::ops::group_norm::GroupNorm;
use anygrad::ops::layer_norm::LayerNorm;
use anygrad::ops::leaky_relu::LeakyRelu;
use anygrad::ops::max_pool2d::MaxPool2d;
use anygrad::ops::rms_norm::RmsNorm;
use anygrad::ops::silu::Silu;
use anygrad::ops::softplus::Softplus;
use anygrad::ops::sum;
use serde_json::Value;

fn array(value: &Value) -> Array {
    let numbers = |key: &str| value[key].as_array().expect("a list").iter();
    let dims: Vec<usize> = numbers("shape")
        .map(|n| usize::try_from(n.as_u64().expect("an extent")).expect("a size"))
        .collect();
    let data = numbers("data").map(|n| n.as_f64().expect("a number"));
    Array::new(dims, data.collect())
}

fn arrays(value: &Value) -> Vec<Array> {
    value
        .as_array()
        .expect("a list")
        .iter()
        .map(array)
        .collect()
}

/// The op of a case with its attributes.
fn op(case: &Value, inputs: usize) -> OpRef {
    let attributes = &case["attributes"];
    #[expect(clippy::cast_possible_truncation, reason = "rounded once to f32")]
    let float = |key: &str| attributes[key].as_f64().expect("a number") as f32;
    let count = |value: &Value| usize::try_from(value.as_u64().expect("a number")).expect("a size");
    let size = |key: &str| [count(&attributes[key][0]), count(&attributes[key][1])];
    let window = || Window {
        kernel: size("kernel"),
        stride: size("stride"),
        padding: size("padding"),
        dilation: [1, 1],
    };
    let op: Box<dyn Op> = match case["op"].as_str().expect("a name") {
        "gelu" => Box::new(Gelu::Forward {
            tanh: attributes["tanh"].as_bool().expect("a truth"),
        }),
        "silu" => Box::new(Silu::Forward),
        "softplus" => Box::new(Softplus::Forward),
        "elu" => Box::new(Elu::Forward {
            alpha: float("alpha"),
        }),
        "leaky_relu" => Box::new(LeakyRelu::Forward {
            slope: float("slope"),
        }),
        "batch_norm" => Box::new(BatchNorm::Forward {
            epsilon: float("epsilon"),
        }),
        "group_norm" => Box::new(GroupNorm::Forward {
            groups: count(&attributes["groups"]),
            epsilon: float("epsilon"),
        }),
        "layer_norm" => Box::new(LayerNorm::Forward {
            weight: inputs > 1,
            bias: inputs > 2,
            epsilon: float("epsilon"),
        }),
        "rms_norm" => Box::new(RmsNorm::Forward {
            weight: inputs > 1,
            epsilon: float("epsilon"),
        }),
        "adaptive_avg_pool2d" => Box::new(AdaptiveAvgPool2d::Forward { size: size("size") }),
        "adaptive_max_pool2d" => Box::new(AdaptiveMaxPool2d::Forward { size: size("size") }),
        "avg_pool2d" => Box::new(AvgPool2d::Forward { window: window() }),
        "max_pool2d" => Box::new(MaxPool2d::Forward { window: window() }),
        other => panic!("{other} is no op of these cases"),
    };
    Arc::from(op)
}

/// Equal to nine digits: the files have twelve, and attributes are rounded to 32 bits in the graph.
fn agree(what: &str, got: &Array, golden: &Array) {
    assert_eq!(got.shape, golden.shape, "{what}");
    for (i, (got, golden)) in got.data.iter().zip(&golden.data).enumerate() {
        let off = (got - golden).abs();
        assert!(
            off <= 1e-7 * golden.abs().max(1.0),
            "{what}, element {i}: {got} is not {golden}"
        );
    }
}

#[test]
fn layers_and_all_their_gradients_are_those_of_pytorch() {
    let text = include_str!("golden/layers.json");
    let cases: Vec<Value> = serde_json::from_str(text).expect("golden values");
    assert!(cases.len() > 50, "{} cases", cases.len());
    for (number, case) in cases.iter().enumerate() {
        let what = format!("case {number}, {}", case["op"]);
        let (inputs, outputs) = (arrays(&case["inputs"]), arrays(&case["outputs"]));
        let mut graph = Graph::new();
        let tensor = |array: &Array| TensorType::f32(array.shape.dims().to_vec());
        let mut values: Vec<_> = inputs
            .iter()
            .map(|input| graph.input("x", tensor(input)))
            .collect();
        let mut feeds: Vec<_> = values.iter().copied().zip(inputs.clone()).collect();
        let wrt = values.clone();
        let batch_norm = case["op"] == "batch_norm";
        let samples = inputs[0].shape.dims()[0];
        let row_weights = graph.input("weights", TensorType::f32([samples]));
        feeds.push((row_weights, Array::new([samples], vec![0.5; samples])));
        if batch_norm {
            values.push(row_weights);
        }
        let y = graph
            .apply(op(case, inputs.len()), &values)
            .expect("they fit");
        let dy = graph.input("dy", graph.tensor(y[0]).clone());
        feeds.push((dy, array(&case["dy"])));
        let mut results = vec![y[0]];
        if batch_norm {
            // PyTorch tells the running statistics behind one step from mean 0 and variance 1.
            let c = inputs[1].data.len();
            let running = [0.0, 1.0].map(|begin| {
                let value = graph.input("running", TensorType::f32([c]));
                feeds.push((value, Array::new([c], vec![begin; c])));
                value
            });
            #[expect(clippy::cast_possible_truncation, reason = "rounded once to f32")]
            let momentum = case["attributes"]["momentum"].as_f64().expect("a number") as f32;
            let op = BatchNorm::Update {
                momentum,
                pixels: inputs[0].data.len() / (samples * c),
            };
            let inputs = [running[0], running[1], y[1], y[2], row_weights];
            results.extend(graph.apply(Arc::new(op), &inputs).expect("they fit"));
        }
        let gradients = autograd::backward(&mut graph, &[(y[0], dy)], &wrt, &sum());
        let mut interpreter = Interpreter::new(&graph);
        for (value, array) in &feeds {
            interpreter.set(*value, array);
        }
        interpreter.step();
        assert_eq!(results.len(), outputs.len(), "{what}");
        for (i, (result, golden)) in results.into_iter().zip(&outputs).enumerate() {
            agree(
                &format!("{what}, output {i}"),
                &interpreter.get(result),
                golden,
            );
        }
        for (i, (gradient, golden)) in gradients
            .into_iter()
            .zip(arrays(&case["gradients"]))
            .enumerate()
        {
            let gradient = gradient.expect("every input has one");
            agree(
                &format!("{what}, gradient {i}"),
                &interpreter.get(gradient),
                &golden,
            );
        }
    }
}
