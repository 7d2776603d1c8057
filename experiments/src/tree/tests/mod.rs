//! Tests of the tree, its reader and its messages.

mod messages;
mod paths;
mod properties;
mod reading;

use super::*;
use protosim_core::{Rate, Ratio, Size, Span as Duration};
use protosim_models::name::{LinkName, NodeName};
use serde::Deserialize;

/// A small scenario with everything that occurs in large ones.
#[derive(Deserialize, PartialEq, Debug)]
struct Scenario {
    nodes: Vec<Node>,
    #[serde(default)]
    links: Vec<Link>,
    #[serde(default)]
    apps: Vec<App>,
    duration: Option<Duration>,
}

#[derive(Deserialize, PartialEq, Debug)]
struct Node {
    name: String,
    #[serde(default)]
    cores: u8,
}

#[derive(Deserialize, PartialEq, Debug)]
struct Link {
    name: String,
    between: (NodeName, NodeName),
    rate: Rate,
    delay: Duration,
    #[serde(default)]
    loss: Ratio,
    queue: Option<Size>,
}

#[derive(Deserialize, PartialEq, Debug)]
enum App {
    Idle,
    CoapClient(Client),
    CoapServer { on: NodeName, reply: Option<Reply> },
    Burst(u32, Duration),
    Watch(LinkName),
}

#[derive(Deserialize, PartialEq, Debug)]
struct Client {
    on: NodeName,
    to: NodeName,
    #[serde(default)]
    confirmable: bool,
}

#[derive(Deserialize, PartialEq, Debug)]
enum Reply {
    Piggybacked,
    Separate,
}

/// Reads `text` and gives the value, the references and the rendered mistakes.
fn read_text<T: for<'t> Deserialize<'t>>(text: &str, overrides: &[&str]) -> (Reading<T>, String) {
    let (mut sources, mut mistakes) = (Sources::default(), Diagnostics::default());
    let mut tree = Tree::parse(&mut sources, "home.ron", text, &mut mistakes);
    for argument in overrides {
        tree.apply_override(&mut sources, argument, &mut mistakes);
    }
    let reading = read(&tree, &mut mistakes);
    assert_eq!(reading.value.is_none(), mistakes.has_errors(), "a value exactly if there is no mistake");
    mistakes.sort();
    (reading, mistakes.render(&sources, false))
}

/// All messages for a [`Scenario`].
fn messages(text: &str, overrides: &[&str]) -> String {
    read_text::<Scenario>(text, overrides).1
}

/// The value of a sound text.
fn sound<T: for<'t> Deserialize<'t>>(text: &str) -> T {
    let (reading, mistakes) = read_text(text, &[]);
    reading.value.unwrap_or_else(|| panic!("{mistakes}"))
}
