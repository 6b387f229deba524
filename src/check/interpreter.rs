//! Runs a whole graph by the references, in f64, with the memory that the graph's storage describes.

use crate::graph::{Array, Graph, Lowering, Node, Storage, Value};

/// A graph with its memory.
///
/// Tensors that own their storage have memory of their own; slices and aliases are places in it, so that parameters are parts of
/// their slab, gradients land in theirs, and an update changes its input in place. Memory begins as zeros, as WebGPU's buffers do,
/// and stays from step to step.
#[derive(Clone, Debug)]
pub struct Interpreter<'g> {
    graph: &'g Graph,
    /// By the index of the value; empty for those that live in another's storage.
    memory: Vec<Vec<f64>>,
}

impl<'g> Interpreter<'g> {
    /// The graph with its memory at zero.
    pub fn new(graph: &'g Graph) -> Self {
        let memory = graph
            .values()
            .map(|value| match graph.info(value).storage {
                Storage::Planned | Storage::Persistent(_) => {
                    vec![0.0; graph.tensor(value).elements()]
                }
                Storage::Slice { .. } | Storage::Alias(_) => Vec::new(),
            })
            .collect();
        Self { graph, memory }
    }

    /// Writes a tensor.
    ///
    /// # Panics
    /// If the array has another number of elements.
    pub fn set(&mut self, value: Value, array: &Array) {
        let elements = self.graph.tensor(value).elements();
        assert_eq!(
            array.data.len(),
            elements,
            "{value:?} has {elements} elements"
        );
        let (home, begin) = self.graph.home(value);
        self.memory[home.index()][begin..begin + elements].copy_from_slice(&array.data);
    }

    /// Reads a tensor.
    pub fn get(&self, value: Value) -> Array {
        let tensor = self.graph.tensor(value);
        let (home, begin) = self.graph.home(value);
        let data = &self.memory[home.index()][begin..begin + tensor.elements()];
        Array::new(tensor.shape.clone(), data.to_vec())
    }

    /// Runs all nodes once, in order.
    pub fn step(&mut self) {
        self.step_with(|_, _| {});
    }

    /// As [`step`](Self::step), showing each node with the inputs it is about to read.
    ///
    /// # Panics
    /// If a reference gives other shapes than the op's shape rule, or a view changes its numbers: mistakes in an op.
    pub fn step_with(&mut self, mut before: impl FnMut(&Node, &[Array])) {
        for node in self.graph.nodes() {
            let inputs: Vec<Array> = node.inputs.iter().map(|&v| self.get(v)).collect();
            before(node, &inputs);
            let outputs = node.op.reference(&inputs);
            assert_eq!(
                outputs.len(),
                node.outputs.len(),
                "{}: the reference gives each output",
                node.name()
            );
            for (&value, output) in node.outputs.iter().zip(&outputs) {
                assert_eq!(
                    &output.shape,
                    self.graph.shape(value),
                    "{}: the reference gives the inferred shape",
                    node.name()
                );
                match node.lowering {
                    Lowering::View => assert_eq!(
                        output.data,
                        inputs[0].data,
                        "{}: a view keeps its numbers",
                        node.name()
                    ),
                    Lowering::Kernels { .. } => self.set(value, output),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{
        Dispatch, Fusion, Gradient, Op, Operand, ShapeError, Tape, Target, TensorType, autograd,
    };
    use crate::ops::{add::Add, matmul::Matmul, relu::Relu};

    /// `w ← w − dw`, in place.
    #[derive(Debug)]
    struct Descend;

    impl Op for Descend {
        fn name(&self) -> &'static str {
            "descend"
        }
        fn pass(&self) -> &'static str {
            "forward"
        }
        fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
            Ok(vec![inputs[0].clone()])
        }
        fn lower(&self, _: &[TensorType], _: &[TensorType], _: &Target) -> Vec<Lowering> {
            vec![Lowering::one(Dispatch {
                shader: "none",
                entry: "forward",
                constants: Vec::new(),
                operands: vec![
                    Operand::Update {
                        input: 0,
                        output: 0,
                    },
                    Operand::Input(1),
                ],
                invocations: 1,
                loop_trips: 0,
                flops: 1,
                fusion: Fusion::None,
            })]
        }
        fn gradient(&self, _: &mut Tape<'_>) -> Gradient {
            Gradient::None("an update")
        }
        fn reference(&self, inputs: &[Array]) -> Vec<Array> {
            let pairs = inputs[0].data.iter().zip(&inputs[1].data);
            let data = pairs.map(|(w, dw)| w - dw).collect();
            vec![Array::new(inputs[0].shape.clone(), data)]
        }
    }

    #[test]
    fn a_step_learns_in_the_slab_and_memory_stays_between_steps() {
        let mut graph = Graph::new();
        let slab = graph.persistent("parameters", TensorType::f32([128]));
        let gradients = graph.persistent("gradients", TensorType::f32([128]));
        let weight = graph.slice("weight", slab, 64, [2, 2]);
        let x = graph.input("x", TensorType::f32([1, 2]));
        let dy = graph.input("dy", TensorType::f32([1, 2]));
        let y = graph.one(Matmul::default(), &[x, weight]);
        let dweight = autograd::backward(&mut graph, &[(y, dy)], &[weight], &crate::ops::sum())[0]
            .expect("the product depends on its weight");
        assert!(graph.place(dweight, gradients, 64), "a product is placed");
        graph.one(Descend, &[slab, gradients]);

        let mut interpreter = Interpreter::new(&graph);
        interpreter.set(weight, &Array::new([2, 2], vec![1.0, 2.0, 3.0, 4.0]));
        interpreter.set(x, &Array::new([1, 2], vec![1.0, 10.0]));
        interpreter.set(dy, &Array::new([1, 2], vec![0.5, -1.0]));
        interpreter.step();
        assert_eq!(interpreter.get(y).data, [31.0, 42.0]);
        assert_eq!(interpreter.get(dweight).data, [0.5, -1.0, 5.0, -10.0]);
        assert_eq!(interpreter.get(weight).data, [0.5, 3.0, -2.0, 14.0]);
        assert_eq!(interpreter.get(slab).data[64..68], [0.5, 3.0, -2.0, 14.0]);
        interpreter.step();
        assert_eq!(interpreter.get(y).data, [-19.5, 143.0]);
        assert_eq!(interpreter.get(weight).data, [0.0, 4.0, -7.0, 24.0]);
    }

    #[test]
    fn the_nodes_run_in_order_and_show_their_inputs() {
        let mut graph = Graph::new();
        let x = graph.input("x", TensorType::f32([2]));
        let doubled = graph.one(Add, &[x, x]);
        let y = graph.one(Relu::Forward, &[doubled]);
        let mut interpreter = Interpreter::new(&graph);
        interpreter.set(x, &Array::new([2], vec![-1.0, 3.0]));
        let mut seen = Vec::new();
        interpreter.step_with(|node, inputs| seen.push((node.name(), inputs[0].data.clone())));
        assert_eq!(interpreter.get(y).data, [0.0, 6.0]);
        assert_eq!(seen[0], ("add.forward".to_owned(), vec![-1.0, 3.0]));
        assert_eq!(seen[1], ("relu.forward".to_owned(), vec![-2.0, 6.0]));
    }
}
