//! The part of Python that scripts use to look at a connection: assertions, assignments, expressions.
//!
//! Statements are `assert`, `print(…)`, `name = …`, `name += …` and the like, and bare expressions, with `;` or a new line
//! between them. Loops, conditions and definitions are not known: a script with those is skipped.

mod eval;
mod parse;

pub(super) use eval::{Names, Value, run};
pub(super) use parse::parse;

/// A statement.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Statement {
    /// What must hold, how it was written, and what to say if it does not.
    Assert(Expression, String, Option<Expression>),
    Assign(String, Expression),
    /// `name += …`: the operator without `=`.
    Change(String, Operator, Expression),
    Evaluate(Expression),
}

/// An expression.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Expression {
    Int(i128),
    Float(f64),
    Text(String),
    Name(String),
    Tuple(Vec<Expression>),
    Not(Box<Expression>),
    Negative(Box<Expression>),
    Inverse(Box<Expression>),
    Binary(Box<Expression>, Operator, Box<Expression>),
    /// `a < b < c`: holds if each holds.
    Compare(Box<Expression>, Vec<(Operator, Expression)>),
    And(Vec<Expression>),
    Or(Vec<Expression>),
    /// A function that is built in.
    Call(String, Vec<Expression>),
}

/// What stands between two expressions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Modulo,
    ShiftLeft,
    ShiftRight,
    BitAnd,
    BitOr,
    BitXor,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
}

/// Why statements cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Unread {
    /// A mistake at this byte: what was expected.
    Mistake(usize, String),
    /// Python that is not known here, at this byte.
    Unknown(usize, String),
}
