// huber: for the difference d of prediction and target ½ d² with the slope d where |d| <= DELTA, and beyond it
// DELTA · (|d| − ½ DELTA) with the slope DELTA · sign(d), as torch.nn.HuberLoss.
#import regression

const DELTA: f32 = 1.0;

fn off(p: f32, t: f32) -> f32 {
    let d = abs(p - t);
    if (d > DELTA) {
        return DELTA * (d - 0.5 * DELTA);
    }
    return 0.5 * d * d;
}

// What is no number is neither above nor below, and stays.
fn slope(p: f32, t: f32) -> f32 {
    var d = p - t;
    if (d > DELTA) {
        d = DELTA;
    }
    if (d < -DELTA) {
        d = -DELTA;
    }
    return d;
}
