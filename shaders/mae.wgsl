// mae: the absolute error, |d| with the slope sign(d), for the difference d of prediction and target; the slope at 0 is 0.
#import regression

fn off(p: f32, t: f32) -> f32 {
    return abs(p - t);
}

fn slope(p: f32, t: f32) -> f32 {
    let d = p - t;
    // The sign of what is no number must not look like one.
    if ((bitcast<u32>(d) & 0x7fffffffu) > 0x7f800000u) {
        return d;
    }
    return sign(d);
}
