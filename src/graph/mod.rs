//! The graph: tensors and the ops between them, as plain data.
//!
//! A [`Graph`] is built forwards: a node's inputs exist before it, so the order of the nodes is a valid order of execution.
//! Invariant: the graph does not know what a buffer or an adapter is.

pub mod array;
pub mod autograd;
mod fused;
pub mod op;
pub mod shape;

use std::fmt;

pub use array::Array;
pub use fused::Fused;
pub use op::{
    Case, CaseInput, Constant, Dispatch, Domain, Function, Fusion, Gradient, Lowering,
    MAX_LOOP_TRIPS, Op, OpRef, Operand, Stage, Tape, Target,
};
pub use shape::{DType, MAX_ELEMENTS, Shape, ShapeError, TensorType, Window};

/// A tensor of a graph.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(u32);

impl Value {
    /// The position among the graph's values.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "%{}", self.0)
    }
}

/// Where a tensor lives.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Storage {
    /// Wherever the plan puts it, for as long as it is needed.
    Planned,
    /// In a buffer of this name that outlives the step and may be shared by several graphs.
    Persistent(String),
    /// In the storage of another tensor, from this element on.
    Slice {
        /// The tensor it is a part of.
        of: Value,
        /// The first element; a multiple of [`SLICE_ALIGNMENT`].
        offset: usize,
    },
    /// The whole storage of another tensor: a view, or the new state of a tensor updated in place.
    Alias(Value),
}

/// Slices begin at multiples of this many elements: 256 bytes, WebGPU's largest default offset alignment.
pub const SLICE_ALIGNMENT: usize = 64;

/// What is known of a tensor.
#[derive(Clone, Debug)]
pub struct ValueInfo {
    /// Shape and element type.
    pub tensor: TensorType,
    /// Where it lives.
    pub storage: Storage,
    /// The node that makes it; `None` for an input.
    pub producer: Option<usize>,
    /// What to call it in plans and messages.
    pub label: String,
    /// Whether it may be stored in 16 bits; see [`Graph::is_half`].
    half: bool,
}

/// One op applied to tensors.
#[derive(Clone, Debug)]
pub struct Node {
    /// The op.
    pub op: OpRef,
    /// What it reads.
    pub inputs: Vec<Value>,
    /// What it makes.
    pub outputs: Vec<Value>,
    /// The layer it belongs to, for plans, profiles and messages.
    pub scope: String,
    /// How it is computed: what every adapter can, until another way is chosen.
    pub lowering: Lowering,
}

impl Node {
    /// `op.pass`, the name in reports; a fused node names its stages behind it.
    pub fn name(&self) -> String {
        let mut name = format!("{}.{}", self.op.name(), self.op.pass());
        if let Lowering::Kernels { dispatches, .. } = &self.lowering {
            for stage in dispatches.iter().flat_map(|d| d.fusion.stages()) {
                name.push_str(&format!("+{stage}"));
            }
        }
        name
    }
}

/// Tensors and the ops between them.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    values: Vec<ValueInfo>,
    scope: String,
    precision: Precision,
}

/// How working memory holds floats. Kernels compute in f32 either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// As they are.
    #[default]
    F32,
    /// Activations and their gradients in 16 bits, where the adapter can.
    F16,
}

impl Graph {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// The ways to compute a node on an adapter of this kind, the best guess first: at least one.
    pub fn ways(&self, node: &Node, target: &Target) -> Vec<Lowering> {
        let ways = self.possible_ways(node, target);
        assert!(!ways.is_empty(), "{} can be computed", node.name());
        ways
    }

    /// As [`Graph::ways`], for a node that perhaps cannot be computed at all.
    pub fn possible_ways(&self, node: &Node, target: &Target) -> Vec<Lowering> {
        let types = |values: &[Value]| {
            let types = values.iter().map(|&value| self.tensor(value).clone());
            types.collect::<Vec<TensorType>>()
        };
        node.op
            .lower(&types(&node.inputs), &types(&node.outputs), target)
    }

    /// Puts another node in the place of number `index`; it has the outputs of the one before.
    pub fn replace(&mut self, index: usize, op: OpRef, inputs: Vec<Value>, lowering: Lowering) {
        let node = &mut self.nodes[index];
        (node.op, node.inputs, node.lowering) = (op, inputs, lowering);
    }

    /// Exchanges the ops of two nodes, of which the second alone reads what the first makes: the second op now comes first, reads
    /// the first of `inputs`, and makes a tensor like `between`, which is among the second of `inputs`, those of the other op.
    ///
    /// # Panics
    /// If an op has no way to compute what it is given: a mistake of the caller.
    pub fn exchange(
        &mut self,
        [first, second]: [usize; 2],
        inputs: [Vec<Value>; 2],
        between: Value,
    ) {
        let link = self.nodes[first].outputs[0];
        self.values[link.index()].tensor = self.tensor(between).clone();
        self.values[link.index()].label = self.values[self.nodes[second].outputs[0].index()]
            .label
            .clone();
        let ops = [second, first].map(|index| {
            let node = &self.nodes[index];
            (node.op.clone(), node.scope.clone())
        });
        for ((index, (op, scope)), inputs) in [first, second].into_iter().zip(ops).zip(inputs) {
            let node = &mut self.nodes[index];
            (node.op, node.scope, node.inputs) = (op, scope, inputs);
            let ways = self.ways(&self.nodes[index], &Target::FLOOR);
            self.nodes[index].lowering = ways.into_iter().next().expect("an op can be computed");
        }
    }

    /// Computes node number `index` in another way.
    pub fn choose(&mut self, index: usize, way: Lowering) {
        self.nodes[index].lowering = way;
    }

    /// The nodes in order of execution.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// All tensors.
    pub fn values(&self) -> impl ExactSizeIterator<Item = Value> {
        (0..u32::try_from(self.values.len()).expect("fewer than 2^32 tensors")).map(Value)
    }

    /// What is known of a tensor.
    pub fn info(&self, value: Value) -> &ValueInfo {
        &self.values[value.index()]
    }

    /// Shape and element type of a tensor.
    pub fn tensor(&self, value: Value) -> &TensorType {
        &self.info(value).tensor
    }

    /// The shape of a tensor.
    pub fn shape(&self, value: Value) -> &Shape {
        &self.tensor(value).shape
    }

    /// Names the layer that the nodes added from now on belong to; gives back the name used before.
    pub fn enter(&mut self, scope: impl Into<String>) -> String {
        std::mem::replace(&mut self.scope, scope.into())
    }

    /// A tensor that comes from outside and is not kept: fed before a run.
    pub fn input(&mut self, label: impl Into<String>, tensor: TensorType) -> Value {
        self.push(tensor, Storage::Planned, None, label.into())
    }

    /// A tensor in a buffer of its own that outlives the step, known to the outside by `name`; the same one for the same name.
    ///
    /// # Panics
    /// If there is one of this name and another type.
    pub fn persistent(&mut self, name: impl Into<String>, tensor: TensorType) -> Value {
        let name = name.into();
        let storage = Storage::Persistent(name.clone());
        if let Some(index) = self.values.iter().position(|info| info.storage == storage) {
            assert_eq!(self.values[index].tensor, tensor, "the type of {name}");
            return Value(u32::try_from(index).expect("fewer than 2^32 tensors"));
        }
        self.push(tensor, storage, None, name)
    }

    /// A part of another tensor of the same element type, from element `offset` on.
    ///
    /// # Panics
    /// If it is not inside, or `offset` is not a multiple of [`SLICE_ALIGNMENT`].
    pub fn slice(
        &mut self,
        label: impl Into<String>,
        of: Value,
        offset: usize,
        shape: impl Into<Shape>,
    ) -> Value {
        let shape = shape.into();
        let whole = self.tensor(of);
        assert_eq!(
            offset % SLICE_ALIGNMENT,
            0,
            "a slice begins at an aligned element"
        );
        assert!(
            offset + shape.elements() <= whole.elements(),
            "a slice lies inside its tensor"
        );
        let tensor = TensorType {
            shape,
            dtype: whole.dtype,
        };
        self.push(tensor, Storage::Slice { of, offset }, None, label.into())
    }

    /// Applies an op; its outputs are new tensors.
    pub fn apply(&mut self, op: OpRef, inputs: &[Value]) -> Result<Vec<Value>, ShapeError> {
        let types: Vec<TensorType> = inputs.iter().map(|&v| self.tensor(v).clone()).collect();
        let output_types = op.infer(&types)?;
        let ways = op.lower(&types, &output_types, &Target::FLOOR);
        let lowering = ways.into_iter().next().expect("an op can be computed");
        let producer = Some(self.nodes.len());
        let mut outputs = Vec::with_capacity(output_types.len());
        for (i, tensor) in output_types.into_iter().enumerate() {
            let storage = match &lowering {
                Lowering::View => Storage::Alias(inputs[0]),
                Lowering::Kernels { dispatches, .. } => dispatches
                    .iter()
                    .flat_map(|d| &d.operands)
                    .find_map(|operand| match *operand {
                        Operand::Update { input, output } if output == i => {
                            Some(Storage::Alias(inputs[input]))
                        }
                        _ => None,
                    })
                    .unwrap_or(Storage::Planned),
            };
            let label = format!("{}.{}", op.name(), op.pass());
            outputs.push(self.push(tensor, storage, producer, label));
        }
        self.nodes.push(Node {
            op,
            inputs: inputs.to_vec(),
            outputs: outputs.clone(),
            scope: self.scope.clone(),
            lowering,
        });
        Ok(outputs)
    }

    /// Applies an op with one output whose inputs are known to fit.
    ///
    /// # Panics
    /// If they do not fit, or the op has another number of outputs: a mistake of the caller.
    pub fn one(&mut self, op: impl Op + 'static, inputs: &[Value]) -> Value {
        let outputs = self.apply(OpRef::from(Box::new(op) as Box<dyn Op>), inputs);
        match outputs.as_deref() {
            Ok(&[output]) => output,
            other => panic!("an op with one output whose inputs fit, not {other:?}"),
        }
    }

    /// Puts a tensor that the plan would place into a slice of another one: a gradient into its place in the slab.
    ///
    /// Views are followed to the tensor that is computed. Returns whether that was possible: it is not for inputs, for tensors
    /// already placed, and for tensors read by nodes that write the destination.
    pub fn place(&mut self, value: Value, of: Value, offset: usize) -> bool {
        let root = self.root(value);
        let info = &self.values[root.index()];
        if info.storage != Storage::Planned || info.producer.is_none() {
            return false;
        }
        assert_eq!(
            offset % SLICE_ALIGNMENT,
            0,
            "a slice begins at an aligned element"
        );
        assert_eq!(
            info.tensor.dtype,
            self.tensor(of).dtype,
            "a slice has its tensor's type"
        );
        assert!(
            offset + info.tensor.elements() <= self.tensor(of).elements(),
            "a slice lies inside its tensor"
        );
        self.values[root.index()].storage = Storage::Slice { of, offset };
        true
    }

    /// The tensor whose storage this one is a view of; itself when it is none.
    pub fn root(&self, value: Value) -> Value {
        let mut value = value;
        while let Storage::Alias(of) = self.info(value).storage {
            value = of;
        }
        value
    }

    /// The tensor that owns the storage, and the element at which this one begins in it.
    pub fn home(&self, value: Value) -> (Value, usize) {
        let (mut value, mut begin) = (value, 0);
        loop {
            match self.info(value).storage {
                Storage::Alias(of) => value = of,
                Storage::Slice { of, offset } => (value, begin) = (of, begin + offset),
                Storage::Planned | Storage::Persistent(_) => return (value, begin),
            }
        }
    }

    /// How the graph's working memory holds floats.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Sets how the graph's working memory holds floats.
    pub fn set_precision(&mut self, precision: Precision) {
        self.precision = precision;
    }

    /// Lets a plan store a tensor in 16 bits.
    pub fn store_half(&mut self, value: Value) {
        let root = self.root(value);
        self.values[root.index()].half = true;
    }

    /// Whether a tensor is stored in 16 bits: one of floats that may be, in storage that the plan gives it.
    pub fn is_half(&self, value: Value) -> bool {
        let info = self.info(self.root(value));
        info.half && info.tensor.dtype == DType::F32 && info.storage == Storage::Planned
    }

    /// The size of a tensor as it is stored, with the rest of its last `vec4`.
    pub fn bytes(&self, value: Value) -> usize {
        let tensor = self.tensor(value);
        match self.is_half(value) {
            true => tensor.elements().next_multiple_of(4) * 2,
            false => tensor.bytes(),
        }
    }

    /// Calls a tensor by another name in plans and messages.
    pub fn set_label(&mut self, value: Value, label: impl Into<String>) {
        self.values[value.index()].label = label.into();
    }

    fn push(
        &mut self,
        tensor: TensorType,
        storage: Storage,
        producer: Option<usize>,
        label: String,
    ) -> Value {
        let value = Value(u32::try_from(self.values.len()).expect("fewer than 2^32 tensors"));
        self.values.push(ValueInfo {
            tensor,
            storage,
            producer,
            label,
            half: false,
        });
        value
    }
}

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for node in &self.nodes {
            let list = |values: &[Value]| {
                values
                    .iter()
                    .map(|&v| format!("{v:?}: {}", self.tensor(v)))
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            writeln!(
                f,
                "{} = {}({})  # {}",
                list(&node.outputs),
                node.name(),
                list(&node.inputs),
                node.scope
            )?;
        }
        Ok(())
    }
}
