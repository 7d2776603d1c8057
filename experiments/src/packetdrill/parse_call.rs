//! The grammar of calls and their values.

use super::ast::{Call, Value};
use super::lexer::Kind;
use super::parse::{Parsed, Parser};

/// Values nest at most so deep.
const MAX_DEPTH: usize = 64;
/// At most so many are joined by `|`.
const MAX_ROW: usize = 1000;

impl Parser<'_> {
    /// `name(values) = result ERRNO (words)`, with `...time` in front if it blocks.
    pub(super) fn call(&mut self) -> Parsed<Call> {
        let until = if *self.peek() == Kind::Ellipsis {
            self.next();
            Some(self.span("when the call returns")?)
        } else {
            None
        };
        let Kind::Word(name) = self.peek().clone() else { return Err(self.expected("the name of a call")) };
        let place = self.next().span;
        self.expect('(')?;
        let arguments = self.values(')')?;
        self.expect('=')?;
        let result = self.value()?;
        let mut errno = None;
        if let Kind::Word(word) = self.peek() {
            errno = Some(word.clone());
            self.next();
        }
        // What the number means, in words.
        if self.take('(') {
            while !self.take(')') {
                if matches!(self.peek(), Kind::End | Kind::Sign('<' | '>' | '(')) {
                    return Err(self.expected("`)`"));
                }
                self.next();
            }
        }
        Ok(Call { until, name, place, arguments, result, errno })
    }

    /// Values up to the closing bracket, which is taken.
    fn values(&mut self, close: char) -> Parsed<Vec<Value>> {
        let mut values = Vec::new();
        if self.take(close) {
            return Ok(values);
        }
        loop {
            values.push(self.value()?);
            if self.take(close) {
                return Ok(values);
            }
            if !self.take(',') {
                return Err(self.expected(&format!("`,` or `{close}`")));
            }
        }
    }

    fn value(&mut self) -> Parsed<Value> {
        if self.depth >= MAX_DEPTH {
            return Err(self.expected("values that are nested less deeply"));
        }
        self.depth += 1;
        let value = self.alternatives();
        self.depth -= 1;
        value
    }

    fn alternatives(&mut self) -> Parsed<Value> {
        let mut value = self.single()?;
        let mut row = 0;
        while self.take('|') {
            row += 1;
            if row > MAX_ROW {
                return Err(self.expected("fewer values in a row"));
            }
            value = Value::Or(Box::new(value), Box::new(self.single()?));
        }
        Ok(value)
    }

    fn single(&mut self) -> Parsed<Value> {
        let value = match self.peek().clone() {
            Kind::Ellipsis => Value::Any,
            Kind::Int(value) | Kind::Hex(value) => Value::Int(value),
            Kind::Text(_) => return self.texts(),
            Kind::Word(word) => {
                self.next();
                return self.word(word);
            }
            Kind::Sign('[') => {
                self.next();
                return self.values(']').map(Value::List);
            }
            Kind::Sign('{') => {
                self.next();
                return self.values('}').map(Value::Struct);
            }
            _ => return Err(self.expected("a value: a number, a name, a text, `...`, `[` or `{`")),
        };
        self.next();
        Ok(value)
    }

    /// Texts in a row are one.
    fn texts(&mut self) -> Parsed<Value> {
        let mut all = String::new();
        while let Kind::Text(text) = self.peek() {
            all.push_str(text);
            self.next();
        }
        let goes_on = *self.peek() == Kind::Ellipsis;
        if goes_on {
            self.next();
        }
        Ok(Value::Text(all, goes_on))
    }

    /// A name, and what may follow it: arguments, or a value.
    fn word(&mut self, word: String) -> Parsed<Value> {
        let arguments = if *self.peek() == Kind::Sign('(') && is_function(&word) {
            self.next();
            Some(self.values(')')?)
        } else {
            None
        };
        if self.take('=') {
            let value = self.value()?;
            return Ok(Value::Named(word, Box::new(value)));
        }
        Ok(match arguments {
            Some(arguments) => Value::Call(word, arguments),
            None => Value::Word(word),
        })
    }
}

/// Names that have brackets behind them: elsewhere brackets hold remarks.
fn is_function(word: &str) -> bool {
    matches!(word, "htons" | "htonl" | "inet_addr" | "inet6_addr" | "msg_name" | "msg_iov")
}
