//! Scripts in the language of packetdrill, against our TCP.
//!
//! A script drives one end of a connection with segments and socket calls at exact times and says what it must answer
//! ([packetdrill](https://github.com/google/packetdrill), Cardwell et al., USENIX ATC 2013). Here the end is a
//! [`Stack`](protosim_models::tcp::Stack) in virtual time, so a script takes microseconds and gives the same answer each time; the
//! same file judges a Linux kernel too.
//!
//! The way of a script: text, tokens, a tree with places ([`parse()`]), a check, a run, a [`Verdict`]. What this program has
//! no use for, such as UDP or a command that it does not know, makes a script [skipped](Verdict::Skipped), never passed.
//!
//! `docs/packetdrill.md` is the guide for users.

mod ast;
mod check;
mod commands;
mod lexer;
mod parse;
mod parse_call;
mod parse_packet;
mod python;
mod run;
mod settings;
mod tcp_info;
mod verdict;

#[cfg(test)]
mod tests;

pub use ast::Script;
pub use parse::parse;
pub use settings::Request;
pub use verdict::{Failure, Skipped, Verdict};

use crate::tree::{Diagnostics, Sources};
use protosim_models::tcp::Segment;
use settings::Settings;

/// Says of each segment that the stack sends whether it gets out: for tests that break something.
pub type Hook = fn(&Segment) -> bool;

/// A judgement, with the lines that tell what happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judgement {
    /// What came of it.
    pub verdict: Verdict,
    /// What arrived, what left and what calls returned, each with its time; empty unless asked for.
    pub told: Vec<String>,
}

/// Reads a script and runs it.
///
/// # Errors
/// Everything that is wrong with it, rendered for people.
pub fn judge(name: &str, text: &str, request: &Request, is_told: bool, colours: bool) -> Result<Judgement, String> {
    judge_with(name, text, request, |_| true, is_told, colours)
}

/// The same, with some segments held back.
fn judge_with(
    name: &str,
    text: &str,
    request: &Request,
    hook: Hook,
    is_told: bool,
    colours: bool,
) -> Result<Judgement, String> {
    let (mut sources, mut mistakes) = (Sources::default(), Diagnostics::default());
    let script = parse(&mut sources, name, text, &mut mistakes);
    let settings = Settings::new(&script, request, &mut sources, &mut mistakes);
    let judged = settings.and_then(|settings| {
        let checked = check::check(&script, &settings, &mut mistakes)?;
        Ok((settings, checked))
    });
    if mistakes.has_errors() {
        mistakes.sort();
        return Err(mistakes.render(&sources, colours));
    }
    Ok(match judged {
        Ok((settings, checked)) => {
            let (verdict, told) = run::run(&script, &checked, settings, (request.seed, hook, is_told), &sources);
            Judgement { verdict, told }
        }
        Err(unsupported) => {
            let place = unsupported.place.map(|place| sources.place(place));
            Judgement { verdict: Verdict::Skipped(Skipped { reason: unsupported.reason, place }), told: Vec::new() }
        }
    })
}
