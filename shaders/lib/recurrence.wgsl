// A recurrent cell over a whole sequence, for a file that defines
//   const GATES: u32                       the gates of a unit
//   struct Cell { h, carry, … }            the new state, what the unit is told in the next step, what is kept for the gradient
//   fn cell(of_h, of_x, carry) -> Cell     a step of four units, with of_h[g] = Σ_k h[k] · weight[g, j, k] + bias[g, j]
//   fn save(at, j4, cell)                  keeps it, in row `at` of the (N, T) rows
//   struct Back { of_x, of_h, dcarry }     the gradients of x, of those sums, and of the carry
//   fn cell_backward(at, before, first, j4, dh, dcarry) -> Back
//   fn put_dh(row, j4, v)                  stores that of the sums, where it is another than that of x
// with x and dx (N, T, GATES, H), y and dy (N, T, H), weight (GATES, H, H), bias (GATES, H).
//
// One invocation computes ROWS samples of four units, all gates of them. ACROSS invocations side by side compute ACROSS vec4s of
// units; the other parts of the units are theirs, too (SPREAD = 1), so that a workgroup of whole samples walks STEPS steps in one
// dispatch with a barrier after each, or those of other invocations (SPREAD = PARTS), one step per dispatch. `state` holds the
// states of the last two steps, each in the half of its parity, and behind them what the units carry. With which step a dispatch
// begins, the one before says: counter_from, counter_to.
#import flat
#import subgroup

const N: u32 = 2u;
const T: u32 = 3u;
const H: u32 = 4u;
// H is a multiple of 4.
const ALIGNED: bool = true;
// From the last step to the first.
const REVERSE: bool = false;
const STEPS: u32 = 3u;
const ACROSS: u32 = 1u;
const SPREAD: u32 = 1u;
const H4: u32 = (H + 3u) / 4u;
const PARTS: u32 = (H4 + ACROSS - 1u) / ACROSS;
const ROW_GROUPS: u32 = (N + ROWS - 1u) / ROWS;

// The weights in the order in which they are read, zeros beyond H; behind them the biases.
const PACKED: u32 = (4u * H4 + 1u) * GATES * H4;
const PACKED_BACKWARD: u32 = GATES * 4u * H4 * H4;
const BIAS: u32 = 4u * H4 * GATES * H4;

@group(0) @binding(0) var<storage, read> weight: array<f32>;
@group(0) @binding(1) var<storage, read> bias: array<f32>;
@group(0) @binding(2) var<storage, read_write> packed: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> counter: array<u32>;

// packed[k, g, j4] = weight[g, 4 · j4.., k], the last row bias[g, 4 · j4..].
@compute @workgroup_size(WORKGROUP)
fn pack(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= PACKED) {
        return;
    }
    let j4 = id % H4;
    let gate = id / H4 % GATES;
    let k = id / (H4 * GATES);
    var v = vec4<f32>(0.0);
    for (var i = 0u; i < 4u; i++) {
        let j = gate * H + j4 * 4u + i;
        if (j4 * 4u + i < H) {
            if (k < H) {
                v[i] = weight[j * H + k];
            } else if (k == 4u * H4) {
                v[i] = bias[j];
            }
        }
    }
    packed[id] = v;
    if (id == 0u) {
        counter[0] = 0u;
    }
}

@group(0) @binding(1) var<storage, read_write> packed_backward: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> counter_backward: array<u32>;

// packed_backward[g, j, k4] = weight[g, j, 4 · k4..].
@compute @workgroup_size(WORKGROUP)
fn pack_backward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= PACKED_BACKWARD) {
        return;
    }
    let k4 = id % H4;
    let j = id / H4 % (4u * H4);
    let gate = id / (4u * H4 * H4);
    var v = vec4<f32>(0.0);
    for (var i = 0u; i < 4u; i++) {
        let k = k4 * 4u + i;
        if (j < H && k < H) {
            v[i] = weight[(gate * H + j) * H + k];
        }
    }
    packed_backward[id] = v;
    if (id == 0u) {
        counter_backward[0] = 0u;
    }
}

@group(0) @binding(1) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> counter_from: array<u32>;
@group(0) @binding(3) var<storage, read_write> counter_to: array<u32>;
@group(0) @binding(4) var<storage, read_write> state: array<vec4<f32>>;

// Four numbers of row number `row` of H, from 4 · j4 on, zeros beyond H; the same written.
#if ALIGNED
alias Numbers = vec4<f32>;
const UNITS: u32 = H4;
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> y: array<vec4<f32>>;
fn x_at(row: u32, j4: u32) -> vec4<f32> {
    return x[row * H4 + j4];
}
fn put_y(row: u32, j4: u32, v: vec4<f32>) {
    y[row * H4 + j4] = v;
}
@group(0) @binding(0) var<storage, read> past: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> dx: array<vec4<f32>>;
fn past_at(row: u32, j4: u32) -> vec4<f32> {
    return past[row * H4 + j4];
}
fn dy_at(row: u32, j4: u32) -> vec4<f32> {
    return dy[row * H4 + j4];
}
fn put_dx(row: u32, j4: u32, v: vec4<f32>) {
    dx[row * H4 + j4] = v;
}
#else
alias Numbers = f32;
const UNITS: u32 = H;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;
fn x_at(row: u32, j4: u32) -> vec4<f32> {
    let i = places(row, j4);
    return without_tail(vec4<f32>(x[i.x], x[i.y], x[i.z], x[i.w]), j4, H);
}
fn put_y(row: u32, j4: u32, v: vec4<f32>) {
    for (var i = j4 * 4u; i < min(j4 * 4u + 4u, H); i++) {
        y[row * H + i] = v[i % 4u];
    }
}
@group(0) @binding(0) var<storage, read> past: array<f32>;
@group(0) @binding(5) var<storage, read> dy: array<f32>;
@group(0) @binding(6) var<storage, read_write> dx: array<f32>;
fn past_at(row: u32, j4: u32) -> vec4<f32> {
    let i = places(row, j4);
    return without_tail(vec4<f32>(past[i.x], past[i.y], past[i.z], past[i.w]), j4, H);
}
fn dy_at(row: u32, j4: u32) -> vec4<f32> {
    let i = places(row, j4);
    return without_tail(vec4<f32>(dy[i.x], dy[i.y], dy[i.z], dy[i.w]), j4, H);
}
fn put_dx(row: u32, j4: u32, v: vec4<f32>) {
    for (var i = j4 * 4u; i < min(j4 * 4u + 4u, H); i++) {
        dx[row * H + i] = v[i % 4u];
    }
}
#end

#import tail

// Where four numbers of a row of H begin at any place; beyond the row its last one.
fn places(row: u32, j4: u32) -> vec4<u32> {
    return row * H + min(vec4<u32>(j4 * 4u) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(H - 1u));
}

// Of an invocation: which one of ACROSS it is, its first part, its first sample.
struct Place {
    lane: u32,
    part: u32,
    group: u32,
}

fn place_of(id: u32) -> Place {
    let tile = id / ACROSS;
    return Place(id % ACROSS, tile % SPREAD, tile / SPREAD);
}

// The sums of all gates of four units over the state of the step before, for ROWS samples from `row` on.
fn products(row: u32, j4: u32, step: u32) -> array<array<vec4<f32>, GATES>, ROWS> {
    var acc: array<array<vec4<f32>, GATES>, ROWS>;
    let from_half = (step + 1u) % 2u * N;
    for (var k4 = 0u; k4 < H4; k4++) {
        var w: array<mat4x4<f32>, GATES>;
        for (var g = 0u; g < GATES; g++) {
            let at = (k4 * 4u * GATES + g) * H4 + j4;
            w[g] = mat4x4<f32>(weights[at], weights[at + GATES * H4], weights[at + 2u * GATES * H4], weights[at + 3u * GATES * H4]);
        }
        for (var r = 0u; r < ROWS; r++) {
            let h = state[(from_half + min(row + r, N - 1u)) * H4 + k4];
            for (var g = 0u; g < GATES; g++) {
                acc[r][g] += w[g] * h;
            }
        }
    }
    return acc;
}

// The same by a subgroup that hands round the states.
fn products_subgroup(row: u32, j4: u32, step: u32, lane: u32) -> array<array<vec4<f32>, GATES>, ROWS> {
    var acc: array<array<vec4<f32>, GATES>, ROWS>;
    let from_half = (step + 1u) % 2u * N;
    for (var k4 = 0u; k4 < H4; k4++) {
        var hv: array<vec4<f32>, LOADS>;
        for (var i = 0u; i < LOADS; i++) {
            hv[i] = state[(from_half + min(row + i * LANES + lane, N - 1u)) * H4 + k4];
        }
        var w: array<mat4x4<f32>, GATES>;
        for (var g = 0u; g < GATES; g++) {
            let at = (k4 * 4u * GATES + g) * H4 + j4;
            w[g] = mat4x4<f32>(weights[at], weights[at + GATES * H4], weights[at + 2u * GATES * H4], weights[at + 3u * GATES * H4]);
        }
        for (var r = 0u; r < ROWS; r++) {
            let h = subgroupShuffle(hv[r / LANES], r % LANES);
            for (var g = 0u; g < GATES; g++) {
                acc[r][g] += w[g] * h;
            }
        }
    }
    return acc;
}

// What follows the sums of a step: the cell, and its state where the next step and the gradient look for it. The end of the loop is not
// known when the kernel is compiled, so that the cell is not written out ROWS times: that took Mesa seconds.
fn finish(step: u32, first: u32, j4: u32, of_state: array<array<vec4<f32>, GATES>, ROWS>) {
    var sums = of_state;
    let t = select(step, T - 1u - step, REVERSE);
    for (var row = first; row < min(first + ROWS, N); row++) {
        let at = row * T + t;
        var of_h: array<vec4<f32>, GATES>;
        var of_x: array<vec4<f32>, GATES>;
        for (var g = 0u; g < GATES; g++) {
            of_x[g] = x_at(at * GATES + g, j4);
            of_h[g] = sums[row - first][g] + weights[BIAS + g * H4 + j4];
        }
        let place = row * H4 + j4;
        var carry = vec4<f32>(0.0);
        if (step > 0u) {
            carry = state[2u * N * H4 + place];
        }
        let now = cell(of_h, of_x, carry);
        state[step % 2u * N * H4 + place] = now.h;
        state[2u * N * H4 + place] = now.carry;
        put_y(at, j4, now.h);
        save(at, j4, now);
    }
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    let place = place_of(id);
    let begin = counter_from[0];
    let row = place.group * ROWS;
    for (var i = 0u; i < STEPS; i++) {
        let step = begin + i;
        if (step < T && place.group < ROW_GROUPS) {
            for (var part = place.part; part < PARTS; part += SPREAD) {
                let j4 = part * ACROSS + place.lane;
                if (j4 < H4) {
                    var sums: array<array<vec4<f32>, GATES>, ROWS>;
                    if (step > 0u) {
                        sums = products(row, j4, step);
                    }
                    finish(step, row, j4, sums);
                }
            }
        }
        if (STEPS > 1u) {
            storageBarrier();
        }
    }
    if (id == 0u) {
        counter_to[0] = begin + STEPS;
    }
}

@compute @workgroup_size(WORKGROUP)
fn forward_subgroup(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    let place = place_of(id);
    let begin = counter_from[0];
    let row = place.group * ROWS;
    for (var i = 0u; i < STEPS; i++) {
        let step = begin + i;
        if (step < T && place.group < ROW_GROUPS) {
            for (var part = place.part; part < PARTS; part += SPREAD) {
                let j4 = part * ACROSS + place.lane;
                var sums: array<array<vec4<f32>, GATES>, ROWS>;
                if (step > 0u) {
                    sums = products_subgroup(row, min(j4, H4 - 1u), step, place.lane);
                }
                if (j4 < H4) {
                    finish(step, row, j4, sums);
                }
            }
        }
        if (STEPS > 1u) {
            storageBarrier();
        }
    }
    if (id == 0u) {
        counter_to[0] = begin + STEPS;
    }
}

// The gradient of the state of four units that the next step's sums give: Σ over gates and units of it.
fn products_backward(row: u32, k4: u32, step: u32) -> array<vec4<f32>, ROWS> {
    var acc: array<vec4<f32>, ROWS>;
    let from_half = (step + 1u) % 2u * N;
    for (var j4 = 0u; j4 < GATES * H4; j4++) {
        let at = j4 * 4u * H4 + k4;
        let w = mat4x4<f32>(weights[at], weights[at + H4], weights[at + 2u * H4], weights[at + 3u * H4]);
        for (var r = 0u; r < ROWS; r++) {
            acc[r] += w * state[(from_half + min(row + r, N - 1u)) * GATES * H4 + j4];
        }
    }
    return acc;
}

fn products_backward_subgroup(row: u32, k4: u32, step: u32, lane: u32) -> array<vec4<f32>, ROWS> {
    var acc: array<vec4<f32>, ROWS>;
    let from_half = (step + 1u) % 2u * N;
    for (var j4 = 0u; j4 < GATES * H4; j4++) {
        var dv: array<vec4<f32>, LOADS>;
        for (var i = 0u; i < LOADS; i++) {
            dv[i] = state[(from_half + min(row + i * LANES + lane, N - 1u)) * GATES * H4 + j4];
        }
        let at = j4 * 4u * H4 + k4;
        let w = mat4x4<f32>(weights[at], weights[at + H4], weights[at + 2u * H4], weights[at + 3u * H4]);
        for (var r = 0u; r < ROWS; r++) {
            acc[r] += w * subgroupShuffle(dv[r / LANES], r % LANES);
        }
    }
    return acc;
}

// As `finish`. The steps are numbered in the order of the walk: number 0 is the last one that the forward pass took.
fn finish_backward(step: u32, first: u32, j4: u32, of_state: array<vec4<f32>, ROWS>) {
    var sums = of_state;
    let t = select(T - 1u - step, step, REVERSE);
    for (var row = first; row < min(first + ROWS, N); row++) {
        let at = row * T + t;
        let before = select(at - 1u, at + 1u, REVERSE);
        let place = 2u * N * GATES * H4 + row * H4 + j4;
        var dcarry = vec4<f32>(0.0);
        if (step > 0u) {
            dcarry = state[place];
        }
        let back = cell_backward(at, before, step == T - 1u, j4, dy_at(at, j4) + sums[row - first], dcarry);
        for (var g = 0u; g < GATES; g++) {
            put_dx(at * GATES + g, j4, back.of_x[g]);
            put_dh(at * GATES + g, j4, back.of_h[g]);
            state[(step % 2u * N + row) * GATES * H4 + g * H4 + j4] = back.of_h[g];
        }
        state[place] = back.dcarry;
    }
}

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    let place = place_of(id);
    let begin = counter_from[0];
    let row = place.group * ROWS;
    for (var i = 0u; i < STEPS; i++) {
        let step = begin + i;
        if (step < T && place.group < ROW_GROUPS) {
            for (var part = place.part; part < PARTS; part += SPREAD) {
                let k4 = part * ACROSS + place.lane;
                if (k4 < H4) {
                    var sums: array<vec4<f32>, ROWS>;
                    if (step > 0u) {
                        sums = products_backward(row, k4, step);
                    }
                    finish_backward(step, row, k4, sums);
                }
            }
        }
        if (STEPS > 1u) {
            storageBarrier();
        }
    }
    if (id == 0u) {
        counter_to[0] = begin + STEPS;
    }
}

@compute @workgroup_size(WORKGROUP)
fn backward_subgroup(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    let place = place_of(id);
    let begin = counter_from[0];
    let row = place.group * ROWS;
    for (var i = 0u; i < STEPS; i++) {
        let step = begin + i;
        if (step < T && place.group < ROW_GROUPS) {
            for (var part = place.part; part < PARTS; part += SPREAD) {
                let k4 = part * ACROSS + place.lane;
                var sums: array<vec4<f32>, ROWS>;
                if (step > 0u) {
                    sums = products_backward_subgroup(row, min(k4, H4 - 1u), step, place.lane);
                }
                if (k4 < H4) {
                    finish_backward(step, row, k4, sums);
                }
            }
        }
        if (STEPS > 1u) {
            storageBarrier();
        }
    }
    if (id == 0u) {
        counter_to[0] = begin + STEPS;
    }
}

// before[n, t] = y[n, t − 1], 0 in the first step: what the weight was multiplied by. One invocation per number, or per vec4.
@group(0) @binding(0) var<storage, read> y_saved: array<Numbers>;
@group(0) @binding(1) var<storage, read_write> before: array<Numbers>;

@compute @workgroup_size(WORKGROUP)
fn shift(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= N * T * UNITS) {
        return;
    }
    let t = id / UNITS % T;
    var v = Numbers();
    if (REVERSE) {
        if (t + 1u < T) {
            v = y_saved[id + UNITS];
        }
    } else if (t > 0u) {
        v = y_saved[id - UNITS];
    }
    before[id] = v;
}
