//! Tokens to tree, by recursive descent, going on after mistakes.
//!
//! What cannot be read becomes [`Kind::Invalid`] and the brackets around it are marked as damaged.
//! A bracket that does not fit is either a slip of the hand or the sign of an earlier one that was
//! never closed; the balance of the text behind it decides, so that one slip is one message.

use super::diagnostic::{Diagnostic, Diagnostics};
use super::lexer::{Token, TokenKind, lex};
use super::node::{Field, Kind, Name, Node, Tree};
use super::source::{SourceId, Sources, Span};

/// How deep brackets may nest.
pub const MAX_DEPTH: usize = 128;

impl Tree {
    /// Parses `text`, shown under `name` in messages, and adds all its syntax errors to `mistakes`.
    /// The tree holds whatever could be read even then, so that [`read`](super::read) can find the
    /// other mistakes too.
    pub fn parse(sources: &mut Sources, name: &str, text: &str, mistakes: &mut Diagnostics) -> Self {
        let source = sources.add(name, text);
        Self { root: parse_text(source, text, 0, mistakes) }
    }
}

/// Parses all of `text` behind `from`, which is text of `source`.
pub(super) fn parse_text(source: SourceId, text: &str, from: usize, mistakes: &mut Diagnostics) -> Node {
    // Offsets must count from the start of the source: what lies before `from` counts as blank.
    let blanked = format!("{}{}", " ".repeat(from), &text[from..]);
    let before = mistakes.len();
    let lexed = lex(source, &blanked, mistakes);
    let mut parser = Parser {
        text: &blanked,
        balance: balance(&lexed.tokens),
        tokens: lexed.tokens,
        at: 0,
        open: Vec::new(),
        end_reported: lexed.tail_lost,
        mistakes,
    };
    parser.attributes();
    let mut root = if parser.peek() == &TokenKind::Eof {
        let span = parser.span();
        parser.error("syntax::empty", span, "there is no value here");
        Node::new(span, Kind::Invalid)
    } else {
        parser.value()
    };
    parser.stray_tail();
    root.damaged |= mistakes.len() > before;
    root
}

/// For each token, how many more brackets are closed than opened from it to the end.
fn balance(tokens: &[Token]) -> Vec<i64> {
    let mut net = 0;
    let mut all: Vec<i64> = tokens
        .iter()
        .rev()
        .map(|token| {
            net += match token.kind {
                TokenKind::Close(_) => 1,
                TokenKind::Open(_) => -1,
                _ => 0,
            };
            net
        })
        .collect();
    all.reverse();
    all
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    balance: Vec<i64>,
    at: usize,
    /// Brackets open now: the closing one awaited, and the place of the opening one.
    open: Vec<(char, Span)>,
    /// The end of the text came too early, and this has been said.
    end_reported: bool,
    mistakes: &'a mut Diagnostics,
}

/// What stands between two brackets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Values,
    Fields,
    Entries,
}

impl Parser<'_> {
    fn peek(&self) -> &TokenKind {
        &self.tokens[self.at].kind
    }

    /// The kind `ahead` tokens further; the last token, `Eof`, repeats.
    fn peek_at(&self, ahead: usize) -> &TokenKind {
        &self.tokens[(self.at + ahead).min(self.tokens.len() - 1)].kind
    }

    fn span(&self) -> Span {
        self.tokens[self.at].span
    }

    /// The place of the token before this one.
    fn before(&self) -> Span {
        self.tokens[self.at.saturating_sub(1)].span
    }

    /// Moves behind the current token, whose place this gives; `Eof` stays.
    fn bump(&mut self) -> Span {
        let span = self.span();
        if self.peek() != &TokenKind::Eof {
            self.at += 1;
        }
        span
    }

    fn error(&mut self, id: &'static str, span: Span, message: impl Into<String>) {
        self.mistakes.push(Diagnostic::error(id, span, message));
    }

    /// What the current token is, for "found …".
    fn found(&self) -> String {
        match self.peek() {
            TokenKind::Eof => "the end of the text".to_owned(),
            _ => format!("`{}`", &self.text[self.span().range()]),
        }
    }

    fn on_line_of(&self, earlier: Span) -> bool {
        !self.text.get(earlier.end..self.span().start).unwrap_or_default().contains('\n')
    }

    /// True if a field starts here: `name:` or `name =`, or `"name":`.
    fn at_field(&self) -> bool {
        match self.peek() {
            TokenKind::Ident(_) => matches!(self.peek_at(1), TokenKind::Colon | TokenKind::Other('=')),
            TokenKind::Str(_) => self.peek_at(1) == &TokenKind::Colon,
            _ => false,
        }
    }

    /// `#![enable(…)]` lines: the extensions are on anyway, so they are skipped.
    fn attributes(&mut self) {
        while self.peek() == &TokenKind::Other('#') && self.peek_at(1) == &TokenKind::Other('!') {
            self.bump();
            self.bump();
            if self.peek() == &TokenKind::Open('[') {
                self.bump();
                self.skip_balanced();
                self.bump();
            }
        }
    }

    /// Skips to the closing bracket of the current level, or the end.
    fn skip_balanced(&mut self) {
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                TokenKind::Eof => return,
                TokenKind::Close(_) if depth == 0 => return,
                TokenKind::Close(_) => depth -= 1,
                TokenKind::Open(_) => depth += 1,
                _ => {}
            }
            self.bump();
        }
    }

    /// Skips to the next comma or closing bracket of this level, or the next field on a new line.
    fn skip_item(&mut self) {
        let start = self.before();
        loop {
            match self.peek() {
                TokenKind::Eof | TokenKind::Close(_) | TokenKind::Comma => return,
                TokenKind::Open(_) => {
                    self.bump();
                    self.skip_balanced();
                }
                _ if self.at_field() && !self.on_line_of(start) => return,
                _ => {}
            }
            self.bump();
        }
    }

    fn stray_tail(&mut self) {
        if self.peek() == &TokenKind::Eof {
            return;
        }
        let (span, found) = (self.span(), self.found());
        let id = "syntax::stray-text";
        let error = match self.peek() {
            TokenKind::Close(_) => {
                Diagnostic::error(id, span, format!("{found} closes nothing")).label("no bracket is open here")
            }
            _ => Diagnostic::error(id, span, format!("stray {found} after the end of the value"))
                .label("nothing may follow here"),
        };
        self.mistakes.push(error);
    }

    fn value(&mut self) -> Node {
        let span = self.span();
        let kind = match self.peek().clone() {
            TokenKind::Open('(') => return self.parentheses(None),
            TokenKind::Open('[') => return self.list(),
            TokenKind::Open(_) => return self.map(),
            TokenKind::Ident(text) => return self.word(Name { text, span }),
            TokenKind::Int(n) => Kind::Int(n),
            TokenKind::Float(x) => Kind::Float(x),
            TokenKind::Str(text) => Kind::Str(text),
            TokenKind::Char(c) => Kind::Char(c),
            TokenKind::Bad => Kind::Invalid,
            _ => {
                let found = self.found();
                self.error("syntax::expected-value", span, format!("expected a value, found {found}"));
                if !matches!(self.peek(), TokenKind::Comma | TokenKind::Close(_)) {
                    self.bump();
                    self.skip_item();
                }
                return Node::new(span, Kind::Invalid);
            }
        };
        self.bump();
        let unit = matches!(self.peek(), TokenKind::Ident(_) | TokenKind::Other('%')) && !self.at_field();
        if matches!(kind, Kind::Int(_) | Kind::Float(_)) && unit && self.on_line_of(span) {
            return self.quantity_without_quotes(span);
        }
        Node::new(span, kind)
    }

    /// `10 ms` or `5 %`: the number at `start` is read, a unit follows.
    fn quantity_without_quotes(&mut self, start: Span) -> Node {
        while !matches!(
            self.peek(),
            TokenKind::Comma | TokenKind::Close(_) | TokenKind::Open(_) | TokenKind::Colon | TokenKind::Eof
        ) && self.on_line_of(start)
        {
            self.bump();
        }
        let span = start.to(self.before());
        let text = &self.text[span.range()];
        let error = Diagnostic::error("syntax::quantity-without-quotes", span, "a quantity is written in quotes")
            .help(format!("write \"{text}\""));
        self.mistakes.push(error);
        Node::new(span, Kind::Invalid)
    }

    fn word(&mut self, name: Name) -> Node {
        self.bump();
        let span = name.span;
        match (name.text.as_str(), self.peek()) {
            ("true", _) => Node::new(span, Kind::Bool(true)),
            ("false", _) => Node::new(span, Kind::Bool(false)),
            ("None", _) => Node::new(span, Kind::None),
            ("Some", TokenKind::Open('(')) => self.some(name),
            (_, TokenKind::Open('(')) => self.parentheses(Some(name)),
            (_, TokenKind::Open('{')) => {
                let message = format!("the fields of `{}` are written in parentheses, not in braces", name.text);
                let open = self.span();
                self.mistakes
                    .push(Diagnostic::error("syntax::braces", open, message).help(format!("write `{}(…)`", name.text)));
                self.parentheses(Some(name))
            }
            _ => Node::new(span, Kind::Name(name)),
        }
    }

    fn some(&mut self, name: Name) -> Node {
        let mut node = self.parentheses(Some(name));
        let kind = std::mem::replace(&mut node.kind, Kind::Invalid);
        node.kind = match kind {
            Kind::Tuple { mut items, .. } if items.len() == 1 => {
                items.pop().map_or(Kind::Invalid, |item| Kind::Some(Box::new(item)))
            }
            // `Some(a: 1)`: the newtype rule, `Some((a: 1))` without the inner parentheses.
            Kind::Struct { fields, .. } => {
                let inner = Kind::Struct { name: None, fields };
                Kind::Some(Box::new(Node { kind: inner, ..node.clone() }))
            }
            _ => {
                self.error("syntax::some", node.span, "`Some(…)` holds exactly one value");
                Kind::Invalid
            }
        };
        node
    }

    fn parentheses(&mut self, name: Option<Name>) -> Node {
        let start = name.as_ref().map_or(self.span(), |n| n.span);
        let close = if self.peek() == &TokenKind::Open('{') { '}' } else { ')' };
        let first = self.at;
        self.at += 1;
        let is_struct = self.at_field();
        self.at = first;
        if is_struct {
            let mut fields = Vec::new();
            return self
                .bracketed(start, close, Inside::Fields, |p| fields.extend(p.field()))
                .finish(|| Kind::Struct { name, fields });
        }
        let mut items = Vec::new();
        self.bracketed(start, close, Inside::Values, |p| items.push(p.value())).finish(|| match name {
            None if items.is_empty() => Kind::Unit,
            name => Kind::Tuple { name, items },
        })
    }

    fn list(&mut self) -> Node {
        let mut items = Vec::new();
        self.bracketed(self.span(), ']', Inside::Values, |p| items.push(p.value())).finish(|| Kind::List(items))
    }

    fn map(&mut self) -> Node {
        let mut entries = Vec::new();
        let entry = |p: &mut Self| {
            let key = p.value();
            if p.peek() == &TokenKind::Colon {
                p.bump();
                entries.push((key, p.value()));
            } else {
                let (span, found) = (p.span(), p.found());
                p.error("syntax::missing-colon", span, format!("expected `:` after the key, found {found}"));
                p.skip_item();
            }
        };
        self.bracketed(self.span(), '}', Inside::Entries, entry).finish(|| Kind::Map(entries))
    }

    /// `name: value`; `None` if there is no name to read.
    fn field(&mut self) -> Option<Field> {
        let span = self.span();
        let name = match self.peek().clone() {
            TokenKind::Ident(text) => Name { text, span },
            TokenKind::Str(text) if self.peek_at(1) == &TokenKind::Colon => {
                let error = Diagnostic::error("syntax::quoted-field", span, "field names are written without quotes");
                self.mistakes.push(error.help(format!("write `{text}:`")));
                Name { text, span }
            }
            _ => {
                let found = self.found();
                self.error("syntax::expected-field", span, format!("expected a field name, found {found}"));
                self.bump_unless_open();
                self.skip_item();
                return None;
            }
        };
        self.bump();
        if self.peek() == &TokenKind::Colon {
            self.bump();
        } else {
            let message = format!("expected `:` after the field name `{}`, found {}", name.text, self.found());
            self.error("syntax::missing-colon", self.span(), message);
            if self.peek() == &TokenKind::Other('=') {
                self.bump();
            } else if matches!(self.peek(), TokenKind::Comma | TokenKind::Close(_) | TokenKind::Eof) {
                return Some(Field { value: Node::new(name.span, Kind::Invalid), name });
            }
        }
        let next_field = self.at_field() && !self.on_line_of(name.span);
        if next_field || matches!(self.peek(), TokenKind::Comma | TokenKind::Close(_)) {
            self.error("syntax::expected-value", name.span, format!("the field `{}` has no value", name.text));
            return Some(Field { value: Node::new(name.span, Kind::Invalid), name });
        }
        Some(Field { value: self.value(), name })
    }

    fn bump_unless_open(&mut self) {
        if !matches!(self.peek(), TokenKind::Open(_)) {
            self.bump();
        }
    }

    /// Everything from the opening bracket, which is the current token, to its closing one, calling
    /// `item` at each item.
    fn bracketed(&mut self, start: Span, close: char, inside: Inside, mut item: impl FnMut(&mut Self)) -> Bracketed {
        let mistakes = self.mistakes.len();
        let opening = self.bump();
        if self.open.len() == MAX_DEPTH {
            self.error("syntax::too-deep", opening, format!("brackets nest deeper than {MAX_DEPTH} levels"));
            self.skip_balanced();
            self.end_reported |= self.peek() == &TokenKind::Eof;
            let span = start.to(self.bump());
            return Bracketed { span, damaged: true, invalid: true };
        }
        self.open.push((close, opening));
        loop {
            match *self.peek() {
                TokenKind::Close(c) if c == close => {
                    self.bump();
                    break;
                }
                TokenKind::Close(found) => {
                    if self.wrong_bracket(found) {
                        break;
                    }
                }
                TokenKind::Eof => {
                    self.unclosed_at_end();
                    break;
                }
                TokenKind::Comma => {
                    self.error("syntax::expected-value", self.span(), "there is nothing before this comma");
                    self.bump();
                }
                _ if close == ']' && self.at_field() => {
                    if !self.field_in_list() {
                        break;
                    }
                }
                _ => {
                    item(self);
                    self.separator(inside, close);
                }
            }
        }
        self.open.pop();
        let damaged = self.mistakes.len() > mistakes || (self.end_reported && self.peek() == &TokenKind::Eof);
        Bracketed { span: start.to(self.before()), damaged, invalid: false }
    }

    /// A closing bracket that does not fit the innermost open one. True if that one ends here.
    fn wrong_bracket(&mut self, found: char) -> bool {
        let Some(&(awaited, opening)) = self.open.last() else { return false };
        let outer = self.open.iter().rposition(|(close, _)| *close == found);
        let left = self.balance[self.at + 1];
        // If the text behind closes exactly the brackets around this one, it was meant to close it.
        let slip = usize::try_from(left) == Ok(self.open.len() - 1);
        let closing = self.span();
        if outer.is_some() && !slip {
            let error = self.unclosed(opening).also(closing, format!("found `{found}` before its `{awaited}`"));
            self.mistakes.push(error);
            return true;
        }
        self.bump();
        let message = format!("expected `{awaited}`, found `{found}`");
        let id = "syntax::wrong-bracket";
        let error = Diagnostic::error(id, closing, message).also(opening, "to close this one");
        self.mistakes.push(if slip {
            error
        } else {
            Diagnostic::error(id, closing, format!("`{found}` closes nothing"))
        });
        slip
    }

    fn unclosed(&self, opening: Span) -> Diagnostic {
        let bracket = &self.text[opening.range()];
        Diagnostic::error("syntax::unclosed-bracket", opening, format!("this `{bracket}` is never closed"))
    }

    /// The end of the text with brackets still open: one message for all of them.
    fn unclosed_at_end(&mut self) {
        if std::mem::replace(&mut self.end_reported, true) {
            return;
        }
        let Some((&(_, innermost), outer)) = self.open.split_last() else { return };
        const MOST: usize = 3;
        let mut error = self.unclosed(innermost);
        for (_, opening) in outer.iter().rev().take(MOST) {
            error = error.also(*opening, "nor is this one");
        }
        let closing: String = self.open.iter().rev().map(|(close, _)| *close).collect();
        let error = if closing.len() <= 2 * MOST {
            error.help(format!("the text lacks `{closing}` at its end"))
        } else {
            error
        };
        self.mistakes.push(error);
    }

    /// `name:` inside a list: either the list was never closed (false: it ends here), or a struct
    /// lacks its parentheses (true: it has been reported and skipped).
    fn field_in_list(&mut self) -> bool {
        let Some(&(_, opening)) = self.open.last() else { return false };
        let field = self.span();
        // One closing bracket too few behind this place: the list's own is missing.
        let lacking = self.balance[self.at] < i64::try_from(self.open.len()).unwrap_or(i64::MAX);
        if lacking {
            let error = self.unclosed(opening).also(field, "a field of the struct outside starts here");
            self.mistakes.push(error);
            return false;
        }
        let error = Diagnostic::error("syntax::field-in-list", field, "a list has no fields");
        self.mistakes.push(error.help("write a struct in parentheses: `(name: value)`".to_owned()));
        self.bump();
        self.bump();
        self.skip_item();
        if self.peek() == &TokenKind::Comma {
            self.bump();
        }
        true
    }

    /// The comma behind an item, if another follows.
    fn separator(&mut self, inside: Inside, close: char) {
        let value_starts = matches!(
            self.peek(),
            TokenKind::Open(_)
                | TokenKind::Ident(_)
                | TokenKind::Int(_)
                | TokenKind::Float(_)
                | TokenKind::Str(_)
                | TokenKind::Char(_)
                | TokenKind::Bad
        );
        let goes_on = match inside {
            Inside::Fields => self.at_field(),
            Inside::Values => value_starts && !self.at_field(),
            Inside::Entries => value_starts,
        };
        match self.peek() {
            TokenKind::Comma => {
                self.bump();
            }
            TokenKind::Close(_) | TokenKind::Eof => {}
            // A field in a list: the list was probably not closed, which the caller finds.
            _ if close == ']' && self.at_field() => {}
            // The item was a list that ended early, behind a comma.
            _ if goes_on && self.tokens[self.at - 1].kind == TokenKind::Comma => {}
            _ if goes_on => {
                let (before, next) = (self.before(), self.span());
                let behind = Span { start: before.end, ..before };
                let error = Diagnostic::error("syntax::missing-comma", behind, "missing `,`").label("add `,` here");
                let what = if inside == Inside::Values { "the next value" } else { "the next field" };
                self.mistakes.push(if self.on_line_of(before) { error } else { error.also(next, what) });
            }
            _ => {
                let (span, found) = (self.span(), self.found());
                self.error("syntax::expected-comma", span, format!("expected `,` or `{close}`, found {found}"));
                if self.peek() == &TokenKind::Other(';') {
                    self.bump();
                    return;
                }
                self.bump_unless_open();
                self.skip_item();
                if self.peek() == &TokenKind::Comma {
                    self.bump();
                }
            }
        }
    }
}

/// What [`Parser::bracketed`] found out about the brackets themselves.
struct Bracketed {
    span: Span,
    damaged: bool,
    invalid: bool,
}

impl Bracketed {
    fn finish(self, kind: impl FnOnce() -> Kind) -> Node {
        let kind = if self.invalid { Kind::Invalid } else { kind() };
        Node { span: self.span, kind, damaged: self.damaged }
    }
}
