//! Text to tokens. Never fails: what cannot be read becomes a token of its own, or a mistake.

use super::ast::OptionLine;
use crate::tree::{Diagnostic, Diagnostics, SourceId, Span};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// A token and its place.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Kind {
    /// `--name`
    Option(String),
    /// Decimal digits, with a sign or without, as written.
    Int(i128),
    /// `0x…`
    Hex(i128),
    /// A number with a point, as written.
    Decimal(String),
    /// Letters, digits and underscores.
    Word(String),
    /// In double quotes.
    Text(String),
    /// In back quotes.
    BackQuoted(String),
    /// Between `%{` and `}%`.
    Code(String),
    Ipv4(Ipv4Addr),
    Ipv6(Ipv6Addr),
    /// `...`
    Ellipsis,
    /// Any other character.
    Sign(char),
    End,
}

/// All tokens, the last of them [`Kind::End`], and the directives that stand in comments.
pub(super) fn lex(source: SourceId, text: &str, mistakes: &mut Diagnostics) -> (Vec<Token>, Vec<OptionLine>) {
    let mut lexer = Lexer { source, text, at: 0, mistakes, directives: Vec::new() };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blank();
        let start = lexer.at;
        let kind = lexer.token();
        let is_last = kind == Kind::End;
        tokens.push(Token { kind, span: lexer.span(start..lexer.at) });
        if is_last {
            return (tokens, lexer.directives);
        }
    }
}

/// What a comment begins with that is meant for us.
const DIRECTIVE: &str = "protosim:";

struct Lexer<'a> {
    source: SourceId,
    text: &'a str,
    at: usize,
    mistakes: &'a mut Diagnostics,
    directives: Vec<OptionLine>,
}

impl<'a> Lexer<'a> {
    fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.source, range)
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Moves behind the characters that satisfy `keep`, and returns them.
    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let taken = &rest[..rest.find(|c| !keep(c)).unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    /// White space and comments. A `#` begins one too: no event has that character.
    fn skip_blank(&mut self) {
        loop {
            self.take_while(|c| c.is_whitespace() || c == '\u{feff}');
            if self.rest().starts_with("//") {
                let start = self.at;
                let comment = self.take_while(|c| c != '\n');
                self.directive(start, comment);
            } else if self.rest().starts_with('#') {
                self.take_while(|c| c != '\n');
            } else if self.rest().starts_with("/*") {
                self.enclosed("/*", "*/", "comment");
            } else {
                return;
            }
        }
    }

    /// `// protosim: name=value name=value`
    fn directive(&mut self, start: usize, comment: &str) {
        let Some((_, settings)) = comment.split_once(DIRECTIVE).filter(|(before, _)| before.trim() == "//") else {
            return;
        };
        let mut at = start + comment.len() - settings.len();
        for word in settings.split(char::is_whitespace) {
            let range = at..at + word.len();
            at = range.end + 1;
            let Some((name, value)) = word.split_once('=') else {
                if !word.is_empty() {
                    let error = Diagnostic::error("packetdrill::directive", self.span(range), "expected `name=value`");
                    self.mistakes.push(error.help("as in `// protosim: profile=Rfc`".to_owned()));
                }
                continue;
            };
            self.directives.push(OptionLine {
                name: name.to_owned(),
                value: value.to_owned(),
                place: self.span(range),
            });
        }
    }

    /// What stands between two marks, the first of which is here.
    fn enclosed(&mut self, open: &'static str, close: &'static str, what: &'static str) -> &'a str {
        let start = self.at;
        self.at += open.len();
        let inner = self.rest();
        let end = inner.find(close);
        if end.is_none() {
            let span = self.span(start..start + open.len());
            let error = Diagnostic::error("packetdrill::unclosed", span, format!("this {what} is never closed"));
            self.mistakes.push(error.label("opened here").help(format!("close it with `{close}`")));
        }
        let inner = &inner[..end.unwrap_or(inner.len())];
        self.at += inner.len() + end.map_or(0, |_| close.len());
        inner
    }

    /// A text in quotes, in which a backslash takes the next character as it is.
    fn quoted(&mut self, quote: char, what: &'static str) -> String {
        let start = self.at;
        self.at += 1;
        let mut out = String::new();
        let mut characters = self.rest().char_indices();
        while let Some((at, c)) = characters.next() {
            match c {
                c if c == quote => {
                    self.at += at + 1;
                    return out;
                }
                '\\' => {
                    out.push(c);
                    out.extend(characters.next().map(|(_, next)| next));
                }
                c => out.push(c),
            }
        }
        self.at = self.text.len();
        let span = self.span(start..start + 1);
        let error = Diagnostic::error("packetdrill::unclosed", span, format!("this {what} is never closed"));
        self.mistakes.push(error.label("opened here").help(format!("close it with `{quote}`")));
        out
    }

    fn token(&mut self) -> Kind {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Kind::End };
        if rest.starts_with("%{") {
            return Kind::Code(self.enclosed("%{", "}%", "expression").to_owned());
        }
        if rest.starts_with("...") {
            self.at += 3;
            return Kind::Ellipsis;
        }
        if let Some(name) = rest.strip_prefix("--")
            && name.starts_with(is_word)
        {
            self.at += 2;
            return Kind::Option(self.take_while(is_word).to_owned());
        }
        match first {
            '"' => Kind::Text(self.quoted('"', "text")),
            '`' => Kind::BackQuoted(self.quoted('`', "command")),
            c if is_word(c) || matches!(c, '-' | '.' | ':') => self.word_or_number(first),
            c => {
                self.at += c.len_utf8();
                Kind::Sign(c)
            }
        }
    }

    /// The longest of what can begin here: an address, a number, a word, a single character.
    fn word_or_number(&mut self, first: char) -> Kind {
        if let Some(address) = self.address() {
            return address;
        }
        let rest = self.rest();
        let start = self.at;
        let unsigned = rest.strip_prefix('-').unwrap_or(rest);
        let whole = unsigned.bytes().take_while(u8::is_ascii_digit).count();
        let point = &unsigned[whole..];
        // `0...0.3` is a number, three points and a number.
        if let Some(fraction) = point.strip_prefix('.')
            && fraction.starts_with(|c: char| c.is_ascii_digit())
        {
            let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
            self.at += rest.len() - unsigned.len() + whole + 1 + digits;
            return Kind::Decimal(self.text[start..self.at].to_owned());
        }
        let word = unsigned.find(|c| !is_word(c)).unwrap_or(unsigned.len());
        if rest.len() == unsigned.len() && word > whole {
            self.at += word;
            let text = &rest[..word];
            let digits = text.strip_prefix("0x").filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
            return match digits.map(|digits| i128::from_str_radix(digits, 16)) {
                Some(Ok(value)) => Kind::Hex(value),
                _ => Kind::Word(text.to_owned()),
            };
        }
        if whole > 0 {
            self.at += rest.len() - unsigned.len() + whole;
            let text = &self.text[start..self.at];
            return match text.parse() {
                Ok(value) => Kind::Int(value),
                Err(_) => {
                    let span = self.span(start..self.at);
                    self.mistakes.push(Diagnostic::error("packetdrill::out-of-range", span, "this number is too large"));
                    Kind::Int(0)
                }
            };
        }
        self.at += first.len_utf8();
        Kind::Sign(first)
    }

    /// An IP address. A range of sequence numbers has one colon; an address has `::`, or seven of them.
    fn address(&mut self) -> Option<Kind> {
        let rest = self.rest();
        let is_part = |c: char| c.is_ascii_hexdigit() || matches!(c, ':' | '.');
        let word = &rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())];
        if rest[word.len()..].starts_with(is_word) {
            return None;
        }
        // As in `192.0.2.1:`, in front of a packet, and `1.2.3.4...`, which nobody writes.
        let word = word.strip_suffix(':').filter(|word| !word.ends_with(':')).unwrap_or(word);
        let found = if let Ok(address) = word.parse() {
            Kind::Ipv4(address)
        } else if word.matches(':').count() == 7 || word.contains("::") {
            Kind::Ipv6(word.parse().ok()?)
        } else {
            return None;
        };
        self.at += word.len();
        Some(found)
    }
}

/// True for what words are made of.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}
