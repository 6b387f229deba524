// avg_pool2d: y[n, oh, ow, c] = 1 / (KH · KW) · Σ over taps (kh, kw) of x[n, oh · SH + kh − PH, ow · SW + kw − PW, c], for x
// (N, H, W, C) and y (N, OH, OW, C), x being 0 in the padding.
//
// Forward: one invocation per element or vec4 of y. Backward: one invocation per element or vec4 of dx, which adds up dy of the
// windows that hold it.
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

// At least 1, so that the entry points for vec4s are valid where they are not used.
const C4: u32 = max(C / 4u, 1u);
// Windows along an axis that can hold one pixel.
const WINDOWS_H: u32 = (KH - 1u) / SH + 1u;
const WINDOWS_W: u32 = (KW - 1u) / SW + 1u;
const TAPS: f32 = f32(KH * KW);

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@group(0) @binding(0) var<storage, read> x4: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y4: array<vec4<f32>>;

#epilogue

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
    var sum = 0.0;
    for (var kh = 0u; kh < KH; kh++) {
        let h = oh * SH + kh;
        if (h < PH || h >= H + PH) {
            continue;
        }
        for (var kw = 0u; kw < KW; kw++) {
            let w = ow * SW + kw;
            if (w < PW || w >= W + PW) {
                continue;
            }
            sum += x[((n * H + h - PH) * W + w - PW) * C + c];
        }
    }
    y[id] = sum / TAPS;
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
    var sum = vec4<f32>(0.0);
    for (var kh = 0u; kh < KH; kh++) {
        let h = oh * SH + kh;
        if (h < PH || h >= H + PH) {
            continue;
        }
        for (var kw = 0u; kw < KW; kw++) {
            let w = ow * SW + kw;
            if (w < PW || w >= W + PW) {
                continue;
            }
            sum += x4[((n * H + h - PH) * W + w - PW) * C4 + c4];
        }
    }
    y4[id] = epilogue(sum / TAPS, id, columns(c4));
}

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read_write> dx: array<f32>;

@group(0) @binding(0) var<storage, read> dy4: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> dx4: array<vec4<f32>>;

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
        if (i > h / SH || oh >= OH || h - oh * SH >= KH) {
            continue;
        }
        for (var j = 0u; j < WINDOWS_W; j++) {
            let ow = w / SW - j;
            if (j > w / SW || ow >= OW || w - ow * SW >= KW) {
                continue;
            }
            sum += dy[((n * OH + oh) * OW + ow) * C + c];
        }
    }
    dx[id] = sum / TAPS;
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
        if (i > h / SH || oh >= OH || h - oh * SH >= KH) {
            continue;
        }
        for (var j = 0u; j < WINDOWS_W; j++) {
            let ow = w / SW - j;
            if (j > w / SW || ow >= OW || w - ow * SW >= KW) {
                continue;
            }
            sum += dy4[((n * OH + oh) * OW + ow) * C4 + c4];
        }
    }
    dx4[id] = epilogue(sum / TAPS, id, columns(c4));
}
