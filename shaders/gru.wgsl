// gru: h[t] = (1 − z) · n + z · h[t − 1] with r, z = sigmoid(x[n, t] + s) and n = tanh(x[n, t] + r · s), where
// s = Σ_k h[t − 1, k] · weight[·, k] + bias, as PyTorch's GRU. x is (N, T, 3, H) with the gates in the order r, z, n; saved is
// (N, T, 5, H): r, z, n, the s of n, and h[t − 1]. How the work is shared out stands in lib/recurrence.wgsl.
const GATES: u32 = 3u;
const SAVED: u32 = 5u;
#import recurrence
#import squash

struct Cell {
    h: vec4<f32>,
    carry: vec4<f32>,
    kept: array<vec4<f32>, SAVED>,
}

fn cell(of_h: array<vec4<f32>, GATES>, of_x: array<vec4<f32>, GATES>, carry: vec4<f32>) -> Cell {
    let r = logistic(of_x[0] + of_h[0]);
    let z = logistic(of_x[1] + of_h[1]);
    let n = tangent(of_x[2] + r * of_h[2]);
    let h = (1.0 - z) * n + z * carry;
    return Cell(h, h, array<vec4<f32>, SAVED>(r, z, n, of_h[2], carry));
}

struct Back {
    of_x: array<vec4<f32>, GATES>,
    of_h: array<vec4<f32>, GATES>,
    dcarry: vec4<f32>,
}

fn cell_backward(at: u32, before: u32, first: bool, j4: u32, dh: vec4<f32>, dcarry: vec4<f32>) -> Back {
    let r = past_at(at * SAVED, j4);
    let z = past_at(at * SAVED + 1u, j4);
    let n = past_at(at * SAVED + 2u, j4);
    let s = past_at(at * SAVED + 3u, j4);
    let h_before = past_at(at * SAVED + 4u, j4);
    let d = dh + dcarry;
    let dn = d * (1.0 - z) * (1.0 - n * n);
    let dz = d * (h_before - n) * z * (1.0 - z);
    let dr = dn * s * r * (1.0 - r);
    let dx = array<vec4<f32>, GATES>(dr, dz, dn);
    return Back(dx, array<vec4<f32>, GATES>(dr, dz, dn * r), d * z);
}

#if ALIGNED
@group(0) @binding(6) var<storage, read_write> saved: array<vec4<f32>>;
fn save(at: u32, j4: u32, now: Cell) {
    for (var s = 0u; s < SAVED; s++) {
        saved[(at * SAVED + s) * H4 + j4] = now.kept[s];
    }
}
@group(0) @binding(7) var<storage, read_write> dh: array<vec4<f32>>;
fn put_dh(row: u32, j4: u32, v: vec4<f32>) {
    dh[row * H4 + j4] = v;
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
@group(0) @binding(7) var<storage, read_write> dh: array<f32>;
fn put_dh(row: u32, j4: u32, v: vec4<f32>) {
    for (var i = j4 * 4u; i < min(j4 * 4u + 4u, H); i++) {
        dh[row * H + i] = v[i % 4u];
    }
}
#end
