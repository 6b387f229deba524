// dropout: y[i] = x[i] / (1 − p), or 0 with probability p: for element e = FIRST + i of the whole batch, or with CHANNELS for
// channel e = (FIRST_SAMPLE + sample) · C + c of it, where word e mod 4 of philox(e div 4, LAYER, 7, step) is below THRESHOLD = p · 2³².
// Forward and backward are the same.
//
// One invocation per vec4. The elements of the last vec4 beyond COUNT are written as zeros.
#import flat
#import tail
#import state
#import philox

const COUNT: u32 = 64u;
const SEED_LOW: u32 = 0u;
const SEED_HIGH: u32 = 0u;
const LAYER: u32 = 0u;
const FIRST: u32 = 0u;
const FIRST_SAMPLE: u32 = 0u;
const PER_SAMPLE: u32 = 64u;
const C: u32 = 4u;
const THRESHOLD: u32 = 2147483648u;
const SCALE: f32 = 2.0;

const CHANNELS: bool = false;
const COUNT4: u32 = (COUNT + 3u) / 4u;
const STREAM: u32 = 7u;

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> counters: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

// Four words, beginning at any element.
fn words(first: u32, step: u32) -> vec4<u32> {
    let key = vec2<u32>(SEED_LOW, SEED_HIGH);
    let low = philox(vec4<u32>(first / 4u, LAYER, STREAM, step), key);
    let place = first % 4u;
    if (place == 0u) {
        return low;
    }
    let high = philox(vec4<u32>(first / 4u + 1u, LAYER, STREAM, step), key);
    let one = vec4<u32>(low.y, low.z, low.w, high.x);
    let two = vec4<u32>(low.z, low.w, high.x, high.y);
    let three = vec4<u32>(low.w, high.x, high.y, high.z);
    return select(select(one, two, place == 2u), three, place == 3u);
}

// The word of one element.
fn word(element: u32, step: u32) -> u32 {
    let key = vec2<u32>(SEED_LOW, SEED_HIGH);
    let block = philox(vec4<u32>(element / 4u, LAYER, STREAM, step), key);
    let pair = select(block.xz, block.yw, (element & 1u) == 1u);
    return select(pair.x, pair.y, (element & 2u) == 2u);
}

// The channel of element i among those of the whole batch.
fn channel(i: u32) -> u32 {
    return (FIRST_SAMPLE + i / PER_SAMPLE) * C + i % C;
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= COUNT4) {
        return;
    }
    let step = counters[STEP];
    let i = id * 4u;
#if CHANNELS
    let drawn = vec4<u32>(
        word(channel(i), step),
        word(channel(i + 1u), step),
        word(channel(i + 2u), step),
        word(channel(i + 3u), step),
    );
#else
    let drawn = words(FIRST + i, step);
#end
    let kept = select(vec4<f32>(0.0), SCALE * x[id], drawn >= vec4<u32>(THRESHOLD));
    y[id] = without_tail(kept, id, COUNT);
}
