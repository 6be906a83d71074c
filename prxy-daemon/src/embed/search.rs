//! The rows nearest to a vector: exact, in memory, in one partition at a time.
//!
//! A number is kept in one byte, so a million rows of 384 take 0.4 GB. A search reads the first
//! numbers of each row only, and the rest where these do not rule the row out: by Cauchy and
//! Schwarz the rest of two vectors adds at most the product of its lengths.

use std::collections::HashMap;

use super::Vector;

/// Rows are compared within theirs only.
pub type PartitionKey = [u8; 32];

/// Vectors of one embedder, by partition.
#[derive(Default)]
pub struct Index {
    partitions: HashMap<PartitionKey, Partition>,
    places: HashMap<u64, (PartitionKey, usize)>,
}

/// A row that is near enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Near {
    /// What it was inserted as.
    pub id: u64,
    /// The cosine, right to about a hundredth.
    pub similarity: f32,
}

impl Index {
    /// Adds a row; one with the same `id` is replaced.
    pub fn insert(&mut self, partition: PartitionKey, id: u64, vector: &Packed) {
        self.remove(id);
        let rows = self.partitions.entry(partition).or_default();
        self.places.insert(id, (partition, rows.ids.len()));
        let (head, tail) = vector.numbers.split_at(HEAD.min(vector.numbers.len()));
        rows.ids.push(id);
        rows.heads.extend_from_slice(head);
        rows.tails.extend_from_slice(tail);
        rows.scales.push((vector.scale, vector.tail_length));
        (rows.head, rows.tail) = (head.len(), tail.len());
    }

    /// Removes a row, and says whether it was there.
    pub fn remove(&mut self, id: u64) -> bool {
        let Some((partition, at)) = self.places.remove(&id) else { return false };
        let Some(rows) = self.partitions.get_mut(&partition) else { return false };
        rows.swap_remove(at);
        match rows.ids.get(at) {
            Some(moved) => _ = self.places.insert(*moved, (partition, at)),
            None if rows.ids.is_empty() => _ = self.partitions.remove(&partition),
            None => {}
        }
        true
    }

    /// At most `most` rows of `partition` with at least this similarity, nearest first.
    pub fn nearest(
        &self,
        partition: &PartitionKey,
        to: &Packed,
        at_least: f32,
        most: usize,
    ) -> Vec<Near> {
        let Some(rows) = self.partitions.get(partition) else { return Vec::new() };
        let (head, tail) = to.numbers.split_at(HEAD.min(to.numbers.len()));
        if (head.len(), tail.len()) != (rows.head, rows.tail) || head.is_empty() || most == 0 {
            return Vec::new();
        }
        let mut found: Vec<Near> = Vec::new();
        let mut at_least = at_least;
        for (at, (row, (scale, rest))) in
            rows.heads.chunks_exact(HEAD.min(rows.head)).zip(&rows.scales).enumerate()
        {
            let scale = scale * to.scale;
            let first = dot(row, head);
            if first as f32 * scale + rest * to.tail_length + ROUNDING < at_least {
                continue;
            }
            let rest = dot(&rows.tails[at * rows.tail..(at + 1) * rows.tail], tail);
            let similarity = (first + rest) as f32 * scale;
            if similarity < at_least {
                continue;
            }
            let behind = found.partition_point(|near| near.similarity >= similarity);
            found.insert(behind, Near { id: rows.ids[at], similarity });
            if found.len() > most {
                found.pop();
                at_least = found[most - 1].similarity;
            }
        }
        found
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

/// A vector in one byte a number; this is also how rows are stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Packed {
    numbers: Vec<i8>,
    /// Makes the length 1.
    scale: f32,
    tail_length: f32,
}

impl Packed {
    /// The nearest to `vector`.
    pub fn new(vector: &Vector) -> Self {
        let largest = vector.numbers().iter().fold(0.0_f32, |most, n| most.max(n.abs()));
        let unit = if largest > 0.0 { 127.0 / largest } else { 0.0 };
        Self::of(vector.numbers().iter().map(|n| (n * unit).round() as i8).collect())
    }

    /// The cosine of the angle to `other`, right to about a hundredth; 0 if they have no common space.
    pub fn similarity(&self, other: &Self) -> f32 {
        if self.numbers.len() != other.numbers.len() {
            return 0.0;
        }
        dot(&self.numbers, &other.numbers) as f32 * (self.scale * other.scale)
    }

    /// What [`Self::bytes`] gave.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self::of(bytes.iter().map(|byte| byte.cast_signed()).collect())
    }

    /// All that needs to be stored.
    pub fn bytes(&self) -> Vec<u8> {
        self.numbers.iter().map(|n| n.cast_unsigned()).collect()
    }

    fn of(numbers: Vec<i8>) -> Self {
        let square = |part: &[i8]| dot(part, part) as f32;
        let length = square(&numbers).sqrt();
        let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
        let tail_length = square(&numbers[HEAD.min(numbers.len())..]).sqrt() * scale;
        Self { numbers, scale, tail_length }
    }
}

#[derive(Default)]
struct Partition {
    ids: Vec<u64>,
    /// The first numbers of each row, then of the next: what nearly every search reads, and only that.
    heads: Vec<i8>,
    tails: Vec<i8>,
    /// What makes a row's length 1, and how long its tail is then.
    scales: Vec<(f32, f32)>,
    head: usize,
    tail: usize,
}

impl Partition {
    fn swap_remove(&mut self, at: usize) {
        self.ids.swap_remove(at);
        self.scales.swap_remove(at);
        drop_row(&mut self.heads, self.head, at);
        drop_row(&mut self.tails, self.tail, at);
    }
}

fn drop_row(numbers: &mut Vec<i8>, width: usize, at: usize) {
    let last = numbers.len() - width;
    numbers.copy_within(last.., at * width);
    numbers.truncate(last);
}

/// Compiles to a few wide instructions, the more so where the length is known.
fn dot(a: &[i8], b: &[i8]) -> i32 {
    let product = |(a, b): (&i8, &i8)| i32::from(i16::from(*a) * i16::from(*b));
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<HEAD>(), b.as_chunks::<HEAD>());
    let whole = |(a, b): (&[i8; HEAD], &[i8; HEAD])| a.iter().zip(b).map(product).sum::<i32>();
    a.iter().zip(b).map(whole).sum::<i32>() + a_rest.iter().zip(b_rest).map(product).sum::<i32>()
}

/// With fewer numbers the bound rules out too little, with more the search reads too much.
const HEAD: usize = 64;
const ROUNDING: f32 = 1e-5;

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: PartitionKey = [1; 32];
    const THERE: PartitionKey = [2; 32];

    /// Xorshift; numbers around 0.
    fn vector(seed: u64, dimensions: usize) -> Vector {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1 << 24) as f32 - 0.5
        };
        Vector::new((0..dimensions).map(|_| next()).collect())
    }

    fn between(a: &Vector, b: &Vector, share: f32) -> Vector {
        let mix = |(a, b): (&f32, &f32)| a * (1.0 - share) + b * share;
        Vector::new(a.numbers().iter().zip(b.numbers()).map(mix).collect())
    }

    #[test]
    fn finds_what_a_slow_search_finds_in_its_partition_only() {
        for dimensions in [8, 64, 65, 384] {
            let asked = vector(1, dimensions);
            let mut index = Index::default();
            let mut rows = Vec::new();
            for id in 0..400_u64 {
                let row = between(&asked, &vector(id + 2, dimensions), (id % 100) as f32 / 100.0);
                let packed = Packed::new(&row);
                index.insert(if id % 2 == 0 { HERE } else { THERE }, id, &packed);
                rows.push(packed);
            }
            // Every third is gone again, and one is replaced by itself.
            (0..400).step_by(3).for_each(|id| assert!(index.remove(id)));
            assert!(!index.remove(0) && !index.remove(4000));
            index.insert(HERE, 4, &rows[4]);
            assert_eq!(index.len(), 266);
            let packed = Packed::new(&asked);
            for at_least in [0.5, 0.9, 0.99] {
                let mut expected: Vec<Near> = (0..400_u64)
                    .filter(|id| id % 2 == 0 && id % 3 != 0)
                    .map(|id| {
                        let row = &rows[id as usize];
                        let dot = dot(&row.numbers, &packed.numbers) as f32;
                        Near { id, similarity: dot * (row.scale * packed.scale) }
                    })
                    .filter(|near| near.similarity >= at_least)
                    .collect();
                expected.sort_by(|a, b| b.similarity.total_cmp(&a.similarity));
                let ids = |near: &[Near]| near.iter().map(|near| near.id).collect::<Vec<_>>();
                let all = index.nearest(&HERE, &packed, at_least, 400);
                assert_eq!(ids(&all), ids(&expected), "{dimensions} {at_least}");
                assert!(at_least > 0.98 || !all.is_empty());
                let few = index.nearest(&HERE, &packed, at_least, 3);
                assert_eq!(ids(&few), ids(&expected[..few.len()]));
                assert_eq!(few.len(), expected.len().min(3));
            }
            assert_eq!(index.nearest(&[3; 32], &packed, 0.0, 9), []);
            assert_eq!(index.nearest(&HERE, &Packed::new(&vector(1, 7)), -1.0, 9), []);
            (0..400).for_each(|id| _ = index.remove(id));
            assert!(index.is_empty() && index.partitions.is_empty());
        }
    }

    #[test]
    fn a_packed_vector_is_nearly_the_vector_and_survives_its_bytes() {
        let (a, b) = (vector(1, 384), between(&vector(1, 384), &vector(2, 384), 0.2));
        let mut index = Index::default();
        let packed = Packed::new(&b);
        assert_eq!(Packed::from_bytes(&packed.bytes()), packed);
        index.insert(HERE, 1, &packed);
        let near = index.nearest(&HERE, &Packed::new(&a), 0.5, 1);
        assert!((near[0].similarity - a.similarity(&b)).abs() < 2e-3);
        let nothing = Packed::new(&Vector::new(vec![0.0; 384]));
        assert_eq!(index.nearest(&HERE, &nothing, 0.1, 1), []);
    }
}
