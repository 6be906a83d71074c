//! Where each value of the effective configuration comes from.
//!
//! The summary is what is explained, line by line, and its paths are looked up in the file: what
//! the file does not name is a default, unless an option or a variable gave it.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value as Json, json};

use super::load::{FILE_NAME, LISTEN, PIPE};
use super::yaml::{self, Node, Value};
use super::{Config, ConfigErrors, Origin, Sources};

/// The effective configuration, explained.
pub(crate) struct Explained {
    pub(crate) config: Config,
    values: Vec<Explanation>,
    directory: From,
}

/// One value.
struct Explanation {
    path: Vec<String>,
    value: Json,
    from: From,
    /// Of the summary, from 0.
    line: usize,
}

/// Whence a value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum From {
    Default,
    /// A line of the file, from 1.
    File(usize),
    /// A variable or an option.
    Named(&'static str),
    /// `local-encrypt` is in the pipeline.
    LocalEncrypt,
}

/// Reads all sources, as [`Config::load`] does.
///
/// # Errors
/// All problems at once.
pub(crate) fn explain(sources: &Sources<'_>) -> Result<Explained, ConfigErrors> {
    let (config, text) = Origin::of(sources).load()?;
    let text = text.0.unwrap_or_default();
    let mut file = HashMap::new();
    let in_file = yaml::parse(&text);
    if let Some(root) = &in_file.root {
        visit(root, &mut Vec::new(), 0, &mut |path, at, _| {
            file.entry(path.to_vec()).or_insert_with(|| line_of(&text, at) + 1);
        });
    }
    let given = |variable| (sources.env)(variable).is_some();
    let origin = |path: &[String]| match path {
        [key] if key == "listen" && sources.listen.is_some() => From::Named("--listen"),
        [key] if key == "listen" && given(LISTEN) => From::Named(LISTEN),
        [key] if key == "pipeline" && given(PIPE) => From::Named(PIPE),
        path => match file.get(path) {
            Some(line) => From::File(*line),
            None if path[0] == "encrypt" && !file.contains_key(&path[..1]) => From::LocalEncrypt,
            None => From::Default,
        },
    };
    let summary = config.summary().to_string();
    let mut values = Vec::new();
    let parsed = yaml::parse(&summary);
    if let Some(root) = &parsed.root {
        visit(root, &mut Vec::new(), 0, &mut |path, at, node| {
            if let Some(value) = node.and_then(|node| leaf(path, node)) {
                let (path, line) = (path.to_vec(), line_of(&summary, at));
                values.push(Explanation { from: origin(&path), path, value, line });
            }
        });
    }
    let directory = match (&sources.data_dir, given("PRXY_DATA_DIR")) {
        (Some(_), _) => From::Named("--data-dir"),
        (None, true) => From::Named("PRXY_DATA_DIR"),
        (None, false) => From::Default,
    };
    Ok(Explained { config, values, directory })
}

impl Explained {
    /// As YAML that prxy reads again, with the origins in comments.
    pub(crate) fn to_yaml(&self) -> String {
        let mut lines: BTreeMap<usize, Vec<&Explanation>> = BTreeMap::new();
        for value in &self.values {
            lines.entry(value.line).or_default().push(value);
        }
        let mut text = String::new();
        for (number, line) in self.config.summary().to_string().lines().enumerate() {
            text.push_str(line);
            let mark = if line.contains(" # ") { "; " } else { " # " };
            match lines.get(&number).map(Vec::as_slice) {
                _ if number == 0 => text.push_str(&format!(" ({})", self.words(&self.directory))),
                None | Some([]) => {}
                Some([first, rest @ ..]) if rest.iter().all(|other| other.from == first.from) => {
                    text.push_str(&format!("{mark}{}", self.words(&first.from)));
                }
                Some(several) => {
                    let words = several.iter().map(|one| {
                        let key = one.path.last().map_or("", String::as_str);
                        format!("{key} {}", self.words(&one.from))
                    });
                    text.push_str(&format!("{mark}{}", words.collect::<Vec<_>>().join(", ")));
                }
            }
            text.push('\n');
        }
        text
    }

    /// A list of values, each with its path and where it comes from.
    pub(crate) fn to_json(&self) -> Json {
        let values = self.values.iter().map(|one| {
            let mut row = json!({ "path": one.path, "value": one.value });
            row["origin"] = match &one.from {
                From::File(line) => json!({ "file": self.file(), "line": line }),
                From::Named(name) => match name.starts_with('-') {
                    true => json!({ "option": name }),
                    false => json!({ "variable": name }),
                },
                From::Default | From::LocalEncrypt => json!(self.words(&one.from)),
            };
            row
        });
        json!({
            "file": self.file(),
            "data_directory": { "path": self.config.data_dir, "origin": self.words(&self.directory) },
            "values": values.collect::<Json>(),
        })
    }

    fn file(&self) -> Option<&std::path::Path> {
        self.config.file.as_ref().map(|file| file.path.as_path())
    }

    fn words(&self, from: &From) -> String {
        match from {
            From::Default => "default".to_owned(),
            From::File(line) => {
                let name = self.file().and_then(|path| path.file_name());
                let name = name.map_or(FILE_NAME.into(), |name| name.to_string_lossy());
                format!("{}:{line}", name.chars().map(super::printable).collect::<String>())
            }
            From::Named(name) => (*name).to_owned(),
            From::LocalEncrypt => "local-encrypt in the pipeline".to_owned(),
        }
    }
}

/// Tells every key below a node: its path, where it stands, and its value if it is an entry.
///
/// Modules stand in a list and go by their names.
fn visit(
    node: &Node,
    path: &mut Vec<String>,
    at: usize,
    tell: &mut impl FnMut(&[String], usize, Option<&Node>),
) {
    if !path.is_empty() {
        tell(path, at, Some(node));
    }
    match &node.value {
        Value::Mapping(entries) => {
            for entry in entries {
                path.push(entry.key.clone());
                visit(&entry.value, path, entry.key_span.start, tell);
                path.pop();
            }
        }
        Value::List(items) if *path == ["pipeline"] => {
            for item in items {
                match &item.value {
                    Value::Mapping(_) => visit_module(item, path, tell),
                    Value::Text(name) => {
                        path.push(name.clone());
                        tell(path, item.span.start, None);
                        path.pop();
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

fn visit_module(
    item: &Node,
    path: &mut Vec<String>,
    tell: &mut impl FnMut(&[String], usize, Option<&Node>),
) {
    let Value::Mapping(entries) = &item.value else { return };
    for entry in entries {
        path.push(entry.key.clone());
        visit(&entry.value, path, entry.key_span.start, tell);
        path.pop();
    }
}

/// The value of what has no keys of its own; of the pipeline, the names.
fn leaf(path: &[String], node: &Node) -> Option<Json> {
    Some(match &node.value {
        Value::Mapping(entries) if !entries.is_empty() => return None,
        Value::Mapping(_) => json!({}),
        Value::List(items) if path == ["pipeline"] => {
            let name = |item: &Node| match &item.value {
                Value::Mapping(entries) => entries.first().map(|entry| entry.key.clone()),
                Value::Text(name) => Some(name.clone()),
                _ => None,
            };
            items.iter().filter_map(name).map(Json::from).collect()
        }
        Value::List(items) => items.iter().filter_map(|item| leaf(&[], item)).collect(),
        Value::Null | Value::Broken => Json::Null,
        Value::Bool(flag) => json!(flag),
        Value::Number(digits) => digits.parse().map_or_else(|_| json!(digits), Json::Number),
        Value::Text(text) => json!(text),
    })
}

/// Counts from 0.
fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    #[track_caller]
    fn explained(file: &str, variables: &[(&str, &str)], listen: Option<&str>) -> Explained {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("config.yaml"), file).unwrap();
        let env = |name: &str| {
            let known = variables.iter().find(|(known, _)| *known == name);
            known.map(|(_, value)| OsString::from(value))
        };
        let data_dir = Some(dir.path().to_owned());
        let listen = listen.map(str::to_owned);
        explain(&Sources { config: None, listen, data_dir, env: &env, root: false }).unwrap()
    }

    const FILE: &str = "\
# ours
pipeline:
  - airgap: { onViolation: log-only }
  - guardrails
  - local-encrypt
providers:
  anthropic:
    pinned: [203.0.113.0/24]
audit: { keep: 3 }
";

    #[test]
    fn each_line_says_where_it_comes_from_and_is_yaml_as_before() {
        let text = explained(FILE, &[], None).to_yaml();
        let lines: Vec<_> = text.lines().collect();
        for expected in [
            "listen: '127.0.0.1:3099' # default",
            "pipeline: # config.yaml:2",
            "  - airgap: { allowedHosts: [], onViolation: log-only } # the kernel's policy does not protect; allowedHosts default, onViolation config.yaml:3",
            "    pinned: ['203.0.113.0/24'] # config.yaml:8",
            "    api: anthropic # default",
            "audit: { max_bytes: 67108864, keep: 3, on_full: continue } # max_bytes default, keep config.yaml:9, on_full default",
            "encrypt: { key: PRXY_STATE_KEY } # local-encrypt in the pipeline",
        ] {
            assert!(lines.contains(&expected), "{expected}\n{text}");
        }
        assert!(lines[0].ends_with(" (--data-dir)"), "{}", lines[0]);
        // It can be read again, and says the same.
        let again = explained(&text, &[], None);
        assert_eq!(again.values.len(), explained(FILE, &[], None).values.len());
        assert!(again.values.iter().all(|one| matches!(one.from, From::File(_))), "{text}");
    }

    #[test]
    fn variables_and_options_win_over_the_file_and_say_so() {
        let file = "listen: 127.0.0.1:1\npipeline: [airgap, guardrails: { profile: agent }]\n";
        let variables =
            [("PRXY_PIPE", "airgap,guardrails,exact-cache"), ("PRXY_LISTEN", "127.0.0.1:2")];
        let origin = |explained: &Explained, key: &[&str]| {
            let found = explained.values.iter().find(|one| one.path == key);
            found.map(|one| (one.value.clone(), explained.words(&one.from)))
        };
        let by_variable = explained(file, &variables, None);
        let listen =
            |port: u16, from: &str| Some((json!(format!("127.0.0.1:{port}")), from.to_owned()));
        assert_eq!(origin(&by_variable, &["listen"]), listen(2, "PRXY_LISTEN"));
        assert_eq!(
            origin(&by_variable, &["pipeline"]),
            Some((json!(["airgap", "guardrails", "exact-cache"]), "PRXY_PIPE".into()))
        );
        assert_eq!(
            origin(&by_variable, &["pipeline", "guardrails", "profile"]),
            Some((json!("agent"), "config.yaml:2".into()))
        );
        let by_option = explained(file, &variables, Some("127.0.0.1:3"));
        assert_eq!(origin(&by_option, &["listen"]), listen(3, "--listen"));
        assert_eq!(origin(&explained(file, &[], None), &["listen"]), listen(1, "config.yaml:1"));
    }
}
