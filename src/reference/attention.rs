//! Scaled dot-product attention of several heads, queries, keys and values side by side.

use crate::graph::Array;

/// Where number `i` of row `t` of q (part 0), k (1) or v (2) of a head lies in qkv (N, T, 3, HEADS, D).
struct Rows {
    tokens: usize,
    heads: usize,
    channels: usize,
}

impl Rows {
    fn of(qkv: &Array, heads: usize) -> Self {
        Self {
            tokens: qkv.dims()[1],
            heads,
            channels: qkv.dims()[2] / (3 * heads),
        }
    }

    fn at(&self, sample: usize, t: usize, part: usize, head: usize, i: usize) -> usize {
        (((sample * self.tokens + t) * 3 + part) * self.heads + head) * self.channels + i
    }

    fn in_y(&self, sample: usize, t: usize, head: usize, i: usize) -> usize {
        ((sample * self.tokens + t) * self.heads + head) * self.channels + i
    }

    /// `q[t] · k[j] / √D`
    fn score(&self, qkv: &Array, sample: usize, head: usize, t: usize, j: usize) -> f64 {
        let mut score = 0.0;
        for i in 0..self.channels {
            score +=
                qkv.data[self.at(sample, t, 0, head, i)] * qkv.data[self.at(sample, j, 1, head, i)];
        }
        score / (self.channels as f64).sqrt()
    }

    /// How many keys a query sees.
    fn keys(&self, t: usize, causal: bool) -> usize {
        if causal { t + 1 } else { self.tokens }
    }
}

/// `y[t] = Σ_j softmax_j(q[t] · k[j] / √D) · v[j]` and the logarithm of the sum of exponentials of each row, (N, HEADS, T)
pub fn forward(qkv: &Array, heads: usize, causal: bool) -> Vec<Array> {
    let rows = Rows::of(qkv, heads);
    let samples = qkv.dims()[0];
    let mut y = Array::zeros([samples, rows.tokens, heads * rows.channels]);
    let mut lse = Array::zeros([samples, heads, rows.tokens]);
    for sample in 0..samples {
        for head in 0..heads {
            for t in 0..rows.tokens {
                let keys = 0..rows.keys(t, causal);
                let scores: Vec<f64> = keys.map(|j| rows.score(qkv, sample, head, t, j)).collect();
                let maximum = scores.iter().fold(scores[0], |max, s| max.max(*s));
                let sum: f64 = scores.iter().map(|s| (s - maximum).exp()).sum();
                for (j, score) in scores.iter().enumerate() {
                    for i in 0..rows.channels {
                        y.data[rows.in_y(sample, t, head, i)] += (score - maximum).exp() / sum
                            * qkv.data[rows.at(sample, j, 2, head, i)];
                    }
                }
                lse.data[(sample * heads + head) * rows.tokens + t] = maximum + sum.ln();
            }
        }
    }
    vec![y, lse]
}

/// With `p[t, j] = exp(q[t] · k[j] / √D − lse[t])` and `ds[t, j] = p[t, j] · (dy[t] · v[j] − dy[t] · y[t]) / √D`:
/// `dq[t] = Σ_j ds[t, j] · k[j]`, `dk[j] = Σ_t ds[t, j] · q[t]`, `dv[j] = Σ_t p[t, j] · dy[t]`
pub fn backward(
    qkv: &Array,
    y: &Array,
    lse: &Array,
    dy: &Array,
    heads: usize,
    causal: bool,
) -> Array {
    let rows = Rows::of(qkv, heads);
    let mut dqkv = Array::zeros(qkv.shape.clone());
    for sample in 0..qkv.dims()[0] {
        for head in 0..heads {
            for t in 0..rows.tokens {
                let of_row = lse.data[(sample * heads + head) * rows.tokens + t];
                for j in 0..rows.keys(t, causal) {
                    let p = (rows.score(qkv, sample, head, t, j) - of_row).exp();
                    let mut dp = 0.0;
                    for i in 0..rows.channels {
                        let at = rows.in_y(sample, t, head, i);
                        dp += dy.data[at] * (qkv.data[rows.at(sample, j, 2, head, i)] - y.data[at]);
                    }
                    let ds = p * dp / (rows.channels as f64).sqrt();
                    for i in 0..rows.channels {
                        let q = rows.at(sample, t, 0, head, i);
                        let k = rows.at(sample, j, 1, head, i);
                        let v = rows.at(sample, j, 2, head, i);
                        dqkv.data[q] += ds * qkv.data[k];
                        dqkv.data[k] += ds * qkv.data[q];
                        dqkv.data[v] += p * dy.data[rows.in_y(sample, t, head, i)];
                    }
                }
            }
        }
    }
    dqkv
}
