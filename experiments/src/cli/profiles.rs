//! `protosim profiles`: the access networks that links can be like, and where each number comes from.

use super::terminal::say;
use protosim_models::link::{Framing, QueueLimit};
use protosim_topologies::profile::{Jitter, Level, Profile, Sourced, nearest_name, profile, profiles as all};

/// Prints one profile with the source of each number, or a list of all.
pub(super) fn profiles(name: Option<&str>) -> Result<(), String> {
    let Some(name) = name else {
        list();
        return Ok(());
    };
    let name = name.trim_start_matches('@');
    let Some(found) = profile(name) else {
        let help = match nearest_name(name) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`protosim profiles` lists them all".to_owned(),
        };
        return Err(format!("error: there is no access profile called `{name}`\nhelp: {help}\n"));
    };
    show(found);
    Ok(())
}

fn list() {
    for profile in all() {
        let level = if profile.level == Level::RatesOnly { "; rates with a name only" } else { "" };
        let rates = format!("{} down, {} up", profile.rate_down.value, profile.rate_up.value);
        say(format_args!("@{:<14} {}: {rates}, {} each way{level}", profile.name, profile.title, profile.delay.value));
    }
    say("");
    say("A link is like one: (ends: (\"phone\", \"network\"), like: \"@lte\"). The first end is the user's.");
    say("`protosim profiles NAME` shows all its numbers, and where each of them comes from.");
}

fn show(profile: &Profile) {
    say(format_args!("@{}: {}", profile.name, profile.title));
    say(match profile.level {
        Level::Model => "A link with these numbers is a usual model of it.",
        Level::RatesOnly => "Rates with a name only: what makes such a network behave as it does is not modelled.",
    });
    say(format_args!("Left out: {}", profile.left_out));
    say("");
    number("rate down", &profile.rate_down, ToString::to_string);
    number("rate up", &profile.rate_up, ToString::to_string);
    number("delay", &profile.delay, ToString::to_string);
    if let Some(jitter) = &profile.jitter {
        number("jitter", jitter, |jitter| match jitter {
            Jitter::Uniform(most) => format!("0 to {most}"),
            Jitter::Normal { mean, deviation } => format!("normal, mean {mean}, deviation {deviation}"),
        });
    }
    if let Some(loss) = &profile.loss {
        number("loss", loss, ToString::to_string);
    }
    number("mtu", &profile.mtu, |mtu| format!("{} B", mtu.as_bytes()));
    number("queue down", &profile.queue_down, queue);
    number("queue up", &profile.queue_up, queue);
    number("framing", &profile.framing, framing);
}

fn number<T>(what: &str, number: &Sourced<T>, show: impl Fn(&T) -> String) {
    say(format_args!("{what:<11} {:<24} {}", show(&number.value), number.source));
}

fn queue(limit: &QueueLimit) -> String {
    limit.to_string()
}

fn framing(framing: &Framing) -> String {
    match framing {
        Framing::None => "nothing added".to_owned(),
        Framing::Ethernet => "Ethernet".to_owned(),
        Framing::Custom { overhead, min_packet } => format!("{overhead} more, at least {min_packet}"),
    }
}
