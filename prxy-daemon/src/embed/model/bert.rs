//! The encoder of "BERT: Pre-training of Deep Bidirectional Transformers" (Devlin et al., 2018), for
//! one text at a time, on one thread.

use std::fs::File;

use super::ModelError;
use super::files::Tensors;
use crate::sys::matrix::{Matrix, add_product};

/// How large the parts of a model are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shape {
    pub(super) layers: usize,
    pub(super) hidden: usize,
    pub(super) inner: usize,
    pub(super) heads: usize,
    pub(super) positions: usize,
    pub(super) kinds: usize,
    pub(super) vocabulary: usize,
    pub(super) epsilon: f32,
}

/// The weights, ready to be multiplied.
pub(super) struct Bert {
    shape: Shape,
    words: Vec<f32>,
    positions: Vec<f32>,
    kinds: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
}

struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    attended: Linear,
    attended_norm: Norm,
    widen: Linear,
    narrow: Linear,
    norm: Norm,
}

/// A matrix of a row for each number that comes out, and what is added to it.
struct Linear {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

struct Norm {
    weight: Vec<f32>,
    bias: Vec<f32>,
    epsilon: f32,
}

impl Bert {
    /// The model in a file, and the SHA-256 of the file.
    pub(super) fn read(file: File, shape: Shape) -> Result<(Self, String), ModelError> {
        let (hidden, inner) = (shape.hidden, shape.inner);
        let mut wanted: Vec<(String, Vec<usize>)> = Vec::new();
        for (name, rows) in
            [("word", shape.vocabulary), ("position", shape.positions), ("token_type", shape.kinds)]
        {
            wanted.push((format!("embeddings.{name}_embeddings.weight"), vec![rows, hidden]));
        }
        let mut add = |name: &str, weight: Vec<usize>, bias: usize| {
            wanted.push((format!("{name}.weight"), weight));
            wanted.push((format!("{name}.bias"), vec![bias]));
        };
        add("embeddings.LayerNorm", vec![hidden], hidden);
        for layer in 0..shape.layers {
            for (name, weight, bias) in [
                ("attention.self.query", vec![hidden, hidden], hidden),
                ("attention.self.key", vec![hidden, hidden], hidden),
                ("attention.self.value", vec![hidden, hidden], hidden),
                ("attention.output.dense", vec![hidden, hidden], hidden),
                ("attention.output.LayerNorm", vec![hidden], hidden),
                ("intermediate.dense", vec![inner, hidden], inner),
                ("output.dense", vec![hidden, inner], hidden),
                ("output.LayerNorm", vec![hidden], hidden),
            ] {
                add(&format!("encoder.layer.{layer}.{name}"), weight, bias);
            }
        }
        let (numbers, sha256) = Tensors::open(file)?.read(&wanted)?;
        // As many as are wanted, in that order.
        let mut numbers = numbers.into_iter();
        let mut next = || numbers.next().unwrap_or_default();
        let (words, positions, kinds) = (next(), next(), next());
        let norm = Norm::take(&mut next, shape);
        let mut layer = || Layer {
            query: Linear::take(&mut next),
            key: Linear::take(&mut next),
            value: Linear::take(&mut next),
            attended: Linear::take(&mut next),
            attended_norm: Norm::take(&mut next, shape),
            widen: Linear::take(&mut next),
            narrow: Linear::take(&mut next),
            norm: Norm::take(&mut next, shape),
        };
        let layers = (0..shape.layers).map(|_| layer()).collect();
        Ok((Self { shape, words, positions, kinds, norm, layers }, sha256))
    }

    pub(super) fn shape(&self) -> Shape {
        self.shape
    }

    /// The mean of what the last layer makes of each token; `ids` are of the vocabulary, at least one
    /// and no more than there are positions.
    pub(super) fn mean(&self, ids: &[u32]) -> Vec<f32> {
        let hidden = self.shape.hidden;
        let mut rows = Vec::with_capacity(ids.len() * hidden);
        for (id, position) in ids.iter().zip(self.positions.chunks_exact(hidden)) {
            let at = *id as usize * hidden;
            let word = &self.words[at..at + hidden];
            rows.extend(word.iter().zip(position).zip(&self.kinds).map(|((w, p), k)| w + p + k));
        }
        self.norm.apply(&mut rows);
        for layer in &self.layers {
            layer.apply(&mut rows, self.shape);
        }
        let mut mean = vec![0.0; hidden];
        for row in rows.chunks_exact(hidden) {
            mean.iter_mut().zip(row).for_each(|(sum, n)| *sum += n);
        }
        let count = (rows.len() / hidden).max(1) as f32;
        mean.iter_mut().for_each(|n| *n /= count);
        mean
    }
}

impl Layer {
    fn apply(&self, rows: &mut [f32], shape: Shape) {
        let attended = self.attend(rows, shape);
        add(rows, &self.attended.apply(&attended));
        self.attended_norm.apply(rows);
        let mut wide = self.widen.apply(rows);
        wide.iter_mut().for_each(|n| *n = gelu(*n));
        add(rows, &self.narrow.apply(&wide));
        self.norm.apply(rows);
    }

    /// Every token looks at all tokens, with each head apart.
    fn attend(&self, rows: &[f32], shape: Shape) -> Vec<f32> {
        let Shape { hidden, heads, .. } = shape;
        let (count, width) = (rows.len() / hidden, hidden / heads);
        let (query, key, value) =
            (self.query.apply(rows), self.key.apply(rows), self.value.apply(rows));
        let mut attended = vec![0.0; rows.len()];
        let mut shares = vec![0.0; count * count];
        for head in (0..heads).map(|head| head * width) {
            let of = |all| Matrix::new(all, count, width, hidden);
            let keys = of(&key[head..]).turned();
            shares.fill(0.0);
            let scale = 1.0 / (width as f32).sqrt();
            add_product(&mut shares, count, scale, of(&query[head..]), keys);
            shares.chunks_exact_mut(count).for_each(softmax);
            let shares = Matrix::new(&shares, count, count, count);
            add_product(&mut attended[head..], hidden, 1.0, shares, of(&value[head..]));
        }
        attended
    }
}

impl Linear {
    fn take(next: &mut impl FnMut() -> Vec<f32>) -> Self {
        Self { weight: next(), bias: next() }
    }

    fn apply(&self, rows: &[f32]) -> Vec<f32> {
        let out = self.bias.len();
        let width = self.weight.len() / out;
        let count = rows.len() / width;
        let mut product = self.bias.repeat(count);
        let weight = Matrix::new(&self.weight, out, width, width).turned();
        add_product(&mut product, out, 1.0, Matrix::new(rows, count, width, width), weight);
        product
    }
}

impl Norm {
    fn take(next: &mut impl FnMut() -> Vec<f32>, shape: Shape) -> Self {
        Self { weight: next(), bias: next(), epsilon: shape.epsilon }
    }

    fn apply(&self, rows: &mut [f32]) {
        let width = self.weight.len();
        for row in rows.chunks_exact_mut(width) {
            let mean = row.iter().sum::<f32>() / width as f32;
            let variance = row.iter().map(|n| (n - mean) * (n - mean)).sum::<f32>() / width as f32;
            let scale = 1.0 / (variance + self.epsilon).sqrt();
            for ((n, weight), bias) in row.iter_mut().zip(&self.weight).zip(&self.bias) {
                *n = (*n - mean) * scale * weight + bias;
            }
        }
    }
}

fn add(rows: &mut [f32], more: &[f32]) {
    rows.iter_mut().zip(more).for_each(|(n, more)| *n += more);
}

fn softmax(row: &mut [f32]) {
    let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    row.iter_mut().for_each(|n| *n = (*n - most).exp());
    let sum = row.iter().sum::<f32>();
    row.iter_mut().for_each(|n| *n /= sum);
}

/// With the error function in five terms, right to 1.5e-7 (Abramowitz and Stegun, 7.1.26).
fn gelu(n: f32) -> f32 {
    let x = n.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let terms = [1.061_405_4, -1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6];
    let sum = terms.iter().fold(0.0, |sum, term| (sum + term) * t);
    let error = 1.0 - sum * (-x * x).exp();
    0.5 * n * (1.0 + error.copysign(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gelu_is_what_tables_say() {
        for (n, expected) in
            [(0.0, 0.0), (1.0, 0.841_344_7), (-1.0, -0.158_655_3), (0.5, 0.345_731_2), (9.0, 9.0)]
        {
            assert!((gelu(n) - expected).abs() < 1e-6, "{n}: {}", gelu(n));
        }
        assert!(gelu(-30.0).abs() < 1e-6);
    }
}
