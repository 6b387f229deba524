//! Transposed convolutions.

use super::{Append, Check, Refusal, Rule, Words, pair};
use crate::config::{ConvTranspose2d, Initializer};
use crate::graph::{Shape, ShapeError, Value, Window};
use crate::nn::{Border, Init, Signal};
use crate::ops::{pad::Pad, slice::Slice};

/// `conv_transpose2d`: a convolution of the image with zeros between its pixels and around them (Dumoulin and Visin 2016, section 4).
pub(super) struct Transposed<'a>(pub(super) &'a ConvTranspose2d);

impl Transposed<'_> {
    /// Zeros before and behind an axis of the image, whose pixels stand `stride` apart; below zero they are cut off instead.
    fn ends(&self, axis: usize) -> [isize; 2] {
        let conv = &self.0.conv;
        let signed = |n: usize| isize::try_from(n).expect("windows are small");
        let reach = signed(conv.dilation[axis] * (conv.kernel[axis] - 1));
        let before = reach - signed(conv.padding[axis]);
        [before, before + signed(self.0.output_padding[axis])]
    }

    /// `(in − 1) · stride − 2 · padding + dilation · (kernel − 1) + output_padding + 1` (PyTorch, `torch.nn.ConvTranspose2d`).
    fn output(&self, axis: usize, extent: usize) -> Option<usize> {
        let conv = &self.0.conv;
        let grown = (extent - 1) * conv.stride[axis]
            + conv.dilation[axis] * (conv.kernel[axis] - 1)
            + self.0.output_padding[axis]
            + 1;
        grown
            .checked_sub(2 * conv.padding[axis])
            .filter(|&extent| extent > 0)
    }
}

impl Rule for Transposed<'_> {
    fn check(&self, at: &mut Check<'_>) -> Result<Signal, Refusal> {
        let conv = &self.0.conv;
        let input = at.input();
        let [h, w, c] = *input.shape else {
            return Err(Refusal::is_no_image(input));
        };
        let label = format!("the input is {input}");
        if c % conv.groups != 0 {
            return Err(Refusal::groups(c, conv.groups, label));
        }
        let (Some(oh), Some(ow)) = (self.output(0, h), self.output(1, w)) else {
            let message = "its padding cuts off the whole image";
            return Err(Refusal::new(message, label, "use less `padding`"));
        };
        let [kh, kw] = conv.kernel;
        let (out, group_c) = (conv.out_channels, c / conv.groups);
        let taps = kh * kw;
        let (fan_in, fan_out) = (taps * group_c, taps * out / conv.groups);
        let rule = at.resolve(conv.init, conv.activation);
        // PyTorch takes the second axis of its weight for the inputs, which here are the outputs.
        let fan_in = match rule {
            Initializer::Pytorch => fan_out,
            _ => fan_in,
        };
        let weight = Shape::from([kh, kw, group_c, out]);
        let border = Border::ConvTranspose {
            groups: conv.groups,
        };
        let init = Init::weight(rule, fan_in, fan_out);
        at.parameter("weight", weight, border, init);
        if conv.bias {
            let init = Init::bias(rule, fan_in);
            at.parameter("bias", Shape::from([out]), Border::Same, init);
        }
        Ok(Signal::floats([oh, ow, out]))
    }

    fn append(&self, to: &mut Append<'_>) -> Result<Value, ShapeError> {
        let conv = &self.0.conv;
        let mut x = to.input();
        for axis in 0..2 {
            let [before, behind] = self.ends(axis);
            let pixels = to.graph.shape(x).dims()[axis + 1];
            let apart = (pixels - 1) * conv.stride[axis] + 1;
            let [begin, end] = [before, behind].map(|zeros| usize::try_from(zeros).unwrap_or(0));
            let padded = begin + apart + end;
            if padded != pixels {
                let op = Pad {
                    axis: axis + 1,
                    begin,
                    step: conv.stride[axis],
                    extent: padded,
                };
                x = to.apply(op, &[x])?;
            }
            let cut = [before, behind].map(|zeros| usize::try_from(-zeros).unwrap_or(0));
            if cut != [0, 0] {
                let op = Slice {
                    axis: axis + 1,
                    begin: cut[0],
                    step: 1,
                    extent: padded.saturating_sub(cut[0] + cut[1]),
                };
                x = to.apply(op, &[x])?;
            }
        }
        let window = Window {
            dilation: conv.dilation,
            ..Window::new(conv.kernel)
        };
        let y = to.convolve(window, conv.groups, x, to.parameters[0])?;
        Ok(to.finish(y, to.parameters.get(1).copied(), conv.activation))
    }

    fn describe(&self, words: &mut Words) {
        let conv = &self.0.conv;
        words.add(pair(conv.kernel));
        words.size("stride", conv.stride, [1, 1]);
        words.size("padding", conv.padding, [0, 0]);
        words.size("output padding", self.0.output_padding, [0, 0]);
        words.size("dilation", conv.dilation, [1, 1]);
        if conv.groups != 1 {
            words.add(format!("groups {}", conv.groups));
        }
        words.activation(conv.activation);
    }
}
