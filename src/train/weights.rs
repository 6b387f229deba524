//! Weights as they travel: by name, in the layout of files (PyTorch's), as safetensors.

use std::collections::HashMap;
use std::path::Path;

use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::error::{Error, Result};
use crate::nn::Network;

/// Named tensors of 32-bit floats, in the order of the network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    tensors: Vec<Tensor>,
}

/// One named tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// `conv1.weight`.
    pub name: String,
    /// The extents in the layout of files.
    pub shape: Vec<usize>,
    /// The elements, innermost axis fastest.
    pub data: Vec<f32>,
}

/// A weights file is at most this large.
const MAX_BYTES: u64 = 8 << 30;

impl Weights {
    /// The weights of a network whose slab is given, as files hold them.
    pub fn from_slab(network: &Network, slab: &[f32]) -> Self {
        let tensors = network
            .parameters
            .iter()
            .map(|parameter| {
                let kernels = &slab[parameter.offset..][..parameter.shape.elements()];
                Tensor {
                    name: parameter.name.clone(),
                    shape: parameter.border.file_shape(&parameter.shape),
                    data: parameter.border.to_file(&parameter.shape, kernels),
                }
            })
            .collect();
        Self { tensors }
    }

    /// The tensors.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// A network's slab with these weights; padding is zero.
    ///
    /// # Errors
    /// If names or shapes differ from the network's: every difference is named.
    pub fn to_slab(&self, network: &Network, origin: &str) -> Result<Vec<f32>> {
        let mut differences = Vec::new();
        let mut fitting = Vec::new();
        for parameter in &network.parameters {
            let wanted = parameter.border.file_shape(&parameter.shape);
            match self
                .tensors
                .iter()
                .find(|tensor| tensor.name == parameter.name)
            {
                None => differences.push(format!("`{}` {wanted:?} is missing", parameter.name)),
                Some(tensor) if tensor.shape != wanted => differences.push(format!(
                    "`{}` is {:?} in the file, {wanted:?} in the network",
                    tensor.name, tensor.shape
                )),
                Some(tensor) => fitting.push((parameter, tensor)),
            }
        }
        for tensor in &self.tensors {
            if network
                .parameters
                .iter()
                .all(|parameter| parameter.name != tensor.name)
            {
                differences.push(format!(
                    "`{}` {:?} is not in the network",
                    tensor.name, tensor.shape
                ));
            }
        }
        if differences.is_empty() {
            let mut slab = vec![0.0; network.slab_elements];
            for (parameter, tensor) in fitting {
                let kernels = parameter.border.to_kernels(&parameter.shape, &tensor.data);
                slab[parameter.offset..][..kernels.len()].copy_from_slice(&kernels);
            }
            return Ok(slab);
        }
        Err(Error::data(
            format!(
                "{origin}: the weights do not fit the network: {}",
                differences.join("; ")
            ),
            "names are `layer.weight` and `layer.bias`; give layers the names of the file with `name = \"…\"`, or choose \
             another file",
        ))
    }

    /// Reads a safetensors file.
    ///
    /// # Errors
    /// If it cannot be read, is not safetensors, or holds tensors of another type than F32: every one is named.
    pub fn read(path: &Path) -> Result<Self> {
        let size = std::fs::metadata(path)
            .map_err(|e| Error::io(path, "read", e))?
            .len();
        let refuse = |why: String| {
            Error::data(
                format!(
                    "{}: not a safetensors file of weights: {why}",
                    path.display()
                ),
                "give a file with the ending .safetensors, as `anygrad train` writes it or Python's safetensors package \
                 (pickled .pt and .pth files are never read: convert them with safetensors.torch.save_file)",
            )
        };
        if size > MAX_BYTES {
            return Err(refuse(format!("{size} bytes is more than {MAX_BYTES}")));
        }
        let bytes = std::fs::read(path).map_err(|e| Error::io(path, "read", e))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|error| refuse(error.to_string()))?;
        let mut tensors = Vec::new();
        let mut other = Vec::new();
        for (name, view) in file.iter() {
            if view.dtype() == Dtype::F32 {
                tensors.push(Tensor {
                    name: name.to_owned(),
                    shape: view.shape().to_vec(),
                    data: bytemuck::pod_collect_to_vec(view.data()),
                });
            } else {
                other.push(format!("`{name}` is {}", view.dtype()));
            }
        }
        if other.is_empty() {
            tensors.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(Self { tensors })
        } else {
            Err(refuse(format!("weights are F32, but {}", other.join(", "))))
        }
    }

    /// The bytes of a safetensors file: a function of the weights, the same on every run.
    ///
    /// # Errors
    /// If they cannot be written as safetensors (a name twice).
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let views: Vec<(&str, TensorView<'_>)> = self
            .tensors
            .iter()
            .map(|tensor| {
                let view = TensorView::new(
                    Dtype::F32,
                    tensor.shape.clone(),
                    bytemuck::cast_slice(&tensor.data),
                )
                .expect("a tensor has as many elements as its shape");
                (tensor.name.as_str(), view)
            })
            .collect();
        let metadata: Option<HashMap<String, String>> = None;
        safetensors::serialize(views, metadata)
            .map_err(|error| Error::data(format!("the weights cannot be written: {error}"), ""))
    }
}
