//! The real model against the reference's table, and tiny ones with everything wrong that can be.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::installed::{self, Note, Source};
use super::*;

/// MiniLM-L6, as `cargo xtask model` fetches it; `None`, and a word on why, where it is not there.
pub(crate) fn minilm() -> Option<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"));
    let dir = target.join("model/minilm");
    if dir.is_dir() {
        return Some(dir);
    }
    assert!(std::env::var_os("CI").is_none(), "no model in {}", dir.display());
    eprintln!("SKIPPED: no model in {}: run `cargo xtask model`", dir.display());
    None
}

#[test]
fn the_model_agrees_with_the_reference() {
    let Some(dir) = minilm() else { return };
    let model = Model::load(&dir, "minilm").unwrap();
    assert_eq!((model.dimensions(), model.name()), (384, "minilm@53aa51172d14"));
    let table = include_str!("../../../../tests/corpus/minilm.json");
    let table: Vec<Value> = serde_json::from_str(table).unwrap();
    let mut most = 0.0_f32;
    for row in &table {
        let text = row["text"].as_str().unwrap();
        let ids: Vec<u32> = serde_json::from_value(row["ids"].clone()).unwrap();
        assert_eq!(model.tokenizer.ids(text, model.longest), ids, "{text:?}");
        let expected: Vec<f32> = serde_json::from_value(row["vector"].clone()).unwrap();
        let found = model.embed(text).unwrap();
        assert_eq!(found.numbers().len(), expected.len());
        let far = |(a, b): (&f32, &f32)| (a - b).abs();
        let worst = found.numbers().iter().zip(&expected).map(far).fold(0.0, f32::max);
        assert!(worst < 1e-3, "{text:?}: {worst}");
        most = most.max(worst);
        assert_eq!(model.embed(text).unwrap(), found, "the same text, the same vector");
    }
    eprintln!("largest difference of {} vectors: {most:.1e}", table.len());
    assert!(table.len() > 24);
    for (a, b, expected) in [
        ("Enable the firewall.", "Disable the firewall.", 0.914),
        ("How do I enable two-factor authentication?", "How can I turn on 2FA?", 0.710),
        ("How do I enable two-factor authentication?", "The cat sat on the mat.", -0.034),
    ] {
        let likeness = model.embed(a).unwrap().similarity(&model.embed(b).unwrap());
        assert!((likeness - expected).abs() < 1e-3, "{a} | {b}: {likeness}");
    }
}

/// A model that is no good for anything, and small enough to be broken in every way.
struct Tiny {
    dir: tempfile::TempDir,
    weights: BTreeMap<String, Vec<usize>>,
}

impl Tiny {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("1_Pooling")).unwrap();
        let mut weights = BTreeMap::new();
        let mut add = |name: &str, shape: &[usize]| weights.insert(name.to_owned(), shape.to_vec());
        add("embeddings.word_embeddings.weight", &[8, 4]);
        add("embeddings.position_embeddings.weight", &[6, 4]);
        add("embeddings.token_type_embeddings.weight", &[2, 4]);
        for (part, shape, bias) in [
            ("embeddings.LayerNorm", &[4][..], 4),
            ("encoder.layer.0.attention.self.query", &[4, 4], 4),
            ("encoder.layer.0.attention.self.key", &[4, 4], 4),
            ("encoder.layer.0.attention.self.value", &[4, 4], 4),
            ("encoder.layer.0.attention.output.dense", &[4, 4], 4),
            ("encoder.layer.0.attention.output.LayerNorm", &[4], 4),
            ("encoder.layer.0.intermediate.dense", &[6, 4], 6),
            ("encoder.layer.0.output.dense", &[4, 6], 4),
            ("encoder.layer.0.output.LayerNorm", &[4], 4),
        ] {
            add(&format!("{part}.weight"), shape);
            add(&format!("{part}.bias"), &[bias]);
        }
        let tiny = Self { dir, weights };
        for (file, value) in [
            ("config.json", config()),
            ("1_Pooling/config.json", json!({ "pooling_mode_mean_tokens": true })),
            ("sentence_bert_config.json", json!({ "max_seq_length": 6 })),
            ("tokenizer.json", tokenizer()),
        ] {
            tiny.write(file, value.to_string().as_bytes());
        }
        tiny.write("model.safetensors", &tiny.safetensors(&|_| {}));
        tiny
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn write(&self, file: &str, bytes: &[u8]) {
        fs::write(self.path().join(file), bytes).unwrap();
    }

    /// All weights, with a header that may be changed.
    fn safetensors(&self, change: &dyn Fn(&mut Value)) -> Vec<u8> {
        let mut header = json!({ "__metadata__": { "format": "pt" } });
        let mut numbers = Vec::new();
        for (name, shape) in &self.weights {
            let start = numbers.len();
            for at in 0..shape.iter().product::<usize>() {
                let number = ((at * 7 + start) % 11) as f32 / 11.0 - 0.4;
                numbers.extend(number.to_le_bytes());
            }
            let offsets = [start, numbers.len()];
            header[name] = json!({ "dtype": "F32", "shape": shape, "data_offsets": offsets });
        }
        change(&mut header);
        let header = header.to_string().into_bytes();
        [&(header.len() as u64).to_le_bytes()[..], &header, &numbers].concat()
    }
}

fn config() -> Value {
    json!({
        "model_type": "bert", "hidden_act": "gelu", "hidden_size": 4, "intermediate_size": 6,
        "layer_norm_eps": 1e-12, "max_position_embeddings": 6, "num_attention_heads": 2,
        "num_hidden_layers": 1, "type_vocab_size": 2, "vocab_size": 8,
    })
}

fn tokenizer() -> Value {
    json!({
        "added_tokens": [{
            "id": 2, "content": "[SEP]", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true,
        }],
        "normalizer": {
            "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true,
        },
        "pre_tokenizer": { "type": "BertPreTokenizer" },
        "model": {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": { "[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "list": 3, "##ing": 4, "port": 5, "##s": 6 },
        },
    })
}

#[test]
fn texts_are_cut_into_pieces_and_never_more_than_are_read() {
    let tiny = Tiny::new();
    let model = Model::load(tiny.path(), "tiny").unwrap();
    for (text, expected) in [
        ("", &[1, 2][..]),
        ("Listing ports", &[1, 3, 4, 5, 6, 2]),
        ("listing ports listing", &[1, 3, 4, 5, 6, 2]),
        ("LISTÍNG", &[1, 3, 4, 2]),
        ("list[SEP]port", &[1, 3, 2, 5, 2]),
        ("listings listed", &[1, 3, 4, 6, 0, 2]),
        ("list.port", &[1, 3, 0, 5, 2]),
    ] {
        assert_eq!(model.tokenizer.ids(text, 6), expected, "{text}");
    }
    let immense = "é".repeat(1 << 20);
    assert_eq!(model.tokenizer.ids(&immense, 6), [1, 0, 2]);
    assert_eq!(model.embed(&immense).unwrap().numbers().len(), 4);
}

#[test]
fn what_is_no_model_is_told_and_never_a_panic() {
    type Break = Box<dyn Fn(&Tiny)>;
    let changed = |file: &'static str, value: fn() -> Value, key: &'static str, to: Value| {
        let change = move |tiny: &Tiny| {
            let mut value = value();
            value.pointer_mut(key).map(|found| *found = to.clone()).unwrap();
            tiny.write(file, value.to_string().as_bytes());
        };
        Box::new(change) as Break
    };
    let config = |key, to| changed("config.json", config, key, to);
    let tokenizer = |key, to| changed("tokenizer.json", tokenizer, key, to);
    let header = |change: fn(&mut Value)| {
        let write = move |tiny: &Tiny| {
            tiny.write("model.safetensors", &tiny.safetensors(&change));
        };
        Box::new(write) as Break
    };
    let bytes = |change: fn(&mut Vec<u8>)| {
        let write = move |tiny: &Tiny| {
            let mut bytes = tiny.safetensors(&|_| {});
            change(&mut bytes);
            tiny.write("model.safetensors", &bytes);
        };
        Box::new(write) as Break
    };
    let gone = |file: &'static str| {
        Box::new(move |tiny: &Tiny| fs::remove_file(tiny.path().join(file)).unwrap()) as Break
    };
    let text = |file: &'static str, text: &'static str| {
        Box::new(move |tiny: &Tiny| tiny.write(file, text.as_bytes())) as Break
    };
    let cases: Vec<(Break, &str)> = vec![
        (gone("config.json"), "config.json: No such file"),
        (gone("1_Pooling/config.json"), "1_Pooling/config.json: No such file"),
        (gone("tokenizer.json"), "tokenizer.json: No such file"),
        (gone("model.safetensors"), "model.safetensors: No such file"),
        (text("config.json", "["), "config.json is malformed"),
        (text("sentence_bert_config.json", r#"{"max_seq_length":7}"#), "max_seq_length 7"),
        (text("sentence_bert_config.json", r#"{"max_seq_length":1}"#), "max_seq_length 1"),
        (
            text(
                "1_Pooling/config.json",
                r#"{"pooling_mode_mean_tokens":true,"pooling_mode_cls_token":true}"#,
            ),
            "another pooling",
        ),
        (config("/model_type", json!("roberta")), "model_type \"roberta\" is not supported"),
        (config("/hidden_act", json!("relu")), "hidden_act \"relu\""),
        (config("/num_hidden_layers", json!(13)), "num_hidden_layers 13"),
        (config("/num_hidden_layers", json!(2)), "no tensor encoder.layer.1"),
        (config("/hidden_size", json!(1028)), "hidden_size 1028"),
        (config("/hidden_size", json!(8)), "the place or shape of"),
        (config("/hidden_size", json!(0)), "hidden_size 0"),
        (config("/num_attention_heads", json!(3)), "num_attention_heads 3"),
        (config("/num_attention_heads", json!(0)), "num_attention_heads 0"),
        (config("/layer_norm_eps", json!(0.0)), "layer_norm_eps"),
        (config("/vocab_size", json!(6)), "number 6 is beyond the vocabulary"),
        (config("/vocab_size", json!(-1)), "config.json is malformed"),
        (tokenizer("/normalizer/type", json!("NFC")), "normalizer \"NFC\""),
        (tokenizer("/model/type", json!("BPE")), "model \"BPE\""),
        (tokenizer("/pre_tokenizer/type", json!("x\u{1b}[31m")), "pre_tokenizer"),
        (tokenizer("/model/vocab", json!({})), "no token \"[UNK]\""),
        (tokenizer("/added_tokens/0/id", json!(8)), "number 8 is beyond"),
        (tokenizer("/added_tokens/0/lstrip", json!(true)), "the kind of token"),
        (text("tokenizer.json", "{}"), "tokenizer.json is malformed"),
        (bytes(|bytes| bytes.truncate(5)), "model.safetensors: failed to fill"),
        (bytes(|bytes| bytes[..8].fill(0xff)), "a header of 18446744073709551615 bytes"),
        (bytes(|bytes| bytes[..8].fill(0)), "model.safetensors is malformed"),
        (bytes(|bytes| bytes.truncate(bytes.len() - 1)), "the place or shape of"),
        (
            bytes(|bytes| {
                let end = bytes.len();
                bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
            }),
            "holds what is no number",
        ),
        (
            header(|all| all["embeddings.LayerNorm.bias"]["dtype"] = json!("F16")),
            "the type of embeddings.LayerNorm.bias: only F32",
        ),
        (
            header(|all| {
                let first = all["embeddings.LayerNorm.weight"]["data_offsets"].clone();
                all["embeddings.LayerNorm.bias"]["data_offsets"] = first;
            }),
            "overlaps another",
        ),
        (
            header(|all| {
                let beyond = json!([u64::MAX - 16, u64::MAX]);
                all["embeddings.LayerNorm.bias"]["data_offsets"] = beyond;
            }),
            "the place or shape of embeddings.LayerNorm.bias",
        ),
        (
            header(|all| all["embeddings.LayerNorm.bias"]["data_offsets"] = json!([16, 0])),
            "the place or shape of embeddings.LayerNorm.bias",
        ),
    ];
    for (number, (change, expected)) in cases.iter().enumerate() {
        let tiny = Tiny::new();
        change(&tiny);
        let error = Model::load(tiny.path(), "tiny").map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(expected), "{number}: {error}");
        assert!(!error.contains('\u{1b}'), "{error}");
        let state = tempfile::tempdir().unwrap();
        if let Ok(source) = Source::open(tiny.path()) {
            assert!(installed::add(state.path(), source, "tiny", &|_, _| ()).is_err());
            assert_eq!(fs::read_dir(state.path().join("model")).unwrap().count(), 0, "{number}");
        }
    }
    let tiny = Tiny::new();
    fs::remove_file(tiny.path().join("config.json")).unwrap();
    nix::unistd::mkfifo(&tiny.path().join("config.json"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let error = Model::load(tiny.path(), "tiny").map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("no regular file"), "{error}");
}

#[test]
fn a_model_is_installed_whole_for_one_user_and_found_again() {
    let (tiny, state) = (Tiny::new(), tempfile::tempdir().unwrap());
    let state = state.path();
    let fails = |result: Result<(), ModelError>, expected: &str| {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    let heard = std::cell::Cell::new((0, 0));
    let add = |name: &str| {
        let told = |done, whole| heard.set((done, whole));
        installed::add(state, Source::open(tiny.path()).unwrap(), name, &told)
    };
    assert_eq!(installed::all(state).unwrap(), []);
    fails(installed::load(state, "tiny").map(drop), "prxy model add DIR --name tiny");
    for name in ["", ".", "..", "../x", "a/b", "A", "-a", "a b", &"a".repeat(65)] {
        fails(add(name).map(drop), "is no name of a model");
        fails(installed::load(state, name).map(drop), "is no name of a model");
        fails(installed::remove(state, name), "is no name of a model");
    }
    let note = add("tiny").unwrap();
    let (done, whole) = heard.get();
    assert!(done == whole && whole > 0, "{done} of {whole}");
    let sha256 = Model::load(tiny.path(), "x").unwrap().sha256().to_owned();
    assert_eq!(note, Note { name: "tiny".to_owned(), dimensions: 4, sha256 });
    fails(add("tiny").map(drop), "there is a model \"tiny\"");
    assert_eq!(installed::all(state).unwrap(), [note]);
    let dir = state.join("model/tiny");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&dir), mode(&dir.join("1_Pooling"))), (0o700, 0o700));
    for file in ["config.json", "model.safetensors", "installed.json"] {
        assert_eq!(mode(&dir.join(file)), 0o600, "{file}");
    }
    let model = installed::load(state, "tiny").unwrap();
    let original = Model::load(tiny.path(), "tiny").unwrap();
    assert_eq!(model.embed("ports").unwrap(), original.embed("ports").unwrap());
    assert_ne!(model.embed("ports").unwrap(), model.embed("list").unwrap());
    let mut weights = fs::read(dir.join("model.safetensors")).unwrap();
    let last = weights.len() - 2;
    weights[last] ^= 1;
    fs::write(dir.join("model.safetensors"), weights).unwrap();
    fails(installed::load(state, "tiny").map(drop), "has changed since it was installed");
    installed::remove(state, "tiny").unwrap();
    fails(installed::remove(state, "tiny"), "there is no model \"tiny\"");
    assert!(!dir.exists());
}
