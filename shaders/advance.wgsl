// advance: the end of a step. One invocation.
//
//   ring[STEP % RING] = (loss, correct, real samples in this batch, 1 if the loss is not finite, else 0,
//                        learning rate, norm of the gradient, 0, 0)
//   STEP = STEP + 1;  POSITION = POSITION + BATCH, and at the end of the COUNT samples 0, with EPOCH = EPOCH + 1
#import flat
#import state

const COUNT: u32 = 64u;
const BATCH: u32 = 16u;
const RING: u32 = 64u;

@group(0) @binding(0) var<storage, read_write> counters: array<u32>;
@group(0) @binding(1) var<storage, read_write> ring: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> loss: array<f32>;
@group(0) @binding(3) var<storage, read> correct: array<f32>;
@group(0) @binding(4) var<storage, read> schedule: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) global_id: vec3<u32>) {
    if (flat_id(global_id) >= 1u) {
        return;
    }
    let step = counters[STEP];
    let position = min(counters[POSITION], COUNT);
    let real = min(BATCH, COUNT - position);
    // WGSL may assume that floats are finite; bits are bits.
    let finite = (bitcast<u32>(loss[0]) & 0x7f800000u) != 0x7f800000u;
    let entry = 2u * (step % RING);
    ring[entry] = vec4<f32>(loss[0], correct[0], f32(real), select(1.0, 0.0, finite));
    ring[entry + 1u] = vec4<f32>(schedule[LEARNING_RATE], schedule[GRADIENT_NORM], 0.0, 0.0);

    counters[STEP] = step + 1u;
    if (position + BATCH < COUNT) {
        counters[POSITION] = position + BATCH;
    } else {
        counters[POSITION] = 0u;
        counters[EPOCH] += 1u;
    }
}
