//! Convolutions.

use super::resize::{as_images, as_sequences};
use super::{Append, Check, Refusal, Rule, Words, pair};
use crate::config::Conv2d;
use crate::graph::{Shape, ShapeError, Value, Window};
use crate::nn::{Border, Init, Signal};
use crate::ops::{
    conv2d::Conv2d as Convolution, depthwise_conv2d, depthwise_conv2d::DepthwiseConv2d,
};

/// `conv2d`: a filter in every window of an image. `conv1d`: the same along a sequence, as an image of one row.
pub(super) struct Conv<'a> {
    conv: &'a Conv2d,
    sequences: bool,
}

impl<'a> Conv<'a> {
    pub(super) fn of_images(conv: &'a Conv2d) -> Self {
        Self {
            conv,
            sequences: false,
        }
    }

    pub(super) fn of_sequences(conv: &'a Conv2d) -> Self {
        Self {
            conv,
            sequences: true,
        }
    }

    fn window(&self) -> Window {
        Window {
            kernel: self.conv.kernel,
            stride: self.conv.stride,
            padding: self.conv.padding,
            dilation: self.conv.dilation,
        }
    }
}

impl Append<'_> {
    /// A convolution of images, by the kernels for as many groups as there are channels where it is one of those.
    pub(super) fn convolve(
        &mut self,
        window: Window,
        groups: usize,
        x: Value,
        weight: Value,
    ) -> Result<Value, ShapeError> {
        let &[_, _, group_c, out] = self.graph.shape(weight).dims() else {
            unreachable!("a weight has four axes");
        };
        if depthwise_conv2d::fits(group_c * groups, out, groups) {
            self.apply(DepthwiseConv2d::Forward { window }, &[x, weight])
        } else {
            self.apply(Convolution::Forward { window, groups }, &[x, weight])
        }
    }
}

impl Rule for Conv<'_> {
    fn check(&self, at: &mut Check<'_>) -> Result<Signal, Refusal> {
        let conv = self.conv;
        let input = at.input();
        let [h, w, c] = match (self.sequences, input.shape.as_slice()) {
            (false, &[h, w, c]) => [h, w, c],
            (true, &[t, c]) => [1, t, c],
            (false, _) => return Err(Refusal::is_no_image(input)),
            (true, _) => return Err(Refusal::is_no_sequence(input)),
        };
        let label = format!("the input is {input}");
        if c % conv.groups != 0 {
            return Err(Refusal::groups(c, conv.groups, label));
        }
        let [oh, ow] = self.window().output([h, w]).map_err(|error| {
            Refusal::new(
                error.to_string(),
                label,
                "use a smaller kernel or more padding, or remove a layer before it that shrinks the image",
            )
        })?;
        let [kh, kw] = conv.kernel;
        let (out, group_c) = (conv.out_channels, c / conv.groups);
        let fan_in = kh * kw * group_c;
        let fan_out = kh * kw * out / conv.groups;
        let rule = at.resolve(conv.init, conv.activation);
        let weight = Shape::from([kh, kw, group_c, out]);
        let init = Init::weight(rule, fan_in, fan_out);
        let border = match self.sequences {
            true => Border::Conv1d,
            false => Border::Conv,
        };
        at.parameter("weight", weight, border, init);
        if conv.bias {
            let init = Init::bias(rule, fan_in);
            at.parameter("bias", Shape::from([out]), Border::Same, init);
        }
        Ok(match self.sequences {
            true => Signal::floats([ow, out]),
            false => Signal::floats([oh, ow, out]),
        })
    }

    fn append(&self, to: &mut Append<'_>) -> Result<Value, ShapeError> {
        let x = as_images(to.graph, to.inputs[0]);
        let y = to.convolve(self.window(), self.conv.groups, x, to.parameters[0])?;
        let y = to.finish(y, to.parameters.get(1).copied(), self.conv.activation);
        Ok(match self.sequences {
            true => as_sequences(to.graph, y),
            false => y,
        })
    }

    fn describe(&self, words: &mut Words) {
        let conv = self.conv;
        if self.sequences {
            words.steps(conv.kernel, conv.stride, [1, 1]);
            if conv.padding[1] != 0 {
                words.add(format!("padding {}", conv.padding[1]));
            }
            if conv.dilation[1] != 1 {
                words.add(format!("dilation {}", conv.dilation[1]));
            }
        } else {
            words.add(pair(conv.kernel));
            words.size("stride", conv.stride, [1, 1]);
            words.size("padding", conv.padding, [0, 0]);
            words.size("dilation", conv.dilation, [1, 1]);
        }
        if conv.groups != 1 {
            words.add(format!("groups {}", conv.groups));
        }
        words.activation(conv.activation);
    }
}
