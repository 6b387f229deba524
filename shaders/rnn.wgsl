// rnn: h[t] = f(x[n, t] + Σ_k h[t − 1, k] · weight[·, k] + bias) with f = tanh or relu, as PyTorch's RNN. x is (N, T, H). How the
// work is shared out stands in lib/recurrence.wgsl.
const GATES: u32 = 1u;
const RELU: bool = false;
#import recurrence
#import squash

struct Cell {
    h: vec4<f32>,
    carry: vec4<f32>,
}

fn cell(of_h: array<vec4<f32>, GATES>, of_x: array<vec4<f32>, GATES>, carry: vec4<f32>) -> Cell {
    let a = of_x[0] + of_h[0];
    // NaN stays NaN, as in relu.wgsl.
    let negative = bitcast<vec4<u32>>(a) - vec4<u32>(0x80000000u) <= vec4<u32>(0x7f800000u);
    let h = select(tangent(a), select(a, vec4<f32>(0.0), negative), RELU);
    return Cell(h, h);
}

fn save(at: u32, j4: u32, now: Cell) {}

struct Back {
    of_x: array<vec4<f32>, GATES>,
    of_h: array<vec4<f32>, GATES>,
    dcarry: vec4<f32>,
}

fn cell_backward(at: u32, before: u32, first: bool, j4: u32, dh: vec4<f32>, dcarry: vec4<f32>) -> Back {
    let h = past_at(at, j4);
    let slope = select(1.0 - h * h, select(vec4<f32>(0.0), vec4<f32>(1.0), h > vec4<f32>(0.0)), RELU);
    let dx = array<vec4<f32>, GATES>(dh * slope);
    return Back(dx, dx, vec4<f32>(0.0));
}

fn put_dh(row: u32, j4: u32, v: vec4<f32>) {}
