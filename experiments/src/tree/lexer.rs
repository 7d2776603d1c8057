//! Text to tokens. Never fails: what cannot be read becomes a [`TokenKind::Bad`] and a mistake.

use super::diagnostic::{Diagnostic, Diagnostics};
use super::source::{SourceId, Span};
use std::ops::Range;

/// One token and its place.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) enum TokenKind {
    /// `(`, `[` or `{`
    Open(char),
    /// `)`, `]` or `}`
    Close(char),
    Comma,
    Colon,
    Ident(String),
    Int(i128),
    Float(f64),
    Str(String),
    Char(char),
    /// An unreadable literal; reported already.
    Bad,
    /// A character that starts no token.
    Other(char),
    /// The end of the text.
    Eof,
}

/// The tokens of a text, the last of them `Eof`.
pub(super) struct Lexed {
    pub(super) tokens: Vec<Token>,
    /// An unclosed comment swallowed the end of the text.
    pub(super) tail_lost: bool,
}

/// Splits `text` into tokens.
pub(super) fn lex(source: SourceId, text: &str, mistakes: &mut Diagnostics) -> Lexed {
    let mut lexer = Lexer { source, text, at: 0, mistakes, tail_lost: false };
    let mut tokens = Vec::new();
    if text.starts_with('\u{feff}') {
        lexer.at = '\u{feff}'.len_utf8();
    }
    loop {
        lexer.skip_blank();
        let start = lexer.at;
        let kind = lexer.token();
        let end = kind == TokenKind::Eof;
        tokens.push(Token { kind, span: lexer.span(start..lexer.at) });
        if end {
            return Lexed { tokens, tail_lost: lexer.tail_lost };
        }
    }
}

struct Lexer<'a> {
    source: SourceId,
    text: &'a str,
    at: usize,
    mistakes: &'a mut Diagnostics,
    tail_lost: bool,
}

impl<'a> Lexer<'a> {
    fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.source, range)
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn error(&mut self, id: &'static str, range: Range<usize>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(id, self.span(range), message)
    }

    /// Moves behind the characters that satisfy `keep`.
    fn take_while(&mut self, keep: impl Fn(char) -> bool) {
        let rest = self.rest();
        self.at += rest.find(|c| !keep(c)).unwrap_or(rest.len());
    }

    fn skip_blank(&mut self) {
        loop {
            self.take_while(char::is_whitespace);
            if self.rest().starts_with("//") {
                self.take_while(|c| c != '\n');
            } else if self.rest().starts_with("/*") {
                self.block_comment();
            } else {
                return;
            }
        }
    }

    /// A block comment; they nest.
    fn block_comment(&mut self) {
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            let rest = self.rest();
            if rest.starts_with("/*") {
                depth += 1;
                self.at += 2;
            } else if rest.starts_with("*/") {
                depth -= 1;
                self.at += 2;
                if depth == 0 {
                    return;
                }
            } else if let Some(c) = rest.chars().next() {
                self.at += c.len_utf8();
            } else {
                self.tail_lost = true;
                let error = self.error("syntax::unclosed-comment", start..start + 2, "this comment is never closed");
                self.mistakes.push(error.label("opened here").help("close it with `*/`".to_owned()));
                return;
            }
        }
    }

    fn token(&mut self) -> TokenKind {
        let Some(c) = self.peek() else { return TokenKind::Eof };
        let next = self.rest()[c.len_utf8()..].chars().next();
        match c {
            '"' => self.string(),
            '\'' => self.character(),
            'r' if self.raw_string_hashes().is_some() => self.raw_string(),
            'b' if matches!(next, Some('"' | '\'')) => {
                let error = self.error("syntax::byte-string", self.at..self.at + 1, "byte strings have no use here");
                self.mistakes.push(error.help("write a text without the `b`".to_owned()));
                self.at += 1;
                self.token();
                TokenKind::Bad
            }
            _ if starts_number(self.rest()) => self.number(),
            _ if c.is_alphabetic() || c == '_' => {
                let start = self.at;
                self.take_while(|c| c.is_alphanumeric() || c == '_');
                TokenKind::Ident(self.text[start..self.at].to_owned())
            }
            _ => {
                self.at += c.len_utf8();
                match c {
                    '(' | '[' | '{' => TokenKind::Open(c),
                    ')' | ']' | '}' => TokenKind::Close(c),
                    ',' => TokenKind::Comma,
                    ':' => TokenKind::Colon,
                    other => TokenKind::Other(other),
                }
            }
        }
    }

    fn number(&mut self) -> TokenKind {
        let start = self.at;
        self.at += 1;
        let mut last = ' ';
        let hex = self.text[start..].trim_start_matches(['+', '-']).starts_with("0x");
        while let Some(c) = self.peek() {
            let exponent = matches!(c, '+' | '-') && matches!(last, 'e' | 'E') && !hex;
            if !(c.is_alphanumeric() || matches!(c, '_' | '.') || exponent) {
                break;
            }
            self.at += c.len_utf8();
            last = c;
        }
        let text = &self.text[start..self.at];
        match read_number(text) {
            Ok(kind) => kind,
            Err(problem) => {
                let error = self.error("syntax::bad-number", start..self.at, format!("`{text}` {problem}"));
                // `10ms`: digits and a unit.
                let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | '_'));
                let split = text.len() - unit.len();
                let is_unit =
                    !unit.is_empty() && !text[..split].ends_with('_') && unit.chars().all(char::is_alphabetic);
                let help = is_unit.then(|| format!("write a quantity in quotes: \"{} {unit}\"", &text[..split]));
                self.mistakes.push(error.help(help));
                TokenKind::Bad
            }
        }
    }

    fn string(&mut self) -> TokenKind {
        let start = self.at;
        self.at += 1;
        let mut value = String::new();
        let mut good = true;
        loop {
            match self.peek() {
                None => return self.unclosed_string(start),
                Some('"') => break,
                Some('\\') => match self.escape() {
                    Some(c) => value.push(c),
                    None => good = false,
                },
                Some(c) => {
                    value.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
        self.at += 1;
        // A text over several lines that ends right before more text: most likely its first line
        // lacks the closing quote, and this quote opens the next text.
        let behind = self.rest().trim_start_matches([' ', '\t', '\r']).chars().next();
        let ends_well = behind.is_none_or(|c| matches!(c, ',' | ')' | ']' | '}' | ':' | '\n' | '/'));
        if self.text[start..self.at].contains('\n') && !ends_well {
            return self.unclosed_string(start);
        }
        if good { TokenKind::Str(value) } else { TokenKind::Bad }
    }

    /// Goes on behind the first line of the text that starts at `start`, less its final brackets
    /// and comma.
    fn unclosed_string(&mut self, start: usize) -> TokenKind {
        let line = self.text[start..].lines().next().unwrap_or_default();
        let inside = line.trim_end().trim_end_matches([',', ')', ']', '}', ' ']);
        self.at = start + inside.len().max(1);
        let error = self.error("syntax::unclosed-string", start..self.at, "this text is never closed");
        self.mistakes.push(error.label("opened here").help("close it with `\"`".to_owned()));
        TokenKind::Bad
    }

    /// How many `#` stand between `r` and `"` here, if this is a raw string.
    fn raw_string_hashes(&self) -> Option<usize> {
        let behind = &self.rest()[1..];
        let hashes = behind.len() - behind.trim_start_matches('#').len();
        behind[hashes..].starts_with('"').then_some(hashes)
    }

    fn raw_string(&mut self) -> TokenKind {
        let start = self.at;
        let hashes = self.raw_string_hashes().unwrap_or(0);
        let close = format!("\"{}", "#".repeat(hashes));
        let from = start + 2 + hashes;
        match self.text[from..].find(&close) {
            Some(length) => {
                self.at = from + length + close.len();
                TokenKind::Str(self.text[from..from + length].to_owned())
            }
            None => {
                let kind = self.unclosed_string(start);
                self.at = self.at.max(from);
                kind
            }
        }
    }

    fn character(&mut self) -> TokenKind {
        let start = self.at;
        self.at += 1;
        let value = match self.peek() {
            Some('\\') => self.escape(),
            Some(c) if c != '\n' => {
                self.at += c.len_utf8();
                Some(c)
            }
            _ => None,
        };
        if self.peek() == Some('\'') {
            self.at += 1;
            return value.map_or(TokenKind::Bad, TokenKind::Char);
        }
        let line = self.rest().lines().next().unwrap_or_default();
        let close = line.find('\'');
        self.at += close.map_or(0, |length| length + 1);
        let error = self.error("syntax::bad-character", start..self.at, "single quotes hold exactly one character");
        self.mistakes.push(match close {
            Some(_) => {
                let inside = &self.text[start + 1..self.at - 1];
                error.help(format!("write a text in double quotes: \"{inside}\""))
            }
            None => error,
        });
        TokenKind::Bad
    }

    /// The character of an escape sequence, or `None` after reporting it.
    fn escape(&mut self) -> Option<char> {
        let start = self.at;
        self.at += 1;
        let letter = self.peek();
        self.at += letter.map_or(0, char::len_utf8);
        let known = match letter {
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            Some('t') => Some('\t'),
            Some('0') => Some('\0'),
            Some(c @ ('"' | '\'' | '\\')) => Some(c),
            Some('x') => self.hex_digits(2).and_then(char::from_u32),
            Some('u') if self.peek() == Some('{') => {
                self.at += 1;
                let value = self.hex_digits(6).and_then(char::from_u32);
                let closed = self.peek() == Some('}');
                self.at += usize::from(closed);
                value.filter(|_| closed)
            }
            _ => None,
        };
        if known.is_none() {
            let text = &self.text[start..self.at];
            let error = self.error("syntax::bad-escape", start..self.at, format!("`{text}` is not an escape sequence"));
            let help =
                "escapes are \\n, \\r, \\t, \\0, \\\\, \\\", \\', \\x7F and \\u{1F980}; a backslash itself is \\\\";
            self.mistakes.push(error.help(help.to_owned()));
        }
        known
    }

    /// Up to `most` hexadecimal digits, or `None` if there are none.
    fn hex_digits(&mut self, most: usize) -> Option<u32> {
        let digits: String = self.rest().chars().take_while(char::is_ascii_hexdigit).take(most).collect();
        self.at += digits.len();
        u32::from_str_radix(&digits, 16).ok()
    }
}

/// True if `text` begins as a number: a digit, or a sign or point before one.
fn starts_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = unsigned.strip_prefix('.').unwrap_or(unsigned);
    digits.starts_with(|c: char| c.is_ascii_digit())
}

/// The value of a number, or what is wrong with it.
fn read_number(text: &str) -> Result<TokenKind, &'static str> {
    const NOT_A_NUMBER: &str = "is not a number";
    let plain = text.replace('_', "");
    let (sign, digits) = match plain.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", plain.strip_prefix('+').unwrap_or(&plain)),
    };
    let radix = match digits.get(..2) {
        Some("0x") => 16,
        Some("0o") => 8,
        Some("0b") => 2,
        _ => 10,
    };
    let body = if radix == 10 { digits } else { &digits[2..] };
    if !body.is_empty() && body.chars().all(|c| c.is_digit(radix)) {
        // All digits are right, so only the size can be wrong.
        return i128::from_str_radix(&format!("{sign}{body}"), radix)
            .map(TokenKind::Int)
            .map_err(|_| "is too large a number");
    }
    if radix != 10 || body.contains(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'))) {
        return Err(NOT_A_NUMBER);
    }
    match plain.parse::<f64>() {
        Ok(x) if x.is_finite() => Ok(TokenKind::Float(x)),
        Ok(_) => Err("is too large a number"),
        Err(_) => Err(NOT_A_NUMBER),
    }
}
