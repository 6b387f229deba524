// stream_rows: indices[r] = (STEP % SLOTS) * STRIDE + FIRST + r, some rows of the next batch in a window of SLOTS batches.
//
// counters: u32 (8); indices: u32 (ROWS). One invocation per row.
#import flat
#import state

const SLOTS: u32 = 4u;
const STRIDE: u32 = 16u;
const FIRST: u32 = 0u;
const ROWS: u32 = 16u;

@group(0) @binding(0) var<storage, read> counters: array<u32>;
@group(0) @binding(1) var<storage, read_write> indices: array<u32>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    let row = flat_id(global_id);
    if (row >= ROWS) {
        return;
    }
    indices[row] = counters[STEP] % SLOTS * STRIDE + FIRST + row;
}
