// depthwise_conv2d: y[n, oh, ow, c] = Σ over taps (kh, kw) of x[n, ih, iw, c] · weight[kh, kw, 0, c], for x (N, H, W, C), weight
// (KH, KW, 1, C) and y (N, OH, OW, C), with ih = oh · SH + kh · DH − PH, iw = ow · SW + kw · DW − PW; x is 0 in the padding.
// C is a multiple of 4.
//
//   dx[n, ih, iw, c] = Σ dy[n, oh, ow, c] · weight[kh, kw, 0, c]       dweight[kh, kw, 0, c] = Σ x[n, ih, iw, c] · dy[n, oh, ow, c]
//
// forward, backward_x: one invocation per vec4 of y, of dx. backward_weight: one invocation per vec4 of dweight and part of the N · OH rows
// of dy, ROWS of them each; reduce_sum adds up the parts.
#import flat

const N: u32 = 1u;
const H: u32 = 4u;
const W: u32 = 4u;
const C: u32 = 4u;
const OH: u32 = 2u;
const OW: u32 = 2u;
const KH: u32 = 3u;
const KW: u32 = 3u;
const SH: u32 = 1u;
const SW: u32 = 1u;
const PH: u32 = 0u;
const PW: u32 = 0u;
const DH: u32 = 1u;
const DW: u32 = 1u;
const ROWS: u32 = 1u;

const C4: u32 = max(C / 4u, 1u);
const TAPS4: u32 = max(KH * KW * C4, 1u);
const PARTS: u32 = (N * OH + ROWS - 1u) / max(ROWS, 1u);

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

#epilogue

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
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
        let h = oh * SH + kh * DH;
        if (h < PH || h >= H + PH) {
            continue;
        }
        for (var kw = 0u; kw < KW; kw++) {
            let w = ow * SW + kw * DW;
            if (w < PW || w >= W + PW) {
                continue;
            }
            sum += x[((n * H + h - PH) * W + w - PW) * C4 + c4] * weight[(kh * KW + kw) * C4 + c4];
        }
    }
    y[id] = epilogue(sum, id, columns(c4));
}

@group(0) @binding(0) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn backward_x(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= N * H * W * C4) {
        return;
    }
    let c4 = id % C4;
    let w = id / C4 % W + PW;
    let h = id / (C4 * W) % H + PH;
    let n = id / (C4 * W * H);
    var sum = vec4<f32>(0.0);
    for (var kh = 0u; kh < KH; kh++) {
        // Below 0 it wraps around to what no row reaches.
        let oh = (h - kh * DH) / SH;
        if (h < kh * DH || oh * SH + kh * DH != h || oh >= OH) {
            continue;
        }
        for (var kw = 0u; kw < KW; kw++) {
            let ow = (w - kw * DW) / SW;
            if (w < kw * DW || ow * SW + kw * DW != w || ow >= OW) {
                continue;
            }
            sum += dy[((n * OH + oh) * OW + ow) * C4 + c4] * weight[(kh * KW + kw) * C4 + c4];
        }
    }
    dx[id] = epilogue(sum, id, columns(c4));
}

@group(0) @binding(1) var<storage, read> gradient: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> dweight: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn backward_weight(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= PARTS * TAPS4) {
        return;
    }
    let c4 = id % C4;
    let kw = id / C4 % KW;
    let kh = id / (C4 * KW) % KH;
    let first = id / TAPS4 * ROWS;
    var sum = vec4<f32>(0.0);
    for (var row = first; row < min(first + ROWS, N * OH); row++) {
        let h = row % OH * SH + kh * DH;
        if (h < PH || h >= H + PH) {
            continue;
        }
        let image = row / OH * H + h - PH;
        for (var ow = 0u; ow < OW; ow++) {
            let w = ow * SW + kw * DW;
            if (w < PW || w >= W + PW) {
                continue;
            }
            sum += x[(image * W + w - PW) * C4 + c4] * gradient[(row * OW + ow) * C4 + c4];
        }
    }
    dweight[id] = sum;
}
