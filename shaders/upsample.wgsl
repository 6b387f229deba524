// upsample: x (N, H, W, C) to y (N, H · SH, W · SW, C). Nearest: y[n, oh, ow, c] = x[n, oh / SH, ow / SW, c]. Bilinear: along each
// axis the centre of output pixel o lies at (o + 1/2) / S − 1/2 among the input pixels, not before the first, and the two beside it
// share it by their distances; what lies behind the last is the last.
//
// Forward: one invocation per element or vec4 of y. Backward: one invocation per element or vec4 of dx, which adds up the shares of
// dy around its pixel. C is counted in what moves as one.
#import flat

const N: u32 = 1u;
const H: u32 = 2u;
const W: u32 = 2u;
const C: u32 = 4u;
const SH: u32 = 2u;
const SW: u32 = 2u;
// Rows and columns of y that may share a pixel of x: so many, of which so many stand before those of the pixel itself.
const BEFORE_H: u32 = 2u;
const BEFORE_W: u32 = 2u;
const REACH_H: u32 = 6u;
const REACH_W: u32 = 6u;
const BILINEAR: bool = true;

const OH: u32 = H * SH;
const OW: u32 = W * SW;

// Where an output pixel lies along an axis: between two input pixels, so far from the first.
struct Between {
    first: u32,
    second: u32,
    share: f32,
}

fn between(o: u32, scale: u32, extent: u32) -> Between {
    if (!BILINEAR) {
        return Between(o / scale, o / scale, 0.0);
    }
    // Counted in halves of an output pixel, from the centre of the first input pixel on.
    let place = max(2u * o + 1u, scale) - scale;
    let first = place / (2u * scale);
    let share = f32(place % (2u * scale)) / f32(2u * scale);
    return Between(first, min(first + 1u, extent - 1u), share);
}

// The share of input pixel i in output pixel o.
fn share_of(i: u32, o: u32, scale: u32, extent: u32) -> f32 {
    let at = between(o, scale, extent);
    return select(0.0, 1.0 - at.share, at.first == i) + select(0.0, at.share, at.second == i);
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@group(0) @binding(0) var<storage, read> x4: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y4: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= N * OH * OW * C) {
        return;
    }
    let c = id % C;
    let across = between(id / C % OW, SW, W);
    let down = between(id / (C * OW) % OH, SH, H);
    let n = id / (C * OW * OH);
    let top = (n * H + down.first) * W;
    let bottom = (n * H + down.second) * W;
    let upper = mix(x[(top + across.first) * C + c], x[(top + across.second) * C + c], across.share);
    let lower = mix(x[(bottom + across.first) * C + c], x[(bottom + across.second) * C + c], across.share);
    y[id] = mix(upper, lower, down.share);
}

// C a multiple of 4 in elements.
@compute @workgroup_size(WORKGROUP)
fn forward_vec4(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= N * OH * OW * C) {
        return;
    }
    let c = id % C;
    let across = between(id / C % OW, SW, W);
    let down = between(id / (C * OW) % OH, SH, H);
    let n = id / (C * OW * OH);
    let top = (n * H + down.first) * W;
    let bottom = (n * H + down.second) * W;
    let upper = mix(x4[(top + across.first) * C + c], x4[(top + across.second) * C + c], across.share);
    let lower = mix(x4[(bottom + across.first) * C + c], x4[(bottom + across.second) * C + c], across.share);
    y4[id] = mix(upper, lower, down.share);
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
    let w = id / C % W;
    let h = id / (C * W) % H;
    let n = id / (C * W * H);
    var sum = 0.0;
    for (var i = 0u; i < REACH_H; i++) {
        let oh = h * SH + i - BEFORE_H;
        if (h * SH + i < BEFORE_H || oh >= OH) {
            continue;
        }
        let down = share_of(h, oh, SH, H);
        for (var j = 0u; j < REACH_W; j++) {
            let ow = w * SW + j - BEFORE_W;
            if (w * SW + j < BEFORE_W || ow >= OW) {
                continue;
            }
            sum += down * share_of(w, ow, SW, W) * dy[((n * OH + oh) * OW + ow) * C + c];
        }
    }
    dx[id] = sum;
}

// C a multiple of 4 in elements.
@compute @workgroup_size(WORKGROUP)
fn backward_vec4(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= N * H * W * C) {
        return;
    }
    let c = id % C;
    let w = id / C % W;
    let h = id / (C * W) % H;
    let n = id / (C * W * H);
    var sum = vec4<f32>(0.0);
    for (var i = 0u; i < REACH_H; i++) {
        let oh = h * SH + i - BEFORE_H;
        if (h * SH + i < BEFORE_H || oh >= OH) {
            continue;
        }
        let down = share_of(h, oh, SH, H);
        for (var j = 0u; j < REACH_W; j++) {
            let ow = w * SW + j - BEFORE_W;
            if (w * SW + j < BEFORE_W || ow >= OW) {
                continue;
            }
            sum += down * share_of(w, ow, SW, W) * dy4[((n * OH + oh) * OW + ow) * C + c];
        }
    }
    dx4[id] = sum;
}
