// schedule: the learning rate of the next update, from the number of updates done so far (STEP).
//
//   LEARNING_RATE = BASE · ramp · factor(t)
//   ramp = WARMUP_FROM + (1 − WARMUP_FROM) · STEP / WARMUP in the first WARMUP updates, then 1
//   t = (STEP − WARMUP) / UNIT rounded down, 0 during the warm-up
//
// with one entry point per factor. One invocation.
//
// Whatever can be counted is counted in integers, so that nothing cancels where a factor comes close to 0. Powers come from
// logarithms taken in 64 bits; the sine is a polynomial, since the built-in one may be off by 2^-11.
#import flat
#import state

const WARMUP: u32 = 0u;
const WARMUP_FROM: f32 = 0.0;
const UNIT: u32 = 1u;

@group(0) @binding(0) var<storage, read_write> schedule: array<f32>;
@group(0) @binding(1) var<storage, read> counters: array<u32>;

fn elapsed() -> u32 {
    let step = counters[STEP];
    return (step - min(step, WARMUP)) / max(UNIT, 1u);
}

fn put(factor: f32) {
    let step = counters[STEP];
    var ramp = 1.0;
    if (step < WARMUP) {
        ramp = WARMUP_FROM + (1.0 - WARMUP_FROM) * (f32(step) / f32(WARMUP));
    }
    schedule[LEARNING_RATE] = schedule[BASE] * ramp * factor;
}

// sin²(π/2 · x) for x in 0..1, which is (1 − cos(π x)) / 2: the Taylor series of the sine up to the 15th power, whose next term is
// below 2^-37 of the sum.
fn sin2_quarter(x: f32) -> f32 {
    let y = 1.57079632679489661923 * x;
    let y2 = -y * y;
    var sum = 1.0;
    sum = 1.0 + y2 / 210.0 * sum;
    sum = 1.0 + y2 / 156.0 * sum;
    sum = 1.0 + y2 / 110.0 * sum;
    sum = 1.0 + y2 / 72.0 * sum;
    sum = 1.0 + y2 / 42.0 * sum;
    sum = 1.0 + y2 / 20.0 * sum;
    sum = 1.0 + y2 / 6.0 * sum;
    let sine = y * sum;
    return sine * sine;
}

// GAMMA^n.
const LOG_GAMMA: f32 = -2.302585092994045684;

fn power(n: u32) -> f32 {
    return exp(f32(n) * LOG_GAMMA);
}

@compute @workgroup_size(WORKGROUP)
fn constant(@builtin(global_invocation_id) global_id: vec3<u32>) {
    if (flat_id(global_id) >= 1u) {
        return;
    }
    put(1.0);
}

// step: GAMMA^(t / EVERY), rounded down.
const EVERY: u32 = 1u;

@compute @workgroup_size(WORKGROUP)
fn step_decay(@builtin(global_invocation_id) global_id: vec3<u32>) {
    if (flat_id(global_id) >= 1u) {
        return;
    }
    put(power(elapsed() / max(EVERY, 1u)));
}

// multi_step: GAMMA^(milestones reached). Milestones that are not used are never reached.
const MILESTONE_0: u32 = 4294967295u;
const MILESTONE_1: u32 = 4294967295u;
const MILESTONE_2: u32 = 4294967295u;
const MILESTONE_3: u32 = 4294967295u;
const MILESTONE_4: u32 = 4294967295u;
const MILESTONE_5: u32 = 4294967295u;
const MILESTONE_6: u32 = 4294967295u;
const MILESTONE_7: u32 = 4294967295u;

@compute @workgroup_size(WORKGROUP)
fn multi_step(@builtin(global_invocation_id) global_id: vec3<u32>) {
    if (flat_id(global_id) >= 1u) {
        return;
    }
    let t = vec4<u32>(elapsed());
    let early = t >= vec4<u32>(MILESTONE_0, MILESTONE_1, MILESTONE_2, MILESTONE_3);
    let late = t >= vec4<u32>(MILESTONE_4, MILESTONE_5, MILESTONE_6, MILESTONE_7);
    let one = vec4<u32>(1u);
    let reached = select(vec4<u32>(0u), one, early) + select(vec4<u32>(0u), one, late);
    put(power(reached.x + reached.y + reached.z + reached.w));
}

// exponential: GAMMA^t.
@compute @workgroup_size(WORKGROUP)
fn exponential(@builtin(global_invocation_id) global_id: vec3<u32>) {
    if (flat_id(global_id) >= 1u) {
        return;
    }
    put(power(elapsed()));
}

// cosine: FLOOR + (1 − FLOOR) · (1 + cos(π · t / PERIOD)) / 2: down in one PERIOD, up in the next.
const PERIOD: u32 = 1u;
const FLOOR: f32 = 0.0;

fn cosine_at(left: u32, period: u32) -> f32 {
    return FLOOR + (1.0 - FLOOR) * sin2_quarter(f32(left) / f32(period));
}

@compute @workgroup_size(WORKGROUP)
fn cosine(@builtin(global_invocation_id) global_id: vec3<u32>) {
    if (flat_id(global_id) >= 1u) {
        return;
    }
    let period = max(PERIOD, 1u);
    let t = elapsed();
    let phase = t % period;
    // In odd periods the curve is run through backwards.
    put(cosine_at(select(period - phase, phase, (t / period) % 2u == 1u), period));
}

// cosine_restarts: as cosine, but down again from the beginning after PERIOD, which is then MULTIPLY times as long.
const MULTIPLY: u32 = 1u;

@compute @workgroup_size(WORKGROUP)
fn cosine_restarts(@builtin(global_invocation_id) global_id: vec3<u32>) {
    if (flat_id(global_id) >= 1u) {
        return;
    }
    var period = max(PERIOD, 1u);
    var phase = elapsed();
    if (MULTIPLY <= 1u) {
        phase %= period;
    } else {
        // Doubled 32 times, no period is reached.
        for (var i = 0u; i < 32u; i++) {
            if (phase >= period) {
                phase -= period;
                period = select(period * MULTIPLY, 4294967295u, period > 4294967295u / max(MULTIPLY, 1u));
            }
        }
        phase = min(phase, period);
    }
    put(cosine_at(period - phase, period));
}

// one_cycle: from START to 1 in UP updates (a whole number + a fraction), then to END in the DOWN that are left, LAST in all; along
// half a cosine or, LINEAR, a straight line.
const START: f32 = 0.04;
const END: f32 = 4e-6;
const UP: f32 = 1.0;
const DOWN: f32 = 1.0;
const LAST: u32 = 1u;
const LINEAR: bool = false;

@compute @workgroup_size(WORKGROUP)
fn one_cycle(@builtin(global_invocation_id) global_id: vec3<u32>) {
    if (flat_id(global_id) >= 1u) {
        return;
    }
    let t = min(elapsed(), LAST);
    var low = START;
    var share = f32(t) / UP;
    if (f32(t) > UP) {
        low = END;
        share = f32(LAST - t) / DOWN;
    }
    share = clamp(share, 0.0, 1.0);
    put(low + (1.0 - low) * select(sin2_quarter(share), share, LINEAR));
}
