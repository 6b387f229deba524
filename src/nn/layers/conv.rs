//! Convolutions.

use super::{Append, Check, Refusal, Rule, Words, pair};
use crate::config::Conv2d;
use crate::graph::{Shape, ShapeError, Value, Window};
use crate::nn::{Border, Init, Signal};
use crate::ops::{conv2d, depthwise_conv2d};

/// `conv2d`: a filter in every window of an image.
pub(super) struct Conv<'a>(pub(super) &'a Conv2d);

impl Conv<'_> {
    fn window(&self) -> Window {
        Window {
            kernel: self.0.kernel,
            stride: self.0.stride,
            padding: self.0.padding,
            dilation: self.0.dilation,
        }
    }
}

impl Rule for Conv<'_> {
    fn check(&self, at: &mut Check<'_>) -> Result<Signal, Refusal> {
        let Self(conv) = self;
        let input = at.input();
        let [h, w, c] = *input.shape else {
            return Err(Refusal::is_no_image(input));
        };
        let label = format!("the input is {input}");
        if c % conv.groups != 0 {
            return Err(Refusal::new(
                format!(
                    "{c} input channels cannot be divided into {} groups",
                    conv.groups
                ),
                label,
                "choose `groups` so that it divides the input channels",
            ));
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
        at.parameter("weight", weight, Border::Conv, init);
        if conv.bias {
            let init = Init::bias(rule, fan_in);
            at.parameter("bias", Shape::from([out]), Border::Same, init);
        }
        Ok(Signal::floats([oh, ow, out]))
    }

    fn append(&self, to: &mut Append<'_>) -> Result<Value, ShapeError> {
        let window = self.window();
        let (x, weight) = (to.input(), to.parameters[0]);
        let groups = self.0.groups;
        let channels = to.graph.shape(weight).dims()[2] * groups;
        let y = if depthwise_conv2d::fits(channels, self.0.out_channels, groups) {
            let op = depthwise_conv2d::DepthwiseConv2d::Forward { window };
            to.apply(op, &[x, weight])?
        } else {
            let op = conv2d::Conv2d::Forward { window, groups };
            to.apply(op, &[x, weight])?
        };
        Ok(to.finish(y, to.parameters.get(1).copied(), self.0.activation))
    }

    fn describe(&self, words: &mut Words) {
        let Self(conv) = self;
        words.add(pair(conv.kernel));
        words.size("stride", conv.stride, [1, 1]);
        words.size("padding", conv.padding, [0, 0]);
        words.size("dilation", conv.dilation, [1, 1]);
        if conv.groups != 1 {
            words.add(format!("groups {}", conv.groups));
        }
        words.activation(conv.activation);
    }
}
