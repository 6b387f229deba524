// lstm: c[t] = f · c[t − 1] + i · g and h[t] = o · tanh(c[t]) with i, f, o = sigmoid and g = tanh of
// x[n, t] + Σ_k h[t − 1, k] · weight[·, k] + bias, as PyTorch's LSTM. x is (N, T, 4, H) with the gates in the order i, f, g, o;
// saved is (N, T, 5, H): i, f, g, o and c. How the work is shared out stands in lib/recurrence.wgsl.
const GATES: u32 = 4u;
const SAVED: u32 = 5u;
#import recurrence
#import squash

struct Cell {
    h: vec4<f32>,
    carry: vec4<f32>,
    kept: array<vec4<f32>, SAVED>,
}

fn cell(of_h: array<vec4<f32>, GATES>, of_x: array<vec4<f32>, GATES>, carry: vec4<f32>) -> Cell {
    let i = logistic(of_x[0] + of_h[0]);
    let f = logistic(of_x[1] + of_h[1]);
    let g = tangent(of_x[2] + of_h[2]);
    let o = logistic(of_x[3] + of_h[3]);
    let c = f * carry + i * g;
    return Cell(o * tangent(c), c, array<vec4<f32>, SAVED>(i, f, g, o, c));
}

struct Back {
    of_x: array<vec4<f32>, GATES>,
    of_h: array<vec4<f32>, GATES>,
    dcarry: vec4<f32>,
}

fn cell_backward(at: u32, before: u32, first: bool, j4: u32, dh: vec4<f32>, dcarry: vec4<f32>) -> Back {
    let i = past_at(at * SAVED, j4);
    let f = past_at(at * SAVED + 1u, j4);
    let g = past_at(at * SAVED + 2u, j4);
    let o = past_at(at * SAVED + 3u, j4);
    let squashed = tangent(past_at(at * SAVED + 4u, j4));
    var c_before = vec4<f32>(0.0);
    if (!first) {
        c_before = past_at(before * SAVED + 4u, j4);
    }
    let dc = dcarry + dh * o * (1.0 - squashed * squashed);
    let dx = array<vec4<f32>, GATES>(
        dc * g * i * (1.0 - i),
        dc * c_before * f * (1.0 - f),
        dc * i * (1.0 - g * g),
        dh * squashed * o * (1.0 - o),
    );
    return Back(dx, dx, dc * f);
}

fn put_dh(row: u32, j4: u32, v: vec4<f32>) {}

#if ALIGNED
@group(0) @binding(6) var<storage, read_write> saved: array<vec4<f32>>;
fn save(at: u32, j4: u32, now: Cell) {
    for (var s = 0u; s < SAVED; s++) {
        saved[(at * SAVED + s) * H4 + j4] = now.kept[s];
    }
}
#else
@group(0) @binding(6) var<storage, read_write> saved: array<f32>;
fn save(at: u32, j4: u32, now: Cell) {
    for (var s = 0u; s < SAVED; s++) {
        for (var i = j4 * 4u; i < min(j4 * 4u + 4u, H); i++) {
            saved[(at * SAVED + s) * H + i] = now.kept[s][i % 4u];
        }
    }
}
#end
