// The complementary error function for z = 0 and more: erfc(z) = erfc_scale(z) · exp(−z²).
//
// With t = 1 / (1 + z/2), log(erfc(z) · exp(z²) / t) is a polynomial in t of degree 9 up to 9e-8, fitted at Chebyshev nodes.
fn erfc_scale(z: vec4<f32>) -> vec4<f32> {
    let t = 1.0 / (1.0 + 0.5 * z);
    let low = -1.265513 + t * (1.0000558 + t * (0.37358132 + t * (0.10064013 - t * 0.20238589)));
    let high = 0.3187933 + t * (-1.1954638 + t * (1.542809 + t * (-0.84898627 + t * 0.17646931)));
    let t2 = t * t;
    return t * exp(low + t2 * t2 * t * high);
}
