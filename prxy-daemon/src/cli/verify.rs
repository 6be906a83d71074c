//! `prxy verify`: what to try, and how to print what came of it.

use std::io::Write;

use anyhow::anyhow;
use prxy_common::Role;
use serde_json::{Value, json};

use super::arguments::{Arguments, UsageError};
use super::{Failure, print};
use crate::config::closest;
use crate::verify::technique::{self, Layer, Technique};
use crate::verify::{self, Options, Shown};

/// Tries, prints, and fails if anything got through.
pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), Failure> {
    let options = Options {
        role: arguments.role.as_deref().map(role).transpose()?,
        technique: arguments.technique.as_deref().map(named).transpose()?,
        without: arguments.without.as_deref().map(layer).transpose()?,
    };
    if arguments.list {
        let text = match arguments.markdown {
            true => verify::markdown(),
            false => list(&options, arguments.json),
        };
        return print(out, &text);
    }
    let report = verify::run(&options).map_err(anyhow::Error::new)?;
    let text = if arguments.json {
        let mut text = serde_json::to_string(&report).map_err(anyhow::Error::new)?;
        text.push('\n');
        text
    } else {
        report.table(if arguments.all { Shown::All } else { Shown::Promised }).to_string()
    };
    print(out, &text)?;
    match report.ok {
        true => Ok(()),
        false => {
            Err(anyhow!("verify: not every attempt failed, or not every control worked").into())
        }
    }
}

/// A role by its name.
pub(super) fn role(name: &str) -> Result<Role, UsageError> {
    let roles = || Role::ALL.iter().copied().filter(|role| *role != Role::Unknown);
    roles().find(|role| role.name() == name).ok_or_else(|| UsageError::UnknownValue {
        option: "role",
        value: name.to_owned(),
        known: format!("one of {}", roles().map(Role::name).collect::<Vec<_>>().join(", ")),
    })
}

fn named(name: &str) -> Result<&'static Technique, UsageError> {
    technique::by_name(name).ok_or_else(|| UsageError::UnknownValue {
        option: "technique",
        value: name.to_owned(),
        known: match closest(name, technique::all().map(|one| one.name)) {
            Some(near) => format!("did you mean `{near}`? prxy verify --list has them all"),
            None => "prxy verify --list has them all".to_owned(),
        },
    })
}

fn layer(name: &str) -> Result<Layer, UsageError> {
    let layers = [Layer::Seccomp, Layer::Cgroup, Layer::Landlock, Layer::Namespace];
    layers.into_iter().find(|layer| layer.name() == name).ok_or_else(|| UsageError::UnknownValue {
        option: "without",
        value: name.to_owned(),
        known: format!("one of {}", layers.map(Layer::name).join(", ")),
    })
}

/// What a run with these options would try; not what is the role's own task.
fn list(options: &Options, as_json: bool) -> String {
    let is_task = |one: &Technique| one.open_to.is_some_and(|(role, _)| options.role == Some(role));
    let is_asked = |one: &&Technique| options.technique.is_none_or(|asked| asked.name == one.name);
    let listed = technique::all().filter(is_asked).filter(|one| !is_task(one));
    match as_json {
        true => {
            let row = |one: &Technique| json!({ "technique": one.name, "what": one.what, "threat": one.threat });
            format!("{}\n", listed.map(row).collect::<Value>())
        }
        false => listed.map(|one| format!("{:20} {}\n", one.name, one.what)).collect(),
    }
}
