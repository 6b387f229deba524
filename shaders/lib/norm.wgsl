// Of images x (SAMPLES, PIXELS, C): the mean and the spread of each channel, and a straight line through each.
//
//   moments    of every CHUNK pixels of a sample: the mean, and Σ (x − mean)², each (PARTS, C)
//   forward    y = lines[row, 0, c] · x + lines[row, 1, c]
//   products   of every CHUNK pixels of a sample: Σ dy and Σ dy · (x − centers[row, c]), each (PARTS, C)
//   backward   dx = slopes[row, 0, c] · dy + slopes[row, 1, c] + slopes[row, 2, c] · (x − centers[row, c]); with MASKED, of samples
//              that weigh 0 the first term alone
//
// What is the same for all samples has ROWS = 1 row, what each sample has of its own SAMPLES. What the parts make, and what lines
// and slopes are made of, is up to the file. One invocation per channel, or four of them where C is a multiple of 4.
#import flat

const SAMPLES: u32 = 2u;
const PIXELS: u32 = 4u;
const C: u32 = 4u;
const CHUNK: u32 = 4u;
const ROWS: u32 = 1u;
const MASKED: bool = false;

const VEC4: bool = true;
#if VEC4
alias Channels = vec4<f32>;
const LANES: u32 = 4u;
#else
alias Channels = f32;
const LANES: u32 = 1u;
#end
const CW: u32 = max(C / LANES, 1u);

const CHUNKS: u32 = (PIXELS + CHUNK - 1u) / CHUNK;
const PARTS: u32 = SAMPLES * CHUNKS;

// The pixels of a part.
fn pixels_of(part: u32) -> u32 {
    return min(CHUNK, PIXELS - part % CHUNKS * CHUNK);
}

// The first pixel of a part among those of all samples.
fn first_of(part: u32) -> u32 {
    return part / CHUNKS * PIXELS + part % CHUNKS * CHUNK;
}

// The row of a sample.
fn row_of(sample: u32) -> u32 {
    return min(sample, ROWS - 1u);
}

@group(0) @binding(0) var<storage, read> x: array<Channels>;

@group(0) @binding(1) var<storage, read_write> means: array<Channels>;
@group(0) @binding(2) var<storage, read_write> squares: array<Channels>;

// Sums of distances from the first pixel: a mean far from 0 costs no digits.
@compute @workgroup_size(WORKGROUP)
fn moments(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= PARTS * CW) {
        return;
    }
    let part = id / CW;
    let begin = first_of(part) * CW + id % CW;
    let count = pixels_of(part);
    let first = x[begin];
    var sum = Channels(0.0);
    var square = Channels(0.0);
    for (var i = 1u; i < count; i++) {
        let off = x[begin + i * CW] - first;
        sum += off;
        square += off * off;
    }
    means[id] = first + sum / f32(count);
    squares[id] = square - sum * sum / f32(count);
}

@group(0) @binding(1) var<storage, read> lines: array<Channels>;
@group(0) @binding(2) var<storage, read_write> y: array<Channels>;

#epilogue

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= SAMPLES * PIXELS * CW) {
        return;
    }
    let c = id % CW;
    let line = row_of(id / (PIXELS * CW)) * 2u * CW + c;
    let v = lines[line] * x[id] + lines[line + CW];
#if VEC4
    y[id] = epilogue(v, id, columns(c));
#else
    y[id] = v;
#end
}

@group(0) @binding(1) var<storage, read> dy: array<Channels>;
@group(0) @binding(2) var<storage, read> centers: array<Channels>;
@group(0) @binding(3) var<storage, read_write> sums: array<Channels>;
@group(0) @binding(4) var<storage, read_write> product_sums: array<Channels>;

@compute @workgroup_size(WORKGROUP)
fn products(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= PARTS * CW) {
        return;
    }
    let part = id / CW;
    let c = id % CW;
    let begin = first_of(part) * CW + c;
    let count = pixels_of(part);
    let center = centers[row_of(part / CHUNKS) * CW + c];
    var sum = Channels(0.0);
    var product = Channels(0.0);
    for (var i = 0u; i < count; i++) {
        let d = dy[begin + i * CW];
        sum += d;
        product += d * (x[begin + i * CW] - center);
    }
    sums[id] = sum;
    product_sums[id] = product;
}

@group(0) @binding(3) var<storage, read> slopes: array<Channels>;
@group(0) @binding(4) var<storage, read_write> dx: array<Channels>;
#if MASKED
@group(0) @binding(5) var<storage, read> sample_weights: array<f32>;
#end

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= SAMPLES * PIXELS * CW) {
        return;
    }
    let c = id % CW;
    let sample = id / (PIXELS * CW);
    let row = row_of(sample);
    let slope = row * 3u * CW + c;
    let direct = slopes[slope] * dy[id];
    let through = slopes[slope + CW] + slopes[slope + 2u * CW] * (x[id] - centers[row * CW + c]);
#if MASKED
    dx[id] = direct + select(Channels(0.0), through, sample_weights[sample] != 0.0);
#else
    dx[id] = direct + through;
#end
}
