// reduce_sum: y[outer, inner] = SCALE · Σ_r x[outer, r, inner] over the middle axis of (OUTER, REDUCED, INNER).
//
// Forward: one invocation per output (or per vec4 of outputs) and chunk of CHUNK summands, added in order. The result of several
// chunks is (chunks, OUTER, INNER), to be reduced again. Backward: one invocation per element of dx.
#import flat

const OUTER: u32 = 1u;
const REDUCED: u32 = 64u;
const INNER: u32 = 4u;
const CHUNK: u32 = 64u;
const SCALE: f32 = 1.0;

const INNER4: u32 = max(INNER / 4u, 1u);
const CHUNKS: u32 = (REDUCED + CHUNK - 1u) / CHUNK;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@group(0) @binding(0) var<storage, read> x4: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y4: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= CHUNKS * OUTER * INNER) {
        return;
    }
    let inner = id % INNER;
    let outer = id / INNER % OUTER;
    let chunk = id / (INNER * OUTER);
    var sum = 0.0;
    let end = min((chunk + 1u) * CHUNK, REDUCED);
    for (var r = chunk * CHUNK; r < end; r++) {
        sum += x[(outer * REDUCED + r) * INNER + inner];
    }
    y[id] = sum * SCALE;
}

// INNER a multiple of 4.
@compute @workgroup_size(WORKGROUP)
fn forward_vec4(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= CHUNKS * OUTER * INNER4) {
        return;
    }
    let inner4 = id % INNER4;
    let outer = id / INNER4 % OUTER;
    let chunk = id / (INNER4 * OUTER);
    var sum = vec4<f32>(0.0);
    let end = min((chunk + 1u) * CHUNK, REDUCED);
    for (var r = chunk * CHUNK; r < end; r++) {
        sum += x4[(outer * REDUCED + r) * INNER4 + inner4];
    }
    y4[id] = sum * SCALE;
}

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= OUTER * REDUCED * INNER) {
        return;
    }
    dx[id] = dy[id / (REDUCED * INNER) * INNER + id % INNER] * SCALE;
}
