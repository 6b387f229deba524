// What a dispatch costs that does nothing: one invocation.

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;

// y ← y + x: each dispatch needs what the one before has written, so there is a barrier between them.
@compute @workgroup_size(1)
fn dependent() {
    y[0] = y[0] + x[0];
}

// Nothing is written: dispatches need not wait for each other.
@compute @workgroup_size(1)
fn independent() {
    _ = x[0];
}
