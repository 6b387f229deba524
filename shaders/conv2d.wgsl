// conv2d, channels-last: x (N, H, W, C), weight (KH, KW, C / GROUPS, O), y (N, OH, OW, O)
//   y[n, oh, ow, o] = Σ_{kh, kw, c} x[n, ih, iw, c] · weight[kh, kw, c, o]
//   ih = oh · STRIDE_H − PADDING_H + kh · DILATION_H, likewise iw; outside of x counts as zero.
//
// Implicit matrix products: one invocation computes a tile of pixels × channels in registers, without workgroup memory or
// barriers. Coordinates are unsigned: a tap above or left of the image wraps around to a huge number and fails `< H` or `< W`.
// Pixels and channels beyond the edge of a tile are loaded from the last valid one and not stored.
#import flat
#import subgroup

const N: u32 = 1u;
const H: u32 = 8u;
const W: u32 = 8u;
const C: u32 = 4u;
const OH: u32 = 6u;
const OW: u32 = 6u;
const O: u32 = 4u;
const KH: u32 = 3u;
const KW: u32 = 3u;
const STRIDE_H: u32 = 1u;
const STRIDE_W: u32 = 1u;
const PADDING_H: u32 = 0u;
const PADDING_W: u32 = 0u;
const DILATION_H: u32 = 1u;
const DILATION_W: u32 = 1u;
const GROUPS: u32 = 1u;

// At least 1, so that the entry points for vec4s are valid where they are not used.
const C4: u32 = max(C / 4u, 1u);
const O4: u32 = max(O / 4u, 1u);
const GROUP_C: u32 = C / GROUPS;
const GROUP_O: u32 = O / GROUPS;
const PADDED: bool = PADDING_H + PADDING_W > 0u;
const X_PIXELS: u32 = N * H * W;
const Y_PIXELS: u32 = N * OH * OW;

// The tile of one invocation is ROWS pixels × COLUMNS4 vec4s of channels; of one subgroup, COLUMNS4 for each lane.

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@group(0) @binding(0) var<storage, read> x4: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> weight4: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y4: array<vec4<f32>>;

#epilogue

// For a tile of y: the images and the upper left corners (oh · STRIDE_H, ow · STRIDE_W) of its pixels, before padding.
fn corner(pixel: u32) -> vec3<u32> {
    let p = min(pixel, Y_PIXELS - 1u);
    return vec3<u32>(p / (OH * OW), p / OW % OH * STRIDE_H, p % OW * STRIDE_W);
}

// The pixel of x under a tap of a window, or X_PIXELS where that lies outside.
fn under_tap(corner: vec3<u32>, kh: u32, kw: u32) -> u32 {
    let ih = corner.y + kh * DILATION_H - PADDING_H;
    let iw = corner.z + kw * DILATION_W - PADDING_W;
    return select(X_PIXELS, (corner.x * H + ih) * W + iw, ih < H && iw < W);
}

// C and O multiples of 4, one group.
@compute @workgroup_size(WORKGROUP)
fn forward_vec4(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    let across = (O4 + COLUMNS4 - 1u) / COLUMNS4;
    if (id >= across * ((Y_PIXELS + ROWS - 1u) / ROWS)) {
        return;
    }
    let column4 = id % across * COLUMNS4;
    let row = id / across * ROWS;
    var corners: array<vec3<u32>, ROWS>;
    for (var i = 0u; i < ROWS; i++) {
        corners[i] = corner(row + i);
    }

    var acc: array<array<vec4<f32>, COLUMNS4>, ROWS>;
    for (var kh = 0u; kh < KH; kh++) {
        for (var kw = 0u; kw < KW; kw++) {
            var pixels: array<u32, ROWS>;
            for (var i = 0u; i < ROWS; i++) {
                pixels[i] = under_tap(corners[i], kh, kw);
            }
            for (var c4 = 0u; c4 < C4; c4++) {
                var wv: array<mat4x4<f32>, COLUMNS4>;
                for (var j = 0u; j < COLUMNS4; j++) {
                    let at = ((kh * KW + kw) * C + c4 * 4u) * O4 + min(column4 + j, O4 - 1u);
                    wv[j] = mat4x4<f32>(weight4[at], weight4[at + O4], weight4[at + 2u * O4], weight4[at + 3u * O4]);
                }
                for (var i = 0u; i < ROWS; i++) {
                    var xv = x4[min(pixels[i], X_PIXELS - 1u) * C4 + c4];
                    if (PADDED) {
                        xv = select(vec4<f32>(0.0), xv, pixels[i] < X_PIXELS);
                    }
                    for (var j = 0u; j < COLUMNS4; j++) {
                        acc[i][j] += wv[j] * xv;
                    }
                }
            }
        }
    }
    for (var j = 0u; j < COLUMNS4; j++) {
        let of_column = columns(min(column4 + j, O4 - 1u));
        for (var i = 0u; i < ROWS; i++) {
            if (row + i < Y_PIXELS && column4 + j < O4) {
                let at = (row + i) * O4 + column4 + j;
                y4[at] = epilogue(acc[i][j], at, of_column);
            }
        }
    }
}

// A first layer: any C, O a multiple of 4, one group.
@compute @workgroup_size(WORKGROUP)
fn forward_thin(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    let across = (O4 + COLUMNS4 - 1u) / COLUMNS4;
    if (id >= across * ((Y_PIXELS + ROWS - 1u) / ROWS)) {
        return;
    }
    let column4 = id % across * COLUMNS4;
    let row = id / across * ROWS;
    var corners: array<vec3<u32>, ROWS>;
    for (var i = 0u; i < ROWS; i++) {
        corners[i] = corner(row + i);
    }

    var acc: array<array<vec4<f32>, COLUMNS4>, ROWS>;
    for (var kh = 0u; kh < KH; kh++) {
        for (var kw = 0u; kw < KW; kw++) {
            var pixels: array<u32, ROWS>;
            for (var i = 0u; i < ROWS; i++) {
                pixels[i] = under_tap(corners[i], kh, kw);
            }
            for (var c = 0u; c < C; c++) {
                var wv: array<vec4<f32>, COLUMNS4>;
                for (var j = 0u; j < COLUMNS4; j++) {
                    wv[j] = weight4[((kh * KW + kw) * C + c) * O4 + min(column4 + j, O4 - 1u)];
                }
                for (var i = 0u; i < ROWS; i++) {
                    var xv = x[min(pixels[i], X_PIXELS - 1u) * C + c];
                    if (PADDED) {
                        xv = select(0.0, xv, pixels[i] < X_PIXELS);
                    }
                    for (var j = 0u; j < COLUMNS4; j++) {
                        acc[i][j] += xv * wv[j];
                    }
                }
            }
        }
    }
    for (var j = 0u; j < COLUMNS4; j++) {
        let of_column = columns(min(column4 + j, O4 - 1u));
        for (var i = 0u; i < ROWS; i++) {
            if (row + i < Y_PIXELS && column4 + j < O4) {
                let at = (row + i) * O4 + column4 + j;
                y4[at] = epilogue(acc[i][j], at, of_column);
            }
        }
    }
}

// A subgroup per tile (lib/subgroup.wgsl). C and O multiples of UNIT, one group.
@group(0) @binding(0) var<storage, read> x_loads: array<Load>;
@group(0) @binding(1) var<storage, read> weight_loads: array<Load>;
const C_UNITS: u32 = max(C / UNIT, 1u);
const O_UNITS: u32 = max(O / UNIT, 1u);

@compute @workgroup_size(WORKGROUP)
fn forward_subgroup(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    let lane = id % LANES;
    let tile = id / LANES;
    let across = (O4 + COLUMNS4 * LANES - 1u) / (COLUMNS4 * LANES);
    if (tile >= across * ((Y_PIXELS + ROWS - 1u) / ROWS)) {
        return;
    }
    let column = tile % across * (COLUMN_LOADS * LANES) + lane;
    let row = tile / across * ROWS;
    var corners: array<vec3<u32>, LOADS>;
    for (var i = 0u; i < LOADS; i++) {
        corners[i] = corner(row + i * LANES + lane);
    }

    var acc: array<array<vec4<f32>, COLUMNS4>, ROWS>;
    for (var kh = 0u; kh < KH; kh++) {
        for (var kw = 0u; kw < KW; kw++) {
            var pixels: array<u32, LOADS>;
            for (var i = 0u; i < LOADS; i++) {
                pixels[i] = under_tap(corners[i], kh, kw);
            }
            for (var c = 0u; c < C; c += UNIT) {
                var xv: array<array<vec4<f32>, LOAD4>, LOADS>;
                for (var i = 0u; i < LOADS; i++) {
                    xv[i] = floats(x_loads[min(pixels[i], X_PIXELS - 1u) * C_UNITS + c / UNIT]);
                    if (PADDED) {
                        for (var h = 0u; h < LOAD4; h++) {
                            xv[i][h] = select(vec4<f32>(0.0), xv[i][h], pixels[i] < X_PIXELS);
                        }
                    }
                }
                // wv[h][j]: four channels c as columns of a matrix, each four channels o.
                var wv: array<array<mat4x4<f32>, COLUMNS4>, LOAD4>;
                for (var j = 0u; j < COLUMN_LOADS; j++) {
                    let o = min(column + j * LANES, O_UNITS - 1u);
                    var loads: array<array<vec4<f32>, LOAD4>, UNIT>;
                    for (var q = 0u; q < UNIT; q++) {
                        loads[q] = floats(weight_loads[((kh * KW + kw) * C + c + q) * O_UNITS + o]);
                    }
                    for (var h = 0u; h < LOAD4; h++) {
                        for (var g = 0u; g < LOAD4; g++) {
                            let four = 4u * h;
                            wv[h][j * LOAD4 + g] =
                                mat4x4<f32>(loads[four][g], loads[four + 1u][g], loads[four + 2u][g], loads[four + 3u][g]);
                        }
                    }
                }
                for (var r = 0u; r < ROWS; r++) {
                    for (var h = 0u; h < LOAD4; h++) {
                        let xr = subgroupShuffle(xv[r / LANES][h], r % LANES);
                        for (var j = 0u; j < COLUMNS4; j++) {
                            acc[r][j] += wv[h][j] * xr;
                        }
                    }
                }
            }
        }
    }
    for (var j = 0u; j < COLUMNS4; j++) {
        let column4 = column_of(column, j);
        let of_column = columns(min(column4, O4 - 1u));
        for (var r = 0u; r < ROWS; r++) {
            if (row + r < Y_PIXELS && column4 < O4) {
                let at = (row + r) * O4 + column4;
                y4[at] = epilogue(acc[r][j], at, of_column);
            }
        }
    }
}

// A first layer, a subgroup per tile: any C, O a multiple of 4, one group.
@compute @workgroup_size(WORKGROUP)
fn forward_thin_subgroup(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    let lane = id % LANES;
    let tile = id / LANES;
    let across = (O4 + COLUMNS4 * LANES - 1u) / (COLUMNS4 * LANES);
    if (tile >= across * ((Y_PIXELS + ROWS - 1u) / ROWS)) {
        return;
    }
    let column4 = tile % across * (COLUMNS4 * LANES) + lane;
    let row = tile / across * ROWS;
    var corners: array<vec3<u32>, LOADS>;
    for (var i = 0u; i < LOADS; i++) {
        corners[i] = corner(row + i * LANES + lane);
    }

    var acc: array<array<vec4<f32>, COLUMNS4>, ROWS>;
    for (var kh = 0u; kh < KH; kh++) {
        for (var kw = 0u; kw < KW; kw++) {
            for (var c = 0u; c < C; c++) {
                var xv: array<f32, LOADS>;
                for (var i = 0u; i < LOADS; i++) {
                    let pixel = under_tap(corners[i], kh, kw);
                    xv[i] = x[min(pixel, X_PIXELS - 1u) * C + c];
                    if (PADDED) {
                        xv[i] = select(0.0, xv[i], pixel < X_PIXELS);
                    }
                }
                var wv: array<vec4<f32>, COLUMNS4>;
                for (var j = 0u; j < COLUMNS4; j++) {
                    wv[j] = weight4[((kh * KW + kw) * C + c) * O4 + min(column4 + j * LANES, O4 - 1u)];
                }
                for (var r = 0u; r < ROWS; r++) {
                    let xr = subgroupShuffle(xv[r / LANES], r % LANES);
                    for (var j = 0u; j < COLUMNS4; j++) {
                        acc[r][j] += xr * wv[j];
                    }
                }
            }
        }
    }
    for (var j = 0u; j < COLUMNS4; j++) {
        let column = column4 + j * LANES;
        let of_column = columns(min(column, O4 - 1u));
        for (var r = 0u; r < ROWS; r++) {
            if (row + r < Y_PIXELS && column < O4) {
                let at = (row + r) * O4 + column;
                y4[at] = epilogue(acc[r][j], at, of_column);
            }
        }
    }
}

// Any channels and groups: one output per invocation.
@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= Y_PIXELS * O) {
        return;
    }
    let o = id % O;
    let group = o / GROUP_O;
    let corner = corner(id / O);
    var sum = 0.0;
    for (var kh = 0u; kh < KH; kh++) {
        for (var kw = 0u; kw < KW; kw++) {
            let pixel = under_tap(corner, kh, kw);
            if (pixel < X_PIXELS) {
                for (var c = 0u; c < GROUP_C; c++) {
                    sum += x[pixel * C + group * GROUP_C + c] * weight[((kh * KW + kw) * GROUP_C + c) * O + o];
                }
            }
        }
    }
    y[id] = sum;
}

// dx[n, h, w, c] = Σ_{kh, kw, o} dy[n, oh, ow, o] · weight[kh, kw, c, o] over the windows whose tap (kh, kw) lies on (h, w).
@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(0) @binding(0) var<storage, read> dy4: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> dx4: array<vec4<f32>>;

// Image, h + PADDING_H and w + PADDING_W of a pixel of x.
fn padded_place(pixel: u32) -> vec3<u32> {
    let p = min(pixel, X_PIXELS - 1u);
    return vec3<u32>(p / (H * W), p / W % H + PADDING_H, p % W + PADDING_W);
}

// The pixel of y whose window has its tap (kh, kw) on a place of x, or Y_PIXELS where there is none.
fn of_window(place: vec3<u32>, kh: u32, kw: u32) -> u32 {
    let top = place.y - kh * DILATION_H;
    let left = place.z - kw * DILATION_W;
    let oh = top / STRIDE_H;
    let ow = left / STRIDE_W;
    let there = oh < OH && ow < OW && top % STRIDE_H == 0u && left % STRIDE_W == 0u;
    return select(Y_PIXELS, (place.x * OH + oh) * OW + ow, there);
}

// C and O multiples of 4, one group.
@compute @workgroup_size(WORKGROUP)
fn backward_x_vec4(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    let across = (C4 + COLUMNS4 - 1u) / COLUMNS4;
    if (id >= across * ((X_PIXELS + ROWS - 1u) / ROWS)) {
        return;
    }
    let column4 = id % across * COLUMNS4;
    let row = id / across * ROWS;
    var places: array<vec3<u32>, ROWS>;
    for (var i = 0u; i < ROWS; i++) {
        places[i] = padded_place(row + i);
    }

    var acc: array<array<vec4<f32>, COLUMNS4>, ROWS>;
    for (var kh = 0u; kh < KH; kh++) {
        for (var kw = 0u; kw < KW; kw++) {
            var pixels: array<u32, ROWS>;
            for (var i = 0u; i < ROWS; i++) {
                pixels[i] = of_window(places[i], kh, kw);
            }
            for (var o4 = 0u; o4 < O4; o4++) {
                // The weights of four channels c, as columns over four channels o.
                var wv: array<mat4x4<f32>, COLUMNS4>;
                for (var j = 0u; j < COLUMNS4; j++) {
                    let at = ((kh * KW + kw) * C + min(column4 + j, C4 - 1u) * 4u) * O4 + o4;
                    wv[j] = mat4x4<f32>(weight4[at], weight4[at + O4], weight4[at + 2u * O4], weight4[at + 3u * O4]);
                }
                for (var i = 0u; i < ROWS; i++) {
                    var dyv = dy4[min(pixels[i], Y_PIXELS - 1u) * O4 + o4];
                    dyv = select(vec4<f32>(0.0), dyv, pixels[i] < Y_PIXELS);
                    for (var j = 0u; j < COLUMNS4; j++) {
                        acc[i][j] += dyv * wv[j];
                    }
                }
            }
        }
    }
    for (var j = 0u; j < COLUMNS4; j++) {
        let of_column = columns(min(column4 + j, C4 - 1u));
        for (var i = 0u; i < ROWS; i++) {
            if (row + i < X_PIXELS && column4 + j < C4) {
                let at = (row + i) * C4 + column4 + j;
                dx4[at] = epilogue(acc[i][j], at, of_column);
            }
        }
    }
}

// A subgroup per tile (lib/subgroup.wgsl). C a multiple of 4, O of UNIT, one group.
@group(0) @binding(0) var<storage, read> dy_loads: array<Load>;

@compute @workgroup_size(WORKGROUP)
fn backward_x_subgroup(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    let lane = id % LANES;
    let tile = id / LANES;
    let across = (C4 + COLUMNS4 * LANES - 1u) / (COLUMNS4 * LANES);
    if (tile >= across * ((X_PIXELS + ROWS - 1u) / ROWS)) {
        return;
    }
    let column4 = tile % across * (COLUMNS4 * LANES) + lane;
    let row = tile / across * ROWS;
    var places: array<vec3<u32>, LOADS>;
    for (var i = 0u; i < LOADS; i++) {
        places[i] = padded_place(row + i * LANES + lane);
    }

    var acc: array<array<vec4<f32>, COLUMNS4>, ROWS>;
    for (var kh = 0u; kh < KH; kh++) {
        for (var kw = 0u; kw < KW; kw++) {
            var pixels: array<u32, LOADS>;
            for (var i = 0u; i < LOADS; i++) {
                pixels[i] = of_window(places[i], kh, kw);
            }
            for (var o = 0u; o < O_UNITS; o++) {
                var dyv: array<array<vec4<f32>, LOAD4>, LOADS>;
                for (var i = 0u; i < LOADS; i++) {
                    dyv[i] = floats(dy_loads[min(pixels[i], Y_PIXELS - 1u) * O_UNITS + o]);
                    for (var h = 0u; h < LOAD4; h++) {
                        dyv[i][h] = select(vec4<f32>(0.0), dyv[i][h], pixels[i] < Y_PIXELS);
                    }
                }
                // wv[h][j]: four channels c as columns of a matrix, each over four channels o.
                var wv: array<array<mat4x4<f32>, COLUMNS4>, LOAD4>;
                for (var j = 0u; j < COLUMNS4; j++) {
                    let c = min(column4 + j * LANES, C4 - 1u) * 4u;
                    var loads: array<array<vec4<f32>, LOAD4>, 4>;
                    for (var q = 0u; q < 4u; q++) {
                        loads[q] = floats(weight_loads[((kh * KW + kw) * C + c + q) * O_UNITS + o]);
                    }
                    for (var h = 0u; h < LOAD4; h++) {
                        wv[h][j] = mat4x4<f32>(loads[0][h], loads[1][h], loads[2][h], loads[3][h]);
                    }
                }
                for (var r = 0u; r < ROWS; r++) {
                    for (var h = 0u; h < LOAD4; h++) {
                        let dyr = subgroupShuffle(dyv[r / LANES][h], r % LANES);
                        for (var j = 0u; j < COLUMNS4; j++) {
                            acc[r][j] += dyr * wv[h][j];
                        }
                    }
                }
            }
        }
    }
    for (var j = 0u; j < COLUMNS4; j++) {
        let column = column4 + j * LANES;
        let of_column = columns(min(column, C4 - 1u));
        for (var r = 0u; r < ROWS; r++) {
            if (row + r < X_PIXELS && column < C4) {
                let at = (row + r) * C4 + column;
                dx4[at] = epilogue(acc[r][j], at, of_column);
            }
        }
    }
}

// Any channels and groups: one element of dx per invocation.
@compute @workgroup_size(WORKGROUP)
fn backward_x(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= X_PIXELS * C) {
        return;
    }
    let c = id % C;
    let group = c / GROUP_C;
    let place = padded_place(id / C);
    var sum = 0.0;
    for (var kh = 0u; kh < KH; kh++) {
        for (var kw = 0u; kw < KW; kw++) {
            let pixel = of_window(place, kh, kw);
            if (pixel < Y_PIXELS) {
                for (var o = group * GROUP_O; o < (group + 1u) * GROUP_O; o++) {
                    sum += dy[pixel * O + o] * weight[((kh * KW + kw) * GROUP_C + c % GROUP_C) * O + o];
                }
            }
        }
    }
    dx[id] = sum;
}

// dweight[kh, kw, c, o] = Σ_{n, oh, ow} x[n, ih, iw, c] · dy[n, oh, ow, o]. The sum runs over the N · OH rows of y and is cut
// into CHUNKS of CHUNK rows, each with its own plane of dweight, which reduce_sum adds up in a fixed order.
const CHUNK: u32 = 6u;
const CHUNKS: u32 = 1u;
const Y_ROWS: u32 = N * OH;
const WEIGHTS: u32 = KH * KW * GROUP_C * O;

@group(0) @binding(1) var<storage, read> dy_in: array<f32>;
@group(0) @binding(1) var<storage, read> dy_in4: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> dweight: array<f32>;
@group(0) @binding(2) var<storage, read_write> dweight4: array<vec4<f32>>;

// The tile of one invocation: DW_ROWS4 vec4s of c × DW_COLUMNS4 vec4s of o, at one tap.
const DW_ROWS4: u32 = 1u;
const DW_COLUMNS4: u32 = 1u;

// C and O multiples of 4, one group.
@compute @workgroup_size(WORKGROUP)
fn backward_weight_vec4(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    let across = (O4 + DW_COLUMNS4 - 1u) / DW_COLUMNS4;
    let down = (C4 + DW_ROWS4 - 1u) / DW_ROWS4;
    if (id >= across * down * KH * KW * CHUNKS) {
        return;
    }
    let column4 = id % across * DW_COLUMNS4;
    let row4 = id / across % down * DW_ROWS4;
    let tap = id / (across * down) % (KH * KW);
    let chunk = id / (across * down * KH * KW);
    let kh = tap / KW;
    let kw = tap % KW;

    // acc[i][j][r]: channel r of the i-th group of four channels c, the j-th group of four channels o.
    var acc: array<array<mat4x4<f32>, DW_COLUMNS4>, DW_ROWS4>;
    let end = min((chunk + 1u) * CHUNK, Y_ROWS);
    for (var y_row = chunk * CHUNK; y_row < end; y_row++) {
        let ih = y_row % OH * STRIDE_H + kh * DILATION_H - PADDING_H;
        if (ih < H) {
            let x_row = (y_row / OH * H + ih) * W;
            for (var ow = 0u; ow < OW; ow++) {
                let iw = ow * STRIDE_W + kw * DILATION_W - PADDING_W;
                if (!PADDED || iw < W) {
                    var dyv: array<vec4<f32>, DW_COLUMNS4>;
                    for (var j = 0u; j < DW_COLUMNS4; j++) {
                        dyv[j] = dy_in4[(y_row * OW + ow) * O4 + min(column4 + j, O4 - 1u)];
                    }
                    for (var i = 0u; i < DW_ROWS4; i++) {
                        let xv = x4[(x_row + iw) * C4 + min(row4 + i, C4 - 1u)];
                        for (var j = 0u; j < DW_COLUMNS4; j++) {
                            acc[i][j] += mat4x4<f32>(xv.x * dyv[j], xv.y * dyv[j], xv.z * dyv[j], xv.w * dyv[j]);
                        }
                    }
                }
            }
        }
    }
    for (var i = 0u; i < DW_ROWS4; i++) {
        for (var j = 0u; j < DW_COLUMNS4; j++) {
            if (row4 + i < C4 && column4 + j < O4) {
                for (var r = 0u; r < 4u; r++) {
                    let at = tap * C + (row4 + i) * 4u + r;
                    dweight4[(chunk * WEIGHTS) / 4u + at * O4 + column4 + j] = acc[i][j][r];
                }
            }
        }
    }
}

// A first layer: any C, O a multiple of 4, one group; all taps and channels c of one vec4 of o per invocation.
@compute @workgroup_size(WORKGROUP)
fn backward_weight_thin(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= O4 * CHUNKS) {
        return;
    }
    let o4 = id % O4;
    let chunk = id / O4;
    var acc: array<vec4<f32>, KH * KW * C>;
    let end = min((chunk + 1u) * CHUNK, Y_ROWS);
    for (var y_row = chunk * CHUNK; y_row < end; y_row++) {
        for (var ow = 0u; ow < OW; ow++) {
            let dyv = dy_in4[(y_row * OW + ow) * O4 + o4];
            let corner = vec3<u32>(y_row / OH, y_row % OH * STRIDE_H, ow * STRIDE_W);
            for (var kh = 0u; kh < KH; kh++) {
                for (var kw = 0u; kw < KW; kw++) {
                    let pixel = under_tap(corner, kh, kw);
                    for (var c = 0u; c < C; c++) {
                        var xv = x[min(pixel, X_PIXELS - 1u) * C + c];
                        if (PADDED) {
                            xv = select(0.0, xv, pixel < X_PIXELS);
                        }
                        acc[(kh * KW + kw) * C + c] += xv * dyv;
                    }
                }
            }
        }
    }
    for (var i = 0u; i < KH * KW * C; i++) {
        dweight4[(chunk * WEIGHTS) / 4u + i * O4 + o4] = acc[i];
    }
}

// The same where the rows of x are whole vec4s and taps lie side by side (STRIDE_W and DILATION_W 1, no PADDING_W): four pixels
// of y at a time, with the TAP_VEC4S vec4s of x that lie under their windows in one row.
const TAP_VEC4S: u32 = ((3u + KW) * C + 3u) / 4u;
const X_ROW4: u32 = max(W * C / 4u, 1u);

@compute @workgroup_size(WORKGROUP)
fn backward_weight_thin_vec4(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= O4 * CHUNKS) {
        return;
    }
    let o4 = id % O4;
    let chunk = id / O4;
    var acc: array<vec4<f32>, KH * KW * C>;
    let end = min((chunk + 1u) * CHUNK, Y_ROWS);
    for (var y_row = chunk * CHUNK; y_row < end; y_row++) {
        let top = y_row % OH * STRIDE_H;
        for (var ow = 0u; ow < OW; ow += 4u) {
            var dyv: array<vec4<f32>, 4>;
            for (var i = 0u; i < 4u; i++) {
                dyv[i] = dy_in4[y_row * OW * O4 + min(ow + i, OW - 1u) * O4 + o4];
            }
            for (var kh = 0u; kh < KH; kh++) {
                let ih = top + kh * DILATION_H - PADDING_H;
                let row4 = (y_row / OH * H + min(ih, H - 1u)) * X_ROW4;
                var xv: array<vec4<f32>, TAP_VEC4S>;
                for (var q = 0u; q < TAP_VEC4S; q++) {
                    xv[q] = x4[row4 + min(ow / 4u * C + q, X_ROW4 - 1u)];
                    if (PADDING_H > 0u) {
                        xv[q] = select(vec4<f32>(0.0), xv[q], ih < H);
                    }
                }
                for (var i = 0u; i < 4u; i++) {
                    for (var tap = 0u; tap < KW * C; tap++) {
                        var xs = xv[(i * C + tap) / 4u][(i * C + tap) % 4u];
                        // Beyond the last pixel of the row.
                        if (i >= OW % 4u && OW % 4u > 0u) {
                            xs = select(0.0, xs, ow + i < OW);
                        }
                        acc[kh * KW * C + tap] += xs * dyv[i];
                    }
                }
            }
        }
    }
    for (var i = 0u; i < KH * KW * C; i++) {
        dweight4[(chunk * WEIGHTS) / 4u + i * O4 + o4] = acc[i];
    }
}

// For subgroups the sum is cut into CHUNKS of K_CHUNK pixels of y.
const K_CHUNK: u32 = 64u;

// A subgroup per tile (lib/subgroup.wgsl): ROWS channels c at one tap. C and O multiples of UNIT, one group.
@group(0) @binding(1) var<storage, read> dy_in_loads: array<Load>;
// Groups of channels in a tile.
const ROW_UNITS: u32 = max(ROWS / UNIT, 1u);

@compute @workgroup_size(WORKGROUP)
fn backward_weight_subgroup(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    let lane = id % LANES;
    let tile = id / LANES;
    let across = (O4 + COLUMNS4 * LANES - 1u) / (COLUMNS4 * LANES);
    let down = (C + ROWS - 1u) / ROWS;
    if (tile >= across * down * KH * KW * CHUNKS) {
        return;
    }
    let column = tile % across * (COLUMN_LOADS * LANES) + lane;
    let row = tile / across % down * ROWS;
    let tap = tile / (across * down) % (KH * KW);
    let chunk = tile / (across * down * KH * KW);

    var acc: array<array<vec4<f32>, COLUMNS4>, ROWS>;
    let end = min((chunk + 1u) * K_CHUNK, Y_PIXELS);
    for (var k = chunk * K_CHUNK; k < end; k += UNIT) {
        // Loads of UNIT channels; ROW_UNITS of them for each of UNIT pixels. Pixels beyond the last one count nothing.
        var xv: array<array<vec4<f32>, LOAD4>, LOADS>;
        for (var i = 0u; i < LOADS; i++) {
            let part = i * LANES + lane;
            let y_pixel = k + part / ROW_UNITS;
            let pixel = under_tap(corner(y_pixel), tap / KW, tap % KW);
            let at = min(pixel, X_PIXELS - 1u) * C_UNITS + min(row / UNIT + part % ROW_UNITS, C_UNITS - 1u);
            xv[i] = floats(x_loads[at]);
            for (var h = 0u; h < LOAD4; h++) {
                xv[i][h] = select(vec4<f32>(0.0), xv[i][h], y_pixel < Y_PIXELS && pixel < X_PIXELS);
            }
        }
        // dyv[h][j]: four pixels as columns of a matrix, each four channels o.
        var dyv: array<array<mat4x4<f32>, COLUMNS4>, LOAD4>;
        for (var j = 0u; j < COLUMN_LOADS; j++) {
            let o = min(column + j * LANES, O_UNITS - 1u);
            var loads: array<array<vec4<f32>, LOAD4>, UNIT>;
            for (var q = 0u; q < UNIT; q++) {
                loads[q] = floats(dy_in_loads[min(k + q, Y_PIXELS - 1u) * O_UNITS + o]);
            }
            for (var h = 0u; h < LOAD4; h++) {
                for (var g = 0u; g < LOAD4; g++) {
                    let four = 4u * h;
                    dyv[h][j * LOAD4 + g] =
                        mat4x4<f32>(loads[four][g], loads[four + 1u][g], loads[four + 2u][g], loads[four + 3u][g]);
                }
            }
        }
        for (var r = 0u; r < ROWS; r++) {
            for (var h = 0u; h < LOAD4; h++) {
                var xr: vec4<f32>;
                for (var q = 0u; q < 4u; q++) {
                    let part = (h * 4u + q) * ROW_UNITS + r / UNIT;
                    xr[q] = subgroupShuffle(xv[part / LANES][r % UNIT / 4u][r % 4u], part % LANES);
                }
                for (var j = 0u; j < COLUMNS4; j++) {
                    acc[r][j] += dyv[h][j] * xr;
                }
            }
        }
    }
    for (var j = 0u; j < COLUMNS4; j++) {
        let column4 = column_of(column, j);
        for (var r = 0u; r < ROWS; r++) {
            if (row + r < C && column4 < O4) {
                dweight4[(chunk * WEIGHTS) / 4u + (tap * C + row + r) * O4 + column4] = acc[r][j];
            }
        }
    }
}

// Any channels and groups: one weight per invocation.
@compute @workgroup_size(WORKGROUP)
fn backward_weight(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= WEIGHTS * CHUNKS) {
        return;
    }
    let o = id % O;
    let c = id / O % GROUP_C;
    let tap = id / (O * GROUP_C) % (KH * KW);
    let chunk = id / WEIGHTS;
    let kh = tap / KW;
    let kw = tap % KW;
    let x_channel = o / GROUP_O * GROUP_C + c;
    var sum = 0.0;
    let end = min((chunk + 1u) * CHUNK, Y_ROWS);
    for (var y_row = chunk * CHUNK; y_row < end; y_row++) {
        let ih = y_row % OH * STRIDE_H + kh * DILATION_H - PADDING_H;
        if (ih < H) {
            for (var ow = 0u; ow < OW; ow++) {
                let iw = ow * STRIDE_W + kw * DILATION_W - PADDING_W;
                if (iw < W) {
                    sum += x[((y_row / OH * H + ih) * W + iw) * C + x_channel] * dy_in[(y_row * OW + ow) * O + o];
                }
            }
        }
    }
    dweight[id] = sum;
}
