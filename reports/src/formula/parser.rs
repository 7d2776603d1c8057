//! Tokens to a tree. Sums and products are lists, so that the tree is never deeper than the text nests.

use super::error::similar_names;
use super::lexer::{Placed, Token, next_token};
use super::{DEPTH_MAX, FormulaError, TEXT_BYTES_MAX};

/// An expression; `at` is the byte of its operator or function.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expr {
    Number(f64),
    /// Index into the formula's variables.
    Variable(usize),
    /// The running variable of an enclosing `sum`; 0 is the outermost.
    Running(usize),
    Negate(Box<Expr>),
    /// Added (or, with `true`, subtracted) from left to right.
    Sum(Vec<(bool, usize, Expr)>),
    /// Multiplied (or, with `true`, divided) from left to right.
    Product(Vec<(bool, usize, Expr)>),
    Power {
        at: usize,
        base_exponent: Box<[Expr; 2]>,
    },
    Call {
        at: usize,
        function: Function,
        arguments: Vec<Expr>,
    },
    Series {
        at: usize,
        bounds: Box<[Expr; 2]>,
        term: Box<Expr>,
    },
    /// Where a rising function reaches a target.
    Inverse {
        at: usize,
        bounds: Box<[Expr; 2]>,
        function: Box<Expr>,
        target: Box<Expr>,
    },
    If {
        condition: Box<Expr>,
        branches: Box<[Expr; 2]>,
    },
    /// True or false, as all below: never where a number belongs.
    Compare {
        comparison: Comparison,
        sides: Box<[Expr; 2]>,
    },
    Not(Box<Expr>),
    /// Of two or more, from left to right, to the first that is false.
    All(Vec<Expr>),
    /// Of two or more, from left to right, to the first that is true.
    Any(Vec<Expr>),
}

impl Expr {
    /// It is true or false, not a number.
    pub(super) fn is_condition(&self) -> bool {
        matches!(self, Self::Compare { .. } | Self::Not(_) | Self::All(_) | Self::Any(_))
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Function {
    Exp,
    Ln,
    Log10,
    Log2,
    Sqrt,
    Erf,
    Erfc,
    LnGamma,
    Factorial,
    Abs,
    Floor,
    Ceil,
    Min,
    Max,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

/// All function names, which cannot be variables.
pub(super) const FUNCTIONS: [&str; 18] = [
    "abs",
    "ceil",
    "erf",
    "erfc",
    "exp",
    "factorial",
    "floor",
    "if",
    "inverse",
    "ln",
    "ln_gamma",
    "log10",
    "log2",
    "max",
    "min",
    "pow",
    "sqrt",
    "sum",
];

pub(super) struct Parsed {
    pub(super) root: Expr,
    /// Each variable and the byte of its first use.
    pub(super) variables: Vec<(String, usize)>,
}

/// What a text is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Number,
    Condition,
}

/// The number that a word stands for where it is compared with a variable; else what may stand there.
pub(super) type Words<'w> = dyn Fn(&str, &str) -> Result<f64, String> + 'w;

/// In front of the name of a variable that is compared with a word: no name begins so.
pub(super) const WORDED: char = '\'';

pub(super) fn parse<'a>(text: &'a str, wanted: Wanted, words: &'a Words<'a>) -> Result<Parsed, FormulaError> {
    if text.len() > TEXT_BYTES_MAX {
        let found = format!("{} bytes", text.len());
        return Err(FormulaError {
            position: TEXT_BYTES_MAX,
            expected: format!("at most {TEXT_BYTES_MAX} bytes"),
            found,
        });
    }
    let next = next_token(text, 0)?;
    let mut parser = Parser { text, next, words, variables: Vec::new(), running: Vec::new(), depth: 0 };
    let root = match wanted {
        Wanted::Number => parser.sum()?,
        Wanted::Condition => parser.condition()?,
    };
    if parser.next.token != Token::End {
        let expected = match wanted {
            Wanted::Number => "an operator or the end",
            Wanted::Condition => "&&, || or the end",
        };
        return Err(parser.next.instead_of(expected));
    }
    Ok(Parsed { root, variables: parser.variables })
}

struct Parser<'a> {
    text: &'a str,
    next: Placed<'a>,
    words: &'a Words<'a>,
    variables: Vec<(String, usize)>,
    /// Running variables of the enclosing `sum`s, outermost first.
    running: Vec<&'a str>,
    depth: usize,
}

impl<'a> Parser<'a> {
    /// True or false: comparisons joined by `||`, `&&` and `!`.
    fn condition(&mut self) -> Result<Expr, FormulaError> {
        let condition = self.either()?;
        if condition.is_condition() {
            return Ok(condition);
        }
        Err(self.next.instead_of("an operator or a comparison: < <= > >= == !="))
    }

    /// A number, never a condition.
    fn sum(&mut self) -> Result<Expr, FormulaError> {
        let at = self.next;
        let value = self.any_sum()?;
        number(at, value)
    }

    fn either(&mut self) -> Result<Expr, FormulaError> {
        self.joined("||", Self::both, Expr::Any)
    }

    fn both(&mut self) -> Result<Expr, FormulaError> {
        self.joined("&&", Self::comparison, Expr::All)
    }

    /// One operand, or several conditions joined by a word of logic.
    fn joined(
        &mut self,
        symbol: &'static str,
        operand: fn(&mut Self) -> Result<Expr, FormulaError>,
        join: fn(Vec<Expr>) -> Expr,
    ) -> Result<Expr, FormulaError> {
        let mut operands = vec![operand(self)?];
        while self.next.token == Token::Symbol(symbol) {
            if operands.iter().any(|operand| !operand.is_condition()) {
                return Err(self.next.instead_of(format!("a comparison before {symbol}: < <= > >= == !=")));
            }
            self.advance()?;
            operands.push(operand(self)?);
            if !operands.iter().all(Expr::is_condition) {
                return Err(self.next.instead_of("an operator or a comparison: < <= > >= == !="));
            }
        }
        let first = if operands.len() == 1 { operands.pop() } else { None };
        Ok(first.unwrap_or_else(|| join(operands)))
    }

    /// A number, or two of them compared, or the contrary of a condition.
    fn comparison(&mut self) -> Result<Expr, FormulaError> {
        if self.next.token == Token::Symbol("!") {
            self.advance()?;
            self.depth += 1;
            if self.depth > DEPTH_MAX {
                return Err(self.too_deep());
            }
            let at = self.next;
            let inner = self.comparison()?;
            self.depth -= 1;
            if !inner.is_condition() {
                return Err(at.instead_of("a condition after `!`, in parentheses"));
            }
            return Ok(Expr::Not(Box::new(inner)));
        }
        let at = self.next;
        if let Some(worded) = self.worded()? {
            return Ok(worded);
        }
        let left = self.any_sum()?;
        let comparison = match self.next.token {
            Token::Symbol("<") => Comparison::Less,
            Token::Symbol("<=") => Comparison::LessOrEqual,
            Token::Symbol(">") => Comparison::Greater,
            Token::Symbol(">=") => Comparison::GreaterOrEqual,
            Token::Symbol("==") => Comparison::Equal,
            Token::Symbol("!=") => Comparison::NotEqual,
            _ => return Ok(left),
        };
        self.advance()?;
        let right = self.sum()?;
        Ok(Expr::Compare { comparison, sides: Box::new([number(at, left)?, right]) })
    }

    /// A name that is compared with a word, `name == 'word'` or `name != 'word'`, if that comes next.
    fn worded(&mut self) -> Result<Option<Expr>, FormulaError> {
        let Token::Name(name) = self.next.token else { return Ok(None) };
        let after = |token: Placed<'a>| next_token(self.text, token.start + token.text.len());
        let (Ok(symbol), start) = (after(self.next), self.next.start) else { return Ok(None) };
        let (Ok(right), Token::Symbol(symbol)) = (after(symbol), symbol.token) else { return Ok(None) };
        let Token::Word(word) = right.token else { return Ok(None) };
        let comparison = match symbol {
            "==" => Comparison::Equal,
            "!=" => Comparison::NotEqual,
            _ => return Err(right.instead_of("a number: words are compared by == and !=")),
        };
        let number = (self.words)(name, word).map_err(|expected| right.instead_of(expected))?;
        let variable = format!("{WORDED}{name}");
        let known = self.variables.iter().position(|(known, _)| *known == variable);
        let index = known.unwrap_or_else(|| {
            self.variables.push((variable, start));
            self.variables.len() - 1
        });
        self.next = after(right)?;
        Ok(Some(Expr::Compare { comparison, sides: Box::new([Expr::Variable(index), Expr::Number(number)]) }))
    }

    /// A sum, or one condition in parentheses.
    fn any_sum(&mut self) -> Result<Expr, FormulaError> {
        self.chain(["+", "-"], Self::product, Expr::Sum)
    }

    fn too_deep(&self) -> FormulaError {
        self.next.instead_of(format!("at most {DEPTH_MAX} levels of nesting"))
    }

    fn product(&mut self) -> Result<Expr, FormulaError> {
        self.chain(["*", "/"], Self::unary, Expr::Product)
    }

    /// Operands joined by one of two operators, the second of which takes the inverse of its operand.
    fn chain(
        &mut self,
        operators: [&'static str; 2],
        operand: fn(&mut Self) -> Result<Expr, FormulaError>,
        join: fn(Vec<(bool, usize, Expr)>) -> Expr,
    ) -> Result<Expr, FormulaError> {
        let start = self.next;
        let first = operand(self)?;
        let mut rest = Vec::new();
        while let Token::Symbol(symbol) = self.next.token
            && operators.contains(&symbol)
        {
            let at = self.advance()?.start;
            let start = self.next;
            let operand = operand(self)?;
            rest.push((symbol == operators[1], at, number(start, operand)?));
        }
        if rest.is_empty() {
            return Ok(first);
        }
        rest.insert(0, (false, start.start, number(start, first)?));
        Ok(join(rest))
    }

    /// Every way down the grammar passes here, so depth is counted here.
    fn unary(&mut self) -> Result<Expr, FormulaError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.too_deep());
        }
        let expr = if self.next.token == Token::Symbol("-") {
            self.advance()?;
            let at = self.next;
            let inner = self.unary()?;
            Expr::Negate(Box::new(number(at, inner)?))
        } else {
            self.power()?
        };
        self.depth -= 1;
        Ok(expr)
    }

    fn power(&mut self) -> Result<Expr, FormulaError> {
        let start = self.next;
        let base = self.atom()?;
        if self.next.token != Token::Symbol("^") {
            return Ok(base);
        }
        let at = self.advance()?.start;
        let base = number(start, base)?;
        let start = self.next;
        let exponent = self.unary()?;
        Ok(Expr::Power { at, base_exponent: Box::new([base, number(start, exponent)?]) })
    }

    fn atom(&mut self) -> Result<Expr, FormulaError> {
        match self.next.token {
            Token::Number(value) => {
                self.advance()?;
                Ok(Expr::Number(value))
            }
            Token::Name(name) => {
                let name = Placed { text: name, ..self.advance()? };
                if self.next.token == Token::Symbol("(") { self.call(name) } else { self.variable(name) }
            }
            Token::Symbol("(") => {
                self.advance()?;
                let inner = self.either()?;
                self.expect(")", "an operator or \")\"")?;
                Ok(inner)
            }
            _ => Err(self.next.instead_of("a number, a name, \"-\" or \"(\"")),
        }
    }

    fn variable(&mut self, name: Placed<'a>) -> Result<Expr, FormulaError> {
        if FUNCTIONS.contains(&name.text) {
            return Err(self.next.instead_of(format!("\"(\" after the function `{}`", name.text)));
        }
        // The innermost `sum` that runs over this name hides the others.
        if let Some(index) = self.running.iter().rposition(|running| *running == name.text) {
            return Ok(Expr::Running(index));
        }
        let known = self.variables.iter().position(|(variable, _)| variable == name.text);
        Ok(Expr::Variable(known.unwrap_or_else(|| {
            self.variables.push((name.text.to_owned(), name.start));
            self.variables.len() - 1
        })))
    }

    fn call(&mut self, name: Placed<'a>) -> Result<Expr, FormulaError> {
        let at = name.start;
        let function = match name.text {
            "sum" => return self.series(at),
            "inverse" => return self.inverse(at),
            "if" => return self.choice(),
            "pow" => {
                let base_exponent = Box::new(self.fixed_arguments("pow")?);
                return Ok(Expr::Power { at, base_exponent });
            }
            "min" | "max" => return self.extreme(name),
            "exp" => Function::Exp,
            "ln" => Function::Ln,
            "log10" => Function::Log10,
            "log2" => Function::Log2,
            "erf" => Function::Erf,
            "erfc" => Function::Erfc,
            "ln_gamma" => Function::LnGamma,
            "factorial" => Function::Factorial,
            "sqrt" => Function::Sqrt,
            "abs" => Function::Abs,
            "floor" => Function::Floor,
            "ceil" => Function::Ceil,
            unknown => {
                let similar = similar_names(unknown, FUNCTIONS.into_iter());
                let hint = similar.first().map(|nearest| format!(" (did you mean `{nearest}`?)")).unwrap_or_default();
                return Err(name.instead_of(format!("a function: {}{hint}", FUNCTIONS.join(", "))));
            }
        };
        let arguments = Vec::from(self.fixed_arguments::<1>(name.text)?);
        Ok(Expr::Call { at, function, arguments })
    }

    /// `(x, y, …)` with two or more arguments.
    fn extreme(&mut self, name: Placed<'a>) -> Result<Expr, FormulaError> {
        self.advance()?;
        let mut arguments = vec![self.sum()?];
        while self.next.token == Token::Symbol(",") || arguments.len() < 2 {
            self.expect(",", &format!("an operator or \",\": `{}` takes two arguments or more", name.text))?;
            arguments.push(self.sum()?);
        }
        self.expect(")", "an operator, \",\" or \")\"")?;
        let function = if name.text == "min" { Function::Min } else { Function::Max };
        Ok(Expr::Call { at: name.start, function, arguments })
    }

    /// `(k, from, to, term)`; k is known within the term alone.
    fn series(&mut self, at: usize) -> Result<Expr, FormulaError> {
        let (bounds, term) = self.over_a_range("sum(k, 1, 10, k)", "`sum` takes (variable, from, to, term)")?;
        self.expect(")", "an operator or \")\"")?;
        Ok(Expr::Series { at, bounds, term })
    }

    /// `(x, from, to, function, target)`; x is known within the function alone.
    fn inverse(&mut self, at: usize) -> Result<Expr, FormulaError> {
        const TAKES: &str = "`inverse` takes (variable, from, to, function, target)";
        let (bounds, function) = self.over_a_range("inverse(x, 0, 10, x^2, 2)", TAKES)?;
        self.expect(",", &format!("an operator or \",\": {TAKES}"))?;
        let target = Box::new(self.sum()?);
        self.expect(")", "an operator or \")\"")?;
        Ok(Expr::Inverse { at, bounds, function, target })
    }

    /// `(variable, from, to, term`: the bounds, and the term in which the variable is known.
    fn over_a_range(&mut self, example: &str, takes: &str) -> Result<(Box<[Expr; 2]>, Box<Expr>), FormulaError> {
        self.advance()?;
        let Token::Name(running) = self.next.token else {
            return Err(self.next.instead_of(format!("the name of the running variable, as in {example}")));
        };
        if FUNCTIONS.contains(&running) {
            return Err(self.next.instead_of("a running variable that is not named as a function"));
        }
        self.advance()?;
        self.expect(",", "\",\" after the running variable")?;
        let from = self.sum()?;
        self.expect(",", &format!("an operator or \",\": {takes}"))?;
        let to = self.sum()?;
        self.expect(",", &format!("an operator or \",\": {takes}"))?;
        self.running.push(running);
        let term = Box::new(self.sum()?);
        self.running.pop();
        Ok((Box::new([from, to]), term))
    }

    /// `(condition, then, otherwise)`.
    fn choice(&mut self) -> Result<Expr, FormulaError> {
        self.advance()?;
        let condition = Box::new(self.condition()?);
        self.expect(",", "an operator or \",\": `if` takes (condition, then, otherwise)")?;
        let then = self.sum()?;
        self.expect(",", "an operator or \",\": `if` takes (condition, then, otherwise)")?;
        let otherwise = self.sum()?;
        self.expect(")", "an operator or \")\"")?;
        Ok(Expr::If { condition, branches: Box::new([then, otherwise]) })
    }

    /// `(x, y)` of exactly N arguments.
    fn fixed_arguments<const N: usize>(&mut self, function: &str) -> Result<[Expr; N], FormulaError> {
        self.advance()?;
        let mut arguments = [const { Expr::Number(0.0) }; N];
        for (index, argument) in arguments.iter_mut().enumerate() {
            if index > 0 {
                self.expect(",", &format!("an operator or \",\": `{function}` takes {N} arguments"))?;
            }
            *argument = self.sum()?;
        }
        let count = if N == 1 { "one argument".to_owned() } else { format!("{N} arguments") };
        self.expect(")", &format!("an operator or \")\": `{function}` takes {count}"))?;
        Ok(arguments)
    }

    /// Steps over the next token and returns it.
    fn advance(&mut self) -> Result<Placed<'a>, FormulaError> {
        let current = self.next;
        self.next = next_token(self.text, current.start + current.text.len())?;
        Ok(current)
    }

    fn expect(&mut self, symbol: &'static str, expected: &str) -> Result<(), FormulaError> {
        if self.next.token != Token::Symbol(symbol) {
            return Err(self.next.instead_of(expected));
        }
        self.advance().map(|_| ())
    }
}

/// The expression that begins at this token, if it is a number.
fn number(at: Placed<'_>, expr: Expr) -> Result<Expr, FormulaError> {
    if expr.is_condition() {
        let found = "a condition, which is true or false".to_owned();
        return Err(FormulaError { position: at.start, expected: "a number".to_owned(), found });
    }
    Ok(expr)
}
