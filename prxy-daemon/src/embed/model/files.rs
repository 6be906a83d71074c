//! The files of a model: bounded, regular, and read as what they should be.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use sha2::{Digest, Sha256};

use super::{ModelError, Shape};

/// What a model's small files say.
pub(super) struct Settings {
    pub(super) shape: Shape,
    /// How many tokens of a text are read.
    pub(super) longest: usize,
}

impl Settings {
    pub(super) fn read(dir: &Path) -> Result<Self, ModelError> {
        let config: Config = json(CONFIG, &read(dir, CONFIG)?)?;
        let pooling: Pooling = json(POOLING, &read(dir, POOLING)?)?;
        let sentences: Sentences = json(SENTENCES, &read(dir, SENTENCES)?)?;
        let shape = config.shape()?;
        if !pooling.pooling_mode_mean_tokens || pooling.others() {
            return Err(unsupported(POOLING, "another pooling than the mean of all tokens"));
        }
        let longest = sentences.max_seq_length;
        if !(2..=shape.positions).contains(&longest) {
            return Err(malformed(SENTENCES, format_args!("max_seq_length {longest}")));
        }
        Ok(Self { shape, longest })
    }
}

/// `config.json`, as far as it matters.
#[derive(Deserialize)]
struct Config {
    model_type: String,
    hidden_act: String,
    hidden_size: usize,
    intermediate_size: usize,
    layer_norm_eps: f32,
    max_position_embeddings: usize,
    num_attention_heads: usize,
    num_hidden_layers: usize,
    type_vocab_size: usize,
    vocab_size: usize,
    position_embedding_type: Option<String>,
}

impl Config {
    fn shape(self) -> Result<Shape, ModelError> {
        if self.model_type != "bert" {
            return Err(unsupported(CONFIG, format_args!("model_type {:?}", self.model_type)));
        }
        if self.hidden_act != "gelu" {
            return Err(unsupported(CONFIG, format_args!("hidden_act {:?}", self.hidden_act)));
        }
        if let Some(other) = self.position_embedding_type.filter(|kind| kind != "absolute") {
            return Err(unsupported(CONFIG, format_args!("position_embedding_type {other:?}")));
        }
        for (what, found, most) in [
            ("num_hidden_layers", self.num_hidden_layers, 12),
            ("hidden_size", self.hidden_size, 1024),
            ("intermediate_size", self.intermediate_size, 4096),
            ("max_position_embeddings", self.max_position_embeddings, 8192),
            ("vocab_size", self.vocab_size, 300_000),
            ("type_vocab_size", self.type_vocab_size, 16),
        ] {
            if !(1..=most).contains(&found) {
                let what = format_args!("{what} {found}: 1 to {most} is computed here, more");
                return Err(unsupported(CONFIG, what));
            }
        }
        let heads = self.num_attention_heads;
        if heads == 0 || !self.hidden_size.is_multiple_of(heads) {
            return Err(malformed(CONFIG, format_args!("num_attention_heads {heads}")));
        }
        if !(self.layer_norm_eps > 0.0 && self.layer_norm_eps < 1.0) {
            return Err(malformed(CONFIG, "layer_norm_eps"));
        }
        Ok(Shape {
            layers: self.num_hidden_layers,
            hidden: self.hidden_size,
            inner: self.intermediate_size,
            heads,
            positions: self.max_position_embeddings,
            kinds: self.type_vocab_size,
            vocabulary: self.vocab_size,
            epsilon: self.layer_norm_eps,
        })
    }
}

#[derive(Deserialize)]
struct Pooling {
    pooling_mode_mean_tokens: bool,
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
}

impl Pooling {
    fn others(&self) -> bool {
        let mut modes = self.rest.iter().filter(|(key, _)| key.starts_with("pooling_mode_"));
        modes.any(|(_, value)| *value == true)
    }
}

#[derive(Deserialize)]
struct Sentences {
    max_seq_length: usize,
}

/// A file of numbers, in the format of safetensors: a header in JSON, then what it lists.
pub(super) struct Tensors {
    file: BufReader<File>,
    listed: BTreeMap<String, Tensor>,
    hash: Sha256,
    /// How far the numbers are read.
    at: u64,
    end: u64,
}

#[derive(Deserialize)]
struct Tensor {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [u64; 2],
}

#[derive(Deserialize)]
struct Header {
    #[serde(rename = "__metadata__")]
    _metadata: Option<IgnoredAny>,
    #[serde(flatten)]
    tensors: BTreeMap<String, Tensor>,
}

impl Tensors {
    pub(super) fn open(file: File) -> Result<Self, ModelError> {
        let whole = file.metadata().map_err(|source| unreadable(WEIGHTS, source))?.len();
        let mut file = BufReader::with_capacity(CHUNK, file);
        let mut hash = Sha256::new();
        let mut length = [0; 8];
        fill(&mut file, &mut length, &mut hash)?;
        let length = u64::from_le_bytes(length);
        let end = whole.checked_sub(8).and_then(|rest| rest.checked_sub(length));
        let Some(end) = end.filter(|_| length <= MAX_HEADER) else {
            return Err(malformed(WEIGHTS, format_args!("a header of {length} bytes")));
        };
        let mut header = vec![0; length as usize];
        fill(&mut file, &mut header, &mut hash)?;
        let Header { tensors: listed, .. } = json(WEIGHTS, &header)?;
        Ok(Self { file, listed, hash, at: 0, end })
    }

    /// The numbers of these tensors, in the order of `wanted`, and the SHA-256 of the whole file.
    pub(super) fn read(
        mut self,
        wanted: &[(String, Vec<usize>)],
    ) -> Result<(Vec<Vec<f32>>, String), ModelError> {
        let mut places = Vec::new();
        for (number, (name, shape)) in wanted.iter().enumerate() {
            let Some(tensor) = self.listed.get(name) else {
                return Err(malformed(WEIGHTS, format_args!("no tensor {name}")));
            };
            if tensor.dtype != "F32" {
                let what = format_args!("the type of {name}: only F32 is read, another");
                return Err(unsupported(WEIGHTS, what));
            }
            let [start, end] = tensor.data_offsets;
            let count = shape.iter().product::<usize>();
            let bytes = end.checked_sub(start);
            if tensor.shape != *shape || bytes != Some(4 * count as u64) || end > self.end {
                return Err(malformed(WEIGHTS, format_args!("the place or shape of {name}")));
            }
            places.push((start, number, count));
        }
        places.sort_unstable();
        let mut found = vec![Vec::new(); wanted.len()];
        for (start, number, count) in places {
            let name = &wanted[number].0;
            if start < self.at {
                return Err(malformed(WEIGHTS, format_args!("{name} overlaps another")));
            }
            self.skip_to(start)?;
            found[number] = self.numbers(name, count)?;
        }
        self.skip_to(self.end)?;
        if self.file.read(&mut [0]).map_err(|source| unreadable(WEIGHTS, source))? != 0 {
            return Err(malformed(WEIGHTS, "it grows"));
        }
        let digest = self.hash.finalize();
        Ok((found, digest.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    fn numbers(&mut self, name: &str, count: usize) -> Result<Vec<f32>, ModelError> {
        let mut numbers = Vec::with_capacity(count);
        let mut chunk = vec![0; CHUNK];
        while numbers.len() < count {
            let bytes = (4 * (count - numbers.len())).min(CHUNK);
            fill(&mut self.file, &mut chunk[..bytes], &mut self.hash)?;
            let (each, _) = chunk[..bytes].as_chunks::<4>();
            numbers.extend(each.iter().map(|bytes| f32::from_le_bytes(*bytes)));
        }
        self.at += 4 * count as u64;
        match numbers.iter().all(|n| n.is_finite()) {
            true => Ok(numbers),
            false => Err(malformed(WEIGHTS, format_args!("{name} holds what is no number"))),
        }
    }

    fn skip_to(&mut self, to: u64) -> Result<(), ModelError> {
        let mut chunk = vec![0; CHUNK];
        while self.at < to {
            let bytes = (to - self.at).min(CHUNK as u64) as usize;
            fill(&mut self.file, &mut chunk[..bytes], &mut self.hash)?;
            self.at += bytes as u64;
        }
        Ok(())
    }
}

fn fill(file: &mut BufReader<File>, into: &mut [u8], hash: &mut Sha256) -> Result<(), ModelError> {
    file.read_exact(into).map_err(|source| unreadable(WEIGHTS, source))?;
    hash.update(into);
    Ok(())
}

/// A regular file of a size that a model's may have; never waits for anybody.
pub(super) fn open(dir: &Path, file: &'static str) -> Result<File, ModelError> {
    let failed = |source| unreadable(file, source);
    // Without O_NONBLOCK, opening a pipe would wait for its writer.
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(dir.join(file));
    let opened = opened.map_err(failed)?;
    let known = opened.metadata().map_err(failed)?;
    if !known.is_file() {
        return Err(malformed(file, "no regular file"));
    }
    let most = most(file);
    if known.len() > most { Err(ModelError::TooLarge { file, most }) } else { Ok(opened) }
}

/// All of a small file.
pub(super) fn read(dir: &Path, file: &'static str) -> Result<Vec<u8>, ModelError> {
    let mut bytes = Vec::new();
    let mut opened = open(dir, file)?.take(most(file));
    opened.read_to_end(&mut bytes).map_err(|source| unreadable(file, source))?;
    Ok(bytes)
}

pub(super) fn json<T: DeserializeOwned>(file: &'static str, bytes: &[u8]) -> Result<T, ModelError> {
    serde_json::from_slice(bytes).map_err(|error| malformed(file, error))
}

pub(super) fn unreadable(file: &'static str, source: std::io::Error) -> ModelError {
    ModelError::Unreadable { file, source }
}

pub(super) fn malformed(file: &'static str, why: impl ToString) -> ModelError {
    // Names in a file may be anything.
    let why = why.to_string().chars().filter(|c| !c.is_control()).take(MAX_WHY).collect();
    ModelError::Malformed { file, why }
}

pub(super) fn unsupported(file: &'static str, what: impl ToString) -> ModelError {
    let what = what.to_string().chars().filter(|c| !c.is_control()).take(MAX_WHY).collect();
    ModelError::Unsupported { file, what }
}

/// In bytes, of a file.
pub(super) fn most(file: &str) -> u64 {
    match file {
        WEIGHTS => 2 << 30,
        TOKENIZER => 32 << 20,
        _ => 1 << 20,
    }
}

pub(super) const CONFIG: &str = "config.json";
pub(super) const POOLING: &str = "1_Pooling/config.json";
pub(super) const SENTENCES: &str = "sentence_bert_config.json";
pub(super) const TOKENIZER: &str = "tokenizer.json";
pub(super) const WEIGHTS: &str = "model.safetensors";
/// Everything that a model needs.
pub(super) const ALL: [&str; 5] = [CONFIG, POOLING, SENTENCES, TOKENIZER, WEIGHTS];
const MAX_HEADER: u64 = 1 << 20;
const CHUNK: usize = 1 << 16;
const MAX_WHY: usize = 200;
