//! `protosim packetdrill FILE…`: scripts, and what came of each.

use super::Ending;
use super::args::PacketdrillArgs;
use super::terminal::say;
use crate::packetdrill::{Request, Verdict, judge};
use crate::tree::suggest;
use protosim_models::tcp::Profile;
use std::fs;
use std::path::{Path, PathBuf};

/// Names of profiles, as in scenarios but for the case of letters.
const PROFILES: [(&str, Profile); 4] =
    [("linux", Profile::Linux), ("rfc", Profile::Rfc), ("lwip", Profile::Lwip), ("uip", Profile::Uip)];

/// How many scripts came to what.
#[derive(Default)]
struct Count {
    passed: usize,
    failed: usize,
    skipped: usize,
    unread: usize,
}

/// Runs all scripts.
pub(super) fn packetdrill(args: &PacketdrillArgs, colours: bool) -> Result<Ending, String> {
    let request = request(args)?;
    let mut count = Count::default();
    for file in files(&args.files)? {
        let name = file.display().to_string();
        let text = fs::read_to_string(&file).map_err(|error| format!("error: cannot read `{name}`: {error}"))?;
        match judge(&name, &text, &request, args.verbose, colours) {
            Ok(judgement) => {
                if args.verbose {
                    say(format_args!("script   {name}"));
                    judgement.told.iter().for_each(|line| say(format_args!("  {line}")));
                }
                tell(&name, &judgement.verdict, args.quiet, &mut count);
            }
            Err(mistakes) => {
                count.unread += 1;
                eprint!("{mistakes}");
            }
        }
    }
    let unread = if count.unread > 0 { format!(", {} unreadable", count.unread) } else { String::new() };
    say(format_args!("{} passed, {} failed, {} skipped{unread}", count.passed, count.failed, count.skipped));
    Ok(match count {
        Count { unread: 1.., .. } => Ending::Stopped,
        Count { failed, .. } => Ending::from(failed == 0),
    })
}

fn tell(name: &str, verdict: &Verdict, is_quiet: bool, count: &mut Count) {
    match verdict {
        Verdict::Passed => {
            count.passed += 1;
            if !is_quiet {
                say(format_args!("passed   {name}"));
            }
        }
        Verdict::Failed(failure) => {
            count.failed += 1;
            say(format_args!("FAILED   {failure}"));
        }
        Verdict::Skipped(skipped) => {
            count.skipped += 1;
            if !is_quiet {
                let name = if skipped.place.is_some() { String::new() } else { format!("{name}: ") };
                say(format_args!("skipped  {name}{skipped}"));
            }
        }
    }
}

fn request(args: &PacketdrillArgs) -> Result<Request, String> {
    let profile = |name: &String| {
        let found = PROFILES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, profile)| *profile).ok_or_else(|| {
            let help = match suggest(name, PROFILES.iter().map(|(name, _)| *name)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "profiles are `linux`, `rfc`, `lwip` and `uip`".to_owned(),
            };
            format!("error: --profile: there is no profile `{name}`\nhelp: {help}")
        })
    };
    let tolerance = args.tolerance.as_deref().map(str::parse).transpose();
    Ok(Request {
        profile: args.profile.as_ref().map(profile).transpose()?,
        set: args.set.clone(),
        tolerance: tolerance.map_err(|error| format!("error: --tolerance: {error}"))?,
        seed: args.seed,
    })
}

/// The scripts that are named, and those of the folders that are, in order of their names.
fn files(named: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    for path in named {
        if path.is_dir() {
            let before = found.len();
            scripts_in(path, &mut found).map_err(|error| format!("error: cannot read `{}`: {error}", path.display()))?;
            found[before..].sort();
            if found.len() == before {
                return Err(format!("error: there is no script (`*.pkt`) in `{}`", path.display()));
            }
        } else {
            found.push(path.clone());
        }
    }
    Ok(found)
}

fn scripts_in(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            scripts_in(&path, found)?;
        } else if path.extension().is_some_and(|ending| ending == "pkt") {
            found.push(path);
        }
    }
    Ok(())
}
