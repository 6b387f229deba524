// embedding: y[r, c] = weight[ids[r], c] for ids (ROWS) and weight (VOCABULARY, C); an id beyond the vocabulary counts as the last
// one, and what PADDING names is a row of zeros. dweight[v, c] = Σ_r dy[r, c] over the rows r whose id is v, in their order.
//
// An item is a vec4 of channels where C is a multiple of 4, else one. Forward: one invocation per item of y. Backward: one per item
// of dweight, which either looks at the ids of a chunk of CHUNK rows, each chunk with a plane of its own that reduce_sum adds up;
// or follows a list of its rows, for which one invocation per row has looked for the next row of the same id.
#import flat

const ROWS: u32 = 8u;
const VOCABULARY: u32 = 5u;
const C: u32 = 4u;
const PADDING: u32 = 0xffffffffu;
const CHUNK: u32 = 8u;
const CHUNKS: u32 = (ROWS + CHUNK - 1u) / CHUNK;

const VEC4: bool = true;
#if VEC4
alias Item = vec4<f32>;
const ITEMS: u32 = max(C / 4u, 1u);
#else
alias Item = f32;
const ITEMS: u32 = C;
#end

// The end of a list of rows.
const NONE: u32 = 0xffffffffu;

@group(0) @binding(0) var<storage, read> ids: array<u32>;
@group(0) @binding(1) var<storage, read> weight: array<Item>;
@group(0) @binding(2) var<storage, read_write> y: array<Item>;

fn id_of(row: u32) -> u32 {
    return min(ids[row], VOCABULARY - 1u);
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let at = flat_id(global_id);
    if (at >= ROWS * ITEMS) {
        return;
    }
    let id = id_of(at / ITEMS);
    y[at] = select(weight[id * ITEMS + at % ITEMS], Item(0.0), id == PADDING);
}

@group(0) @binding(1) var<storage, read> dy: array<Item>;
@group(0) @binding(2) var<storage, read_write> dweight: array<Item>;

@compute @workgroup_size(WORKGROUP)
fn backward_weight(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let at = flat_id(global_id);
    if (at >= CHUNKS * VOCABULARY * ITEMS) {
        return;
    }
    let item = at % ITEMS;
    let id = at / ITEMS % VOCABULARY;
    let chunk = at / (ITEMS * VOCABULARY);
    var sum = Item(0.0);
    let end = min((chunk + 1u) * CHUNK, ROWS);
    for (var row = chunk * CHUNK; row < end; row++) {
        if (id_of(row) == id) {
            sum += dy[row * ITEMS + item];
        }
    }
    dweight[at] = select(sum, Item(0.0), id == PADDING);
}

// No id has a row yet.
@group(0) @binding(0) var<storage, read_write> no_heads: array<u32>;

@compute @workgroup_size(WORKGROUP)
fn backward_weight_empty(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let id = flat_id(global_id);
    if (id < VOCABULARY) {
        no_heads[id] = NONE;
    }
}

// heads[id]: the first row of an id. links[row]: the next row of the same id.
@group(0) @binding(1) var<storage, read_write> heads: array<u32>;
@group(0) @binding(2) var<storage, read_write> links: array<u32>;

@compute @workgroup_size(WORKGROUP)
fn backward_weight_link(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let row = flat_id(global_id);
    if (row >= ROWS) {
        return;
    }
    let id = id_of(row);
    var first = true;
    for (var i = 0u; i < row; i++) {
        if (id_of(i) == id) {
            first = false;
            break;
        }
    }
    // One row alone writes here.
    if (first) {
        heads[id] = row;
    }
    var next = NONE;
    for (var i = row + 1u; i < ROWS; i++) {
        if (id_of(i) == id) {
            next = i;
            break;
        }
    }
    links[row] = next;
}

@group(0) @binding(0) var<storage, read> heads_made: array<u32>;
@group(0) @binding(1) var<storage, read> links_made: array<u32>;
@group(0) @binding(2) var<storage, read> dy_linked: array<Item>;
@group(0) @binding(3) var<storage, read_write> dweight_linked: array<Item>;

@compute @workgroup_size(WORKGROUP)
fn backward_weight_follow(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let at = flat_id(global_id);
    if (at >= VOCABULARY * ITEMS) {
        return;
    }
    let id = at / ITEMS;
    var sum = Item(0.0);
    var row = heads_made[id];
    for (var i = 0u; i < ROWS; i++) {
        if (row >= ROWS) {
            break;
        }
        sum += dy_linked[row * ITEMS + at % ITEMS];
        row = links_made[row];
    }
    dweight_linked[at] = select(sum, Item(0.0), id == PADDING);
}
