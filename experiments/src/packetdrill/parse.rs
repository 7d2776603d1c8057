//! Tokens to a script. Goes on after a mistake with the next line that begins an event, so that all are found.

use super::ast::{Action, Code, Command, Event, OptionLine, Script, Time};
use super::lexer::{Kind, Token, lex};
use crate::tree::{Diagnostic, Diagnostics, Sources, Span as Place};
use protosim_core::Span;

/// A mistake has been reported; what it was in cannot be read.
pub(super) struct Mistaken;

/// What a part of the grammar gives.
pub(super) type Parsed<T> = Result<T, Mistaken>;

/// Reads a script. What is wrong with it goes to `mistakes`; the script is whole where there are none.
pub fn parse(sources: &mut Sources, name: &str, text: &str, mistakes: &mut Diagnostics) -> Script {
    let source = sources.add(name, text);
    let (tokens, directives) = lex(source, text, mistakes);
    let mut parser = Parser { text, tokens, at: 0, depth: 0, mistakes };
    let mut script =
        Script { options: Vec::new(), directives, set_up: None, events: Vec::new(), clean_up: None };
    parser.script(&mut script);
    script
}

pub(super) struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    /// How deep values are nested here.
    pub(super) depth: usize,
    mistakes: &'a mut Diagnostics,
}

impl Parser<'_> {
    fn script(&mut self, script: &mut Script) {
        while let Kind::Option(_) = self.peek() {
            if let Ok(option) = self.option() {
                script.options.push(option);
            }
        }
        script.set_up = self.command();
        loop {
            match self.peek() {
                Kind::End => break,
                Kind::BackQuoted(_) => {
                    script.clean_up = self.command();
                    if *self.peek() != Kind::End {
                        let help = "a command between events has a time in front of it, as in `+0`";
                        let Mistaken = self.expected_with("the end of the script, after the clean-up command", help);
                        self.next_event();
                    }
                }
                _ => match self.event() {
                    Ok(event) => script.events.push(event),
                    Err(Mistaken) => self.next_event(),
                },
            }
        }
    }

    /// `--name=value`; the value is what stands up to the next white space.
    fn option(&mut self) -> Parsed<OptionLine> {
        let token = self.next();
        let Kind::Option(name) = token.kind else { return Err(self.expected("an option")) };
        let mut option = OptionLine { name, value: String::new(), place: token.span };
        if *self.peek() != Kind::Sign('=') || self.place().start != token.span.end {
            return Ok(option);
        }
        let start = self.next().span.end;
        if *self.peek() == Kind::End || self.place().start != start {
            return Err(self.expected("a value behind `=`"));
        }
        while *self.peek() != Kind::End && self.place().start == self.before().end {
            self.at += 1;
        }
        let end = self.before().end;
        option.value = self.text[start..end].trim_matches('"').to_owned();
        option.place = token.span.to(self.before());
        Ok(option)
    }

    fn command(&mut self) -> Option<Command> {
        let Kind::BackQuoted(text) = self.peek().clone() else { return None };
        Some(Command { text, place: self.next().span })
    }

    fn event(&mut self) -> Parsed<Event> {
        let start = self.place();
        let time = self.time()?;
        let action = self.action()?;
        let place = start.to(self.before());
        self.check_time(time, &action, start)?;
        Ok(Event { time, action, place })
    }

    fn time(&mut self) -> Parsed<Time> {
        if self.take('*') {
            return Ok(Time::Any);
        }
        let is_relative = self.take('+');
        let start = self.place();
        let first = self.span(if is_relative { "a time in seconds" } else { "a time, as in `+.1` or `0.2`" })?;
        if !self.take('~') {
            return Ok(if is_relative { Time::Relative(first) } else { Time::Absolute(first) });
        }
        if is_relative {
            self.expect('+')?;
        }
        let last = self.span("the end of the range in seconds")?;
        if last < first {
            let error = Diagnostic::error("packetdrill::contradiction", start.to(self.before()), "this range ends before it begins");
            return Err(self.report(error));
        }
        Ok(if is_relative { Time::RelativeRange(first, last) } else { Time::AbsoluteRange(first, last) })
    }

    /// Only a packet that leaves has a time that is not exact.
    fn check_time(&mut self, time: Time, action: &Action, place: Place) -> Parsed<()> {
        let is_exact = matches!(time, Time::Absolute(_) | Time::Relative(_));
        if is_exact || matches!(action, Action::Expect(_)) {
            return Ok(());
        }
        let message = "only a packet that is awaited (`>`) can come at any time or within a range";
        Err(self.report(Diagnostic::error("packetdrill::contradiction", place, message)))
    }

    fn action(&mut self) -> Parsed<Action> {
        match self.peek().clone() {
            Kind::Sign('<') => {
                self.at += 1;
                self.packet(true).map(Action::Inject)
            }
            Kind::Sign('>') => {
                self.at += 1;
                self.packet(false).map(Action::Expect)
            }
            Kind::BackQuoted(text) => Ok(Action::Command(Command { text, place: self.next().span })),
            Kind::Code(text) => Ok(Action::Code(Code { text, place: self.next().span })),
            Kind::Word(_) | Kind::Ellipsis => self.call().map(Action::Call),
            _ => Err(self.expected("`<` or `>` and a packet, a call, a command in back quotes, or `%{`")),
        }
    }

    /// Seconds, exact to the nanosecond.
    pub(super) fn span(&mut self, what: &str) -> Parsed<Span> {
        let nanos = match self.peek() {
            Kind::Int(seconds) => u64::try_from(*seconds).ok().and_then(|seconds| seconds.checked_mul(1_000_000_000)),
            Kind::Decimal(text) if !text.starts_with('-') => nanos(text),
            Kind::Decimal(_) => None,
            _ => return Err(self.expected(what)),
        };
        let place = self.next().span;
        let message = "times are 0 to 10^9 seconds";
        match nanos.filter(|nanos| *nanos <= 1_000_000_000_000_000_000) {
            Some(nanos) => Ok(Span::from_nanos(nanos)),
            None => Err(self.report(Diagnostic::error("packetdrill::out-of-range", place, message))),
        }
    }

    /// A whole number from 0 to `most`.
    pub(super) fn number(&mut self, what: &str, most: u32) -> Parsed<u32> {
        let (Kind::Int(value) | Kind::Hex(value)) = *self.peek() else { return Err(self.expected(what)) };
        let place = self.next().span;
        match u32::try_from(value).ok().filter(|value| *value <= most) {
            Some(value) => Ok(value),
            None => {
                let message = format!("{what} is 0 to {most}");
                Err(self.report(Diagnostic::error("packetdrill::out-of-range", place, message)))
            }
        }
    }

    /// The same with 16 bits.
    pub(super) fn short(&mut self, what: &str) -> Parsed<u16> {
        // It fits: `number` holds it to the range.
        self.number(what, u32::from(u16::MAX)).map(|value| value as u16)
    }

    /// The same with 8 bits.
    pub(super) fn byte(&mut self, what: &str) -> Parsed<u8> {
        self.number(what, u32::from(u8::MAX)).map(|value| value as u8)
    }

    /// What is next.
    pub(super) fn peek(&self) -> &Kind {
        &self.tokens[self.at].kind
    }

    /// What comes after what is next.
    pub(super) fn peek_second(&self) -> &Kind {
        &self.tokens[(self.at + 1).min(self.tokens.len() - 1)].kind
    }

    /// Where what is next stands.
    pub(super) fn place(&self) -> Place {
        self.tokens[self.at].span
    }

    /// Where what was last stands.
    pub(super) fn before(&self) -> Place {
        self.tokens[self.at.saturating_sub(1)].span
    }

    /// Takes what is next; the end stays.
    pub(super) fn next(&mut self) -> Token {
        let token = self.tokens[self.at].clone();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    /// Takes this character, if it is next.
    pub(super) fn take(&mut self, sign: char) -> bool {
        let is_next = *self.peek() == Kind::Sign(sign);
        if is_next {
            self.at += 1;
        }
        is_next
    }

    /// Takes this word, if it is next.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let is_next = matches!(self.peek(), Kind::Word(next) if next == word);
        if is_next {
            self.at += 1;
        }
        is_next
    }

    /// Takes this character, which has to be next.
    pub(super) fn expect(&mut self, sign: char) -> Parsed<()> {
        if self.take(sign) { Ok(()) } else { Err(self.expected(&format!("`{sign}`"))) }
    }

    /// Reports that something else should be next.
    pub(super) fn expected(&mut self, what: &str) -> Mistaken {
        let error = self.expected_here(what);
        self.report(error)
    }

    /// The same, with what to do about it.
    pub(super) fn expected_with(&mut self, what: &str, help: &str) -> Mistaken {
        let error = self.expected_here(what).help(help.to_owned());
        self.report(error)
    }

    fn expected_here(&self, what: &str) -> Diagnostic {
        let place = self.place();
        let found = match self.peek() {
            Kind::End => "the end of the script".to_owned(),
            _ => format!("`{}`", self.text[place.range()].lines().next().unwrap_or_default()),
        };
        Diagnostic::error("packetdrill::syntax", place, format!("expected {what}, found {found}")).label("here")
    }

    /// Reports a mistake.
    pub(super) fn report(&mut self, mistake: Diagnostic) -> Mistaken {
        self.mistakes.push(mistake);
        Mistaken
    }

    /// Goes to the next token that stands first on its line and can begin an event.
    fn next_event(&mut self) {
        loop {
            let before = self.before().end.min(self.place().start);
            let is_first = self.text[before..self.place().start].contains('\n');
            let begins = matches!(self.peek(), Kind::Sign('+' | '*') | Kind::Int(_) | Kind::Decimal(_) | Kind::BackQuoted(_));
            if *self.peek() == Kind::End || is_first && begins {
                return;
            }
            self.at += 1;
        }
    }

    /// What is written there.
    pub(super) fn written(&self, place: Place) -> &str {
        &self.text[place.range()]
    }
}

/// Nanoseconds of seconds with a point; digits behind the ninth are cut.
fn nanos(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.')?;
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let digits: String = fraction.chars().chain(std::iter::repeat('0')).take(9).collect();
    whole.checked_mul(1_000_000_000)?.checked_add(digits.parse().ok()?)
}
