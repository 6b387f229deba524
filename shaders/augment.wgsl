// augment: pictures that are never twice the same.
//
// draw: for sample s = indices[r] and the epoch, three blocks of philox(s, block, 6, epoch) give what is done to it:
//   [[c, s], [-s, c]] / z with c = (1 - t²) / (1 + t²), s = 2t / (1 + t²), columns negated where mirrored (4 numbers);
//   a shift in whole pixels (2); contrast and brightness; the corner (2) and the side of a hole; 0.
// apply: y[i, j] = x[M · (i, j) + shift] about the centre, interpolated, black beyond the edges;
//   then (v - 0.5) · contrast + 0.5 + brightness of the pixel v = x · std + mean; then the hole, black.
//
// x, y: (BATCH, H, W, C); drawn: (BATCH, 12). draw: one invocation per row; apply: one per element of y.
#import flat
#import state
#import philox

const BATCH: u32 = 4u;
const H: u32 = 8u;
const W: u32 = 8u;
const C: u32 = 1u;

const SEED_LOW: u32 = 0u;
const SEED_HIGH: u32 = 0u;
const SHIFT: u32 = 0u;
const FLIP_X: bool = false;
const FLIP_Y: bool = false;
const ROTATE: f32 = 0.0;
const SCALE: f32 = 0.0;
const BRIGHTNESS: f32 = 0.0;
const CONTRAST: f32 = 0.0;
const CUTOUT: u32 = 0u;

const COLOR: bool = false;
const MEAN_0: f32 = 0.0;
const MEAN_1: f32 = 0.0;
const MEAN_2: f32 = 0.0;
const MEAN_3: f32 = 0.0;
const STD_0: f32 = 1.0;
const STD_1: f32 = 1.0;
const STD_2: f32 = 1.0;
const STD_3: f32 = 1.0;

const STREAM: u32 = 6u;
const MEAN: vec4<f32> = vec4<f32>(MEAN_0, MEAN_1, MEAN_2, MEAN_3);
const STD: vec4<f32> = vec4<f32>(STD_0, STD_1, STD_2, STD_3);

// Even in [-1, 1), a multiple of 2^-23.
fn signed_unit(word: u32) -> f32 {
    return f32(word >> 8u) / 8388608.0 - 1.0;
}

// Even in 0..n, for n below 2^16.
fn below(word: u32, n: u32) -> f32 {
    return f32(((word >> 16u) * n) >> 16u);
}

@group(0) @binding(0) var<storage, read> counters: array<u32>;
@group(0) @binding(1) var<storage, read> indices: array<u32>;
@group(0) @binding(2) var<storage, read_write> draws: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn draw(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let row = flat_id(global_id);
    if (row >= BATCH) {
        return;
    }
    let sample = indices[row];
    let epoch = counters[EPOCH];
    let key = vec2<u32>(SEED_LOW, SEED_HIGH);
    let first = philox(vec4<u32>(sample, 0u, STREAM, epoch), key);
    let second = philox(vec4<u32>(sample, 1u, STREAM, epoch), key);
    let third = philox(vec4<u32>(sample, 2u, STREAM, epoch), key);
    let flip_y = select(1.0, -1.0, FLIP_Y && (first.z & 2u) != 0u);
    let flip_x = select(1.0, -1.0, FLIP_X && (first.z & 1u) != 0u);
    let t = ROTATE * signed_unit(first.w);
    let cosine = (1.0 - t * t) / (1.0 + t * t);
    let sine = 2.0 * t / (1.0 + t * t);
    let z = 1.0 + SCALE * signed_unit(second.x);
    let begin = row * 12u;
    draws[begin] = cosine * flip_y / z;
    draws[begin + 1u] = sine * flip_x / z;
    draws[begin + 2u] = -sine * flip_y / z;
    draws[begin + 3u] = cosine * flip_x / z;
    draws[begin + 4u] = below(first.x, 2u * SHIFT + 1u) - f32(SHIFT);
    draws[begin + 5u] = below(first.y, 2u * SHIFT + 1u) - f32(SHIFT);
    draws[begin + 6u] = 1.0 + CONTRAST * signed_unit(second.y);
    draws[begin + 7u] = BRIGHTNESS * signed_unit(second.z);
    draws[begin + 8u] = below(second.w, H) - f32(CUTOUT / 2u);
    draws[begin + 9u] = below(third.x, W) - f32(CUTOUT / 2u);
    draws[begin + 10u] = f32(CUTOUT);
    draws[begin + 11u] = 0.0;
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> drawn: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

// A pixel of picture b, black beyond the edges.
fn pixel(b: u32, row: i32, column: i32, channel: u32, black: f32) -> f32 {
    if (row < 0 || column < 0 || row >= i32(H) || column >= i32(W)) {
        return black;
    }
    return x[((b * H + u32(row)) * W + u32(column)) * C + channel];
}

@compute @workgroup_size(WORKGROUP)
fn apply(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= BATCH * H * W * C) {
        return;
    }
    let channel = id % C;
    let j = id / C % W;
    let i = id / (C * W) % H;
    let b = id / (C * W * H);
    let begin = b * 12u;
    let mean = MEAN[channel % 4u];
    let deviation = STD[channel % 4u];
    let black = -mean / deviation;
    let centre = vec2<f32>(f32(H) - 1.0, f32(W) - 1.0) * 0.5;
    let to = vec2<f32>(f32(i), f32(j)) - centre;
    let place = vec2<f32>(
        drawn[begin] * to.x + drawn[begin + 1u] * to.y,
        drawn[begin + 2u] * to.x + drawn[begin + 3u] * to.y,
    ) + centre + vec2<f32>(drawn[begin + 4u], drawn[begin + 5u]);
    // What is far away is black: no place is beyond what an integer holds.
    let near = clamp(place, vec2<f32>(-2.0), vec2<f32>(f32(H) + 1.0, f32(W) + 1.0));
    let corner = floor(near);
    let part = near - corner;
    let top = i32(corner.x);
    let left = i32(corner.y);
    let above = mix(pixel(b, top, left, channel, black), pixel(b, top, left + 1, channel, black), part.y);
    let under = mix(pixel(b, top + 1, left, channel, black), pixel(b, top + 1, left + 1, channel, black), part.y);
    var p = mix(above, under, part.x);
    if (COLOR) {
        p = (((p * deviation + mean) - 0.5) * drawn[begin + 6u] + 0.5 + drawn[begin + 7u] - mean) / deviation;
    }
    let hole = vec2<f32>(f32(i), f32(j)) - vec2<f32>(drawn[begin + 8u], drawn[begin + 9u]);
    // Half a pixel away from the whole numbers that corner and side are.
    let end = drawn[begin + 10u] - 0.5;
    if (hole.x > -0.5 && hole.y > -0.5 && hole.x < end && hole.y < end) {
        p = black;
    }
    y[id] = p;
}
