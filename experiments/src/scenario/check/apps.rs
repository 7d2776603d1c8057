//! Applications: their names and ports, whom they talk to, and whether they ever end.

use super::{head_of, span_of};
use crate::scenario::{AppSpec, End, Placement, Scenario};
use crate::tree::{Diagnostic, Diagnostics, Kind, Node, Span as Place, Tree, child_of};
use protosim_core::Span;
use protosim_models::link::Mtu;
use protosim_models::medium::MediumConfig;
use protosim_models::name::NodeName;
use protosim_models::registry::{AppConfig, Further, Port, Sender};
use protosim_models::stun::{StunAlternate, StunServerConfig};
use protosim_models::tcp::congestion::CongestionConfig;
use protosim_topologies::plan::NoWay;
use protosim_topologies::{AddressFamilies, AddressFamily, GroupSpec, Plan};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check_apps(tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) {
    if !scenario.crypto.is_sized() && scenario.apps.iter().all(|app| !app.run.is_secured()) {
        let message = "`crypto` has no effect: no application has `tls` or `dtls`".to_owned();
        mistakes.push(Diagnostic::error("scenario::no-effect", span_of(tree, "crypto"), message));
    }
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    let mut ports: BTreeMap<(&str, Port), usize> = BTreeMap::new();
    for (index, app) in scenario.apps.iter().enumerate() {
        if let Some(earlier) = names.insert(&app.name, index) {
            let message = format!("another application is called `{}` too", app.name);
            let diagnostic =
                Diagnostic::error("scenario::duplicate-name", span_of(tree, &format!("apps.{index}.name")), message)
                    .also(span_of(tree, &format!("apps.{earlier}.name")), format!("the first `{}`", app.name));
            mistakes.push(diagnostic.help(super::free_name(&app.name)));
        }
        let port = app.run.listens_on();
        let mut taken = scenario
            .placements_of(index)
            .filter_map(|placed| Some((placed.on, ports.insert((placed.on, port?), index)?)))
            .collect::<Vec<_>>()
            .into_iter();
        if let (Some(port), Some((on, earlier))) = (port, taken.next()) {
            let message = format!("two applications on `{on}` listen on {port}");
            let diagnostic =
                Diagnostic::error("scenario::port-taken", span_of(tree, &format!("apps.{index}.run.port")), message)
                    .also(span_of(tree, &format!("apps.{earlier}.run.port")), "the first one");
            mistakes.push(diagnostic);
        }
        if let End::After(end) = scenario.until
            && !end.is_zero()
            && app.run.starts_at() >= end
        {
            let message = format!("`start` has no effect: `{}` would begin when the run is over", app.name);
            let place = span_of(tree, &format!("apps.{index}.run.start"));
            mistakes.push(Diagnostic::error("scenario::no-effect", place, message));
        }
        if scenario.until == End::Quiet && !app.run.has_end() {
            let message = format!("`{}` never ends, and the run goes on until all is quiet", app.name);
            let place = head_of(tree, &format!("apps.{index}.run"));
            let end = if matches!(app.run, AppConfig::TcpSource(_)) { "`bytes`" } else { "a `count`" };
            let help = format!("give it {end} (or a `stop`), or the scenario an `until: After(\"60 s\")`");
            let diagnostic = Diagnostic::error("scenario::endless", place, message).help(help);
            mistakes.push(match tree.root.field("until") {
                Some(until) => diagnostic.also(until.span, "until all is quiet"),
                None => diagnostic,
            });
        }
        if app.name.is_empty() || !app.name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_')) {
            let message = "an application's name is made of letters, digits, `-` and `_`";
            mistakes.push(Diagnostic::error(
                "scenario::bad-name",
                span_of(tree, &format!("apps.{index}.name")),
                message,
            ));
        }
        check_absurd(tree, index, mistakes);
        check_mss(tree, scenario, index, mistakes);
        check_direction(tree, scenario, index, mistakes);
        check_sets(tree, scenario, index, mistakes);
        for (field, message) in app.run.check() {
            let path = format!("apps.{index}.run.{field}");
            let id =
                if message.starts_with("has no effect") { "scenario::no-effect" } else { "scenario::out-of-range" };
            let message = format!("`{field}`{} {message}", if is_verb(&message) { "" } else { ":" });
            mistakes.push(Diagnostic::error(id, span_of(tree, &path), message));
        }
        check_crypto(tree, scenario, index, mistakes);
        super::channels::check_channels(tree, scenario, index, mistakes);
        super::channels::check_ends(tree, scenario, index, mistakes);
        super::tls::check_verification(tree, scenario, index, mistakes);
    }
}

/// Who computes everything needs `crypto: Real`.
fn check_crypto(tree: &Tree, scenario: &Scenario, index: usize, mistakes: &mut Diagnostics) {
    if scenario.crypto.is_sized() && scenario.apps[index].run.tls().is_some_and(|tls| tls.needs_real()) {
        let place = span_of(tree, &format!("apps.{index}.run.tls.implementation"));
        let message = "`implementation` is rustls, which reads and writes real bytes, and `crypto` is `Sized`";
        let help = "add `crypto: Real` to the scenario".to_owned();
        mistakes.push(Diagnostic::error("scenario::out-of-range", place, message).help(help));
    }
}

/// What an application on a group, or one that sends to a group of nodes, must be.
fn check_sets(tree: &Tree, scenario: &Scenario, index: usize, mistakes: &mut Diagnostics) {
    let app = &scenario.apps[index];
    let size = |name: &NodeName| scenario.sets.get(&name.0).map(<[String]>::len);
    if let Some((to, servers)) = idle_servers(scenario, app).filter(|_| size(&app.on).is_none()) {
        let message = format!("`{to}` has {servers} nodes, and `{}` runs on one: it sends to one of them", app.name);
        let place = span_of(tree, &format!("apps.{index}.run.{}", app.run.destination_field()));
        let help = format!("name one node, such as `{}`", scenario.sets.partner(to, 0));
        mistakes.push(Diagnostic::error("scenario::group", place, message).help(help));
    }
    if size(&app.on).is_some() && scenario.placements_of(index).next().is_none() {
        let message = format!("each member of `{}` would send to itself", app.on.0);
        let place = span_of(tree, &format!("apps.{index}.run.{}", app.run.destination_field()));
        mistakes.push(Diagnostic::error("scenario::group", place, message));
    }
    if let (Some(members), Some((field, _))) = (size(&app.on).filter(|members| *members > 1), app.run.identity()) {
        let message = format!(
            "`{field}` is one name for the {members} members of `{}`: each would take over the others' session",
            app.on.0
        );
        let help = "leave it out for a name that is made of node and application".to_owned();
        let place = span_of(tree, &format!("apps.{index}.run.{field}"));
        mistakes.push(Diagnostic::error("scenario::group", place, message).help(help));
    }
    let Some(stagger) = app.stagger else { return };
    let place = span_of(tree, &format!("apps.{index}.stagger"));
    let mut idle = |why: String| {
        mistakes.push(Diagnostic::error("scenario::no-effect", place, format!("`stagger` has no effect: {why}")));
    };
    if size(&app.on).is_none() {
        idle(format!("`{}` runs on one node", app.name));
    } else if stagger.is_zero() {
        idle("all begin together anyway".to_owned());
    } else if app.run.clone().start_mut().is_none() {
        idle(format!("`{}` begins when its node does", app.name));
    } else {
        check_stagger(tree, scenario, index, mistakes);
    }
}

/// Every member begins while there is something to do.
fn check_stagger(tree: &Tree, scenario: &Scenario, index: usize, mistakes: &mut Diagnostics) {
    let place = span_of(tree, &format!("apps.{index}.stagger"));
    let first = scenario.placements_of(index).next().map(|placed| placed.config());
    let wrong = |config: &AppConfig| match scenario.until {
        End::After(end) if config.starts_at() >= end => {
            Some(format!("begins at {}, when the run is over", config.starts_at()))
        }
        _ => {
            config.check().into_iter().next().map(|(field, message)| format!("has nothing to do: `{field}` {message}"))
        }
    };
    // What is wrong with the first one has to do with something else.
    if first.is_none_or(|first| wrong(&first).is_some()) {
        return;
    }
    let late = scenario.placements_of(index).find_map(|placed| Some((placed.on, wrong(&placed.config())?)));
    if let Some((on, why)) = late {
        let message = format!("`stagger` is too long: `{}` on `{on}` {why}", scenario.apps[index].name);
        mistakes.push(Diagnostic::error("scenario::out-of-range", place, message));
    }
}

/// The set that an application sends to, and its size, if that is larger than the application's own.
fn idle_servers<'a>(scenario: &'a Scenario, app: &'a AppSpec) -> Option<(&'a str, usize)> {
    let size = |name: &NodeName| scenario.sets.get(&name.0).map(<[String]>::len);
    let to = app.run.destination().filter(|to| scenario.group(to).is_none())?;
    let servers = size(to)?;
    (servers > size(&app.on).unwrap_or(1)).then_some((to.0.as_str(), servers))
}

/// Members of a group that nobody sends to.
pub(super) fn warn_of_idle_servers(tree: &Tree, scenario: &Scenario, warnings: &mut Diagnostics) {
    for (index, app) in scenario.apps.iter().enumerate() {
        let Some((to, servers)) = idle_servers(scenario, app) else { continue };
        let clients = scenario.placements_of(index).count();
        let message = format!(
            "`{to}` has {servers} nodes, and `{}` runs on {clients}: each sends to one, and nobody to the others",
            app.name
        );
        let place = span_of(tree, &format!("apps.{index}.run.{}", app.run.destination_field()));
        warnings.push(Diagnostic::warning("scenario::group", place, message));
    }
}

/// A number of things to do that no machine will ever get done.
fn check_absurd(tree: &Tree, index: usize, mistakes: &mut Diagnostics) {
    const MOST: i128 = 1_000_000_000;
    for field in ["count", "requests"] {
        let path = format!("apps.{index}.run.{field}");
        let node = tree.at(&path);
        if let Some(Node { kind: Kind::Int(n), span, .. }) = node
            && *n > MOST
        {
            let message = format!("`{field}`: {n} is more than any machine gets done; the most is {MOST}");
            mistakes.push(Diagnostic::error("scenario::out-of-range", *span, message));
        }
    }
}

/// Segments must fit into a packet that some link of the application's node carries.
fn check_mss(tree: &Tree, scenario: &Scenario, index: usize, mistakes: &mut Diagnostics) {
    let app = &scenario.apps[index];
    let (Some(mss), Some(mtu)) = (app.run.tcp().and_then(|tcp| tcp.mss), largest_mtu(scenario, app)) else { return };
    // Headers of IP and TCP without options, which the MSS does not count (RFC 9293 §3.7.1).
    let headers = if is_over_ipv6(scenario, app) { 60 } else { 40 };
    if u64::from(mss) + headers > mtu {
        let message = format!(
            "`tcp.mss`: {mss} B and {headers} B of headers make packets of {} B, and no link of `{}` carries more than {mtu} B",
            u64::from(mss) + headers,
            app.on.0
        );
        let place = span_of(tree, &format!("apps.{index}.run.tcp.mss"));
        let help = format!("at most {}; without `mss` it follows the link", mtu.saturating_sub(headers));
        mistakes.push(Diagnostic::error("scenario::out-of-range", place, message).help(help));
    }
}

/// Fields of TCP about the direction in which an application's data do not go, where they are written at the application itself. A template may
/// have them, since both ends may be like it.
fn check_direction(tree: &Tree, scenario: &Scenario, index: usize, mistakes: &mut Diagnostics) {
    let app = &scenario.apps[index];
    let Some((fields, why)) = app.run.idle_fields_of_tcp() else { return };
    let place = format!("apps.{index}.run.tcp");
    let Some(written) = tree.at(&place) else { return };
    let own = span_of(tree, &place);
    // The end that receives echoes the marks of DCTCP.
    let has_dctcp = matches!(app.run.tcp().and_then(|tcp| tcp.congestion.as_ref()), Some(CongestionConfig::Dctcp(_)));
    for field in fields.iter().filter(|field| !(has_dctcp && **field == "congestion")) {
        if let Some(node) = child_of(written, field).filter(|node| node.span.lies_in(own)) {
            let message = format!("`tcp.{field}` of `{}` has no effect: {why}", app.name);
            let help = "it belongs to the other end; in a template it may stand for both".to_owned();
            mistakes.push(Diagnostic::error("scenario::no-effect", node.span, message).help(help));
        }
    }
}

/// The largest packet that some link of an application's node carries \[bytes\].
fn largest_mtu(scenario: &Scenario, app: &AppSpec) -> Option<u64> {
    // Members of a group have links of one kind, or are in a class of their own that a message would not describe.
    let on = scenario.sets.members(&app.on.0).next()?;
    let links = scenario.links.iter().filter(|link| link.ends.0.0 == on || link.ends.1.0 == on);
    let media = scenario.media.iter().filter(|medium| medium.stations().iter().any(|station| station.0 == on));
    let mtus = links.map(|link| link.mtu()).chain(media.map(|medium| medium.mtu()));
    mtus.max().map(Mtu::as_bytes)
}

/// True if an application's packets are of IPv6: its node has nothing else, or has it and so has its destination. Who waits for others counts as
/// IPv4 where both may come.
fn is_over_ipv6(scenario: &Scenario, app: &AppSpec) -> bool {
    let families = |name: &NodeName| {
        let node = scenario.nodes.iter().find(|node| node.name == name.0);
        node.and_then(|node| node.addresses).unwrap_or(scenario.addresses)
    };
    match families(&app.on) {
        AddressFamilies::V4 => false,
        AddressFamilies::V6 => true,
        AddressFamilies::Both => app.run.destination().is_some_and(|to| families(to).has(AddressFamily::V6)),
    }
}

/// Applications that send where nobody listens: they get ICMP errors at best. That may be what someone wants to see.
pub(super) fn warn_of_silence(tree: &Tree, scenario: &Scenario, warnings: &mut Diagnostics) {
    for (index, app) in scenario.apps.iter().enumerate() {
        for Further { node, port, .. } in app.run.further() {
            warn_of_nobody(tree, scenario, (index, node, port), warnings);
        }
        let (Some(to), Some(port)) = (app.run.destination(), app.run.destination_port()) else { continue };
        let Some(server) = warn_of_nobody(tree, scenario, (index, to, port), warnings) else { continue };
        if let Some(why) = app.run.refused_by(&server.run) {
            let message = format!("`{}` asks `{}` for what it does not have: {why}", app.name, server.name);
            let place = span_of(tree, &format!("apps.{index}.run"));
            let other = span_of(tree, &format!("apps.{}.run", position(scenario, &server.name)));
            let is_half = |ours: bool, theirs: bool, field: &str| {
                (ours != theirs).then(|| format!("give `{field}` to both or to neither, or name another port"))
            };
            let help = is_half(app.run.tls().is_some(), server.run.tls().is_some(), "tls").or(is_half(
                app.run.dtls().is_some(),
                server.run.dtls().is_some(),
                "dtls",
            ));
            let warning = Diagnostic::warning("scenario::not-found", place, message).also(other, "the server");
            warnings.push(warning.help(help));
            continue;
        }
        for (field, why) in app.run.unmet_by(&server.run) {
            let path = format!("apps.{index}.run.{field}");
            // What is not written is nobody's wish.
            let Some(place) = tree.at(&path).map(|node| node.span) else {
                continue;
            };
            let message = format!("`{field}` of `{}` is not what it gets of `{}`: {why}", app.name, server.name);
            let other = head_of(tree, &format!("apps.{}.run", position(scenario, &server.name)));
            warnings.push(Diagnostic::warning("scenario::not-granted", place, message).also(other, "the server"));
        }
    }
}

/// Applications that a server cannot tell apart.
pub(super) fn warn_of_twins(tree: &Tree, scenario: &Scenario, warnings: &mut Diagnostics) {
    let mut first: BTreeMap<(&NodeName, Port, &str), usize> = BTreeMap::new();
    for (index, app) in scenario.apps.iter().enumerate() {
        let (Some(to), Some(port)) = (app.run.destination(), app.run.destination_port()) else { continue };
        let Some((field, id)) = app.run.identity() else { continue };
        let earlier = *first.entry((to, port, id)).or_insert(index);
        if earlier == index {
            continue;
        }
        let other = &scenario.apps[earlier].name;
        let message = format!("`{field}`: `{other}` is called that too, and each takes over the other's session");
        let place = |app: usize| span_of(tree, &format!("apps.{app}.run.{field}"));
        let warning = Diagnostic::warning("scenario::duplicate-name", place(index), message);
        let help = "leave it out for a name that is made of node and application".to_owned();
        warnings.push(warning.also(place(earlier), "the first one").help(help));
    }
}

/// Who listens on a port of a node that an application sends to; if nobody does, that is worth a warning.
fn warn_of_nobody<'a>(
    tree: &Tree,
    scenario: &'a Scenario,
    (index, to, port): (usize, &NodeName, Port),
    warnings: &mut Diagnostics,
) -> Option<&'a AppSpec> {
    let members: BTreeSet<&str> = match scenario.group(to) {
        Some(group) => group.members.iter().map(|member| member.0.as_str()).collect(),
        None => scenario.sets.members(&to.0).collect(),
    };
    let is_there = |other: &AppSpec| scenario.sets.members(&other.on.0).any(|on| members.contains(on));
    let takes = |other: &AppSpec| [other.run.listens_on(), other.run.listens_for_streams()].contains(&Some(port));
    let found = scenario.apps.iter().find(|other| takes(other) && is_there(other));
    if found.is_none() {
        let mut ports = scenario.apps.iter().filter(|other| is_there(other)).filter_map(|other| other.run.listens_on());
        let help = match ports.next() {
            Some(other) => format!("an application there listens on {other}"),
            None => format!("no application on `{}` listens on any port", to.0),
        };
        let name = &scenario.apps[index].name;
        let message = format!("nobody on `{}` listens on {port}, which `{name}` sends to", to.0);
        let place = span_of(tree, &format!("apps.{index}.run"));
        warnings.push(Diagnostic::warning("scenario::nobody-listens", place, message).help(help));
    }
    found
}

/// Children that sleep ask their parents for ever.
pub(super) fn check_media_end(tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) {
    for (index, medium) in scenario.media.iter().enumerate().filter(|_| scenario.until == End::Quiet) {
        let Some(child) = medium.first_child() else { continue };
        let message = format!("`{}` asks its parent for ever, and the run goes on until all is quiet", child.0);
        let place = span_of(tree, &format!("media.{index}.name"));
        let diagnostic = Diagnostic::error("scenario::endless", place, message);
        mistakes.push(diagnostic.help("give the scenario an `until: After(\"60 s\")`".to_owned()));
    }
}

/// Applications whose last act would be due when there is no time any more.
pub(super) fn warn_of_the_clock(tree: &Tree, scenario: &Scenario, warnings: &mut Diagnostics) {
    for (index, app) in scenario.apps.iter().enumerate() {
        if scenario.until == End::Quiet && app.run.last_due() == Some(Span::MAX) {
            let message = format!("`{}` does not come to its end: the clock ends after 584 years", app.name);
            let place = span_of(tree, &format!("apps.{index}.run"));
            warnings.push(Diagnostic::warning("scenario::clock-ends", place, message));
        }
    }
}

/// Whom applications talk to must be reachable.
pub(in crate::scenario) fn check_paths(tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) {
    let nodes: BTreeSet<&str> = scenario.nodes.iter().map(|node| node.name.as_str()).collect();
    let is_node = |name: &NodeName| nodes.contains(name.0.as_str());
    let on_nodes = |medium: &MediumConfig| medium.stations().into_iter().all(is_node);
    if !scenario.links.iter().all(|link| is_node(&link.ends.0) && is_node(&link.ends.1))
        || !scenario.media.iter().all(on_nodes)
    {
        // A plan has no place for such a link; the name that leads nowhere is reported where it stands.
        return;
    }
    let plan = Plan::new(scenario.topology(), Vec::new());
    for (index, app) in scenario.apps.iter().enumerate() {
        if let AppConfig::StunServer(StunServerConfig { alternate: Some(alternate), .. }) = &app.run {
            check_alternate(tree, &plan, (index, &app.on), alternate, mistakes);
        }
        check_leisure(tree, scenario, index, mistakes);
        check_further(tree, scenario, &plan, index, mistakes);
        check_synthesis(tree, scenario, &plan, index, mistakes);
        let Some(to) = app.run.destination() else { continue };
        let place = span_of(tree, &format!("apps.{index}.run.{}", app.run.destination_field()));
        let said = mistakes.len();
        for placed in scenario.placements_of(index) {
            let Some(from) = plan.node(placed.on) else { continue };
            match scenario.group(to) {
                Some(group) => {
                    check_members(&plan, (from, placed), group, place, mistakes);
                    if let Some((field, why)) = app.run.unfit_for_groups() {
                        let place = span_of(tree, &format!("apps.{index}.run.{field}"));
                        mistakes.push(Diagnostic::error("scenario::no-effect", place, why));
                    }
                }
                None => check_path(&plan, (placed.on, placed.to), place, mistakes),
            }
            // What is wrong for one member is mostly so for all.
            if mistakes.len() > said {
                break;
            }
        }
    }
}

/// A server's second address must be one of its node's, beside the first.
fn check_alternate(
    tree: &Tree,
    plan: &Plan,
    (index, on): (usize, &NodeName),
    alternate: &StunAlternate,
    mistakes: &mut Diagnostics,
) {
    // Members of a group have links of one kind, and none an address of all.
    let Some(rank) = plan.node(&on.0) else { return };
    let place = span_of(tree, &format!("apps.{index}.run.alternate"));
    if plan.graph().ports(rank).count() < 2 {
        let message = format!("`alternate` needs a second address, and `{}` has one link or none", on.0);
        let help = "give the node a second link, and `forwards: false` if it is a host".to_owned();
        mistakes.push(Diagnostic::error("scenario::no-effect", place, message).help(help));
    } else if let Some(address) = alternate.address
        && plan.owners().get(&address) != Some(&rank)
    {
        let message = format!("`alternate.address`: {address} is no address of `{}`", on.0);
        let help = "without it, the second one in order of the names of links is taken".to_owned();
        mistakes.push(Diagnostic::error("scenario::not-found", place, message).help(help));
    }
}

/// A server that no group is asked through has no leisure.
fn check_leisure(tree: &Tree, scenario: &Scenario, index: usize, mistakes: &mut Diagnostics) {
    let app = &scenario.apps[index];
    let AppConfig::CoapServer(config) = &app.run else { return };
    let members = || scenario.groups.iter().flat_map(|group| &group.members);
    let is_member = |on: &str| members().any(|member| scenario.sets.members(&member.0).any(|name| name == on));
    if config.leisure.is_some() && !scenario.placements_of(index).any(|placed| is_member(placed.on)) {
        let message = format!("`leisure` has no effect: no node of `{}` is in a group", app.name);
        let place = span_of(tree, &format!("apps.{index}.run.leisure"));
        mistakes.push(Diagnostic::error("scenario::no-effect", place, message).help("leave it out".to_owned()));
    }
}

/// The further nodes that an application names must be single ones, and reachable from where its packets to them come.
fn check_further(tree: &Tree, scenario: &Scenario, plan: &Plan, index: usize, mistakes: &mut Diagnostics) {
    let app = &scenario.apps[index];
    for (number, Further { field, node, by, .. }) in app.run.further().into_iter().enumerate() {
        let place = span_of(tree, &format!("apps.{index}.run.{field}"));
        if scenario.group(node).is_some() {
            let message = format!("`{}` is a group, and `{}` expects answers from one node", node.0, app.name);
            mistakes.push(Diagnostic::error("scenario::group", place, message));
            continue;
        }
        let said = mistakes.len();
        for placed in scenario.placements_of(index) {
            let from = match by {
                Sender::Own => Some(placed.on),
                Sender::Destination => placed.to,
            };
            if let Some(from) = from {
                check_path(plan, (from, Some(placed.further[number])), place, mistakes);
            }
            // What is wrong for one member is mostly so for all.
            if mistakes.len() > said {
                break;
            }
        }
    }
}

/// Whoever has IPv4, or no NAT64, has nothing to look for under a prefix.
fn check_synthesis(tree: &Tree, scenario: &Scenario, plan: &Plan, index: usize, mistakes: &mut Diagnostics) {
    let AppConfig::IceAgent(config) = &scenario.apps[index].run else { return };
    let mut on = scenario.placements_of(index).filter_map(|placed| plan.node(placed.on));
    if !config.synthesizes && on.all(|node| plan.nat64_prefix(node).is_none()) {
        let message = "`synthesizes` has no effect: its node has IPv4, or no NAT64 is in reach";
        let place = span_of(tree, &format!("apps.{index}.run.synthesizes"));
        mistakes.push(Diagnostic::error("scenario::no-effect", place, message.to_owned()));
    }
}

/// The node that is sent to must be reachable.
fn check_path(plan: &Plan, (on, to): (&str, Option<&str>), place: Place, mistakes: &mut Diagnostics) {
    let Some((to, target)) = to.and_then(|to| Some((to, plan.node(to)?))) else { return };
    let Some(from) = plan.node(on) else { return };
    let versions = |node: usize| {
        let all: Vec<&str> = plan.addresses(node).map(|own| if own.is_ipv4() { "IPv4" } else { "IPv6" }).collect();
        all.join(" and ")
    };
    let (message, help) = match plan.ways(from, target) {
        Ok(_) => return,
        Err(NoWay::NoAddress) if plan.graph().ports(target).next().is_none() => {
            (format!("`{to}` has no link, and so no address"), None)
        }
        Err(NoWay::NoAddress) => (
            format!("`{to}` has no address: nobody beside it has a version of IP that it has"),
            Some("a link end has an address of a version if both of the link's nodes have it"),
        ),
        Err(NoWay::Versions) if plan.address(from).is_none() => (
            format!("`{on}` has no address: nobody beside it has a version of IP that it has"),
            Some("a link end has an address of a version if both of the link's nodes have it"),
        ),
        Err(NoWay::Hidden) => (
            format!("`{to}` is inside of a NAT and `{on}` is not: nobody there has a route to it"),
            Some("hosts inside send first, to one that is not inside of a NAT"),
        ),
        Err(NoWay::Versions) => (
            format!(
                "`{on}` has addresses of {}, and `{to}` of {}: they have no version of IP in common",
                versions(from),
                versions(target)
            ),
            Some(
                "a node has a version where a node beside it has it, too; from IPv6 to IPv4 it goes by the inside of a node with `nat64`",
            ),
        ),
        Err(NoWay::NoPath) => (format!("no path leads from `{on}` to `{to}`"), None),
    };
    let mistake = Diagnostic::error("scenario::unreachable", place, message);
    mistakes.push(match help {
        Some(help) => mistake.help(help.to_owned()),
        None => mistake,
    });
}

/// Members of a group that `from` sends to must be reachable, and understand it: only sources of plain datagrams and clients of CoAP send to groups.
fn check_members(
    plan: &Plan,
    (from, placed): (usize, Placement<'_>),
    group: &GroupSpec,
    place: Place,
    mistakes: &mut Diagnostics,
) {
    if !matches!(placed.spec.run, AppConfig::UdpSource(_) | AppConfig::CoapClient(_)) {
        let message = format!("`{}` is a group, and `{}` expects answers from one node", group.name, placed.spec.name);
        let help =
            "only sources of datagrams (UdpSource) and clients of CoAP (CoapClient) may send to groups".to_owned();
        mistakes.push(Diagnostic::error("scenario::group", place, message).help(help));
    }
    for member in &group.members {
        let Some(rank) = plan.node(&member.0) else { continue };
        if !plan.group(&group.name).is_some_and(|address| plan.reaches_member(from, rank, address)) {
            let message = format!("no path leads from `{}` to `{}`, a member of `{}`", placed.on, member.0, group.name);
            mistakes.push(Diagnostic::error("scenario::unreachable", place, message));
        }
    }
}

/// A group that nobody sends to.
pub(super) fn check_groups(tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) {
    for (index, group) in scenario.topology().groups.iter().enumerate() {
        if group.senders.is_empty() {
            let message = format!("the group has no effect: no application sends to `{}`", group.name);
            let place = span_of(tree, &format!("groups.{index}"));
            mistakes.push(Diagnostic::error("scenario::no-effect", place, message));
        }
    }
}

/// Messages that no link of their node carries whole: they are lost with any of their fragments, which may be what is to be seen.
pub(super) fn warn_of_fragments(tree: &Tree, scenario: &Scenario, warnings: &mut Diagnostics) {
    for (index, app) in scenario.apps.iter().enumerate() {
        // IPv4 without options (RFC 791 §3.1); IPv6 (RFC 8200 §3), whose fragments have a header of 8 bytes more (§4.5).
        let (header, of_fragment) = if is_over_ipv6(scenario, app) { (40, 48) } else { (20, 20) };
        let message = app.run.message_len(header);
        if message == 0 || app.run.destination() == Some(&app.on) {
            continue;
        }
        let Some(mtu) = largest_mtu(scenario, app) else { continue };
        if message + header > mtu {
            let parts = message.div_ceil((mtu - of_fragment) / 8 * 8);
            let message = format!(
                "`{}` sends packets of {} B, and no link of `{}` carries more than {mtu} B: each goes in {parts} fragments",
                app.name,
                message + header,
                app.on.0
            );
            let place = span_of(tree, &format!("apps.{index}.run.payload"));
            let help = "a smaller `payload`, or a larger `mtu` of the link, spares them".to_owned();
            warnings.push(Diagnostic::warning("scenario::fragments", place, message).help(help));
        }
    }
}

fn position(scenario: &Scenario, app: &str) -> usize {
    scenario.apps.iter().position(|other| other.name == app).unwrap_or_default()
}

/// A message goes on from the field's name, or stands for itself.
fn is_verb(text: &str) -> bool {
    ["is ", "has ", "makes ", "needs ", "names ", "gives ", "cannot ", "comes ", "ends ", "begins "]
        .iter()
        .any(|verb| text.starts_with(verb))
}
