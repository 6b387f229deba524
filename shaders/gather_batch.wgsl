// gather_batch: x[r, e] = (dataset[indices[r], e] / DIVIDE_BY - mean) / std, with the mean and std of the channel of e.
//
// dataset: (SAMPLES, SAMPLE), SAMPLE being the elements of one sample, channels last; x: (BATCH, SAMPLE). Bytes lie four to a
// word, the first in the lowest bits. One invocation per element of x, or per vec4 where SAMPLE is a multiple of 4. The defaults
// change no number.
#import flat

const SAMPLES: u32 = 16u;
const SAMPLE: u32 = 64u;
const BATCH: u32 = 4u;

const CHANNELS: u32 = 1u;
const DIVIDE_BY: f32 = 1.0;
const MEAN_0: f32 = 0.0;
const MEAN_1: f32 = 0.0;
const MEAN_2: f32 = 0.0;
const MEAN_3: f32 = 0.0;
const STD_0: f32 = 1.0;
const STD_1: f32 = 1.0;
const STD_2: f32 = 1.0;
const STD_3: f32 = 1.0;

const SAMPLE4: u32 = (SAMPLE + 3u) / 4u;
const MEAN: vec4<f32> = vec4<f32>(MEAN_0, MEAN_1, MEAN_2, MEAN_3);
const STD: vec4<f32> = vec4<f32>(STD_0, STD_1, STD_2, STD_3);

// The sample of a row. An index beyond the data set reads the last sample.
fn sample_of(index: u32) -> u32 {
    return min(index, SAMPLES - 1u);
}

// Element e of a sample.
fn normalized(v: f32, e: u32) -> f32 {
    let channel = e % CHANNELS;
    return (v / DIVIDE_BY - MEAN[channel]) / STD[channel];
}

// Elements e to e + 3 of a sample.
fn normalized4(v: vec4<f32>, e: u32) -> vec4<f32> {
    let channel = (vec4<u32>(0u, 1u, 2u, 3u) + e) % CHANNELS;
    let means = vec4<f32>(MEAN[channel.x], MEAN[channel.y], MEAN[channel.z], MEAN[channel.w]);
    let deviations = vec4<f32>(STD[channel.x], STD[channel.y], STD[channel.z], STD[channel.w]);
    return (v / DIVIDE_BY - means) / deviations;
}

@group(0) @binding(0) var<storage, read> dataset_words: array<u32>;
@group(0) @binding(0) var<storage, read> dataset_floats: array<f32>;
@group(0) @binding(0) var<storage, read> dataset_floats4: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> indices: array<u32>;
@group(0) @binding(2) var<storage, read_write> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> x4: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> x_words: array<u32>;

@compute @workgroup_size(WORKGROUP)
fn bytes(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= BATCH * SAMPLE) {
        return;
    }
    let e = id % SAMPLE;
    let source = sample_of(indices[id / SAMPLE]) * SAMPLE + e;
    let byte = (dataset_words[source / 4u] >> (source % 4u * 8u)) & 0xffu;
    x[id] = normalized(f32(byte), e);
}

@compute @workgroup_size(WORKGROUP)
fn bytes_vec4(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= BATCH * SAMPLE4) {
        return;
    }
    let e4 = id % SAMPLE4;
    let word = dataset_words[sample_of(indices[id / SAMPLE4]) * SAMPLE4 + e4];
    let bytes = (vec4<u32>(word) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(0xffu);
    x4[id] = normalized4(vec4<f32>(bytes), e4 * 4u);
}

@compute @workgroup_size(WORKGROUP)
fn floats(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= BATCH * SAMPLE) {
        return;
    }
    let e = id % SAMPLE;
    let source = sample_of(indices[id / SAMPLE]) * SAMPLE + e;
    x[id] = normalized(dataset_floats[source], e);
}

@compute @workgroup_size(WORKGROUP)
fn floats_vec4(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= BATCH * SAMPLE4) {
        return;
    }
    let e4 = id % SAMPLE4;
    let source = sample_of(indices[id / SAMPLE4]) * SAMPLE4 + e4;
    x4[id] = normalized4(dataset_floats4[source], e4 * 4u);
}

// Labels and other integers, as they are.
@compute @workgroup_size(WORKGROUP)
fn words(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= BATCH * SAMPLE) {
        return;
    }
    x_words[id] = dataset_words[sample_of(indices[id / SAMPLE]) * SAMPLE + id % SAMPLE];
}
