//! How well the detectors do on the corpus, as figures and against the committed floors.
#![expect(clippy::print_stdout, reason = "a program whose output is a table")]

mod questions;
mod report;
mod score;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use prxy::embed::model::Model;
use prxy::embed::{Embedder, Offline};
use prxy::redact::detect::labels;
use prxy::redact::scan::Scanner;
use prxy::redact::{Action, Label, Policy};
use prxy_corpus::{Half, SEED, Text, fresh, generate, hard};

use report::Part;
use score::{Hit, Score, overlap};

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse(std::env::args().skip(1))?;
    let embedder: Box<dyn Embedder> = match &arguments.model {
        Some(dir) => Box::new(Model::load(dir, "model")?),
        None => Box::new(Offline),
    };
    let questions = questions::measure(&*embedder)?;
    if arguments.questions {
        println!("{}", questions::table(&questions));
        return Ok(verdict(&questions::below(&questions, arguments.model.is_none())));
    }
    let parts = [
        (Half::Dev.name(), generate(Half::Dev, SEED)),
        (Half::HeldOut.name(), generate(Half::HeldOut, SEED)),
        ("hard", hard()),
        ("fresh", fresh()),
    ];
    if let Some(folder) = &arguments.export {
        export(folder, &parts)?;
        return Ok(ExitCode::SUCCESS);
    }
    let scanner = scanner()?;
    let mut all = Vec::new();
    for (name, texts) in &parts {
        let chosen =
            texts.iter().filter(|text| arguments.lang.as_ref().is_none_or(|l| *l == text.lang));
        let chosen: Vec<&Text> = chosen
            .filter(|text| arguments.format.as_ref().is_none_or(|f| *f == text.format))
            .collect();
        let wanted = |label: &str| arguments.label.as_ref().is_none_or(|wanted| wanted == label);
        let mut score = Score::default();
        let mut misses = Misses::new(arguments.show_misses);
        for text in &chosen {
            let hits = hits(&scanner, &text.text);
            score.add(text, &hits, wanted);
            misses.add(text, &hits, wanted);
        }
        misses.print(name);
        all.push(Part { name, texts: chosen.len(), score });
    }
    let tables = format!("{}{}", report::tables(&all), questions::table(&questions));
    println!("{tables}");
    println!("{}", throughput(&scanner, &parts));
    if arguments.is_filtered() {
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.floors {
        fs::write(root().join(FLOORS), report::floors(&all))?;
    }
    if arguments.write {
        let path = root().join(DOCS);
        let text = fs::read_to_string(&path).context(DOCS)?;
        fs::write(&path, report::between_markers(&text, &tables)?)?;
    }
    let mut worse = report::below(&all, &fs::read_to_string(root().join(FLOORS)).context(FLOORS)?)?;
    worse.extend(questions::below(&questions, arguments.model.is_none()));
    Ok(verdict(&worse))
}

fn verdict(worse: &[String]) -> ExitCode {
    for line in worse {
        println!("WORSE  {line}");
    }
    if worse.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// As typed.
#[derive(Default)]
struct Arguments {
    label: Option<String>,
    lang: Option<String>,
    format: Option<String>,
    show_misses: usize,
    export: Option<PathBuf>,
    write: bool,
    floors: bool,
    questions: bool,
    model: Option<PathBuf>,
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self> {
        let mut arguments = Self::default();
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("{word} needs a value"));
            match word.as_str() {
                "--label" => arguments.label = Some(value()?),
                "--lang" => arguments.lang = Some(value()?),
                "--format" => arguments.format = Some(value()?),
                "--show-misses" => arguments.show_misses = value()?.parse()?,
                "--export" => arguments.export = Some(value()?.into()),
                "--write" => arguments.write = true,
                "--floors" => arguments.floors = true,
                "--model" => arguments.model = Some(value()?.into()),
                "--questions" => arguments.questions = true,
                _ => bail!("unknown option {word}\n{USAGE}"),
            }
        }
        Ok(arguments)
    }

    fn is_filtered(&self) -> bool {
        self.label.is_some() || self.lang.is_some() || self.format.is_some()
    }
}

/// All detectors, those included whose label may leave by default.
fn scanner() -> Result<Scanner> {
    let mut policy = Policy::default();
    for (name, action) in labels() {
        if let (Some(label), Action::Allow) = (Label::new(name), action) {
            policy.actions.insert(label, Action::Mask);
        }
    }
    Ok(Scanner::new(&policy)?)
}

/// What is found; a secret that only its name gives away counts as a key whose issuer does not show.
fn hits(scanner: &Scanner, text: &str) -> Vec<Hit> {
    let mut found = Vec::new();
    scanner.scan(text, &mut found);
    found
        .iter()
        .filter(|span| span.label != scanner.literal())
        .map(|span| Hit {
            range: span.start..span.end,
            label: match scanner.label(span.label).as_str() {
                "SECRET" => "API_KEY".to_owned(),
                label => label.to_owned(),
            },
            detector: span.detector,
        })
        .collect()
}

/// Gold spans that were missed and hits that are wrong, some of each label.
struct Misses {
    most: usize,
    lines: BTreeMap<(String, &'static str), Vec<String>>,
}

impl Misses {
    fn new(most: usize) -> Self {
        Self { most, lines: BTreeMap::new() }
    }

    fn add(&mut self, text: &Text, hits: &[Hit], wanted: impl Fn(&str) -> bool) {
        if self.most == 0 {
            return;
        }
        for span in text.spans.iter().filter(|span| wanted(&span.label)) {
            let range = span.start..span.end;
            let met = |hit: &Hit| hit.label == span.label && overlap(&hit.range, &range);
            let kind = match hits.iter().find(|hit| met(hit)) {
                None => "missed",
                Some(hit) if hit.range != range => "inexact",
                Some(_) => continue,
            };
            self.tell(&span.label, kind, text, &range, "");
        }
        for hit in hits.iter().filter(|hit| wanted(&hit.label)) {
            let right = text.spans.iter().any(|span| {
                span.label == hit.label && overlap(&hit.range, &(span.start..span.end))
            });
            if !right {
                self.tell(&hit.label, "wrong", text, &hit.range, hit.detector);
            }
        }
    }

    fn tell(
        &mut self,
        label: &str,
        kind: &'static str,
        text: &Text,
        range: &std::ops::Range<usize>,
        detector: &str,
    ) {
        let lines = self.lines.entry((label.to_owned(), kind)).or_default();

        if lines.len() >= self.most {
            return;
        }
        let before: String = text.text[..range.start].chars().rev().take(CONTEXT).collect();
        let before: String = before.chars().rev().collect();
        let after: String = text.text[range.end..].chars().take(CONTEXT).collect();
        let shown = format!("{before}⟦{}⟧{after}", &text.text[range.clone()]).replace('\n', "⏎");
        let line = format!("{:32} {detector:14} {shown}", text.id);
        let template = |line: &str| {
            line.split_whitespace()
                .next()
                .and_then(|id| id.rsplit_once('-'))
                .map(|(name, _)| name.to_owned())
                .filter(|name| name.contains('-'))
        };
        // Not all of one template.
        let own = template(&line);
        let same = lines.iter().filter(|known| own.is_some() && template(known) == own).count();
        if same < 2 {
            lines.push(line);
        }
    }

    fn print(&self, part: &str) {
        for ((label, kind), lines) in &self.lines {
            for line in lines {
                println!("{part:8} {label:18} {kind:8} {line}");
            }
        }
    }
}

/// One core, over the whole corpus; short texts, so the price of each call counts as well.
fn throughput(scanner: &Scanner, parts: &[(&'static str, Vec<Text>)]) -> String {
    let texts: Vec<&str> =
        parts.iter().flat_map(|(_, texts)| texts.iter().map(|text| text.text.as_str())).collect();
    let bytes: usize = texts.iter().map(|text| text.len()).sum();
    let mut best = f64::MAX;
    for _ in 0..3 {
        let began = Instant::now();
        let mut found = Vec::new();
        for text in &texts {
            found.clear();
            scanner.scan(text, &mut found);
        }
        best = best.min(began.elapsed().as_secs_f64());
    }
    let build =
        if cfg!(debug_assertions) { "a debug build: not the real speed" } else { "release" };
    format!(
        "{:.1} MB in {} texts, {:.1} MB/s on one core ({build})",
        bytes as f64 / 1e6,
        texts.len(),
        bytes as f64 / 1e6 / best,
    )
}

fn export(folder: &Path, parts: &[(&'static str, Vec<Text>)]) -> Result<()> {
    fs::create_dir_all(folder)?;
    for (name, texts) in parts {
        let lines: String = texts.iter().map(|text| format!("{}\n", text.to_json())).collect();
        fs::write(folder.join(format!("{name}.jsonl")), lines)?;
    }
    Ok(())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

const FLOORS: &str = "tests/corpus/floors.txt";
const DOCS: &str = "docs/quality.md";
/// Characters shown before and after a miss.
const CONTEXT: usize = 30;
const USAGE: &str = "\
quality [--label L] [--lang L] [--format F] [--show-misses N] [--questions] [--model DIR] [--write] [--floors] [--export DIR]";
