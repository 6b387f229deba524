//! The contract of an op: what must be known of it before it can stand in a graph, be planned, and be proved.

use std::fmt::Debug;
use std::sync::Arc;

use super::array::Array;
use super::shape::{ShapeError, TensorType};
use super::{Graph, Value};

/// One pass (entry point family) of one op with its attributes: the content of a node.
///
/// There are no default methods on purpose: what is missing does not compile.
pub trait Op: Debug + Send + Sync {
    /// The op: the common stem of its three files, after PyTorch's functional name.
    fn name(&self) -> &'static str;

    /// The pass: `forward`, `backward`, or `backward_<operand>`.
    fn pass(&self) -> &'static str;

    /// The types of the outputs for inputs of these types.
    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError>;

    /// The ways to compute it on an adapter of this kind, the best guess first. The first one for [`Target::FLOOR`] must be among
    /// the answers for every target, and all change the same inputs in place.
    fn lower(
        &self,
        inputs: &[TensorType],
        outputs: &[TensorType],
        target: &Target,
    ) -> Vec<Lowering>;

    /// The gradient rule: appends nodes to the graph.
    fn gradient(&self, tape: &mut Tape<'_>) -> Gradient;

    /// The truth: naive f64 loops, straight from the formula. Outputs in order; an updated input counts as an output.
    fn reference(&self, inputs: &[Array]) -> Vec<Array>;
}

/// An op shared between a node, its plan and its proof.
pub type OpRef = Arc<dyn Op>;

/// What a gradient rule sees: the node, the gradients that arrive at its outputs, and which inputs want one.
#[derive(Debug)]
pub struct Tape<'a> {
    /// The graph to append to.
    pub graph: &'a mut Graph,
    /// The node's inputs.
    pub inputs: &'a [Value],
    /// The node's outputs.
    pub outputs: &'a [Value],
    /// The gradient of each output, where one arrives.
    pub dy: &'a [Option<Value>],
    /// Whether each input wants a gradient.
    pub wanted: &'a [bool],
}

/// The answer of a gradient rule.
#[derive(Debug)]
pub enum Gradient {
    /// The gradient of each input, `None` for those not wanted or without one (labels, indices).
    Of(Vec<Option<Value>>),
    /// The op has no gradient, and why.
    None(&'static str),
}

/// What an adapter offers to kernels, as far as it decides which of them there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Target {
    /// Invocations of a subgroup, where all subgroups of the adapter have as many and kernels may talk across them.
    pub subgroup: Option<u32>,
    /// Whether a load of eight numbers as 64-bit words is cheaper than two of four: on software adapters that have such words.
    pub wide_loads: bool,
    /// Whether tiles in workgroup memory are the better guess for large products: on GPUs. Software adapters copy for nothing.
    pub workgroup_tiles: bool,
    /// Whether tensors can be stored as 16-bit floats.
    pub f16: bool,
}

impl Target {
    /// What every adapter offers: WebGPU's defaults.
    pub const FLOOR: Self = Self {
        subgroup: None,
        wide_loads: false,
        workgroup_tiles: false,
        f16: false,
    };
}

/// How a node is computed.
#[derive(Clone, Debug, PartialEq)]
pub enum Lowering {
    /// Nothing is computed: the output is the input's storage under another shape.
    View,
    /// Kernels, in order.
    Kernels {
        /// Elements (f32) of each scratch buffer the kernels share.
        scratch: Vec<usize>,
        /// The kernels.
        dispatches: Vec<Dispatch>,
    },
}

impl Lowering {
    /// A node that is one kernel.
    pub fn one(dispatch: Dispatch) -> Self {
        Self::Kernels {
            scratch: Vec::new(),
            dispatches: vec![dispatch],
        }
    }

    /// Floating-point operations of all kernels.
    pub fn flops(&self) -> u64 {
        match self {
            Self::View => 0,
            Self::Kernels { dispatches, .. } => dispatches.iter().map(|d| d.flops).sum(),
        }
    }

    /// What tells each of several ways from the others: the entry point of its first kernel, and the constants in which they differ.
    pub fn names(ways: &[Self]) -> Vec<String> {
        let firsts: Vec<Option<&Dispatch>> = ways
            .iter()
            .map(|way| match way {
                Self::View => None,
                Self::Kernels { dispatches, .. } => dispatches.first(),
            })
            .collect();
        let common = |constant: &(&'static str, Constant)| {
            let mut others = firsts.iter().flatten();
            others.all(|dispatch| dispatch.constants.contains(constant))
        };
        let name = |dispatch: &Dispatch| {
            let mut name = dispatch.entry.to_owned();
            for constant in dispatch.constants.iter().filter(|c| !common(c)) {
                name.push_str(&format!(" {}={}", constant.0, constant.1));
            }
            name
        };
        firsts
            .iter()
            .map(|first| first.map_or_else(|| "view".to_owned(), name))
            .collect()
    }

    /// Whether no invocation loops longer than every driver can.
    pub fn ends(&self) -> bool {
        match self {
            Self::View => true,
            Self::Kernels { dispatches, .. } => {
                dispatches.iter().all(|d| d.loop_trips < MAX_LOOP_TRIPS)
            }
        }
    }
}

/// A tensor of a node, as its kernels see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operand {
    /// Input `i`, read.
    Input(usize),
    /// Output `i`, written (every element of it, by this node).
    Output(usize),
    /// Input `i`, changed in place: it is the storage of the output of the same place among the updated ones.
    Update {
        /// The input whose storage is changed.
        input: usize,
        /// The output that is its new state.
        output: usize,
    },
    /// Scratch buffer `i`: unspecified before, unspecified after.
    Scratch(usize),
}

/// A named constant of a shader, set when the plan is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Constant {
    /// An unsigned integer.
    U32(u32),
    /// A 32-bit float.
    F32(f32),
    /// A truth value.
    Bool(bool),
}

impl std::fmt::Display for Constant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::U32(value) => write!(f, "{value}"),
            Self::F32(value) => write!(f, "{value}"),
            Self::Bool(value) => write!(f, "{value}"),
        }
    }
}

impl From<usize> for Constant {
    fn from(value: usize) -> Self {
        Self::U32(u32::try_from(value).expect("a shader constant fits 32 bits"))
    }
}

impl From<u32> for Constant {
    fn from(value: u32) -> Self {
        Self::U32(value)
    }
}

impl From<f32> for Constant {
    fn from(value: f32) -> Self {
        Self::F32(value)
    }
}

impl From<bool> for Constant {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

/// One kernel launch: plain data.
#[derive(Clone, Debug, PartialEq)]
pub struct Dispatch {
    /// The shader's file stem.
    pub shader: &'static str,
    /// The entry point.
    pub entry: &'static str,
    /// Values for the shader's named constants.
    pub constants: Vec<(&'static str, Constant)>,
    /// The tensors, in the order of the bindings.
    pub operands: Vec<Operand>,
    /// Invocations wanted; the plan rounds up to workgroups and folds long grids into two dimensions.
    pub invocations: usize,
    /// An upper bound of the loop iterations of one invocation, all loops added up.
    pub loop_trips: usize,
    /// Floating-point operations, a multiply-add counted as two.
    pub flops: u64,
    /// Whether it can be one kernel with others.
    pub fusion: Fusion,
}

/// How a kernel can be made one with the kernels that follow it.
#[derive(Clone, Debug, PartialEq)]
pub enum Fusion {
    /// Not at all.
    None,
    /// It hands every `vec4` of its one output to the shader's `epilogue`, which does these stages. Their operands are the last
    /// ones of the dispatch, in order.
    Host(Vec<Stage>),
    /// It is such a stage by itself, and hands its `vec4`s to an `epilogue`, too; but it knows no columns, so that no row can be
    /// added there.
    Guest {
        /// What it does.
        stage: Stage,
        /// The input that is the result of the stage before; its other input, if any, is the stage's operand.
        chain: usize,
    },
}

impl Fusion {
    /// A host without stages where `vec4s` leave the kernel, else nothing.
    pub fn host(vec4s: bool) -> Self {
        if vec4s {
            Self::Host(Vec::new())
        } else {
            Self::None
        }
    }

    /// The stages of a host.
    pub fn stages(&self) -> &[Stage] {
        match self {
            Self::Host(stages) => stages,
            Self::None | Self::Guest { .. } => &[],
        }
    }
}

/// A function of a shader, `f` or `df`, with the value of the constant that it depends on, if there is one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Function {
    /// The shader's file stem.
    pub shader: &'static str,
    /// The constant, by its name there.
    pub constant: Option<(&'static str, Constant)>,
}

impl std::fmt::Display for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.shader)
    }
}

/// What happens to the `vec4`s of a result before they are stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stage {
    /// `y + row[column]`: the operand is a row as long as the innermost axis of `y`.
    AddRow,
    /// `f(y)`.
    Apply(Function),
    /// `df(z) · y`; the operand `z` is as large as `y`.
    ApplyDerivative(Function),
    /// `f(y, z)`, with the `f` of this shader, which gives the same for `f(z, y)`; the operand `z` is as large as `y`.
    Combine(&'static str),
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AddRow => f.write_str("add_bias"),
            Self::Apply(function) => write!(f, "{function}"),
            Self::Combine(function) => f.write_str(function),
            Self::ApplyDerivative(function) => write!(f, "{function}.backward"),
        }
    }
}

impl Stage {
    /// How many operands it has.
    pub fn operands(self) -> usize {
        match self {
            Self::Apply(_) => 0,
            Self::AddRow | Self::ApplyDerivative(_) | Self::Combine(_) => 1,
        }
    }
}

/// Loop iterations of one invocation, at most: Mesa up to 25.0 silently leaves all loops after 65,535.
pub const MAX_LOOP_TRIPS: usize = 60_000;

/// A set of inputs that proves an op: shapes, and what the numbers may be.
#[derive(Clone, Debug)]
pub struct Case {
    /// The op with its attributes.
    pub op: OpRef,
    /// The inputs.
    pub inputs: Vec<CaseInput>,
}

impl Case {
    /// A case of `op` on these inputs.
    pub fn new(op: impl Op + 'static, inputs: Vec<CaseInput>) -> Self {
        Self {
            op: Arc::new(op),
            inputs,
        }
    }
}

/// One input of a case.
#[derive(Clone, Debug)]
pub struct CaseInput {
    /// Shape and element type.
    pub tensor: TensorType,
    /// The numbers it may hold.
    pub domain: Domain,
}

impl CaseInput {
    /// Normally distributed floats.
    pub fn normal(shape: impl Into<super::Shape>) -> Self {
        Self {
            tensor: TensorType::f32(shape),
            domain: Domain::Normal,
        }
    }

    /// Any floats of `domain`.
    pub fn floats(shape: impl Into<super::Shape>, domain: Domain) -> Self {
        Self {
            tensor: TensorType::f32(shape),
            domain,
        }
    }

    /// Integers in `0..below`.
    pub fn below(shape: impl Into<super::Shape>, below: u32) -> Self {
        Self {
            tensor: TensorType::u32(shape),
            domain: Domain::Below(below),
        }
    }

    /// Given integers.
    pub fn words(words: &[u32]) -> Self {
        Self {
            tensor: TensorType::u32([words.len()]),
            domain: Domain::Given(words.iter().map(|&w| f64::from(w)).collect()),
        }
    }
}

/// The numbers an input of a case may hold.
#[derive(Clone, Debug)]
pub enum Domain {
    /// Standard normal.
    Normal,
    /// Normal with this standard deviation: the weights of a recurrence, which larger ones would make chaotic.
    Scaled(f64),
    /// Normal, but at least 0.05 away from zero: for functions with a kink there.
    AwayFromZero,
    /// All different and at least 0.01 apart: for maxima, whose gradient jumps at ties.
    Distinct,
    /// -1, 0 or 1: maxima with many ties. No finite difference is taken there.
    Tied,
    /// Uniform in 0.1 to 1: weights, variances.
    Positive,
    /// Sample weights: some exactly zero, the rest uniform in 0.1 to 1.
    Weights,
    /// Integers in `0..n` (for `U32` and `U8`).
    Below(u32),
    /// These numbers.
    Given(Vec<f64>),
}
