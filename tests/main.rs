//! All integration tests, one binary.
use anygrad::{gpu::*, graph::*, ops, plan::Plan};
#[test]
fn smoke() {
    let gpu = Gpu::open(&Choice::Best, Trust::Trusted).unwrap();
    let mut kernels = Kernels::default();
    let t = std::time::Instant::now();
    for d in ops::OPS {
        for case in (d.cases)() {
            let mut g = Graph::new();
            let xs: Vec<Value> = case
                .inputs
                .iter()
                .map(|i| g.input("x", i.tensor.clone()))
                .collect();
            let ys = g.apply(case.op.clone(), &xs).unwrap();
            let dys: Vec<_> = ys
                .iter()
                .map(|&y| {
                    (y, {
                        let t = g.tensor(y).clone();
                        g.input("dy", t)
                    })
                })
                .collect();
            let wrt = xs.clone();
            autograd::backward(&mut g, &dys, &wrt, &ops::sum());
            let mut vals: std::collections::HashMap<Value, Array> = Default::default();
            let mut s = 12345u64;
            let mut rnd = || {
                s = s
                    .wrapping_mul(6364136223846793005)
                    .wrapping_add(1442695040888963407);
                ((s >> 40) as f64 / 8388608.0 - 1.0) as f32 as f64
            };
            for v in xs.iter().chain(dys.iter().map(|d| &d.1)) {
                let sh = g.shape(*v).clone();
                vals.insert(
                    *v,
                    Array::new(sh.clone(), (0..sh.elements()).map(|_| rnd()).collect()),
                );
            }
            for node in g.nodes().to_vec() {
                let ins: Vec<Array> = node.inputs.iter().map(|v| vals[v].clone()).collect();
                let outs = node.op.reference(&ins);
                let mut g1 = Graph::new();
                let x1: Vec<Value> = node
                    .inputs
                    .iter()
                    .map(|v| g1.input("x", g.tensor(*v).clone()))
                    .collect();
                let y1 = g1.apply(node.op.clone(), &x1).unwrap();
                let mut keep = x1.clone();
                keep.extend(&y1);
                let mut memory = Memory::new();
                let mut e =
                    Executor::new(&gpu, &mut memory, &mut kernels, Plan::new(&g1, &keep)).unwrap();
                for (x, a) in x1.iter().zip(&ins) {
                    let w: Vec<f32> = a.data.iter().map(|&x| x as f32).collect();
                    e.write(&gpu, *x, bytemuck::cast_slice(&w));
                }
                e.submit(&gpu, &memory, 1, None).unwrap();
                for ((y, v), a) in y1.iter().zip(&node.outputs).zip(outs) {
                    let w = e.read(&gpu, *y).unwrap();
                    let mag = a.data.iter().fold(0.0f64, |m, x| m.max(x.abs()));
                    let err = a
                        .data
                        .iter()
                        .zip(&w)
                        .map(|(a, &b)| (a - f32::from_bits(b) as f64).abs())
                        .fold(0.0, f64::max);
                    if !(err <= 1e-5 * mag) {
                        eprintln!(
                            "{} {:?} err {err:e} mag {mag} {:?}",
                            node.name(),
                            node.op,
                            x1.iter().map(|v| g1.shape(*v).clone()).collect::<Vec<_>>()
                        );
                    }
                    vals.insert(*v, a);
                }
            }
        }
        eprintln!("{} {:?}", d.name, t.elapsed());
    }
}
