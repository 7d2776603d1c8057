//! Text to statements.

use super::{Expression, Operator, Statement, Unread};

/// Expressions nest at most so deep.
const MAX_DEPTH: usize = 64;
/// One row of operators has at most so many.
const MAX_ROW: usize = 1000;

/// Words that begin what is not known here.
const UNKNOWN: [&str; 18] = [
    "if", "for", "while", "def", "import", "from", "with", "try", "class", "global", "del", "raise", "return", "lambda",
    "else", "elif", "except", "yield",
];

/// Functions that are known.
const FUNCTIONS: [&str; 7] = ["print", "min", "max", "abs", "int", "str", "float"];

/// Reads statements.
///
/// # Errors
/// What was expected instead, or what is not known here.
pub(in super::super) fn parse(text: &str) -> Result<Vec<Statement>, Unread> {
    let mut parser = Parser { text, at: 0, brackets: 0, depth: 0 };
    let mut statements = Vec::new();
    loop {
        parser.skip(true);
        while parser.take(";") {
            parser.skip(true);
        }
        if parser.rest().is_empty() {
            return Ok(statements);
        }
        statements.push(parser.statement()?);
        parser.skip(false);
        let is_over = parser.rest().is_empty() || parser.rest().starts_with(['\n', ';']);
        if !is_over {
            return Err(parser.expected("the end of the statement: `;` or a new line"));
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    /// Open brackets: within them a new line is only white space.
    brackets: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// White space and remarks; new lines where they mean nothing, or where `lines` says so.
    fn skip(&mut self, lines: bool) {
        let lines = lines || self.brackets > 0;
        loop {
            let rest = self.rest();
            let blank = |c: char| c.is_whitespace() && (lines || c != '\n');
            self.at += rest.find(|c| !blank(c)).unwrap_or(rest.len());
            let rest = self.rest();
            if rest.starts_with('#') {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if let Some(behind) = rest.strip_prefix('\\')
                && behind.starts_with(['\n', '\r'])
            {
                self.at += 2;
            } else {
                return;
            }
        }
    }

    fn expected(&self, what: &str) -> Unread {
        Unread::Mistake(self.at, format!("expected {what}"))
    }

    /// Takes a sign that is next.
    fn take(&mut self, sign: &str) -> bool {
        self.skip(false);
        let is_next = self.rest().starts_with(sign);
        if is_next {
            self.at += sign.len();
        }
        is_next
    }

    /// The word that is next, which stays.
    fn peek_word(&mut self) -> &'a str {
        self.skip(false);
        let rest = self.rest();
        if rest.starts_with(|c: char| c.is_ascii_digit()) {
            return "";
        }
        &rest[..rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len())]
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is_next = self.peek_word() == word;
        if is_next {
            self.at += word.len();
        }
        is_next
    }

    fn statement(&mut self) -> Result<Statement, Unread> {
        let word = self.peek_word();
        if UNKNOWN.contains(&word) {
            return Err(Unread::Unknown(self.at, format!("`{word}`")));
        }
        if self.take_word("assert") {
            self.skip(false);
            let start = self.at;
            let condition = self.expression()?;
            let written = self.text[start..self.at].trim().to_owned();
            let message = if self.take(",") { Some(self.expression()?) } else { None };
            return Ok(Statement::Assert(condition, written, message));
        }
        if word == "pass" {
            self.at += word.len();
            return Ok(Statement::Evaluate(Expression::Int(0)));
        }
        let start = self.at;
        if !word.is_empty() {
            self.at += word.len();
            if let Some(statement) = self.assignment(word)? {
                return Ok(statement);
            }
            self.at = start;
        }
        // `print x`, as Python 2 had it.
        if word == "print" {
            self.at += word.len();
            self.skip(false);
            if !self.rest().starts_with('(') {
                return Ok(Statement::Evaluate(self.expression()?));
            }
            self.at = start;
        }
        let first = self.expression()?;
        Ok(Statement::Evaluate(first))
    }

    /// What follows a name, if it is an assignment.
    fn assignment(&mut self, name: &str) -> Result<Option<Statement>, Unread> {
        self.skip(false);
        let rest = self.rest();
        if rest.starts_with('=') && !rest.starts_with("==") {
            self.at += 1;
            return Ok(Some(Statement::Assign(name.to_owned(), self.expression()?)));
        }
        let changes = [
            ("//=", Operator::FloorDivide),
            ("<<=", Operator::ShiftLeft),
            (">>=", Operator::ShiftRight),
            ("+=", Operator::Add),
            ("-=", Operator::Subtract),
            ("*=", Operator::Multiply),
            ("/=", Operator::Divide),
            ("%=", Operator::Modulo),
            ("&=", Operator::BitAnd),
            ("|=", Operator::BitOr),
            ("^=", Operator::BitXor),
        ];
        for (sign, operator) in changes {
            if self.take(sign) {
                return Ok(Some(Statement::Change(name.to_owned(), operator, self.expression()?)));
            }
        }
        Ok(None)
    }

    fn expression(&mut self) -> Result<Expression, Unread> {
        if self.depth >= MAX_DEPTH {
            return Err(self.expected("an expression that is nested less deeply"));
        }
        self.depth += 1;
        let value = self.any_of();
        self.depth -= 1;
        value
    }

    fn any_of(&mut self) -> Result<Expression, Unread> {
        let mut all = vec![self.all_of()?];
        while self.take_word("or") {
            all.push(self.all_of()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Expression::Or(all) })
    }

    fn all_of(&mut self) -> Result<Expression, Unread> {
        let mut all = vec![self.negation()?];
        while self.take_word("and") {
            all.push(self.negation()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Expression::And(all) })
    }

    fn negation(&mut self) -> Result<Expression, Unread> {
        let mut negations = 0_usize;
        while self.take_word("not") {
            negations += 1;
        }
        let mut value = self.comparison()?;
        for _ in 0..negations.min(MAX_DEPTH) {
            value = Expression::Not(Box::new(value));
        }
        Ok(value)
    }

    fn comparison(&mut self) -> Result<Expression, Unread> {
        let first = self.binary(0)?;
        let mut others = Vec::new();
        while let Some(operator) = self.relation() {
            others.push((operator, self.binary(0)?));
        }
        Ok(if others.is_empty() { first } else { Expression::Compare(Box::new(first), others) })
    }

    fn relation(&mut self) -> Option<Operator> {
        let signs = [
            ("==", Operator::Equal),
            ("!=", Operator::NotEqual),
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        if let Some((_, operator)) = signs.into_iter().find(|(sign, _)| self.take(sign)) {
            return Some(operator);
        }
        if self.take_word("in") {
            return Some(Operator::In);
        }
        let start = self.at;
        if self.take_word("not") && self.take_word("in") {
            return Some(Operator::NotIn);
        }
        self.at = start;
        None
    }

    /// Operators from level `level` of Python's order upwards.
    fn binary(&mut self, level: usize) -> Result<Expression, Unread> {
        const LEVELS: [&[(&str, Operator)]; 6] = [
            &[("|", Operator::BitOr)],
            &[("^", Operator::BitXor)],
            &[("&", Operator::BitAnd)],
            &[("<<", Operator::ShiftLeft), (">>", Operator::ShiftRight)],
            &[("+", Operator::Add), ("-", Operator::Subtract)],
            &[
                ("//", Operator::FloorDivide),
                ("*", Operator::Multiply),
                ("/", Operator::Divide),
                ("%", Operator::Modulo),
            ],
        ];
        let Some(signs) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        let mut row = 0;
        while let Some((_, operator)) = signs.iter().find(|(sign, _)| self.take(sign)) {
            row += 1;
            if row > MAX_ROW {
                return Err(self.expected("fewer operators in a row"));
            }
            left = Expression::Binary(Box::new(left), *operator, Box::new(self.binary(level + 1)?));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expression, Unread> {
        if self.depth >= MAX_DEPTH {
            return Err(self.expected("an expression that is nested less deeply"));
        }
        self.depth += 1;
        let value = if self.take("-") {
            self.unary().map(|value| Expression::Negative(Box::new(value)))
        } else if self.take("~") {
            self.unary().map(|value| Expression::Inverse(Box::new(value)))
        } else if self.take("+") {
            self.unary()
        } else {
            self.atom()
        };
        self.depth -= 1;
        value
    }

    fn atom(&mut self) -> Result<Expression, Unread> {
        self.skip(false);
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Err(self.expected("an expression")) };
        if first == '(' {
            self.at += 1;
            let values = self.until_closed()?;
            return Ok(match values {
                (mut one, false) if one.len() == 1 => one.remove(0),
                (values, _) => Expression::Tuple(values),
            });
        }
        if first == '"' || first == '\'' {
            return self.text(first);
        }
        if first.is_ascii_digit() || first == '.' {
            return self.number();
        }
        let word = self.peek_word();
        if word.is_empty() {
            return Err(self.expected("an expression: a number, a name, a text or `(`"));
        }
        if UNKNOWN.contains(&word) {
            return Err(Unread::Unknown(self.at, format!("`{word}`")));
        }
        let start = self.at;
        self.at += word.len();
        if self.rest().starts_with('.') || self.rest().starts_with('[') {
            return Err(Unread::Unknown(self.at, "attributes and subscripts".to_owned()));
        }
        match word {
            "True" => return Ok(Expression::Int(1)),
            "False" | "None" => return Ok(Expression::Int(0)),
            _ => {}
        }
        if !self.take("(") {
            return Ok(Expression::Name(word.to_owned()));
        }
        if !FUNCTIONS.contains(&word) {
            return Err(Unread::Unknown(start, format!("the function `{word}`")));
        }
        Ok(Expression::Call(word.to_owned(), self.until_closed()?.0))
    }

    /// Values up to the closing bracket, the opening one being taken; and whether a comma stood between or behind them.
    fn until_closed(&mut self) -> Result<(Vec<Expression>, bool), Unread> {
        self.brackets += 1;
        let (mut values, mut has_comma) = (Vec::new(), false);
        while !self.take(")") {
            values.push(self.expression()?);
            if self.take(",") {
                has_comma = true;
            } else if !self.take(")") {
                return Err(self.expected("`,` or `)`"));
            } else {
                break;
            }
        }
        self.brackets -= 1;
        Ok((values, has_comma))
    }

    fn text(&mut self, quote: char) -> Result<Expression, Unread> {
        let start = self.at;
        let mut text = String::new();
        let mut characters = self.text[start + 1..].char_indices();
        while let Some((at, c)) = characters.next() {
            if c == quote {
                self.at = start + 1 + at + 1;
                return Ok(Expression::Text(text));
            }
            match c {
                '\\' => match characters.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, c)) => text.push(c),
                    None => break,
                },
                c => text.push(c),
            }
        }
        Err(Unread::Mistake(start, format!("expected a closing {quote} behind this text")))
    }

    fn number(&mut self) -> Result<Expression, Unread> {
        let rest = self.rest();
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '_';
        let digits = &rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())];
        let plain = digits.replace('_', "");
        let value = match plain.strip_prefix("0x").or_else(|| plain.strip_prefix("0X")) {
            Some(hex) => i128::from_str_radix(hex, 16).ok().map(Expression::Int),
            None => match plain.parse() {
                Ok(value) => Some(Expression::Int(value)),
                Err(_) => plain.parse().ok().map(Expression::Float),
            },
        };
        let value = value.ok_or_else(|| self.expected("a number"))?;
        self.at += digits.len();
        Ok(value)
    }
}
