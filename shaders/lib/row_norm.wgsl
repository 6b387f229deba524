// Every row of x (ROWS, C) with mean 0 and variance 1, or, where it is not CENTERED, with mean square 1; times weight[c] and plus bias[c],
// where there are such. With n(x) = (x − mean) · r and r = 1 / √(variance + EPSILON), or n(x) = x · r and r = 1 / √(mean x² + EPSILON):
//   y = weight[c] · n(x) + bias[c], dbias[c] = Σ dy, dweight[c] = Σ dy · n(x)
//   dx = r · (g − mean g − n(x) · mean (g · n(x))) with g = weight[c] · dy, without the second term where it is not CENTERED.
//
// Forward and backward: one invocation per row; backward leaves mean and r in `moments`. column_sums: the sums of dy · n(x) and of dy
// over CHUNK rows, one invocation per column, or four of them where C is a multiple of 4; both are (chunks, C), to be summed.
#import flat

const ROWS: u32 = 2u;
const C: u32 = 4u;
const CHUNK: u32 = 2u;
const EPSILON: f32 = 1e-5;

const VEC4: bool = true;
#if VEC4
alias Columns4 = vec4<f32>;
const LANES: u32 = 4u;

fn total(v: Columns4) -> f32 {
    return (v.x + v.y) + (v.z + v.w);
}
#else
alias Columns4 = f32;
const LANES: u32 = 1u;

fn total(v: Columns4) -> f32 {
    return v;
}
#end
const CW: u32 = max(C / LANES, 1u);
const CHUNKS: u32 = (ROWS + CHUNK - 1u) / CHUNK;

@group(0) @binding(0) var<storage, read> x: array<Columns4>;
@group(0) @binding(1) var<storage, read_write> y: array<Columns4>;

const WEIGHT: bool = true;
#if WEIGHT
@group(0) @binding(2) var<storage, read> weight: array<Columns4>;

fn scale(c: u32) -> Columns4 {
    return weight[c];
}
#else
fn scale(c: u32) -> Columns4 {
    return Columns4(1.0);
}
#end

const BIAS: bool = true;
#if BIAS
@group(0) @binding(3) var<storage, read> bias: array<Columns4>;

fn shift(c: u32) -> Columns4 {
    return bias[c];
}
#else
fn shift(c: u32) -> Columns4 {
    return Columns4(0.0);
}
#end

// Mean and r of a row.
fn of_row(row: u32) -> vec2<f32> {
    let begin = row * CW;
    var mean = 0.0;
    if (CENTERED) {
        // From the first number on, so that a mean far from 0 costs no digits.
        let first = total(x[begin]) / f32(LANES);
        var sum = Columns4(0.0);
        for (var i = 0u; i < CW; i++) {
            sum += x[begin + i] - first;
        }
        mean = first + total(sum) / f32(C);
    }
    var square = Columns4(0.0);
    for (var i = 0u; i < CW; i++) {
        let off = x[begin + i] - mean;
        square += off * off;
    }
    return vec2<f32>(mean, 1.0 / sqrt(total(square) / f32(C) + EPSILON));
}

#epilogue

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let row = flat_id(global_id);
    if (row >= ROWS) {
        return;
    }
    let moment = of_row(row);
    for (var c = 0u; c < CW; c++) {
        let i = row * CW + c;
        let v = (x[i] - moment.x) * moment.y * scale(c) + shift(c);
#if VEC4
        y[i] = epilogue(v, i, columns(c));
#else
        y[i] = v;
#end
    }
}

@group(0) @binding(1) var<storage, read> dy: array<Columns4>;
@group(0) @binding(2) var<storage, read_write> dx: array<Columns4>;
@group(0) @binding(3) var<storage, read_write> moments: array<vec2<f32>>;
#if WEIGHT
@group(0) @binding(4) var<storage, read> weight_saved: array<Columns4>;

fn scale_saved(c: u32) -> Columns4 {
    return weight_saved[c];
}
#else
fn scale_saved(c: u32) -> Columns4 {
    return Columns4(1.0);
}
#end

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let row = flat_id(global_id);
    if (row >= ROWS) {
        return;
    }
    let moment = of_row(row);
    moments[row] = moment;
    var sum = Columns4(0.0);
    var product = Columns4(0.0);
    for (var c = 0u; c < CW; c++) {
        let i = row * CW + c;
        let g = dy[i] * scale_saved(c);
        sum += g;
        product += g * (x[i] - moment.x);
    }
    let mean = select(0.0, total(sum) / f32(C), CENTERED);
    let slope = total(product) / f32(C) * moment.y * moment.y;
    for (var c = 0u; c < CW; c++) {
        let i = row * CW + c;
        dx[i] = moment.y * (dy[i] * scale_saved(c) - mean - slope * (x[i] - moment.x));
    }
}

@group(0) @binding(2) var<storage, read> row_moments: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read_write> products: array<Columns4>;
@group(0) @binding(4) var<storage, read_write> sums: array<Columns4>;

@compute @workgroup_size(WORKGROUP)
fn column_sums(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= CHUNKS * CW) {
        return;
    }
    let chunk = id / CW;
    let end = min((chunk + 1u) * CHUNK, ROWS);
    var sum = Columns4(0.0);
    var product = Columns4(0.0);
    for (var row = chunk * CHUNK; row < end; row++) {
        let i = row * CW + id % CW;
        let moment = row_moments[row];
        sum += dy[i];
        product += dy[i] * ((x[i] - moment.x) * moment.y);
    }
    products[id] = product;
    sums[id] = sum;
}
