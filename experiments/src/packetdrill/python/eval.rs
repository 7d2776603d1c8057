//! Statements at work.

use super::{Expression, Operator, Statement};
use std::collections::BTreeMap;

/// What names stand for.
pub(in super::super) type Names = BTreeMap<String, Value>;

/// A value.
#[derive(Clone, PartialEq, Debug)]
pub(in super::super) enum Value {
    Int(i128),
    Float(f64),
    Text(String),
    Tuple(Vec<Value>),
}

/// Runs statements. What `print` says is not kept.
///
/// # Errors
/// Which assertion does not hold, or what cannot be computed.
pub(in super::super) fn run(statements: &[Statement], names: &mut Names) -> Result<(), String> {
    for statement in statements {
        match statement {
            Statement::Assert(condition, written, message) => {
                if !is_true(&value(condition, names)?) {
                    return Err(failure(condition, written, message.as_ref(), names));
                }
            }
            Statement::Assign(name, expression) => {
                let value = value(expression, names)?;
                names.insert(name.clone(), value);
            }
            Statement::Change(name, operator, expression) => {
                let old = value(&Expression::Name(name.clone()), names)?;
                let new = binary(&old, *operator, &value(expression, names)?)?;
                names.insert(name.clone(), new);
            }
            Statement::Evaluate(expression) => {
                value(expression, names)?;
            }
        }
    }
    Ok(())
}

/// What to say of an assertion that does not hold: how it was written, and what its names stand for.
fn failure(condition: &Expression, written: &str, message: Option<&Expression>, names: &Names) -> String {
    let mut used = Vec::new();
    collect_names(condition, &mut used);
    used.dedup();
    let known = |name: &&str| names.get(*name).map(|value| format!("{name} = {}", shown(value)));
    let mut parts: Vec<String> = used.iter().filter_map(known).collect();
    if let Some(Ok(message)) = message.map(|message| value(message, names))
        && !matches!(message, Value::Int(_) | Value::Float(_))
    {
        parts.push(shown(&message));
    }
    format!("`{written}` does not hold: {}", parts.join(", "))
}

fn collect_names<'a>(expression: &'a Expression, names: &mut Vec<&'a str>) {
    match expression {
        Expression::Name(name) => names.push(name),
        Expression::Int(_) | Expression::Float(_) | Expression::Text(_) => {}
        Expression::Tuple(all) | Expression::And(all) | Expression::Or(all) | Expression::Call(_, all) => {
            all.iter().for_each(|one| collect_names(one, names));
        }
        Expression::Not(one) | Expression::Negative(one) | Expression::Inverse(one) => collect_names(one, names),
        Expression::Binary(left, _, right) => {
            collect_names(left, names);
            collect_names(right, names);
        }
        Expression::Compare(first, others) => {
            collect_names(first, names);
            others.iter().for_each(|(_, other)| collect_names(other, names));
        }
    }
}

fn value(expression: &Expression, names: &Names) -> Result<Value, String> {
    Ok(match expression {
        Expression::Int(value) => Value::Int(*value),
        Expression::Float(value) => Value::Float(*value),
        Expression::Text(text) => Value::Text(text.clone()),
        Expression::Name(name) => {
            names.get(name).cloned().ok_or_else(|| format!("there is nothing called `{name}`"))?
        }
        Expression::Tuple(all) => Value::Tuple(all.iter().map(|one| value(one, names)).collect::<Result<_, _>>()?),
        Expression::Not(one) => Value::Int(i128::from(!is_true(&value(one, names)?))),
        Expression::Negative(one) => match value(one, names)? {
            Value::Int(value) => Value::Int(value.checked_neg().ok_or("a number is too large")?),
            Value::Float(value) => Value::Float(-value),
            _ => return Err("`-` needs a number".to_owned()),
        },
        Expression::Inverse(one) => match value(one, names)? {
            Value::Int(value) => Value::Int(!value),
            _ => return Err("`~` needs a whole number".to_owned()),
        },
        Expression::Binary(left, operator, right) => binary(&value(left, names)?, *operator, &value(right, names)?)?,
        Expression::Compare(first, others) => Value::Int(i128::from(compare(first, others, names)?)),
        Expression::And(all) => {
            let mut last = Value::Int(1);
            for one in all {
                last = value(one, names)?;
                if !is_true(&last) {
                    break;
                }
            }
            last
        }
        Expression::Or(all) => {
            let mut last = Value::Int(0);
            for one in all {
                last = value(one, names)?;
                if is_true(&last) {
                    break;
                }
            }
            last
        }
        Expression::Call(name, arguments) => {
            let arguments: Vec<Value> = arguments.iter().map(|one| value(one, names)).collect::<Result<_, _>>()?;
            call(name, &arguments)?
        }
    })
}

fn call(name: &str, arguments: &[Value]) -> Result<Value, String> {
    let first = arguments.first().cloned().unwrap_or(Value::Int(0));
    Ok(match (name, first) {
        ("print", _) => Value::Int(0),
        ("str", first) => Value::Text(shown(&first)),
        ("abs", Value::Int(value)) => Value::Int(value.checked_abs().ok_or("a number is too large")?),
        ("abs" | "float", Value::Float(value)) => Value::Float(if name == "abs" { value.abs() } else { value }),
        ("float", Value::Int(value)) => Value::Float(value as f64),
        ("int", Value::Int(value)) => Value::Int(value),
        // Towards zero, as Python has it; far beyond the range it is held to it.
        ("int", Value::Float(value)) => Value::Int(value as i128),
        ("int", Value::Text(text)) => Value::Int(text.trim().parse().map_err(|_| format!("`{text}` is no number"))?),
        ("min" | "max", _) if !arguments.is_empty() => {
            let mut best = arguments[0].clone();
            for other in &arguments[1..] {
                let is_less = relate(other, Operator::Less, &best)?;
                if is_less == (name == "min") && *other != best {
                    best = other.clone();
                }
            }
            best
        }
        _ => return Err(format!("`{name}` cannot take these values")),
    })
}

fn compare(first: &Expression, others: &[(Operator, Expression)], names: &Names) -> Result<bool, String> {
    let mut left = value(first, names)?;
    for (operator, other) in others {
        let right = value(other, names)?;
        if !relate(&left, *operator, &right)? {
            return Ok(false);
        }
        left = right;
    }
    Ok(true)
}

fn relate(left: &Value, operator: Operator, right: &Value) -> Result<bool, String> {
    use std::cmp::Ordering;
    if matches!(operator, Operator::In | Operator::NotIn) {
        let Value::Tuple(all) = right else { return Err("`in` needs values in brackets".to_owned()) };
        let mut is_in = false;
        for one in all {
            is_in |= relate(left, Operator::Equal, one)?;
        }
        return Ok(is_in == (operator == Operator::In));
    }
    let order = match (left, right) {
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(right)),
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        (Value::Tuple(left), Value::Tuple(right)) if left == right => Some(Ordering::Equal),
        _ => match (float(left), float(right)) {
            (Some(left), Some(right)) => left.partial_cmp(&right),
            _ => None,
        },
    };
    Ok(match operator {
        Operator::Equal => order == Some(Ordering::Equal),
        Operator::NotEqual => order != Some(Ordering::Equal),
        _ => {
            let order = order.ok_or("these values have no order")?;
            match operator {
                Operator::Less => order.is_lt(),
                Operator::LessOrEqual => order.is_le(),
                Operator::Greater => order.is_gt(),
                _ => order.is_ge(),
            }
        }
    })
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Int(value) => Some(*value as f64),
        Value::Float(value) => Some(*value),
        _ => None,
    }
}

fn binary(left: &Value, operator: Operator, right: &Value) -> Result<Value, String> {
    match (left, operator, right) {
        (Value::Int(left), Operator::Divide, Value::Int(right)) if *right != 0 => {
            Ok(Value::Float(*left as f64 / *right as f64))
        }
        (Value::Int(left), _, Value::Int(right)) => integers(*left, operator, *right).map(Value::Int),
        (Value::Text(left), Operator::Add, Value::Text(right)) => Ok(Value::Text(format!("{left}{right}"))),
        (Value::Text(format), Operator::Modulo, right) => Ok(Value::Text(formatted(format, right))),
        _ => {
            let (Some(left), Some(right)) = (float(left), float(right)) else {
                return Err("an operator needs numbers".to_owned());
            };
            Ok(Value::Float(match operator {
                Operator::Add => left + right,
                Operator::Subtract => left - right,
                Operator::Multiply => left * right,
                Operator::Divide if right != 0.0 => left / right,
                Operator::FloorDivide if right != 0.0 => (left / right).floor(),
                Operator::Modulo if right != 0.0 => left - right * (left / right).floor(),
                _ => return Err("an operator cannot take these values".to_owned()),
            }))
        }
    }
}

fn integers(left: i128, operator: Operator, right: i128) -> Result<i128, String> {
    let shift = || u32::try_from(right).ok();
    let value = match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        // Python rounds down, and the remainder has the divisor's sign.
        Operator::Divide | Operator::FloorDivide => {
            let quotient = left.checked_div(right);
            let is_inexact = left.checked_rem(right).is_some_and(|rest| rest != 0 && (rest < 0) != (right < 0));
            quotient.map(|quotient| quotient - i128::from(is_inexact))
        }
        Operator::Modulo => {
            let rest = left.checked_rem(right);
            rest.map(|rest| if rest != 0 && (rest < 0) != (right < 0) { rest + right } else { rest })
        }
        Operator::ShiftLeft => shift().filter(|bits| *bits < 64).and_then(|bits| left.checked_mul(1_i128 << bits)),
        Operator::ShiftRight => shift().map(|bits| left >> bits.min(127)),
        Operator::BitAnd => Some(left & right),
        Operator::BitOr => Some(left | right),
        Operator::BitXor => Some(left ^ right),
        _ => None,
    };
    value.ok_or_else(|| "a number is too large, or divided by zero".to_owned())
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::Int(value) => *value != 0,
        Value::Float(value) => *value != 0.0,
        Value::Text(text) => !text.is_empty(),
        Value::Tuple(all) => !all.is_empty(),
    }
}

/// `format % value`: each `%…` letter takes the next value.
fn formatted(format: &str, value: &Value) -> String {
    let values = match value {
        Value::Tuple(all) => all.clone(),
        one => vec![one.clone()],
    };
    let mut values = values.iter();
    let mut out = String::new();
    let mut characters = format.chars();
    while let Some(c) = characters.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        // Widths and precisions are passed over.
        match characters.find(|c| c.is_ascii_alphabetic() || *c == '%') {
            Some('%') | None => out.push('%'),
            Some(_) => out.push_str(&values.next().map(shown).unwrap_or_default()),
        }
    }
    out
}

fn shown(value: &Value) -> String {
    match value {
        Value::Int(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Text(text) => text.clone(),
        Value::Tuple(all) => format!("({})", all.iter().map(shown).collect::<Vec<_>>().join(", ")),
    }
}
