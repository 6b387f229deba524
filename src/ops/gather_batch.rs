//! `x[r] = normalized(dataset[indices[r]])`: a batch out of the resident data set.

use crate::graph::{
    Array, Case, CaseInput, Constant, DType, Dispatch, Domain, Fusion, Gradient, Lowering, Op,
    Operand, ShapeError, Tape, Target, TensorType,
};
use crate::reference;

/// `dataset` (n, ...), `indices` (batch) → `x` (batch, ...), by what the data set holds.
#[derive(Clone, Debug)]
pub enum GatherBatch {
    /// Bytes (pixels) → floats.
    Bytes {
        /// What is done to each number.
        normalization: Normalization,
    },
    /// Floats → floats.
    Floats {
        /// What is done to each number.
        normalization: Normalization,
    },
    /// 32-bit integers (labels) → the same integers.
    Words,
}

/// `(v / divide_by − mean[c]) / std[c]` for a number of channel `c`, the innermost axis; in this order, as PyTorch's
/// `ToTensor` and `Normalize` compute it.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalization {
    /// 255 for bytes that shall lie between 0 and 1.
    pub divide_by: f32,
    /// The mean of each channel (at most four), or one for all.
    pub mean: Vec<f32>,
    /// The standard deviation of each channel, as many as there are means.
    pub std: Vec<f32>,
}

impl Default for Normalization {
    /// Every number as it is.
    fn default() -> Self {
        Self {
            divide_by: 1.0,
            mean: vec![0.0],
            std: vec![1.0],
        }
    }
}

/// The most channels that can be normalised each by numbers of its own.
pub const MAX_CHANNELS: usize = 4;

const MEANS: [&str; MAX_CHANNELS] = ["MEAN_0", "MEAN_1", "MEAN_2", "MEAN_3"];
const STDS: [&str; MAX_CHANNELS] = ["STD_0", "STD_1", "STD_2", "STD_3"];

impl Normalization {
    fn refuse_unfit(&self, dataset: &TensorType) -> Result<(), ShapeError> {
        let channels = self.mean.len();
        let fits = channels == 1 || (dataset.shape.rank() > 1 && channels == dataset.shape.last());
        if !fits || channels > MAX_CHANNELS || self.std.len() != channels {
            return Err(ShapeError::new(format!(
                "gather_batch of {dataset} with {channels} means and {} standard deviations: \
                 there must be one of each, or one for each of at most 4 channels",
                self.std.len()
            )));
        }
        let divisors = [&[self.divide_by], self.std.as_slice()].concat();
        if divisors.iter().any(|&d| !d.is_normal())
            || self.mean.iter().any(|mean| !mean.is_finite())
        {
            return Err(ShapeError::new(format!(
                "gather_batch with {self:?}: its numbers must be finite and its divisors not zero"
            )));
        }
        Ok(())
    }

    fn constants(&self) -> Vec<(&'static str, Constant)> {
        let mut constants = vec![
            ("CHANNELS", self.mean.len().into()),
            ("DIVIDE_BY", self.divide_by.into()),
        ];
        constants.extend(MEANS.into_iter().zip(self.mean.iter().map(|&m| m.into())));
        constants.extend(STDS.into_iter().zip(self.std.iter().map(|&s| s.into())));
        constants
    }
}

impl GatherBatch {
    fn normalization(&self) -> Option<&Normalization> {
        match self {
            Self::Bytes { normalization } | Self::Floats { normalization } => Some(normalization),
            Self::Words => None,
        }
    }

    /// Element types of the data set and of the batch.
    fn dtypes(&self) -> [DType; 2] {
        match self {
            Self::Bytes { .. } => [DType::U8, DType::F32],
            Self::Floats { .. } => [DType::F32, DType::F32],
            Self::Words => [DType::U32, DType::U32],
        }
    }
}

impl Op for GatherBatch {
    fn name(&self) -> &'static str {
        "gather_batch"
    }

    fn pass(&self) -> &'static str {
        match self {
            Self::Bytes { .. } => "bytes",
            Self::Floats { .. } => "floats",
            Self::Words => "words",
        }
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<Vec<TensorType>, ShapeError> {
        let [dataset, indices] = inputs else {
            return Err(ShapeError::new(format!(
                "gather_batch of {} tensors: it takes a data set and indices",
                inputs.len()
            )));
        };
        let [from, to] = self.dtypes();
        if dataset.dtype != from || dataset.shape.rank() == 0 || dataset.elements() == 0 {
            return Err(ShapeError::new(format!(
                "gather_batch.{} of {dataset}: the data set must hold {}, at least one",
                self.pass(),
                self.pass()
            )));
        }
        if indices.dtype != DType::U32 || indices.shape.rank() != 1 {
            return Err(ShapeError::new(format!(
                "gather_batch by {indices}: the indices are one row of integers"
            )));
        }
        if let Some(normalization) = self.normalization() {
            normalization.refuse_unfit(dataset)?;
        }
        let mut dims = dataset.shape.dims().to_vec();
        dims[0] = indices.elements();
        let batch = TensorType {
            shape: dims.into(),
            dtype: to,
        };
        for tensor in [dataset, &batch] {
            if u32::try_from(tensor.elements()).is_err() {
                return Err(ShapeError::new(format!(
                    "gather_batch with {tensor}: elements are counted in 32 bits"
                )));
            }
        }
        Ok(vec![batch])
    }

    fn lower(&self, inputs: &[TensorType], outputs: &[TensorType], _: &Target) -> Vec<Lowering> {
        let samples = inputs[0].shape.dims()[0];
        let sample = inputs[0].elements() / samples;
        let elements = outputs[0].elements();
        let vec4 = sample.is_multiple_of(4);
        let (entry, invocations) = match self {
            Self::Bytes { .. } if vec4 => ("bytes_vec4", elements / 4),
            Self::Bytes { .. } => ("bytes", elements),
            Self::Floats { .. } if vec4 => ("floats_vec4", elements / 4),
            Self::Floats { .. } => ("floats", elements),
            Self::Words => ("words", elements),
        };
        let mut constants = vec![
            ("SAMPLES", samples.into()),
            ("SAMPLE", sample.into()),
            ("BATCH", inputs[1].elements().into()),
        ];
        constants.extend(
            self.normalization()
                .into_iter()
                .flat_map(Normalization::constants),
        );
        vec![Lowering::one(Dispatch {
            shader: "gather_batch",
            entry,
            constants,
            operands: vec![Operand::Input(0), Operand::Input(1), Operand::Output(0)],
            invocations,
            loop_trips: 0,
            flops: match self {
                Self::Words => 0,
                _ => 3 * elements as u64,
            },
            fusion: Fusion::None,
        })]
    }

    fn gradient(&self, _: &mut Tape<'_>) -> Gradient {
        Gradient::None("data has no gradient")
    }

    fn reference(&self, inputs: &[Array]) -> Vec<Array> {
        let (dataset, indices) = (&inputs[0], &inputs[1]);
        let wide =
            |numbers: &[f32]| -> Vec<f64> { numbers.iter().copied().map(f64::from).collect() };
        vec![match self {
            Self::Bytes { normalization: n } => reference::gather_batch::bytes(
                dataset,
                indices,
                n.divide_by.into(),
                &wide(&n.mean),
                &wide(&n.std),
            ),
            Self::Floats { normalization: n } => reference::gather_batch::floats(
                dataset,
                indices,
                n.divide_by.into(),
                &wide(&n.mean),
                &wide(&n.std),
            ),
            Self::Words => reference::gather_batch::words(dataset, indices),
        }]
    }
}

/// Samples of one element, of odd sizes and of whole words; one to four channels, with and without normalisation; repeated rows,
/// and some beyond the data set; more workgroups than fit along one axis of a grid.
pub fn cases() -> Vec<Case> {
    // Extents of the data set, rows of a batch.
    let list: &[(&[usize], usize)] = &[
        (&[1, 1], 1),
        (&[7], 5),
        (&[5, 3], 4),
        (&[11, 8, 8, 1], 3),
        (&[13, 3, 5, 2], 17),
        (&[6, 3, 3, 3], 9),
        (&[6, 4, 5, 3], 65),
        (&[5, 3, 3, 4], 7),
        (&[40, 28, 28, 1], 16),
        (&[23, 19, 9, 3], 29),
        (&[4099], 257),
    ];
    let mut cases = Vec::new();
    for &(dims, batch) in list {
        let samples = u32::try_from(dims[0]).expect("cases are small");
        let rows: Vec<u32> = (0u32..)
            .take(batch)
            .map(|r| match r {
                2 => samples,
                3 => u32::MAX,
                _ => (r * 7 + samples - 1) % samples,
            })
            .collect();
        let mut add = |op: GatherBatch, domain: Domain| {
            let tensor = TensorType {
                shape: dims.to_vec().into(),
                dtype: op.dtypes()[0],
            };
            cases.push(Case::new(
                op,
                vec![CaseInput { tensor, domain }, CaseInput::words(&rows)],
            ));
        };
        add(GatherBatch::Words, Domain::Below(1 << 20));
        let channels = match dims {
            [_] => 1,
            [.., last] => *last,
            [] => unreachable!("a data set has samples"),
        };
        let normalizations = [
            Normalization::default(),
            Normalization {
                divide_by: 255.0,
                mean: [0.4914, 0.4822, 0.4465, 0.13][..channels.min(4)].to_vec(),
                std: [0.247, 0.2435, 0.2616, 0.3081][..channels.min(4)].to_vec(),
            },
            Normalization {
                divide_by: 2.0,
                mean: vec![-0.3],
                std: vec![1.7],
            },
        ];
        for normalization in normalizations {
            let of_floats = normalization.clone();
            add(GatherBatch::Bytes { normalization }, Domain::Below(256));
            add(
                GatherBatch::Floats {
                    normalization: of_floats,
                },
                Domain::Normal,
            );
        }
    }
    // 64 invocations to a workgroup, 65,535 workgroups along an axis.
    cases.push(Case::new(
        GatherBatch::Words,
        vec![
            CaseInput::below([3, 70_001], 1 << 20),
            CaseInput::below([60], 3),
        ],
    ));
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_channel_has_its_own_mean_and_deviation() {
        let op = GatherBatch::Bytes {
            normalization: Normalization {
                divide_by: 2.0,
                mean: vec![1.0, 10.0],
                std: vec![4.0, 0.5],
            },
        };
        let dataset = Array::new([2, 1, 2], vec![0.0, 0.0, 4.0, 40.0]);
        let x = op.reference(&[dataset, Array::new([3], vec![1.0, 0.0, 1.0])]);
        assert_eq!(x[0].dims(), [3, 1, 2]);
        assert_eq!(x[0].data, [0.25, 20.0, -0.25, -20.0, 0.25, 20.0]);
    }

    #[test]
    fn statistics_for_another_number_of_channels_are_refused() {
        let op = GatherBatch::Bytes {
            normalization: Normalization {
                divide_by: 255.0,
                mean: vec![0.5; 3],
                std: vec![0.5; 3],
            },
        };
        let refused = op.infer(&[TensorType::u8([9, 4, 4, 1]), TensorType::u32([2])]);
        assert!(refused.is_err(), "{refused:?}");
        let fits = op.infer(&[TensorType::u8([9, 4, 4, 3]), TensorType::u32([2])]);
        assert_eq!(fits, Ok(vec![TensorType::f32([2, 4, 4, 3])]));
    }
}
