// binary_cross_entropy: −t log σ(z) − (1 − t) log(1 − σ(z)) = max(z, 0) − z t + log(1 + exp(−|z|)) for the logit z and a target t
// from 0 to 1, with the slope σ(z) − t = (1 − t) σ(z) − t σ(−z), as torch.nn.BCEWithLogitsLoss.
//
// Nothing overflows, and nothing cancels where a logit is large and right: there both are tiny, and have all their digits.
#import regression

// log(1 + u) for u in 0..1; near 0 its series, whose next term is below 2^-26 of the sum.
fn log_1_plus(u: f32) -> f32 {
    if (u < 0.015625) {
        return u * (1.0 - u * (0.5 - u * (0.33333333 - u * 0.25)));
    }
    return log(1.0 + u);
}

fn off(z: f32, t: f32) -> f32 {
    // max(z, 0) − z t without the difference of two large numbers.
    let wrong = select(-z * t, z * (1.0 - t), z > 0.0);
    return wrong + log_1_plus(exp(-abs(z)));
}

fn slope(z: f32, t: f32) -> f32 {
    let u = exp(-abs(z));
    // σ(|z|) and σ(−|z|).
    let large = 1.0 / (1.0 + u);
    let small = u * large;
    return (1.0 - t) * select(small, large, z > 0.0) - t * select(large, small, z > 0.0);
}
