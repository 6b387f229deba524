//! The inputs that prove convolutions.

use std::sync::Arc;

use super::Conv2d;
use crate::graph::{Case, CaseInput, Domain, Fused, Shape, Window};
use crate::ops::add_bias::AddBias;
use crate::ops::relu::Relu;
use crate::ops::sigmoid::Sigmoid;

/// One pixel to several tiles; thin, vec4 and ragged channels; every attribute alone and together; groups up to depthwise.
pub fn cases() -> Vec<Case> {
    let plain = |kernel| Window::new(kernel);
    let all = |kernel, stride, padding, dilation| Window {
        kernel,
        stride,
        padding,
        dilation,
    };
    let list: &[([usize; 4], usize, usize, Window)] = &[
        // x (N, H, W, C), O, groups, window
        ([1, 1, 1, 1], 1, 1, plain([1, 1])),
        ([2, 5, 7, 3], 5, 1, plain([3, 3])),
        ([3, 7, 5, 1], 8, 1, plain([3, 3])),
        ([2, 9, 9, 3], 12, 1, all([3, 3], [2, 2], [1, 1], [1, 1])),
        ([5, 13, 11, 1], 32, 1, all([5, 5], [1, 1], [2, 2], [1, 1])),
        ([1, 6, 6, 4], 4, 1, plain([3, 3])),
        ([2, 7, 6, 8], 12, 1, all([3, 2], [1, 2], [1, 0], [1, 1])),
        ([3, 10, 9, 12], 20, 1, all([3, 3], [2, 1], [2, 1], [2, 1])),
        ([2, 8, 8, 16], 16, 1, all([1, 1], [2, 2], [0, 0], [1, 1])),
        ([4, 12, 13, 32], 64, 1, plain([3, 3])),
        ([2, 9, 9, 36], 52, 1, all([3, 3], [1, 1], [1, 1], [1, 1])),
        ([2, 11, 7, 6], 9, 3, all([3, 3], [2, 2], [1, 1], [1, 1])),
        ([2, 7, 7, 8], 8, 8, all([3, 3], [1, 1], [1, 1], [1, 1])),
        ([1, 15, 15, 2], 6, 2, all([3, 3], [3, 2], [2, 2], [3, 2])),
        ([7, 30, 30, 1], 32, 1, plain([3, 3])),
        ([17, 19, 19, 4], 8, 1, plain([5, 5])),
        // First layers whose rows are whole vec4s.
        ([2, 9, 28, 1], 32, 1, plain([3, 3])),
        ([3, 9, 12, 3], 8, 1, all([3, 2], [2, 1], [1, 0], [2, 1])),
        // Axes that differ in everything, and padding along one of them.
        ([2, 6, 7, 3], 5, 1, all([3, 2], [2, 1], [0, 1], [1, 2])),
        ([2, 7, 9, 2], 8, 1, all([2, 3], [1, 2], [1, 0], [2, 1])),
        ([2, 5, 6, 4], 4, 1, all([3, 3], [1, 1], [0, 1], [1, 1])),
        ([2, 9, 8, 6], 6, 3, all([2, 3], [2, 1], [1, 0], [1, 2])),
        // Large tiles that reach beyond the last pixel and the last channels.
        ([3, 25, 23, 12], 12, 1, plain([3, 3])),
        ([3, 25, 23, 1], 12, 1, plain([3, 3])),
        // One row too wide for the faster kernels of the weight's gradient.
        ([1, 1, 2005, 1], 4, 1, plain([1, 9])),
        ([2, 1, 10_003, 4], 4, 1, plain([1, 3])),
    ];
    let mut cases: Vec<Case> = list
        .iter()
        .map(|&(x, o, groups, window)| {
            let weight = [window.kernel[0], window.kernel[1], x[3] / groups, o];
            Case::new(
                Conv2d::Forward { window, groups },
                vec![CaseInput::normal(x), CaseInput::normal(weight)],
            )
        })
        .collect();
    cases.extend(fused_cases());
    cases
}

/// Convolutions with epilogues, of every kernel that has one and of one that has none.
fn fused_cases() -> Vec<Case> {
    let plain = Window::new([3, 3]);
    let mut cases = Vec::new();
    for (x, o, groups) in [
        ([3, 9, 8, 8], 12, 1),
        ([5, 13, 11, 32], 64, 1),
        ([3, 9, 8, 1], 12, 1),
        ([2, 5, 6, 8], 12, 2),
    ] {
        let forward = Conv2d::Forward {
            window: plain,
            groups,
        };
        let op = Fused::new(Arc::new(forward), 2)
            .then(Arc::new(AddBias), 2, 0)
            .then(Arc::new(Relu::Forward), 1, 0);
        let inputs = [
            vec![x[0], x[1], x[2], x[3]],
            vec![3, 3, x[3] / groups, o],
            vec![o],
        ];
        cases.push(Case::new(op, inputs.map(CaseInput::normal).into()));
        let backward = Conv2d::BackwardX {
            window: plain,
            groups,
            input: Shape::from(x),
        };
        let op = Fused::new(Arc::new(backward), 2).then(Arc::new(Sigmoid::Backward), 2, 1);
        let inputs = vec![
            CaseInput::normal([x[0], x[1] - 2, x[2] - 2, o]),
            CaseInput::normal([3, 3, x[3] / groups, o]),
            CaseInput::floats(x, Domain::Positive),
        ];
        cases.push(Case::new(op, inputs));
    }
    cases
}
