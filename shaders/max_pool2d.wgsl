// max_pool2d: y[n, oh, ow, c] = max over taps (kh, kw) of x[n, oh · SH + kh · DH − PH, ow · SW + kw · DW − PW, c], for x
// (N, H, W, C) and y, indices (N, OH, OW, C). The padding never wins; indices holds kh · KW + kw of the first tap with the maximum.
//
// Forward: one invocation per element or vec4 of y. Backward: one invocation per element or vec4 of dx, which adds up dy of the
// windows that name it. The plan sees to it that every window holds a pixel.
#import flat

const N: u32 = 1u;
const H: u32 = 4u;
const W: u32 = 4u;
const C: u32 = 4u;
const OH: u32 = 2u;
const OW: u32 = 2u;
const KH: u32 = 2u;
const KW: u32 = 2u;
const SH: u32 = 2u;
const SW: u32 = 2u;
const PH: u32 = 0u;
const PW: u32 = 0u;
const DH: u32 = 1u;
const DW: u32 = 1u;

// At least 1, so that the entry points for vec4s are valid where they are not used.
const C4: u32 = max(C / 4u, 1u);
// Windows along an axis that can hold one pixel.
const WINDOWS_H: u32 = ((KH - 1u) * DH) / SH + 1u;
const WINDOWS_W: u32 = ((KW - 1u) * DW) / SW + 1u;
const NO_TAP: u32 = 0xffffffffu;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> indices: array<u32>;

@group(0) @binding(0) var<storage, read> x4: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y4: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> indices4: array<vec4<u32>>;

#epilogue

// WGSL may assume that there is no NaN, so the bits are asked; a NaN must be seen further on.
fn is_nan(v: f32) -> bool {
    return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u;
}

fn is_nan4(v: vec4<f32>) -> vec4<bool> {
    return (bitcast<vec4<u32>>(v) & vec4<u32>(0x7fffffffu)) > vec4<u32>(0x7f800000u);
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= N * OH * OW * C) {
        return;
    }
    let c = id % C;
    let ow = id / C % OW;
    let oh = id / (C * OW) % OH;
    let n = id / (C * OW * OH);
    var best = 0.0;
    var winner = NO_TAP;
    for (var kh = 0u; kh < KH; kh++) {
        let h = oh * SH + kh * DH;
        if (h < PH || h >= H + PH) {
            continue;
        }
        for (var kw = 0u; kw < KW; kw++) {
            let w = ow * SW + kw * DW;
            if (w < PW || w >= W + PW) {
                continue;
            }
            let v = x[((n * H + h - PH) * W + w - PW) * C + c];
            if (winner == NO_TAP || v > best || is_nan(v)) {
                best = v;
                winner = kh * KW + kw;
            }
        }
    }
    y[id] = best;
    indices[id] = winner;
}

// C a multiple of 4.
@compute @workgroup_size(WORKGROUP)
fn forward_vec4(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= N * OH * OW * C4) {
        return;
    }
    let c4 = id % C4;
    let ow = id / C4 % OW;
    let oh = id / (C4 * OW) % OH;
    let n = id / (C4 * OW * OH);
    var best = vec4<f32>(0.0);
    var winner = vec4<u32>(NO_TAP);
    for (var kh = 0u; kh < KH; kh++) {
        let h = oh * SH + kh * DH;
        if (h < PH || h >= H + PH) {
            continue;
        }
        for (var kw = 0u; kw < KW; kw++) {
            let w = ow * SW + kw * DW;
            if (w < PW || w >= W + PW) {
                continue;
            }
            let v = x4[((n * H + h - PH) * W + w - PW) * C4 + c4];
            let wins = (winner == vec4<u32>(NO_TAP)) | (v > best) | is_nan4(v);
            best = select(best, v, wins);
            winner = select(winner, vec4<u32>(kh * KW + kw), wins);
        }
    }
    y4[id] = best;
    indices4[id] = winner;
}

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> winners: array<u32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

@group(0) @binding(0) var<storage, read> dy4: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> winners4: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> dx4: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= N * H * W * C) {
        return;
    }
    let c = id % C;
    let w = id / C % W + PW;
    let h = id / (C * W) % H + PH;
    let n = id / (C * W * H);
    var sum = 0.0;
    // From the last window that begins at or before the pixel backwards.
    for (var i = 0u; i < WINDOWS_H; i++) {
        let oh = h / SH - i;
        let tap_h = h - oh * SH;
        if (i > h / SH || oh >= OH || tap_h % DH != 0u || tap_h / DH >= KH) {
            continue;
        }
        for (var j = 0u; j < WINDOWS_W; j++) {
            let ow = w / SW - j;
            let tap_w = w - ow * SW;
            if (j > w / SW || ow >= OW || tap_w % DW != 0u || tap_w / DW >= KW) {
                continue;
            }
            let out = ((n * OH + oh) * OW + ow) * C + c;
            if (winners[out] == tap_h / DH * KW + tap_w / DW) {
                sum += dy[out];
            }
        }
    }
    dx[id] = sum;
}

// C a multiple of 4.
@compute @workgroup_size(WORKGROUP)
fn backward_vec4(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= N * H * W * C4) {
        return;
    }
    let c4 = id % C4;
    let w = id / C4 % W + PW;
    let h = id / (C4 * W) % H + PH;
    let n = id / (C4 * W * H);
    var sum = vec4<f32>(0.0);
    for (var i = 0u; i < WINDOWS_H; i++) {
        let oh = h / SH - i;
        let tap_h = h - oh * SH;
        if (i > h / SH || oh >= OH || tap_h % DH != 0u || tap_h / DH >= KH) {
            continue;
        }
        for (var j = 0u; j < WINDOWS_W; j++) {
            let ow = w / SW - j;
            let tap_w = w - ow * SW;
            if (j > w / SW || ow >= OW || tap_w % DW != 0u || tap_w / DW >= KW) {
                continue;
            }
            let out = ((n * OH + oh) * OW + ow) * C4 + c4;
            let wins = winners4[out] == vec4<u32>(tap_h / DH * KW + tap_w / DW);
            sum += select(vec4<f32>(0.0), dy4[out], wins);
        }
    }
    dx4[id] = epilogue(sum, id, columns(c4));
}

// Windows that do not overlap, without padding or dilation, C a multiple of 4: one invocation per vec4 of a window, which writes
// all pixels up to the next window, and those beyond the last window.
const ACROSS: u32 = (W + SW - 1u) / SW;
const DOWN: u32 = (H + SH - 1u) / SH;

@compute @workgroup_size(WORKGROUP)
fn backward_apart_vec4(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= N * DOWN * ACROSS * C4) {
        return;
    }
    let c4 = id % C4;
    let ow = id / C4 % ACROSS;
    let oh = id / (C4 * ACROSS) % DOWN;
    let n = id / (C4 * ACROSS * DOWN);
    let out = ((n * OH + min(oh, OH - 1u)) * OW + min(ow, OW - 1u)) * C4 + c4;
    let dyv = dy4[out];
    let winner = select(vec4<u32>(NO_TAP), winners4[out], oh < OH && ow < OW);
    let of_column = columns(c4);
    for (var i = 0u; i < SH; i++) {
        for (var j = 0u; j < SW; j++) {
            if (oh * SH + i < H && ow * SW + j < W) {
                let at = ((n * H + oh * SH + i) * W + ow * SW + j) * C4 + c4;
                let wins = (winner == vec4<u32>(i * KW + j)) & vec4<bool>(i < KH && j < KW);
                dx4[at] = epilogue(select(vec4<f32>(0.0), dyv, wins), at, of_column);
            }
        }
    }
}
