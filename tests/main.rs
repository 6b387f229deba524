//! All integration tests, one binary.
#[test]
fn smoke() {
    use anygrad::{gpu::*, graph::*, ops::matmul::Matmul, plan::Plan};
    let gpu = Gpu::open(&Choice::Best, Trust::Trusted).unwrap();
    let mut memory = Memory::new();
    let mut kernels = Kernels::default();
    for (ta, tb) in [(false, false), (false, true), (true, false)] {
        let n = 512;
        let mut g = Graph::new();
        let a = g.input("a", TensorType::f32([n, n]));
        let b = g.input("b", TensorType::f32([n, n]));
        let y = g.one(
            Matmul {
                transpose_a: ta,
                transpose_b: tb,
            },
            &[a, b],
        );
        let plan = Plan::new(&g, &[a, b, y]);
        let t = std::time::Instant::now();
        let mut e = Executor::new(&gpu, &mut memory, &mut kernels, plan).unwrap();
        let compile = t.elapsed();
        let rnd = |s: usize| -> Vec<f32> {
            (0..n * n)
                .map(|i| (((i * 7919 + s) % 1000) as f32) / 500.0 - 1.0)
                .collect()
        };
        let (x, w) = (rnd(1), rnd(5));
        e.write(&gpu, a, bytemuck::cast_slice(&x));
        e.write(&gpu, b, bytemuck::cast_slice(&w));
        e.submit(&gpu, &memory, 1, None).unwrap();
        let out = e.read(&gpu, y).unwrap();
        let out: Vec<f32> = out.iter().map(|&u| f32::from_bits(u)).collect();
        let f = |v: &Vec<f32>| Array::new([n, n], v.iter().map(|&x| x as f64).collect());
        let r = anygrad::reference::matmul::forward(&f(&x), &f(&w), ta, tb);
        let worst = r
            .data
            .iter()
            .zip(&out)
            .map(|(a, b)| (a - *b as f64).abs())
            .fold(0.0, f64::max);
        let t = std::time::Instant::now();
        e.submit(&gpu, &memory, 20, None).unwrap();
        e.read(&gpu, y).unwrap();
        let s = t.elapsed().as_secs_f64() / 20.0;
        eprintln!(
            "{ta} {tb} worst {worst} compile {compile:?} {:.2} GFLOP/s",
            2.0 * (n as f64).powi(3) / s / 1e9
        );
    }
}
