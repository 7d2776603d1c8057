//! The value of a tree. Recursion is as deep as the tree, which the parser bounds.

use protosim_core::maths;

use super::parser::{Comparison, Expr, Function};
use super::{EvalError, TERMS_MAX};
use crate::statistics::CompensatedSum;

/// Integers up to here are exact, and so is their successor.
const INTEGER_MAX: f64 = 9_007_199_254_740_992.0;

/// The value of `root`, finite; `variables` are finite and stand in the parser's order.
pub(super) fn eval(root: &Expr, variables: &[f64]) -> Result<f64, EvalError> {
    let mut evaluation = Evaluation { variables, running: Vec::new(), terms: 0 };
    let value = evaluation.value(root)?;
    if value.is_finite() { Ok(value) } else { Err(EvalError::Infinite) }
}

/// Whether the condition `root` holds; `variables` are finite and stand in the parser's order.
pub(super) fn condition(root: &Expr, variables: &[f64]) -> Result<bool, EvalError> {
    Evaluation { variables, running: Vec::new(), terms: 0 }.holds(root)
}

struct Evaluation<'a> {
    variables: &'a [f64],
    /// Values of the running variables, outermost `sum` first.
    running: Vec<f64>,
    /// Terms added so far by all `sum`s.
    terms: u64,
}

impl Evaluation<'_> {
    /// Never NaN: the operation that makes one is the error. So comparisons, min and max need not think of it.
    fn value(&mut self, expr: &Expr) -> Result<f64, EvalError> {
        match expr {
            Expr::Number(value) => Ok(*value),
            Expr::Variable(index) => Ok(self.variables[*index]),
            Expr::Running(index) => Ok(self.running[*index]),
            Expr::Negate(inner) => Ok(-self.value(inner)?),
            Expr::Sum(operands) => self.chain(operands, ["+", "-"], |a, b| a + b, |a, b| a - b),
            Expr::Product(operands) => self.chain(operands, ["*", "/"], |a, b| a * b, |a, b| a / b),
            Expr::Power { at, base_exponent } => {
                let [base, exponent] = self.pair(base_exponent)?;
                number(maths::pow(base, exponent), *at, "a power")
            }
            Expr::Call { at, function, arguments } => self.call(*at, *function, arguments),
            Expr::Series { at, bounds, term } => self.series(*at, bounds, term),
            Expr::Inverse { at, bounds, function, target } => self.inverse(*at, bounds, function, target),
            Expr::If { condition, branches } => {
                let [then, otherwise] = &**branches;
                let branch = if self.holds(condition)? { then } else { otherwise };
                self.value(branch)
            }
            Expr::Compare { .. } | Expr::Not(_) | Expr::All(_) | Expr::Any(_) => {
                Ok(f64::from(u8::from(self.holds(expr)?)))
            }
        }
    }

    /// Whether a condition holds. What decides nothing any more is not evaluated.
    fn holds(&mut self, condition: &Expr) -> Result<bool, EvalError> {
        match condition {
            Expr::Compare { comparison, sides } => {
                let [left, right] = self.pair(sides)?;
                Ok(holds(*comparison, left, right))
            }
            Expr::Not(inner) => Ok(!self.holds(inner)?),
            Expr::All(parts) => self.first(parts, false),
            Expr::Any(parts) => self.first(parts, true),
            number => Ok(self.value(number)? != 0.0),
        }
    }

    /// `wanted` if one of the conditions is that, else the contrary.
    fn first(&mut self, conditions: &[Expr], wanted: bool) -> Result<bool, EvalError> {
        for condition in conditions {
            if self.holds(condition)? == wanted {
                return Ok(wanted);
            }
        }
        Ok(!wanted)
    }

    fn pair(&mut self, pair: &[Expr; 2]) -> Result<[f64; 2], EvalError> {
        Ok([self.value(&pair[0])?, self.value(&pair[1])?])
    }

    fn chain(
        &mut self,
        operands: &[(bool, usize, Expr)],
        names: [&'static str; 2],
        join: fn(f64, f64) -> f64,
        join_inverse: fn(f64, f64) -> f64,
    ) -> Result<f64, EvalError> {
        let Some(((_, _, first), rest)) = operands.split_first() else { return Ok(0.0) };
        let mut value = self.value(first)?;
        for (inverse, at, operand) in rest {
            let operand = self.value(operand)?;
            let joined = if *inverse { join_inverse(value, operand) } else { join(value, operand) };
            value = number(joined, *at, names[usize::from(*inverse)])?;
        }
        Ok(value)
    }

    fn call(&mut self, at: usize, function: Function, arguments: &[Expr]) -> Result<f64, EvalError> {
        let Some((first, rest)) = arguments.split_first() else { return Ok(0.0) };
        let mut x = self.value(first)?;
        match function {
            Function::Exp => number(maths::exp(x), at, "exp"),
            Function::Ln => number(maths::ln(x), at, "ln"),
            Function::Log10 => number(maths::log10(x), at, "log10"),
            Function::Log2 => number(maths::log2(x), at, "log2"),
            Function::Sqrt => number(x.sqrt(), at, "sqrt"),
            Function::Erf => Ok(erf(x)),
            Function::Erfc => Ok(maths::erfc(x)),
            Function::LnGamma if x <= 0.0 => Err(EvalError::NotANumber { position: at, operation: "ln_gamma" }),
            Function::LnGamma => Ok(maths::ln_gamma(x)),
            Function::Factorial => factorial(x).ok_or_else(|| EvalError::Factorial { position: at, of: x.to_string() }),
            Function::Abs => Ok(x.abs()),
            Function::Floor => Ok(x.floor()),
            Function::Ceil => Ok(x.ceil()),
            Function::Min | Function::Max => {
                for argument in rest {
                    let y = self.value(argument)?;
                    x = if function == Function::Min { x.min(y) } else { x.max(y) };
                }
                Ok(x)
            }
        }
    }

    /// The least x between the bounds at which the function, which must not fall, is at least the target; the upper bound if
    /// there is none. By bisection down to neighbouring numbers.
    fn inverse(&mut self, at: usize, bounds: &[Expr; 2], function: &Expr, target: &Expr) -> Result<f64, EvalError> {
        let [mut low, mut high] = self.pair(bounds)?;
        let target = self.value(target)?;
        if !(low.is_finite() && high.is_finite() && low <= high) {
            return Err(EvalError::NotANumber { position: at, operation: "inverse" });
        }
        let mut reaches = |x: f64| {
            self.terms += 1;
            if self.terms > TERMS_MAX {
                return Err(EvalError::TooManyTerms { position: at });
            }
            self.running.push(x);
            let value = self.value(function);
            self.running.pop();
            Ok(value? >= target)
        };
        if reaches(low)? {
            return Ok(low);
        }
        // The lower one never reaches it. Halving the distance ends at neighbours; around zero that takes long, and 10^-15 of
        // the range is near enough.
        let near = (high - low) * 1e-15;
        while high - low > near {
            let middle = low + (high - low) / 2.0;
            if middle <= low || middle >= high {
                break;
            }
            if reaches(middle)? { high = middle } else { low = middle }
        }
        Ok(high)
    }

    fn series(&mut self, at: usize, bounds: &[Expr; 2], term: &Expr) -> Result<f64, EvalError> {
        let [from, to] = self.pair(bounds)?;
        let is_integer = |x: f64| x.abs() <= INTEGER_MAX && x.floor() == x;
        if !is_integer(from) || !is_integer(to) {
            return Err(EvalError::SumBounds { position: at, from: from.to_string(), to: to.to_string() });
        }
        if to < from {
            return Ok(0.0);
        }
        let mut sum = CompensatedSum::default();
        let mut plain = 0.0;
        let mut k = from;
        while k <= to {
            self.terms += 1;
            if self.terms > TERMS_MAX {
                return Err(EvalError::TooManyTerms { position: at });
            }
            self.running.push(k);
            let term = self.value(term);
            self.running.pop();
            let term = term?;
            sum.add(term);
            plain += term;
            k += 1.0;
        }
        // Compensation makes NaN of infinite terms, of which the plain sum may be infinite with good reason.
        number(if sum.total().is_finite() { sum.total() } else { plain }, at, "sum")
    }
}

/// The error function, precise near zero too, where 1 - erfc(x) is not.
fn erf(x: f64) -> f64 {
    if x.abs() >= 0.5 {
        return 1.0 - maths::erfc(x);
    }
    // 2/√π Σ (-1)^n x^(2n+1) / (n! (2n + 1)); the fifteenth term is below 1e-20 of the first at 0.5.
    let mut power = x;
    let mut sum = x;
    for n in 1..15 {
        power *= -x * x / f64::from(n);
        sum += power / f64::from(2 * n + 1);
    }
    sum * std::f64::consts::FRAC_2_SQRT_PI
}

/// n!, infinite from 171 on; `None` for what is not an integer from 0 on.
fn factorial(n: f64) -> Option<f64> {
    if n < 0.0 || n.floor() != n {
        return None;
    }
    Some((2..=n.min(171.0) as u32).fold(1.0, |product, factor| product * f64::from(factor)))
}

fn holds(comparison: Comparison, left: f64, right: f64) -> bool {
    match comparison {
        Comparison::Less => left < right,
        Comparison::LessOrEqual => left <= right,
        Comparison::Greater => left > right,
        Comparison::GreaterOrEqual => left >= right,
        Comparison::Equal => left == right,
        Comparison::NotEqual => left != right,
    }
}

fn number(value: f64, position: usize, operation: &'static str) -> Result<f64, EvalError> {
    if value.is_nan() { Err(EvalError::NotANumber { position, operation }) } else { Ok(value) }
}
