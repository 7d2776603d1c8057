//! A formula's text as tokens.

use super::FormulaError;

/// A word of the formula language.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'a> {
    Number(f64),
    Name(&'a str),
    /// What stands between two single quotes.
    Word(&'a str),
    /// One of `+ - * / ^ ( ) , < <= > >= == != && || !`.
    Symbol(&'static str),
    End,
}

/// A token and its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Placed<'a> {
    pub(super) token: Token<'a>,
    /// First byte.
    pub(super) start: usize,
    /// The text of the token; empty at the end.
    pub(super) text: &'a str,
}

impl Placed<'_> {
    /// The error of finding this token where something else may stand.
    pub(super) fn instead_of(&self, expected: impl Into<String>) -> FormulaError {
        let found = if self.text.is_empty() { "the end".to_owned() } else { format!("`{}`", self.text) };
        FormulaError { position: self.start, expected: expected.into(), found }
    }
}

/// Two-character symbols come before their first characters.
const SYMBOLS: [&str; 17] = ["<=", ">=", "==", "!=", "&&", "||", "<", ">", "!", "+", "-", "*", "/", "^", "(", ")", ","];

/// The token at or after byte `from`, which must be a character boundary.
pub(super) fn next_token(text: &str, from: usize) -> Result<Placed<'_>, FormulaError> {
    let rest = text[from..].trim_start();
    let start = text.len() - rest.len();
    let place = |token, len: usize| Placed { token, start, text: &rest[..len] };
    let Some(first) = rest.chars().next() else {
        return Ok(place(Token::End, 0));
    };
    if first.is_ascii_digit() {
        return number(rest).map(|(value, len)| place(Token::Number(value), len)).ok_or_else(|| {
            place(Token::End, number_len(rest)).instead_of("a number in the range of double precision")
        });
    }
    if first.is_ascii_alphabetic() || first == '_' {
        let len = name_len(rest);
        return Ok(place(Token::Name(&rest[..len]), len));
    }
    if first == '\'' {
        let Some(len) = rest[1..].find('\'') else {
            return Err(Placed { token: Token::End, start, text: rest }.instead_of("a second ' behind the word"));
        };
        return Ok(place(Token::Word(&rest[1..=len]), len + 2));
    }
    match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
        Some(symbol) => Ok(place(Token::Symbol(symbol), symbol.len())),
        None => {
            let expected = match first {
                '&' => "&&",
                '|' => "||",
                '=' => "==",
                _ => "a number, a name or one of + - * / ^ ( ) , < <= > >= == !=",
            };
            Err(place(Token::End, first.len_utf8()).instead_of(expected))
        }
    }
}

fn number(rest: &str) -> Option<(f64, usize)> {
    let len = number_len(rest);
    let value: f64 = rest[..len].parse().ok()?;
    value.is_finite().then_some((value, len))
}

/// Length of `digits [. digits] [e [+-] digits]`. What does not complete a part is left for the next token.
fn number_len(rest: &str) -> usize {
    let digits = |from: usize| rest[from..].bytes().take_while(u8::is_ascii_digit).count();
    let mut len = digits(0);
    if rest[len..].starts_with('.') {
        let fraction = digits(len + 1);
        len += if fraction > 0 { 1 + fraction } else { 0 };
    }
    if rest[len..].starts_with(['e', 'E']) {
        let sign = usize::from(rest[len + 1..].starts_with(['+', '-']));
        let exponent = digits(len + 1 + sign);
        len += if exponent > 0 { 1 + sign + exponent } else { 0 };
    }
    len
}

/// Length of a name, parts joined by single dots included.
fn name_len(rest: &str) -> usize {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let mut len = 0;
    loop {
        len += rest[len..].bytes().take_while(is_part).count();
        let mut after = rest[len..].bytes();
        let starts_part = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
        if after.next() != Some(b'.') || !after.next().is_some_and(starts_part) {
            return len;
        }
        len += 1;
    }
}

/// Whether `name` is one whole name of the language.
pub(super) fn is_name(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts && name_len(name) == name.len()
}
