//! Between the layout of files (PyTorch's) and the layout of the kernels (channels-last).

use crate::graph::Shape;

/// How a parameter is laid out in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Border {
    /// As the kernels have it.
    Same,
    /// A convolution's weight: (O, C, KH, KW) in files, (KH, KW, C, O) in kernels.
    Conv,
    /// That of a convolution along a sequence: (O, C, K) in files, (1, K, C, O) in kernels.
    Conv1d,
    /// A transposed convolution's weight: (C, O of a group, KH, KW) in files; in kernels that of the convolution which it is of the
    /// image with zeros between its pixels, (KH, KW, C of a group, O), its taps in the other order.
    ConvTranspose {
        /// Groups of channels.
        groups: usize,
    },
    /// The weight of a dense layer behind a flattened image: its columns run over (C, H, W) in files, over (H, W, C) in kernels.
    Flattened {
        /// The image's height.
        h: usize,
        /// The image's width.
        w: usize,
        /// The image's channels.
        c: usize,
    },
}

impl Border {
    /// The shape in files of a parameter that has `shape` in kernels.
    pub fn file_shape(self, shape: &Shape) -> Vec<usize> {
        match (self, shape.dims()) {
            (Self::Conv, &[kh, kw, c, o]) => vec![o, c, kh, kw],
            (Self::Conv1d, &[_, k, c, o]) => vec![o, c, k],
            (Self::ConvTranspose { groups }, &[kh, kw, c, o]) => {
                vec![c * groups, o / groups, kh, kw]
            }
            (_, dims) => dims.to_vec(),
        }
    }

    /// For each element in the order of files, its place in the kernels' order.
    fn places(self, shape: &Shape) -> Vec<usize> {
        let dims = shape.dims();
        match (self, dims) {
            (Self::ConvTranspose { groups }, &[kh, kw, c, o]) => {
                let mut places = Vec::with_capacity(shape.elements());
                for input in 0..c * groups {
                    for out in 0..o / groups {
                        let out = input / c * (o / groups) + out;
                        for i in (0..kh).rev() {
                            for j in (0..kw).rev() {
                                places.push(((i * kw + j) * c + input % c) * o + out);
                            }
                        }
                    }
                }
                places
            }
            (Self::Conv | Self::Conv1d, &[kh, kw, c, o]) => {
                let mut places = Vec::with_capacity(shape.elements());
                for out in 0..o {
                    for channel in 0..c {
                        for i in 0..kh {
                            for j in 0..kw {
                                places.push(((i * kw + j) * c + channel) * o + out);
                            }
                        }
                    }
                }
                places
            }
            (Self::Flattened { h, w, c }, &[rows, columns]) => {
                let mut places = Vec::with_capacity(shape.elements());
                for row in 0..rows {
                    for channel in 0..c {
                        for pixel in 0..h * w {
                            places.push(row * columns + pixel * c + channel);
                        }
                    }
                }
                places
            }
            _ => (0..shape.elements()).collect(),
        }
    }

    /// From the order of files to that of the kernels.
    pub fn to_kernels(self, shape: &Shape, file: &[f32]) -> Vec<f32> {
        let mut kernels = vec![0.0; file.len()];
        for (&value, place) in file.iter().zip(self.places(shape)) {
            kernels[place] = value;
        }
        kernels
    }

    /// From the order of the kernels to that of files.
    pub fn to_file<T: Copy>(self, shape: &Shape, kernels: &[T]) -> Vec<T> {
        self.places(shape)
            .into_iter()
            .map(|place| kernels[place])
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: u16) -> Vec<f32> {
        (0..count).map(f32::from).collect()
    }

    #[test]
    fn a_conv_weight_is_out_in_height_width_in_files() {
        let shape = Shape::from([2, 3, 4, 5]);
        assert_eq!(Border::Conv.file_shape(&shape), [5, 4, 2, 3]);
        let kernels = numbers(120);
        let file = Border::Conv.to_file(&shape, &kernels);
        // File element (o = 1, c = 2, kh = 1, kw = 0) is kernel element (1, 0, 2, 1).
        assert!(
            (file[((4 + 2) * 2 + 1) * 3] - kernels[((3) * 4 + 2) * 5 + 1]).abs() < f32::EPSILON
        );
        assert_eq!(Border::Conv.to_kernels(&shape, &file), kernels);
    }

    #[test]
    fn the_weight_behind_a_flattened_image_runs_over_channels_first_in_files() {
        let shape = Shape::from([2, 12]);
        let border = Border::Flattened { h: 2, w: 2, c: 3 };
        let kernels = numbers(24);
        let file = border.to_file(&shape, &kernels);
        assert_eq!(file[..6], [0.0, 3.0, 6.0, 9.0, 1.0, 4.0]);
        assert_eq!(border.to_kernels(&shape, &file), kernels);
    }
}
