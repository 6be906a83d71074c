//! The table of techniques as it stands in `docs/threat-model.md`.

use std::fmt::Write;

use super::technique::{self, Aid, AsRoot, Layer, Technique};

/// One line for each technique.
pub fn markdown() -> String {
    let mut text = String::from(
        "| technique | what it does | row | stopped by | root, under the kernel's policy alone | test |\n\
         |---|---|---|---|---|---|\n",
    );
    for technique in technique::all() {
        let Technique { name, what, threat, layers, as_root, open_to, .. } = technique;
        let layers: Vec<_> = layers.iter().copied().map(Layer::name).collect();
        let root = match as_root {
            AsRoot::Stopped => "stopped".to_owned(),
            AsRoot::NotPromised(why) => (*why).to_owned(),
            AsRoot::OnlyInNamespace(why) => {
                format!("stopped in gateway and broker, by their namespaces; else: {why}")
            }
        };
        let open = open_to.map(|(role, why)| format!("; not for {}: {why}", role.name()));
        let _ = writeln!(
            text,
            "| `{name}` | {what} | {} | {}{} | {root} | {} |",
            threat.replace(' ', ", "),
            layers.join(", "),
            open.unwrap_or_default(),
            if matches!(technique.aid, Aid::Given(_)) { VERIFY } else { BOTH },
        );
    }
    text
}

const VERIFY: &str = "`anyone_can_verify`";
const BOTH: &str = "`anyone_can_verify`, `airgap_holds`";
