//! How often the semantic cache shares an answer, and how often it should not have.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use prxy::embed::Embedder;
use prxy::pipeline::semantic_cache::{Reading, SIMILARITY};

/// What became of the pairs of one half.
pub(crate) struct Questions {
    name: &'static str,
    questions: usize,
    /// Paraphrases: what the guard alone, the vectors alone and both together share, of how many.
    same: Counts,
    /// The same of near-misses, where each one is wrong.
    different: Counts,
    wrong: Vec<String>,
}

#[derive(Default)]
struct Counts {
    pairs: usize,
    by_vectors: usize,
    by_both: usize,
}

/// Both halves, by the vectors of an embedder.
pub(crate) fn measure(embedder: &dyn Embedder) -> Result<Vec<Questions>> {
    HALVES.iter().map(|(name, text, _)| Questions::of(name, text, embedder)).collect()
}

/// The figures as a section of the report.
pub(crate) fn table(halves: &[Questions]) -> String {
    let mut out = String::from(HEAD);
    for half in halves {
        let row = |out: &mut String, kind: &str, counts: &Counts| {
            let share = |n: usize| 100.0 * n as f64 / counts.pairs as f64;
            let _ = writeln!(
                out,
                "| {} | {kind} | {} | {} ({:.1} %) | {} ({:.1} %) |",
                half.name,
                counts.pairs,
                counts.by_vectors,
                share(counts.by_vectors),
                counts.by_both,
                share(counts.by_both),
            );
        };
        row(&mut out, "paraphrases", &half.same);
        row(&mut out, "near-misses", &half.different);
    }
    let _ = writeln!(
        out,
        "\n{} questions. The vectors alone compare the texts as they are; what the cache shares is the last column.\n",
        halves.iter().map(|half| half.questions).sum::<usize>(),
    );
    out
}

/// Every wrong hit, and every half whose hit rate has fallen; a model has no floors.
pub(crate) fn below(halves: &[Questions], has_floors: bool) -> Vec<String> {
    let mut worse: Vec<String> = halves.iter().flat_map(|half| half.wrong.clone()).collect();
    for (half, (name, _, floor)) in halves.iter().zip(HALVES) {
        let rate = half.same.by_both as f64 / half.same.pairs as f64;
        if has_floors && rate < floor {
            worse.push(format!("{name}: {rate:.3} of the paraphrases share, at least {floor}"));
        }
    }
    worse
}

impl Questions {
    fn of(name: &'static str, text: &str, embedder: &dyn Embedder) -> Result<Self> {
        let mut all = Self {
            name,
            questions: 0,
            same: Counts::default(),
            different: Counts::default(),
            wrong: Vec::new(),
        };
        for block in text.split("\n\n").filter(|block| !block.starts_with('#')) {
            let mut same = Vec::new();
            let mut others = Vec::new();
            for line in block.lines() {
                match line.split_once(' ') {
                    Some(("=", question)) => same.push(question),
                    Some(("!", question)) => others.push(question),
                    _ if line.starts_with('[') => {}
                    _ => bail!("{name} questions: {line}"),
                }
            }
            all.questions += same.len() + others.len();
            for (at, a) in same.iter().enumerate() {
                for b in &same[at + 1..] {
                    all.same.add(a, b, embedder)?;
                }
                for b in &others {
                    if all.different.add(a, b, embedder)? {
                        // Nothing of the half that nobody may look at.
                        let shown =
                            if name == "dev" { format!("{a} | {b}") } else { String::new() };
                        all.wrong.push(format!("{name}: a near-miss shares an answer {shown}"));
                    }
                }
            }
        }
        Ok(all)
    }
}

impl Counts {
    fn add(&mut self, a: &str, b: &str, embedder: &dyn Embedder) -> Result<bool> {
        let near = |a: &str, b: &str| -> Result<bool> {
            Ok(embedder.embed(a)?.similarity(&embedder.embed(b)?) >= SIMILARITY)
        };
        let reads = embedder.reads();
        let both = match (Reading::of(a), Reading::of(b)) {
            (Some(one), Some(other)) if one.same(&other).is_ok() => {
                near(&one.seen_by(reads, a), &other.seen_by(reads, b))?
            }
            _ => false,
        };
        self.pairs += 1;
        self.by_vectors += usize::from(near(a, b)?);
        self.by_both += usize::from(both);
        Ok(both)
    }
}

/// The name of each half, its blocks, and the share of its paraphrases that must be hit.
const HALVES: [(&str, &str, f64); 2] = [
    ("dev", include_str!("../../semantic/dev.txt"), 0.92),
    ("held-out", include_str!("../../semantic/held-out.txt"), 0.39),
];
const HEAD: &str = "\
## Similar questions

| half | pairs | number | shared by vectors alone | shared |
|---|---|---|---|---|
";
