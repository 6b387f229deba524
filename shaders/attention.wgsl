// attention: y[n, t, h] = Σ_j p[t, j] · v[n, j, h] with p[t, :] = softmax over j of SCALE · q[n, t, h] · k[n, j, h], for the rows q, k
// and v of D numbers that stand side by side in qkv (N, T, 3, HEADS, D); j runs up to t where CAUSAL, else up to T. y is
// (N, T, HEADS, D), lse (N, HEADS, T) the logarithm of the sum of exponentials, all that is kept for the backward pass.
// T. Dao: "FlashAttention-2", 2023; M. Milakov, N. Gimelshein: "Online normalizer calculation for softmax", 2018.
//
// With dp[t, j] = dy[t] · v[j], delta[t] = dy[t] · y[t] and ds[t, j] = SCALE · p[t, j] · (dp[t, j] − delta[t]) is
//   dq[t] = Σ_j ds[t, j] · k[j],   dk[j] = Σ_t ds[t, j] · q[t],   dv[j] = Σ_t p[t, j] · dy[t],
// where p[t, j] = exp(SCALE · q[t] · k[j] − lse[t]) is computed once more. All sums are in the order of their index.
//
// The plain kernels: one invocation per row of a head, which takes four rows of the other side at a time.
#import flat

const N: u32 = 2u;
const T: u32 = 8u;
const HEADS: u32 = 2u;
const D: u32 = 8u;
const SCALE: f32 = 0.35;
const CAUSAL: bool = true;

const C: u32 = HEADS * D;
const D4: u32 = (D + 3u) / 4u;
// What is masked: its exponential is 0.
const LOWEST: f32 = -3.0e38;
const FOUR: vec4<u32> = vec4<u32>(0u, 1u, 2u, 3u);

// Rows of D numbers are read and written by vec4s where D is a multiple of 4; else number by number, zeros behind the last.
const VEC4: bool = true;
#if VEC4
@group(0) @binding(0) var<storage, read> qkv: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(0) var<storage, read> y_saved: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> dqkv: array<vec4<f32>>;

fn qkv_part(begin: u32, i: u32) -> vec4<f32> {
    return qkv[begin / 4u + i];
}

fn y_part(begin: u32, i: u32) -> vec4<f32> {
    return y_saved[begin / 4u + i];
}

fn dy_part(begin: u32, i: u32) -> vec4<f32> {
    return dy[begin / 4u + i];
}

fn store_y(begin: u32, i: u32, v: vec4<f32>) {
    y[begin / 4u + i] = v;
}

fn store_dqkv(begin: u32, i: u32, v: vec4<f32>) {
    dqkv[begin / 4u + i] = v;
}
#else
@group(0) @binding(0) var<storage, read> qkv: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(0) var<storage, read> y_saved: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dqkv: array<f32>;

fn places(begin: u32, i: u32) -> vec4<u32> {
    return begin + min(i * 4u + FOUR, vec4<u32>(D - 1u));
}

fn without_rest(v: vec4<f32>, i: u32) -> vec4<f32> {
    return select(vec4<f32>(0.0), v, i * 4u + FOUR < vec4<u32>(D));
}

fn qkv_part(begin: u32, i: u32) -> vec4<f32> {
    let at = places(begin, i);
    return without_rest(vec4<f32>(qkv[at.x], qkv[at.y], qkv[at.z], qkv[at.w]), i);
}

fn y_part(begin: u32, i: u32) -> vec4<f32> {
    let at = places(begin, i);
    return without_rest(vec4<f32>(y_saved[at.x], y_saved[at.y], y_saved[at.z], y_saved[at.w]), i);
}

fn dy_part(begin: u32, i: u32) -> vec4<f32> {
    let at = places(begin, i);
    return without_rest(vec4<f32>(dy[at.x], dy[at.y], dy[at.z], dy[at.w]), i);
}

fn store_y(begin: u32, i: u32, v: vec4<f32>) {
    for (var c = 0u; c < min(4u, D - i * 4u); c++) {
        y[begin + i * 4u + c] = v[c];
    }
}

fn store_dqkv(begin: u32, i: u32, v: vec4<f32>) {
    for (var c = 0u; c < min(4u, D - i * 4u); c++) {
        dqkv[begin + i * 4u + c] = v[c];
    }
}
#end

@group(0) @binding(2) var<storage, read_write> lse: array<f32>;
@group(0) @binding(2) var<storage, read> lse_saved: array<f32>;
@group(0) @binding(2) var<storage, read_write> delta: array<f32>;
@group(0) @binding(3) var<storage, read> delta_made: array<f32>;

const Q: u32 = 0u;
const K: u32 = 1u;
const V: u32 = 2u;

// Where the row q, k or v of token t begins in qkv, for head number `head` of all N · HEADS.
fn row_of(head: u32, t: u32, part: u32) -> u32 {
    return ((head / HEADS * T + t) * 3u + part) * C + head % HEADS * D;
}

// Where its row begins in y.
fn row_of_y(head: u32, t: u32) -> u32 {
    return (head / HEADS * T + t) * C + head % HEADS * D;
}

// The queries of keys, and the keys of queries.
fn sees(t: vec4<u32>, j: vec4<u32>) -> vec4<bool> {
    return (t < vec4<u32>(T)) & (j < vec4<u32>(T)) & ((j <= t) | vec4<bool>(!CAUSAL));
}

fn largest(v: vec4<f32>) -> f32 {
    return max(max(v.x, v.y), max(v.z, v.w));
}

fn total(v: vec4<f32>) -> f32 {
    return (v.x + v.y) + (v.z + v.w);
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= N * HEADS * T) {
        return;
    }
    let head = id / T;
    let t = id % T;
    var q: array<vec4<f32>, D4>;
    var sum: array<vec4<f32>, D4>;
    for (var i = 0u; i < D4; i++) {
        q[i] = SCALE * qkv_part(row_of(head, t, Q), i);
    }
    var highest = LOWEST;
    var weight = 0.0;
    let end = select(T, t + 1u, CAUSAL);
    for (var j = 0u; j < end; j += 4u) {
        let keys = j + FOUR;
        let near = min(keys, vec4<u32>(T - 1u));
        var s = vec4<f32>(0.0);
        for (var i = 0u; i < D4; i++) {
            s += q[i] * mat4x4<f32>(
                qkv_part(row_of(head, near.x, K), i),
                qkv_part(row_of(head, near.y, K), i),
                qkv_part(row_of(head, near.z, K), i),
                qkv_part(row_of(head, near.w, K), i),
            );
        }
        s = select(vec4<f32>(LOWEST), s, sees(vec4<u32>(t), keys));
        let before = highest;
        highest = max(highest, largest(s));
        let p = exp(s - highest);
        let shrink = exp(before - highest);
        weight = weight * shrink + total(p);
        for (var i = 0u; i < D4; i++) {
            sum[i] = sum[i] * shrink + mat4x4<f32>(
                qkv_part(row_of(head, near.x, V), i),
                qkv_part(row_of(head, near.y, V), i),
                qkv_part(row_of(head, near.z, V), i),
                qkv_part(row_of(head, near.w, V), i),
            ) * p;
        }
    }
    for (var i = 0u; i < D4; i++) {
        store_y(row_of_y(head, t), i, sum[i] / weight);
    }
    lse[id] = highest + log(weight);
}

// delta, as lse: (N, HEADS, T).
@compute @workgroup_size(WORKGROUP)
fn backward_delta(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= N * HEADS * T) {
        return;
    }
    let begin = row_of_y(id / T, id % T);
    var sum = 0.0;
    for (var i = 0u; i < D4; i++) {
        sum += dot(y_part(begin, i), dy_part(begin, i));
    }
    delta[id] = sum;
}

@compute @workgroup_size(WORKGROUP)
fn backward_query(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= N * HEADS * T) {
        return;
    }
    let head = id / T;
    let t = id % T;
    var q: array<vec4<f32>, D4>;
    var dyt: array<vec4<f32>, D4>;
    var dq: array<vec4<f32>, D4>;
    for (var i = 0u; i < D4; i++) {
        q[i] = SCALE * qkv_part(row_of(head, t, Q), i);
        dyt[i] = dy_part(row_of_y(head, t), i);
    }
    let end = select(T, t + 1u, CAUSAL);
    for (var j = 0u; j < end; j += 4u) {
        let keys = j + FOUR;
        let near = min(keys, vec4<u32>(T - 1u));
        var k: array<mat4x4<f32>, D4>;
        var s = vec4<f32>(0.0);
        var dp = vec4<f32>(0.0);
        for (var i = 0u; i < D4; i++) {
            k[i] = mat4x4<f32>(
                qkv_part(row_of(head, near.x, K), i),
                qkv_part(row_of(head, near.y, K), i),
                qkv_part(row_of(head, near.z, K), i),
                qkv_part(row_of(head, near.w, K), i),
            );
            s += q[i] * k[i];
            dp += dyt[i] * mat4x4<f32>(
                qkv_part(row_of(head, near.x, V), i),
                qkv_part(row_of(head, near.y, V), i),
                qkv_part(row_of(head, near.z, V), i),
                qkv_part(row_of(head, near.w, V), i),
            );
        }
        let p = select(vec4<f32>(0.0), exp(s - lse_saved[id]), sees(vec4<u32>(t), keys));
        let ds = SCALE * p * (dp - delta_made[id]);
        for (var i = 0u; i < D4; i++) {
            dq[i] += k[i] * ds;
        }
    }
    for (var i = 0u; i < D4; i++) {
        store_dqkv(row_of(head, t, Q), i, dq[i]);
    }
}

@compute @workgroup_size(WORKGROUP)
fn backward_key_value(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id >= N * HEADS * T) {
        return;
    }
    let head = id / T;
    let j = id % T;
    var k: array<vec4<f32>, D4>;
    var v: array<vec4<f32>, D4>;
    var dk: array<vec4<f32>, D4>;
    var dv: array<vec4<f32>, D4>;
    for (var i = 0u; i < D4; i++) {
        k[i] = SCALE * qkv_part(row_of(head, j, K), i);
        v[i] = qkv_part(row_of(head, j, V), i);
    }
    for (var t = select(0u, j, CAUSAL); t < T; t += 4u) {
        let queries = t + FOUR;
        let near = min(queries, vec4<u32>(T - 1u));
        var q: array<mat4x4<f32>, D4>;
        var dyt: array<mat4x4<f32>, D4>;
        var s = vec4<f32>(0.0);
        var dp = vec4<f32>(0.0);
        for (var i = 0u; i < D4; i++) {
            q[i] = mat4x4<f32>(
                qkv_part(row_of(head, near.x, Q), i),
                qkv_part(row_of(head, near.y, Q), i),
                qkv_part(row_of(head, near.z, Q), i),
                qkv_part(row_of(head, near.w, Q), i),
            );
            dyt[i] = mat4x4<f32>(
                dy_part(row_of_y(head, near.x), i),
                dy_part(row_of_y(head, near.y), i),
                dy_part(row_of_y(head, near.z), i),
                dy_part(row_of_y(head, near.w), i),
            );
            s += k[i] * q[i];
            dp += v[i] * dyt[i];
        }
        let at = head * T + near;
        let of_lse = vec4<f32>(lse_saved[at.x], lse_saved[at.y], lse_saved[at.z], lse_saved[at.w]);
        let of_delta = vec4<f32>(delta_made[at.x], delta_made[at.y], delta_made[at.z], delta_made[at.w]);
        let p = select(vec4<f32>(0.0), exp(s - of_lse), sees(queries, vec4<u32>(j)));
        let ds = SCALE * p * (dp - of_delta);
        for (var i = 0u; i < D4; i++) {
            dk[i] += q[i] * ds;
            dv[i] += dyt[i] * p;
        }
    }
    for (var i = 0u; i < D4; i++) {
        store_dqkv(row_of(head, j, K), i, dk[i]);
        store_dqkv(row_of(head, j, V), i, dv[i]);
    }
}

// One subgroup per tile of LANES · ROWS rows of a head, ROWS for each lane, LANES apart. The rows of the other side are loaded LANES
// at a time, one by each lane, and handed from lane to lane. A workgroup is one subgroup.
const LANES: u32 = 8u;
const ROWS: u32 = 2u;
const TILE: u32 = LANES * ROWS;
const TILES: u32 = (T + TILE - 1u) / TILE;
const LANES4: u32 = max(LANES / 4u, 1u);

// What lanes 4 · g to 4 · g + 3 hold, as columns.
fn of_four(v: vec4<f32>, g: u32) -> mat4x4<f32> {
    let lane = g * 4u;
    return mat4x4<f32>(
        subgroupShuffle(v, lane),
        subgroupShuffle(v, lane + 1u),
        subgroupShuffle(v, lane + 2u),
        subgroupShuffle(v, lane + 3u),
    );
}

fn numbers_of_four(v: f32, g: u32) -> vec4<f32> {
    let lane = g * 4u;
    return vec4<f32>(
        subgroupShuffle(v, lane),
        subgroupShuffle(v, lane + 1u),
        subgroupShuffle(v, lane + 2u),
        subgroupShuffle(v, lane + 3u),
    );
}

@compute @workgroup_size(WORKGROUP)
fn forward_subgroup(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    let lane = id % LANES;
    let head = id / LANES / TILES;
    if (head >= N * HEADS) {
        return;
    }
    let first = id / LANES % TILES * TILE;
    var q: array<array<vec4<f32>, D4>, ROWS>;
    var sum: array<array<vec4<f32>, D4>, ROWS>;
    var highest: array<f32, ROWS>;
    var weight: array<f32, ROWS>;
    for (var r = 0u; r < ROWS; r++) {
        let begin = row_of(head, min(first + r * LANES + lane, T - 1u), Q);
        for (var i = 0u; i < D4; i++) {
            q[r][i] = SCALE * qkv_part(begin, i);
        }
        highest[r] = LOWEST;
    }
    let end = select(T, min(first + TILE, T), CAUSAL);
    for (var j = 0u; j < end; j += LANES) {
        let mine = min(j + lane, T - 1u);
        var k: array<vec4<f32>, D4>;
        var v: array<vec4<f32>, D4>;
        for (var i = 0u; i < D4; i++) {
            k[i] = qkv_part(row_of(head, mine, K), i);
            v[i] = qkv_part(row_of(head, mine, V), i);
        }
        var s: array<array<vec4<f32>, LANES4>, ROWS>;
        for (var g = 0u; g < LANES4; g++) {
            for (var i = 0u; i < D4; i++) {
                let keys = of_four(k[i], g);
                for (var r = 0u; r < ROWS; r++) {
                    s[r][g] += q[r][i] * keys;
                }
            }
        }
        for (var r = 0u; r < ROWS; r++) {
            let t = vec4<u32>(first + r * LANES + lane);
            let before = highest[r];
            for (var g = 0u; g < LANES4; g++) {
                // A row beyond the last one is the last one, so that it has keys.
                s[r][g] = select(vec4<f32>(LOWEST), s[r][g], sees(min(t, vec4<u32>(T - 1u)), j + g * 4u + FOUR));
                highest[r] = max(highest[r], largest(s[r][g]));
            }
            let shrink = exp(before - highest[r]);
            weight[r] *= shrink;
            for (var g = 0u; g < LANES4; g++) {
                s[r][g] = exp(s[r][g] - highest[r]);
                weight[r] += total(s[r][g]);
            }
            for (var i = 0u; i < D4; i++) {
                sum[r][i] *= shrink;
            }
        }
        for (var g = 0u; g < LANES4; g++) {
            for (var i = 0u; i < D4; i++) {
                let values = of_four(v[i], g);
                for (var r = 0u; r < ROWS; r++) {
                    sum[r][i] += values * s[r][g];
                }
            }
        }
    }
    for (var r = 0u; r < ROWS; r++) {
        let t = first + r * LANES + lane;
        if (t < T) {
            for (var i = 0u; i < D4; i++) {
                store_y(row_of_y(head, t), i, sum[r][i] / weight[r]);
            }
            lse[head * T + t] = highest[r] + log(weight[r]);
        }
    }
}

@compute @workgroup_size(WORKGROUP)
fn backward_query_subgroup(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    let lane = id % LANES;
    let head = id / LANES / TILES;
    if (head >= N * HEADS) {
        return;
    }
    let first = id / LANES % TILES * TILE;
    var q: array<array<vec4<f32>, D4>, ROWS>;
    var dyt: array<array<vec4<f32>, D4>, ROWS>;
    var dq: array<array<vec4<f32>, D4>, ROWS>;
    var of_lse: array<f32, ROWS>;
    var of_delta: array<f32, ROWS>;
    for (var r = 0u; r < ROWS; r++) {
        let t = min(first + r * LANES + lane, T - 1u);
        for (var i = 0u; i < D4; i++) {
            q[r][i] = SCALE * qkv_part(row_of(head, t, Q), i);
            dyt[r][i] = dy_part(row_of_y(head, t), i);
        }
        of_lse[r] = lse_saved[head * T + t];
        of_delta[r] = delta_made[head * T + t];
    }
    let end = select(T, min(first + TILE, T), CAUSAL);
    for (var j = 0u; j < end; j += LANES) {
        let mine = min(j + lane, T - 1u);
        var k: array<vec4<f32>, D4>;
        var v: array<vec4<f32>, D4>;
        for (var i = 0u; i < D4; i++) {
            k[i] = qkv_part(row_of(head, mine, K), i);
            v[i] = qkv_part(row_of(head, mine, V), i);
        }
        for (var g = 0u; g < LANES4; g++) {
            var ds: array<vec4<f32>, ROWS>;
            var dp: array<vec4<f32>, ROWS>;
            for (var i = 0u; i < D4; i++) {
                let keys = of_four(k[i], g);
                let values = of_four(v[i], g);
                for (var r = 0u; r < ROWS; r++) {
                    ds[r] += q[r][i] * keys;
                    dp[r] += dyt[r][i] * values;
                }
            }
            for (var r = 0u; r < ROWS; r++) {
                let seen = sees(vec4<u32>(first + r * LANES + lane), j + g * 4u + FOUR);
                let p = select(vec4<f32>(0.0), exp(ds[r] - of_lse[r]), seen);
                ds[r] = SCALE * p * (dp[r] - of_delta[r]);
            }
            for (var i = 0u; i < D4; i++) {
                let keys = of_four(k[i], g);
                for (var r = 0u; r < ROWS; r++) {
                    dq[r][i] += keys * ds[r];
                }
            }
        }
    }
    for (var r = 0u; r < ROWS; r++) {
        let t = first + r * LANES + lane;
        if (t < T) {
            for (var i = 0u; i < D4; i++) {
                store_dqkv(row_of(head, t, Q), i, dq[r][i]);
            }
        }
    }
}

@compute @workgroup_size(WORKGROUP)
fn backward_key_value_subgroup(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    let lane = id % LANES;
    let head = id / LANES / TILES;
    if (head >= N * HEADS) {
        return;
    }
    let first = id / LANES % TILES * TILE;
    var k: array<array<vec4<f32>, D4>, ROWS>;
    var v: array<array<vec4<f32>, D4>, ROWS>;
    var dk: array<array<vec4<f32>, D4>, ROWS>;
    var dv: array<array<vec4<f32>, D4>, ROWS>;
    for (var r = 0u; r < ROWS; r++) {
        let j = min(first + r * LANES + lane, T - 1u);
        for (var i = 0u; i < D4; i++) {
            k[r][i] = SCALE * qkv_part(row_of(head, j, K), i);
            v[r][i] = qkv_part(row_of(head, j, V), i);
        }
    }
    for (var t = select(0u, first, CAUSAL); t < T; t += LANES) {
        let mine = min(t + lane, T - 1u);
        var q: array<vec4<f32>, D4>;
        var dyt: array<vec4<f32>, D4>;
        for (var i = 0u; i < D4; i++) {
            q[i] = qkv_part(row_of(head, mine, Q), i);
            dyt[i] = dy_part(row_of_y(head, mine), i);
        }
        let my_lse = lse_saved[head * T + mine];
        let my_delta = delta_made[head * T + mine];
        for (var g = 0u; g < LANES4; g++) {
            var p: array<vec4<f32>, ROWS>;
            var ds: array<vec4<f32>, ROWS>;
            for (var i = 0u; i < D4; i++) {
                let queries = of_four(q[i], g);
                let gradients = of_four(dyt[i], g);
                for (var r = 0u; r < ROWS; r++) {
                    p[r] += k[r][i] * queries;
                    ds[r] += v[r][i] * gradients;
                }
            }
            let of_lse = numbers_of_four(my_lse, g);
            let of_delta = numbers_of_four(my_delta, g);
            for (var r = 0u; r < ROWS; r++) {
                let seen = sees(t + g * 4u + FOUR, vec4<u32>(first + r * LANES + lane));
                p[r] = select(vec4<f32>(0.0), exp(p[r] - of_lse), seen);
                ds[r] = SCALE * p[r] * (ds[r] - of_delta);
            }
            for (var i = 0u; i < D4; i++) {
                let queries = of_four(q[i], g);
                let gradients = of_four(dyt[i], g);
                for (var r = 0u; r < ROWS; r++) {
                    dk[r][i] += queries * ds[r];
                    dv[r][i] += gradients * p[r];
                }
            }
        }
    }
    for (var r = 0u; r < ROWS; r++) {
        let j = first + r * LANES + lane;
        if (j < T) {
            for (var i = 0u; i < D4; i++) {
                store_dqkv(row_of(head, j, K), i, dk[r][i]);
                store_dqkv(row_of(head, j, V), i, dv[r][i]);
            }
        }
    }
}
