// mse: the squared error, d² with the slope 2 d, for the difference d of prediction and target.
#import regression

fn off(p: f32, t: f32) -> f32 {
    return (p - t) * (p - t);
}

fn slope(p: f32, t: f32) -> f32 {
    return 2.0 * (p - t);
}
