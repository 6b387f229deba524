// matmul: y[m, n] = Σ_k op(a)[m, k] · op(b)[k, n], the product of (M, K) and (K, N); a transposed operand is stored with its
// axes exchanged.
//
// One invocation, or one subgroup, computes one tile of y in registers, without workgroup memory or barriers; only
// forward_workgroup has both. Tiles are numbered along n
// first. Rows and columns beyond the edge are loaded from the last valid one and not stored. A long sum is cut into SPLITS
// chunks of K_CHUNK, each with its own (M, N) plane of y, which reduce_sum adds up in a fixed order.
#import flat
#import subgroup

const M: u32 = 64u;
const N: u32 = 64u;
const K: u32 = 64u;
const K_CHUNK: u32 = 64u;
const SPLITS: u32 = 1u;
const TRANSPOSE_A: bool = false;
const TRANSPOSE_B: bool = false;

// At least 1, so that the entry points for vec4s are valid where they are not used.
const N4: u32 = max(N / 4u, 1u);
const M4: u32 = max(M / 4u, 1u);
const K4: u32 = max(K / 4u, 1u);

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@group(0) @binding(0) var<storage, read> a4: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> b4: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y4: array<vec4<f32>>;

#epilogue

// Any extents and transpositions: 4 × 4 outputs per invocation, scalar loads.
@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    let across = (N + 3u) / 4u;
    let down = (M + 3u) / 4u;
    if (id >= across * down * SPLITS) {
        return;
    }
    let column = id % across * 4u;
    let row = id / across % down * 4u;
    let split = id / (across * down);
    let rows = min(vec4<u32>(row) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(M - 1u));
    let columns = min(vec4<u32>(column) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(N - 1u));
    let a_base = select(rows * K, rows, TRANSPOSE_A);
    let a_step = select(1u, M, TRANSPOSE_A);
    let b_base = select(columns, columns * K, TRANSPOSE_B);
    let b_step = select(N, 1u, TRANSPOSE_B);

    var acc: array<vec4<f32>, 4>;
    let end = min((split + 1u) * K_CHUNK, K);
    for (var k = split * K_CHUNK; k < end; k++) {
        let ia = a_base + k * a_step;
        let ib = b_base + k * b_step;
        let bv = vec4<f32>(b[ib.x], b[ib.y], b[ib.z], b[ib.w]);
        acc[0] += a[ia.x] * bv;
        acc[1] += a[ia.y] * bv;
        acc[2] += a[ia.z] * bv;
        acc[3] += a[ia.w] * bv;
    }
    for (var i = 0u; i < 4u; i++) {
        if (row + i < M) {
            let base = (split * M + row + i) * N + column;
            for (var j = 0u; j < 4u; j++) {
                if (column + j < N) {
                    y[base + j] = acc[i][j];
                }
            }
        }
    }
}

// Neither transposed, K and N multiples of 4: a is read along k, b along n.
const NN_ROWS: u32 = 4u;
const NN_COLUMNS4: u32 = 1u;

@compute @workgroup_size(WORKGROUP)
fn forward_nn(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    let across = (N4 + NN_COLUMNS4 - 1u) / NN_COLUMNS4;
    let down = (M + NN_ROWS - 1u) / NN_ROWS;
    if (id >= across * down * SPLITS) {
        return;
    }
    let column4 = id % across * NN_COLUMNS4;
    let row = id / across % down * NN_ROWS;
    let split = id / (across * down);

    var acc: array<array<vec4<f32>, NN_COLUMNS4>, NN_ROWS>;
    let end = min((split + 1u) * (K_CHUNK / 4u), K4);
    for (var k4 = split * (K_CHUNK / 4u); k4 < end; k4++) {
        var bv: array<mat4x4<f32>, NN_COLUMNS4>;
        for (var j = 0u; j < NN_COLUMNS4; j++) {
            let ib = k4 * 4u * N4 + min(column4 + j, N4 - 1u);
            bv[j] = mat4x4<f32>(b4[ib], b4[ib + N4], b4[ib + 2u * N4], b4[ib + 3u * N4]);
        }
        for (var i = 0u; i < NN_ROWS; i++) {
            let av = a4[min(row + i, M - 1u) * K4 + k4];
            for (var j = 0u; j < NN_COLUMNS4; j++) {
                acc[i][j] += av.x * bv[j][0] + av.y * bv[j][1] + av.z * bv[j][2] + av.w * bv[j][3];
            }
        }
    }
    for (var j = 0u; j < NN_COLUMNS4; j++) {
        let of_column = columns(min(column4 + j, N4 - 1u));
        for (var i = 0u; i < NN_ROWS; i++) {
            if (row + i < M && column4 + j < N4) {
                let at = (split * M + row + i) * N4 + column4 + j;
                y4[at] = epilogue(acc[i][j], at, of_column);
            }
        }
    }
}

// b not transposed, N a multiple of 4, any K and a: a is read one number at a time.
const NX_ROWS: u32 = 8u;

@compute @workgroup_size(WORKGROUP)
fn forward_nx(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    let down = (M + NX_ROWS - 1u) / NX_ROWS;
    if (id >= N4 * down * SPLITS) {
        return;
    }
    let column4 = id % N4;
    let row = id / N4 % down * NX_ROWS;
    let split = id / (N4 * down);
    let a_step = select(1u, M, TRANSPOSE_A);

    var acc: array<vec4<f32>, NX_ROWS>;
    let end = min((split + 1u) * K_CHUNK, K);
    for (var k = split * K_CHUNK; k < end; k++) {
        let bv = b4[k * N4 + column4];
        for (var i = 0u; i < NX_ROWS; i++) {
            let m = min(row + i, M - 1u);
            acc[i] += a[select(m * K, m, TRANSPOSE_A) + k * a_step] * bv;
        }
    }
    let of_column = columns(column4);
    for (var i = 0u; i < NX_ROWS; i++) {
        if (row + i < M) {
            let at = (split * M + row + i) * N4 + column4;
            y4[at] = epilogue(acc[i], at, of_column);
        }
    }
}

// b transposed, K a multiple of 4: both are read along k.
const NT_ROWS: u32 = 4u;
const NT_COLUMNS: u32 = 4u;

@compute @workgroup_size(WORKGROUP)
fn forward_nt(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    let across = (N + NT_COLUMNS - 1u) / NT_COLUMNS;
    let down = (M + NT_ROWS - 1u) / NT_ROWS;
    if (id >= across * down * SPLITS) {
        return;
    }
    let column = id % across * NT_COLUMNS;
    let row = id / across % down * NT_ROWS;
    let split = id / (across * down);

    var acc: array<array<f32, NT_COLUMNS>, NT_ROWS>;
    let end = min((split + 1u) * (K_CHUNK / 4u), K4);
    for (var k4 = split * (K_CHUNK / 4u); k4 < end; k4++) {
        var bv: array<vec4<f32>, NT_COLUMNS>;
        for (var j = 0u; j < NT_COLUMNS; j++) {
            bv[j] = b4[min(column + j, N - 1u) * K4 + k4];
        }
        for (var i = 0u; i < NT_ROWS; i++) {
            let av = a4[min(row + i, M - 1u) * K4 + k4];
            for (var j = 0u; j < NT_COLUMNS; j++) {
                acc[i][j] += dot(av, bv[j]);
            }
        }
    }
    for (var i = 0u; i < NT_ROWS; i++) {
        for (var j = 0u; j < NT_COLUMNS; j++) {
            if (row + i < M && column + j < N) {
                y[(split * M + row + i) * N + column + j] = acc[i][j];
            }
        }
    }
}

// a transposed, M and N multiples of 4: a is read along m, b along n.
const TN_ROWS4: u32 = 1u;
const TN_COLUMNS4: u32 = 1u;

@compute @workgroup_size(WORKGROUP)
fn forward_tn(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    let across = (N4 + TN_COLUMNS4 - 1u) / TN_COLUMNS4;
    let down = (M4 + TN_ROWS4 - 1u) / TN_ROWS4;
    if (id >= across * down * SPLITS) {
        return;
    }
    let column4 = id % across * TN_COLUMNS4;
    let row4 = id / across % down * TN_ROWS4;
    let split = id / (across * down);

    // acc[i][j][r]: row r of the i-th group of four rows, the j-th group of four columns.
    var acc: array<array<mat4x4<f32>, TN_COLUMNS4>, TN_ROWS4>;
    let end = min((split + 1u) * K_CHUNK, K);
    for (var k = split * K_CHUNK; k < end; k++) {
        var bv: array<vec4<f32>, TN_COLUMNS4>;
        for (var j = 0u; j < TN_COLUMNS4; j++) {
            bv[j] = b4[k * N4 + min(column4 + j, N4 - 1u)];
        }
        for (var i = 0u; i < TN_ROWS4; i++) {
            let av = a4[k * M4 + min(row4 + i, M4 - 1u)];
            for (var j = 0u; j < TN_COLUMNS4; j++) {
                acc[i][j] += mat4x4<f32>(av.x * bv[j], av.y * bv[j], av.z * bv[j], av.w * bv[j]);
            }
        }
    }
    for (var j = 0u; j < TN_COLUMNS4; j++) {
        let of_column = columns(min(column4 + j, N4 - 1u));
        for (var i = 0u; i < TN_ROWS4; i++) {
            if (row4 + i < M4 && column4 + j < N4) {
                for (var r = 0u; r < 4u; r++) {
                    let at = (split * M + (row4 + i) * 4u + r) * N4 + column4 + j;
                    y4[at] = epilogue(acc[i][j][r], at, of_column);
                }
            }
        }
    }
}

// Few rows, b transposed, K a multiple of 4: a workgroup of 64 invocations per column of y, which read along k side by side and add
// up their parts in a tree.
const SKINNY_ROWS: u32 = 1u;
var<workgroup> parts: array<f32, 64u * SKINNY_ROWS>;

@compute @workgroup_size(WORKGROUP)
fn forward_skinny(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    let local = id % 64u;
    let column = id / 64u % N;
    let split = id / (64u * N);
    var acc: array<f32, SKINNY_ROWS>;
    let end = min((split + 1u) * (K_CHUNK / 4u), K4);
    for (var k4 = split * (K_CHUNK / 4u) + local; k4 < end; k4 += 64u) {
        let bv = b4[column * K4 + k4];
        for (var i = 0u; i < SKINNY_ROWS; i++) {
            acc[i] += dot(a4[min(i, M - 1u) * K4 + k4], bv);
        }
    }
    for (var i = 0u; i < SKINNY_ROWS; i++) {
        parts[i * 64u + local] = acc[i];
    }
    for (var half = 32u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (local < half) {
            for (var i = 0u; i < SKINNY_ROWS; i++) {
                parts[i * 64u + local] += parts[i * 64u + local + half];
            }
        }
    }
    workgroupBarrier();
    if (local < M && split < SPLITS) {
        y[(split * M + local) * N + column] = parts[min(local, SKINNY_ROWS - 1u) * 64u];
    }
}

// A workgroup of 256 invocations per tile of 64 · WG_ROWS × 64 outputs, 4 · WG_ROWS × 4 for each: the operands for 16 units of k
// are loaded into workgroup memory together, zeros for what is beyond an edge. N a multiple of 4, any M, K and transpositions.
const WG_ROWS: u32 = 1u;
const WG_TILE: u32 = 64u;
const WG_K: u32 = 16u;
// A row of a tile for one unit of k, in vec4s; one more, so that the writes of a transposed tile fall on different banks.
const WG_A_ROW: u32 = 16u * WG_ROWS + 1u;
const WG_B_ROW: u32 = 17u;
var<workgroup> a_tile: array<vec4<f32>, WG_K * WG_A_ROW>;
var<workgroup> b_tile: array<vec4<f32>, WG_K * WG_B_ROW>;

// Four rows of op(a), from `row` on, at one k below `end`.
fn a_part(row: u32, k: u32, end: u32) -> vec4<f32> {
    let rows = vec4<u32>(row) + vec4<u32>(0u, 1u, 2u, 3u);
    let inside = (rows < vec4<u32>(M)) & vec4<bool>(k < end);
    let clamped = min(rows, vec4<u32>(M - 1u));
    let kk = min(k, K - 1u);
    let at = select(clamped * K + kk, kk * M + clamped, vec4<bool>(TRANSPOSE_A));
    return select(vec4<f32>(0.0), vec4<f32>(a[at.x], a[at.y], a[at.z], a[at.w]), inside);
}

// Four columns of op(b), from `column` on, at one k below `end`.
fn b_part(column: u32, k: u32, end: u32) -> vec4<f32> {
    let columns = vec4<u32>(column) + vec4<u32>(0u, 1u, 2u, 3u);
    let inside = (columns < vec4<u32>(N)) & vec4<bool>(k < end);
    let clamped = min(columns, vec4<u32>(N - 1u));
    let kk = min(k, K - 1u);
    let at = select(kk * N + clamped, clamped * K + kk, vec4<bool>(TRANSPOSE_B));
    return select(vec4<f32>(0.0), vec4<f32>(b[at.x], b[at.y], b[at.z], b[at.w]), inside);
}

@compute @workgroup_size(WORKGROUP)
fn forward_workgroup(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    let local = id % 256u;
    let tile = id / 256u;
    let across = (N + WG_TILE - 1u) / WG_TILE;
    let down = (M + WG_TILE * WG_ROWS - 1u) / (WG_TILE * WG_ROWS);
    let column = tile % across * WG_TILE;
    let row = tile / across % down * (WG_TILE * WG_ROWS);
    let split = tile / (across * down);
    let begin = split * K_CHUNK;
    let end = min(begin + K_CHUNK, K);
    // Neighbours load neighbours in memory: along k, or along the other axis.
    let a_place = select(vec2<u32>(local / 16u, local % 16u), vec2<u32>(local % 16u, local / 16u), TRANSPOSE_A);
    let b_place = select(vec2<u32>(local % 16u, local / 16u), vec2<u32>(local / 16u, local % 16u), TRANSPOSE_B);
    let across4 = local % 16u;
    let down4 = local / 16u;

    var acc: array<mat4x4<f32>, WG_ROWS>;
    // The same number of rounds for every invocation, as barriers want it.
    for (var k = 0u; k < K_CHUNK; k += WG_K) {
        for (var i = 0u; i < WG_ROWS; i++) {
            let four = a_place.x + i * 16u;
            a_tile[a_place.y * WG_A_ROW + four] = a_part(row + four * 4u, begin + k + a_place.y, end);
        }
        b_tile[b_place.y * WG_B_ROW + b_place.x] = b_part(column + b_place.x * 4u, begin + k + b_place.y, end);
        workgroupBarrier();
        for (var kk = 0u; kk < WG_K; kk++) {
            let bv = b_tile[kk * WG_B_ROW + across4];
            for (var i = 0u; i < WG_ROWS; i++) {
                let av = a_tile[kk * WG_A_ROW + down4 + i * 16u];
                acc[i] += mat4x4<f32>(av.x * bv, av.y * bv, av.z * bv, av.w * bv);
            }
        }
        workgroupBarrier();
    }
    let column4 = column / 4u + across4;
    let of_column = columns(min(column4, N4 - 1u));
    for (var i = 0u; i < WG_ROWS; i++) {
        for (var r = 0u; r < 4u; r++) {
            let m = row + (down4 + i * 16u) * 4u + r;
            if (split < SPLITS && m < M && column4 < N4) {
                let at = (split * M + m) * N4 + column4;
                y4[at] = epilogue(acc[i][r], at, of_column);
            }
        }
    }
}

// A subgroup per tile (lib/subgroup.wgsl). N is a multiple of 4, for the vec4s of y; of UNIT are the extents along which an operand
// is loaded: M or K for a, N or K for b.
@group(0) @binding(0) var<storage, read> a_loads: array<Load>;
@group(0) @binding(1) var<storage, read> b_loads: array<Load>;
const M_UNITS: u32 = max(M / UNIT, 1u);
const N_UNITS: u32 = max(N / UNIT, 1u);
const K_UNITS: u32 = max(K / UNIT, 1u);
// Groups of rows in a tile, where a is loaded along them.
const GROUPS: u32 = max(ROWS / UNIT, 1u);

@compute @workgroup_size(WORKGROUP)
fn forward_subgroup(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    let lane = id % LANES;
    let tile = id / LANES;
    let across = (N4 + COLUMNS4 * LANES - 1u) / (COLUMNS4 * LANES);
    let down = (M + ROWS - 1u) / ROWS;
    if (tile >= across * down * SPLITS) {
        return;
    }
    // The lane's first load of columns, or its first four columns where b is loaded along k; the others follow at a distance of LANES.
    let column = tile % across * (select(COLUMN_LOADS, COLUMNS4, TRANSPOSE_B) * LANES) + lane;
    let row = tile / across % down * ROWS;
    let split = tile / (across * down);

    var acc: array<array<vec4<f32>, COLUMNS4>, ROWS>;
    let end = min((split + 1u) * K_CHUNK, K);
    for (var k = split * K_CHUNK; k < end; k += UNIT) {
        // Not transposed: the lane's rows, along k. Transposed: groups of UNIT rows; GROUPS of them for each unit of k.
        var av: array<array<vec4<f32>, LOAD4>, LOADS>;
        for (var i = 0u; i < LOADS; i++) {
            let part = i * LANES + lane;
            if (TRANSPOSE_A) {
                let at = min(k + part / GROUPS, K - 1u);
                av[i] = floats(a_loads[at * M_UNITS + min(row / UNIT + part % GROUPS, M_UNITS - 1u)]);
            } else {
                av[i] = floats(a_loads[min(row + part, M - 1u) * K_UNITS + k / UNIT]);
            }
        }
        // bv[h][j]: four units of k as columns of a matrix, each four columns of b.
        var bv: array<array<mat4x4<f32>, COLUMNS4>, LOAD4>;
        if (TRANSPOSE_B) {
            for (var j = 0u; j < COLUMNS4; j++) {
                var loads: array<array<vec4<f32>, LOAD4>, 4>;
                for (var q = 0u; q < 4u; q++) {
                    loads[q] = floats(b_loads[min((column + j * LANES) * 4u + q, N - 1u) * K_UNITS + k / UNIT]);
                }
                for (var h = 0u; h < LOAD4; h++) {
                    bv[h][j] = transpose(mat4x4<f32>(loads[0][h], loads[1][h], loads[2][h], loads[3][h]));
                }
            }
        } else {
            for (var j = 0u; j < COLUMN_LOADS; j++) {
                var loads: array<array<vec4<f32>, LOAD4>, UNIT>;
                for (var q = 0u; q < UNIT; q++) {
                    loads[q] = floats(b_loads[min(k + q, K - 1u) * N_UNITS + min(column + j * LANES, N_UNITS - 1u)]);
                }
                for (var h = 0u; h < LOAD4; h++) {
                    for (var g = 0u; g < LOAD4; g++) {
                        let four = 4u * h;
                        bv[h][j * LOAD4 + g] =
                            mat4x4<f32>(loads[four][g], loads[four + 1u][g], loads[four + 2u][g], loads[four + 3u][g]);
                    }
                }
            }
        }
        for (var r = 0u; r < ROWS; r++) {
            for (var h = 0u; h < LOAD4; h++) {
                var ar: vec4<f32>;
                if (TRANSPOSE_A) {
                    for (var q = 0u; q < 4u; q++) {
                        let part = (h * 4u + q) * GROUPS + r / UNIT;
                        ar[q] = subgroupShuffle(av[part / LANES][r % UNIT / 4u][r % 4u], part % LANES);
                        // What is beyond the last unit of k was loaded from it.
                        if (K % UNIT > 0u) {
                            ar[q] = select(0.0, ar[q], k + h * 4u + q < K);
                        }
                    }
                } else {
                    ar = subgroupShuffle(av[r / LANES][h], r % LANES);
                }
                for (var j = 0u; j < COLUMNS4; j++) {
                    acc[r][j] += bv[h][j] * ar;
                }
            }
        }
    }
    for (var j = 0u; j < COLUMNS4; j++) {
        let column4 = select(column_of(column, j), column + j * LANES, TRANSPOSE_B);
        let of_column = columns(min(column4, N4 - 1u));
        for (var r = 0u; r < ROWS; r++) {
            if (row + r < M && column4 < N4) {
                let at = (split * M + row + r) * N4 + column4;
                y4[at] = epilogue(acc[r][j], at, of_column);
            }
        }
    }
}
