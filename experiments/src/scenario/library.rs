//! The experiments that come with the program, by name, and what scenarios include: those, and files.

use crate::tree::{Included, NotIncluded, suggest};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Most bytes of a scenario's text.
const MOST_BYTES: u64 = 64 << 20;

/// A shipped experiment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shipped {
    /// Its name.
    pub name: &'static str,
    /// Its scenario.
    pub text: &'static str,
}

/// All shipped experiments, in order of names.
pub const SHIPPED: &[Shipped] = &[
    Shipped { name: "aloha", text: include_str!("../../scenarios/aloha.ron") },
    Shipped { name: "amqp-acks", text: include_str!("../../scenarios/amqp-acks.ron") },
    Shipped { name: "amqp-crash", text: include_str!("../../scenarios/amqp-crash.ron") },
    Shipped { name: "amqp10-crash", text: include_str!("../../scenarios/amqp10-crash.ron") },
    Shipped { name: "backbone", text: include_str!("../../scenarios/backbone.ron") },
    Shipped { name: "bench-amqp", text: include_str!("../../scenarios/bench-amqp.ron") },
    Shipped { name: "bench-chain", text: include_str!("../../scenarios/bench-chain.ron") },
    Shipped { name: "bench-dumbbell", text: include_str!("../../scenarios/bench-dumbbell.ron") },
    Shipped { name: "bench-ice", text: include_str!("../../scenarios/bench-ice.ron") },
    Shipped { name: "bench-mqtt", text: include_str!("../../scenarios/bench-mqtt.ron") },
    Shipped { name: "bench-sleepy", text: include_str!("../../scenarios/bench-sleepy.ron") },
    Shipped { name: "bench-star", text: include_str!("../../scenarios/bench-star.ron") },
    Shipped { name: "bench-sweep", text: include_str!("../../scenarios/bench-sweep.ron") },
    Shipped { name: "bench-tls", text: include_str!("../../scenarios/bench-tls.ron") },
    Shipped { name: "bufferbloat", text: include_str!("../../scenarios/bufferbloat.ron") },
    Shipped { name: "coap-loss", text: include_str!("../../scenarios/coap-loss.ron") },
    Shipped { name: "handshakes", text: include_str!("../../scenarios/handshakes.ron") },
    Shipped { name: "handshakes-devices", text: include_str!("../../scenarios/handshakes-devices.ron") },
    Shipped { name: "ice-time", text: include_str!("../../scenarios/ice-time.ron") },
    Shipped { name: "iot-delivery", text: include_str!("../../scenarios/iot-delivery.ron") },
    Shipped { name: "link-traces", text: include_str!("../../scenarios/link-traces.ron") },
    Shipped { name: "mqtt-crash", text: include_str!("../../scenarios/mqtt-crash.ron") },
    Shipped { name: "mqtt-qos", text: include_str!("../../scenarios/mqtt-qos.ron") },
    Shipped { name: "nat-matrix", text: include_str!("../../scenarios/nat-matrix.ron") },
    Shipped { name: "page-load", text: include_str!("../../scenarios/page-load.ron") },
    Shipped { name: "ping", text: include_str!("../../scenarios/ping.ron") },
    Shipped { name: "tcp-cwnd", text: include_str!("../../scenarios/tcp-cwnd.ron") },
    Shipped { name: "tcp-loss", text: include_str!("../../scenarios/tcp-loss.ron") },
    Shipped { name: "tcp-short", text: include_str!("../../scenarios/tcp-short.ron") },
];

/// Shipped files that scenarios name with an `@` in front: a network, and traces. No trace is a recording. `abilene` is the backbone
/// of Internet2 until 2007, as GraphML. `made-up-cellular` is 12 Mbit/s for 5 s,
/// falls to 1 Mbit/s within 5 s and stays there for 4 s, is 20 Mbit/s for 4 s, nothing for 1.5 s, and then swings between 2 and
/// 10 Mbit/s until 30 s.
pub const TRACES: &[(&str, &str)] = &[
    ("abilene", include_str!("../../scenarios/traces/abilene.graphml")),
    ("made-up-cellular", include_str!("../../scenarios/traces/made-up-cellular.txt")),
];

/// The shipped file called `name`.
pub fn trace(name: &str) -> Option<&'static str> {
    TRACES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// The shipped experiment called `name`.
pub fn find(name: &str) -> Option<Shipped> {
    SHIPPED.iter().copied().find(|shipped| shipped.name == name)
}

/// The text that the text labelled `from` includes as `name`: `@coap-loss`, a shipped experiment, or a file relative to the
/// folder of `from`.
pub(super) fn included(from: &str, name: &str) -> Result<Included, NotIncluded> {
    if let Some(shipped) = name.strip_prefix('@') {
        return included_experiment(shipped);
    }
    let near_file = |path: &Path| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let entries = std::fs::read_dir(folder).ok()?;
        let mut names: Vec<String> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        let wanted = path.file_name()?.to_string_lossy().into_owned();
        let near = suggest(&wanted, names.iter().map(String::as_str))?;
        let shown = Path::new(name).with_file_name(near);
        Some(format!("did you mean \"{}\"?", shown.display()))
    };
    let path = Path::new(from).parent().map_or_else(|| PathBuf::from(name), |folder| folder.join(name));
    let label = path.display().to_string();
    match read_file(&path) {
        Ok(text) => Ok(Included { key: identity(&path), label, text }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let shipped = || find(name.strip_suffix(".ron").unwrap_or(name));
            let help = near_file(&path).or_else(|| {
                shipped().map(|shipped| format!("a shipped experiment is included as \"@{}\"", shipped.name))
            });
            Err(NotIncluded { message: format!("there is no file `{label}`"), help })
        }
        Err(error) => Err(NotIncluded { message: format!("cannot read `{label}`: {error}"), help: None }),
    }
}

fn included_experiment(name: &str) -> Result<Included, NotIncluded> {
    if let Some(shipped) = find(name) {
        let label = format!("{name}.ron");
        return Ok(Included { key: format!("@{name}"), label, text: shipped.text.to_owned() });
    }
    let names = || SHIPPED.iter().map(|shipped| shipped.name);
    let help = match suggest(name, names()) {
        Some(near) => format!("did you mean \"@{near}\"?"),
        None => format!("shipped experiments: {}", names().collect::<Vec<_>>().join(", ")),
    };
    Err(NotIncluded { message: format!("there is no shipped experiment `{name}`"), help: Some(help) })
}

/// A scenario's text, if it is of a sensible length.
pub(super) fn read_file(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let length = std::fs::File::open(path)?.take(MOST_BYTES + 1).read_to_string(&mut text)?;
    if length as u64 > MOST_BYTES {
        return Err(std::io::Error::other("it is longer than 64 MiB"));
    }
    Ok(text)
}

/// What tells a file from all others, whatever way leads to it.
pub(super) fn identity(path: &Path) -> String {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf()).display().to_string()
}
