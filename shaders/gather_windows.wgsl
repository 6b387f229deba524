// gather_windows: windows of CONTEXT tokens out of a stream of TOKENS, and what follows each of their tokens.
//
// Window w of WINDOWS begins at token b(w) = FIRST + w · STRIDE; row r of the batch is window w = indices[r] - BEGIN, and one beyond
// the windows is the nearest. For t < CONTEXT:
//   x[r, t] = tokens[b(w) + t];  y[r, t] = tokens[b(w) + t + 1]
// Bytes lie four to a word, the first in the lowest bits. One invocation per element of x.
#import flat

const TOKENS: u32 = 64u;
const BEGIN: u32 = 0u;
const WINDOWS: u32 = 4u;
const FIRST: u32 = 0u;
const STRIDE: u32 = 8u;
const CONTEXT: u32 = 8u;
const BATCH: u32 = 4u;

@group(0) @binding(0) var<storage, read> tokens: array<u32>;
@group(0) @binding(1) var<storage, read> indices: array<u32>;
@group(0) @binding(2) var<storage, read_write> x: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<u32>;

// The token that element `id` of x stands at. The last one that is read is the one behind it.
fn place(id: u32) -> u32 {
    let index = clamp(indices[id / CONTEXT], BEGIN, BEGIN + WINDOWS - 1u);
    return min(FIRST + (index - BEGIN) * STRIDE + id % CONTEXT, TOKENS - 2u);
}

fn byte(token: u32) -> u32 {
    return (tokens[token / 4u] >> (token % 4u * 8u)) & 0xffu;
}

@compute @workgroup_size(WORKGROUP)
fn bytes(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= BATCH * CONTEXT) {
        return;
    }
    let token = place(id);
    x[id] = byte(token);
    y[id] = byte(token + 1u);
}

@compute @workgroup_size(WORKGROUP)
fn words(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= BATCH * CONTEXT) {
        return;
    }
    let token = place(id);
    x[id] = tokens[token];
    y[id] = tokens[token + 1u];
}
