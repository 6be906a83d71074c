//! The track as a picture: memory, descriptors and latency over time, with everything that happened.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};

use crate::watch::Track;

/// Writes an SVG.
pub(crate) fn write(file: &Path, track: &Track) -> Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(file, svg(track)).with_context(|| format!("write {}", file.display()))
}

type Line = (String, Vec<(f64, f64)>);

fn svg(track: &Track) -> String {
    let names: BTreeSet<&String> = track.samples.iter().flat_map(|s| s.roles.keys()).collect();
    let of = |pick: fn(&(u64, u64)) -> f64| -> Vec<Line> {
        let line = |name: &&String| {
            let points = track.samples.iter();
            let points = points.filter_map(|s| Some((s.second, pick(s.roles.get(*name)?))));
            ((*name).clone(), points.collect())
        };
        names.iter().map(line).collect()
    };
    let latency = |name: &str, pick: fn((u64, u64)) -> u64| -> Line {
        let points = track.samples.iter();
        let points = points.filter_map(|s| Some((s.second, pick(s.latency?) as f64 / 1000.0)));
        (name.to_owned(), points.collect())
    };
    let panels = [
        ("memory, MiB (PSS)", of(|(memory, _)| *memory as f64 / 1024.0)),
        ("open descriptors", of(|(_, open)| *open as f64)),
        ("latency, ms", vec![latency("half", |l| l.0), latency("99 of 100", |l| l.1)]),
    ];
    let end = track.samples.last().map_or(1.0, |sample| sample.second);
    let height = TOP + panels.len() as f64 * (PANEL + GAP) + 30.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let x = |second: f64| LEFT + second / end * (WIDTH - LEFT - RIGHT);
    let kinds: BTreeSet<&str> = track.events.iter().map(|(_, name)| *name).collect();
    let colours: BTreeMap<&str, &str> = kinds.into_iter().zip(COLOURS.iter().copied()).collect();
    for (at, (name, colour)) in (0..).map(f64::from).zip(&colours) {
        let left = LEFT + at * 150.0;
        let _ = writeln!(
            out,
            "<rect x=\"{left}\" y=\"12\" width=\"3\" height=\"12\" fill=\"{colour}\"/>\
             <text x=\"{}\" y=\"22\">{name}</text>",
            left + 8.0
        );
    }
    for (number, (title, lines)) in (0..).map(f64::from).zip(&panels) {
        let top = TOP + number * (PANEL + GAP);
        let most = lines.iter().flat_map(|(_, p)| p).map(|(_, v)| *v).fold(1.0, f64::max);
        let y = |value: f64| top + PANEL - value / most * PANEL;
        for (at, name) in &track.events {
            let (at, colour) = (x(*at), colours.get(name).unwrap_or(&"gray"));
            let bottom = top + PANEL;
            let _ = writeln!(
                out,
                "<path d=\"M{at:.1} {top}V{bottom}\" stroke=\"{colour}\" stroke-opacity=\".35\"/>"
            );
        }
        let _ = writeln!(
            out,
            "<rect x=\"{LEFT}\" y=\"{top}\" width=\"{}\" height=\"{PANEL}\" fill=\"none\" stroke=\"gray\"/>\
             <text x=\"{LEFT}\" y=\"{}\" font-weight=\"bold\">{title}</text>\
             <text x=\"4\" y=\"{}\">{most:.1}</text><text x=\"4\" y=\"{}\">0</text>",
            WIDTH - LEFT - RIGHT,
            top - 5.0,
            top + 10.0,
            top + PANEL
        );
        for (at, (name, points)) in lines.iter().enumerate() {
            let colour = COLOURS[at % COLOURS.len()];
            let path: Vec<_> =
                points.iter().map(|(s, v)| format!("{:.1},{:.1}", x(*s), y(*v))).collect();
            let _ = writeln!(
                out,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>\
                 <text x=\"{}\" y=\"{}\" fill=\"{colour}\">{name}</text>",
                path.join(" "),
                WIDTH - RIGHT + 6.0,
                top + 14.0 + at as f64 * 16.0
            );
        }
    }
    let _ = writeln!(
        out,
        "<text x=\"{LEFT}\" y=\"{}\">0 s</text><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{end:.0} s</text>\n</svg>",
        height - 10.0,
        WIDTH - RIGHT,
        height - 10.0
    );
    out
}

const WIDTH: f64 = 1_200.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 110.0;
const TOP: f64 = 60.0;
const PANEL: f64 = 180.0;
const GAP: f64 = 40.0;
const COLOURS: &[&str] =
    &["#1b6ca8", "#c0392b", "#27864b", "#8e44ad", "#d68910", "#16a085", "#7f8c8d", "#2c3e50"];
