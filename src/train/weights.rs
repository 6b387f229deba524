//! Weights as they travel: by name, in the layout of files (PyTorch's), as safetensors.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::error::{Error, Result};
use crate::graph::Shape;
use crate::nn::{Border, Network};

/// Named tensors of 32-bit floats, in the order of the network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    tensors: Vec<Tensor>,
}

/// What a network begins with of the weights of another one.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Transfer {
    /// Tensors that it begins with.
    pub loaded: usize,
    /// Of so many that it has.
    pub tensors: usize,
    /// The others, each with the reason.
    pub left: Vec<String>,
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

/// What a file of weights is.
const GIVE: &str = "give a file with the ending .safetensors, as `anygrad train` writes it or Python's safetensors package";

impl Weights {
    /// The weights of a network whose slab is given, as files hold them.
    pub fn from_slab(network: &Network, slab: &[f32]) -> Self {
        let tensors = placed(network).map(|tensor| {
            let kernels = &slab[tensor.offset..][..tensor.shape.elements()];
            Tensor {
                name: tensor.name.to_owned(),
                shape: tensor.border.file_shape(tensor.shape),
                data: tensor.border.to_file(tensor.shape, kernels),
            }
        });
        Self {
            tensors: tensors.collect(),
        }
    }

    /// The tensors.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// A network's slab with these weights; padding is zero.
    ///
    /// # Errors
    /// If names or shapes differ from the network's: every difference, in words.
    pub fn to_slab(&self, network: &Network) -> Result<Vec<f32>, String> {
        let mut differences = Vec::new();
        let mut fitting = Vec::new();
        for place in placed(network) {
            let wanted = place.border.file_shape(place.shape);
            match self.tensors.iter().find(|tensor| tensor.name == place.name) {
                None => differences.push(format!("`{}` {wanted:?} is missing", place.name)),
                Some(tensor) if tensor.shape != wanted => differences.push(format!(
                    "`{}` is {:?} in the file, {wanted:?} in the network",
                    tensor.name, tensor.shape
                )),
                Some(tensor) => fitting.push((place, tensor)),
            }
        }
        for tensor in &self.tensors {
            if placed(network).all(|place| place.name != tensor.name) {
                differences.push(format!(
                    "`{}` {:?} is not in the network",
                    tensor.name, tensor.shape
                ));
            }
        }
        if !differences.is_empty() {
            return Err(differences.join("; "));
        }
        let mut slab = vec![0.0; network.slab_elements + network.statistics_elements];
        for (place, tensor) in fitting {
            let kernels = place.border.to_kernels(place.shape, &tensor.data);
            slab[place.offset..][..kernels.len()].copy_from_slice(&kernels);
        }
        Ok(slab)
    }

    /// Which of these weights a network can begin with: those that have the name and the shape of one of its tensors.
    pub fn transfer(&self, network: &Network) -> Transfer {
        let mut transfer = Transfer::default();
        for place in placed(network) {
            let wanted = place.border.file_shape(place.shape);
            transfer.tensors += 1;
            match self.tensors.iter().find(|tensor| tensor.name == place.name) {
                Some(tensor) if tensor.shape == wanted => transfer.loaded += 1,
                Some(tensor) => transfer.left.push(format!(
                    "`{}` ({:?} there, {wanted:?} here)",
                    place.name, tensor.shape
                )),
                None => transfer.left.push(format!("`{}` (not there)", place.name)),
            }
        }
        transfer
    }

    /// Puts the weights that fit, as [`Weights::transfer`] says, into a network's slab.
    pub fn put(&self, network: &Network, slab: &mut [f32]) {
        for place in placed(network) {
            let wanted = place.border.file_shape(place.shape);
            let mut tensors = self.tensors.iter();
            let fits = |tensor: &&Tensor| tensor.name == place.name && tensor.shape == wanted;
            if let Some(tensor) = tensors.find(fits) {
                let kernels = place.border.to_kernels(place.shape, &tensor.data);
                slab[place.offset..][..kernels.len()].copy_from_slice(&kernels);
            }
        }
    }

    /// Reads a safetensors file.
    ///
    /// # Errors
    /// If it cannot be read, is not safetensors, or holds tensors of another type than F32 or numbers that are not finite: every
    /// such tensor is named.
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(path, &read_file(path)?)
    }

    /// Reads the bytes of a safetensors file; `path` is what it is called in messages.
    ///
    /// # Errors
    /// As [`Weights::read`].
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self> {
        if let Some(error) = other_format(path, bytes) {
            return Err(error);
        }
        let refuse = |why: String, help: &str| {
            Error::data(
                format!("{}: not usable as weights: {why}", path.display()),
                help,
            )
        };
        let file = SafeTensors::deserialize(bytes)
            .map_err(|error| refuse(format!("no whole safetensors file: {error}"), GIVE))?;
        let mut tensors = Vec::new();
        let (mut other, mut broken) = (Vec::new(), Vec::new());
        for (name, view) in file.iter() {
            if name.ends_with(COUNTED) {
                continue;
            }
            if view.dtype() != Dtype::F32 {
                other.push(format!("`{name}` is {}", view.dtype()));
                continue;
            }
            let data: Vec<f32> = bytemuck::pod_collect_to_vec(view.data());
            if !data.iter().all(|number| number.is_finite()) {
                broken.push(format!("`{name}`"));
            }
            tensors.push(Tensor {
                name: name.to_owned(),
                shape: view.shape().to_vec(),
                data,
            });
        }
        if !other.is_empty() {
            other.sort();
            return Err(refuse(
                format!("weights are F32, but {}", other.join(", ")),
                "convert them, in PyTorch with `.float()`, before they are saved",
            ));
        }
        if !broken.is_empty() {
            broken.sort();
            return Err(refuse(
                format!("there are NaN or infinite numbers in {}", broken.join(", ")),
                "the training that made it had diverged: train again, with a smaller learning rate",
            ));
        }
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { tensors })
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

/// Where a tensor of a file is in a network's slab.
struct Place<'a> {
    name: &'a str,
    shape: &'a Shape,
    border: Border,
    offset: usize,
}

/// All tensors of a network in the order of files: the parameters, then the running statistics.
fn placed(network: &Network) -> impl Iterator<Item = Place<'_>> {
    let parameters = network.parameters.iter().map(|parameter| Place {
        name: &parameter.name,
        shape: &parameter.shape,
        border: parameter.border,
        offset: parameter.offset,
    });
    let statistics = network.statistics.iter().map(|statistic| Place {
        name: &statistic.name,
        shape: &statistic.shape,
        border: Border::Same,
        offset: network.slab_elements + statistic.offset,
    });
    parameters.chain(statistics)
}

/// What PyTorch's `BatchNorm` counts beside its statistics: nothing depends on it.
const COUNTED: &str = ".num_batches_tracked";

/// The bytes of a file of weights.
fn read_file(path: &Path) -> Result<Vec<u8>> {
    let failed = |error| Error::io(path, "read", error);
    let refuse = |why: String, help: &str| {
        Err(Error::data(
            format!("{}: not usable as weights: {why}", path.display()),
            help,
        ))
    };
    let metadata = fs::metadata(path).map_err(failed)?;
    if metadata.is_dir() {
        let inside = path.join("weights.safetensors");
        let help = if inside.is_file() {
            format!("give the file in it: {}", inside.display())
        } else {
            GIVE.to_owned()
        };
        return refuse("it is a folder".to_owned(), &help);
    }
    if !metadata.is_file() {
        return refuse("it is no file at all".to_owned(), GIVE);
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > MAX_BYTES {
        return refuse(format!("it is larger than {MAX_BYTES} bytes"), GIVE);
    }
    Ok(bytes)
}

/// What a file that is not safetensors is instead, if it can be told.
fn other_format(path: &Path, bytes: &[u8]) -> Option<Error> {
    let refuse = |what: &str, help: &str| {
        Some(Error::data(
            format!("{}: not usable as weights: {what}", path.display()),
            help,
        ))
    };
    match bytes {
        [] => refuse("it is empty", GIVE),
        // What torch.save writes: a zip archive with a pickle inside, or the pickle alone.
        [b'P', b'K', 3, 4, ..] | [0x80, 2..=5, b'}' | b'c' | 0x8a | b'(' | b']' | 0x95, ..] => {
            refuse(
                "it is a pickle of PyTorch, which can run any code and is never read",
                "convert it in Python: safetensors.torch.save_file(torch.load(\"FILE.pt\", weights_only=True), \"FILE.safetensors\"), \
             where FILE.pt holds a state_dict",
            )
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::mutate::mutate;
    use crate::error::Class;
    use crate::rng::{Sequence, Stream};

    fn weights(data: Vec<f32>) -> Weights {
        Weights {
            tensors: vec![Tensor {
                name: "dense1.weight".to_owned(),
                shape: vec![1, data.len()],
                data,
            }],
        }
    }

    fn refused(bytes: &[u8]) -> (String, String) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("w.safetensors");
        fs::write(&path, bytes).expect("written");
        let error = Weights::read(&path).expect_err("refused");
        assert_eq!(error.class(), Class::Data, "{error}");
        assert!(error.to_string().contains("w.safetensors"), "{error}");
        (error.to_string(), error.help().to_owned())
    }

    #[test]
    fn weights_that_are_not_numbers_are_refused_by_name() {
        for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let (what, help) = refused(&weights(vec![1.0, wrong]).to_bytes().expect("bytes"));
            assert!(what.contains("`dense1.weight`"), "{what}");
            assert!(help.contains("diverged"), "{help}");
        }
    }

    #[test]
    fn what_pytorch_counts_beside_running_statistics_is_left_out() {
        let (mean, count) = ([0.5f32, -1.0], [7i64]);
        let view = |dtype, shape: Vec<usize>, bytes| {
            TensorView::new(dtype, shape, bytes).expect("a tensor")
        };
        let tensors = [
            (
                "bn1.running_mean",
                view(Dtype::F32, vec![2], bytemuck::cast_slice(&mean)),
            ),
            (
                "bn1.num_batches_tracked",
                view(Dtype::I64, vec![], bytemuck::cast_slice(&count)),
            ),
        ];
        let metadata: Option<HashMap<String, String>> = None;
        let bytes = safetensors::serialize(tensors, metadata).expect("bytes");
        let read = Weights::parse(Path::new("w.safetensors"), &bytes).expect("weights");
        let names: Vec<&str> = read.tensors().iter().map(|t| t.name.as_str()).collect();
        assert_eq!(names, ["bn1.running_mean"]);
        assert_eq!(read.tensors()[0].data, mean);
    }

    #[test]
    fn a_pickle_is_never_read_and_the_way_around_it_is_told() {
        for pickle in [
            &b"PK\x03\x04archive/data.pkl"[..],
            b"\x80\x02}q\x00.",
            b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.",
        ] {
            let (what, help) = refused(pickle);
            assert!(what.contains("pickle"), "{what}");
            assert!(help.contains("save_file"), "{help}");
        }
    }

    #[test]
    fn what_is_no_whole_file_of_weights_is_refused() {
        let whole = weights(vec![1.0; 64]).to_bytes().expect("bytes");
        for bytes in [
            &[][..],
            b"text",
            &whole[..whole.len() - 1],
            &whole[..9],
            &[0xff; 64],
        ] {
            assert!(!refused(bytes).1.is_empty(), "what to do is said");
        }
    }

    #[test]
    fn damaged_weights_are_read_or_refused_and_hold_no_more_than_their_file() {
        let whole = weights((0..24_u8).map(f32::from).collect())
            .to_bytes()
            .expect("bytes");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("w.safetensors");
        let mut accepted = 0;
        for case in 0..3000 {
            let mut bytes = whole.clone();
            mutate(&mut bytes, &mut Sequence::new(30, Stream::Test, case));
            fs::write(&path, &bytes).expect("written");
            match Weights::read(&path) {
                Ok(read) => {
                    accepted += 1;
                    for tensor in &read.tensors {
                        let elements: usize = tensor.shape.iter().product();
                        assert_eq!(elements, tensor.data.len(), "case {case}");
                        assert!(tensor.data.len() * 4 <= bytes.len(), "case {case}");
                    }
                }
                Err(error) => assert_eq!(error.class(), Class::Data, "case {case}: {error}"),
            }
        }
        assert!((100..2900).contains(&accepted), "{accepted} of 3000");
    }

    #[test]
    fn a_folder_in_place_of_weights_leads_to_the_file_in_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let help = || {
            let error = Weights::read(folder.path()).expect_err("a folder");
            assert_eq!(error.class(), Class::Data);
            error.help().to_owned()
        };
        assert!(help().contains(".safetensors"), "{}", help());
        fs::write(folder.path().join("weights.safetensors"), "").expect("written");
        assert!(help().ends_with("weights.safetensors"), "{}", help());
    }
}
