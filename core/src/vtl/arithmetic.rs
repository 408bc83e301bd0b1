//! Velocity's arithmetic: whole numbers grow from `Integer` over `Long` to `BigInteger`, a `Double` makes everything one.

use std::cmp::Ordering;
use std::rc::Rc;

use super::token::Operator;
use crate::json::{BigNumber, Value};

/// What two numbers are computed as.
enum Pair {
    /// Both `Integer` or `Long`; `Long` if one is.
    Whole(i64, i64, bool),
    /// One is a `BigInteger`.
    Big(i128, i128),
    Double(f64, f64),
    /// One is a `BigDecimal`, or a `BigInteger` beside a `Double`: computed as a `double` here.
    Decimal(f64, f64),
}

fn whole(value: &Value<'_>) -> Option<(i64, bool)> {
    match value {
        Value::Integer(number) => Some((i64::from(*number), false)),
        Value::Long(number) => Some((*number, true)),
        _ => None,
    }
}

fn big(value: &Value<'_>) -> Option<i128> {
    match value {
        Value::Integer(number) => Some((*number).into()),
        Value::Long(number) => Some((*number).into()),
        Value::Big(number) => match **number {
            BigNumber::Integer(number) => Some(number),
            _ => None,
        },
        _ => None,
    }
}

fn pair(left: &Value<'_>, right: &Value<'_>) -> Option<Pair> {
    if let (Some((a, a_long)), Some((b, b_long))) = (whole(left), whole(right)) {
        return Some(Pair::Whole(a, b, a_long || b_long));
    }
    if let (Some(a), Some(b)) = (big(left), big(right)) {
        return Some(Pair::Big(a, b));
    }
    let (a, b) = (left.as_double()?, right.as_double()?);
    let has_big = matches!(left, Value::Big(_)) || matches!(right, Value::Big(_));
    Some(if has_big { Pair::Decimal(a, b) } else { Pair::Double(a, b) })
}

/// How two numbers compare. The outer `None`: one is no number; the inner one: one is `NaN`.
pub(super) fn compare(left: &Value<'_>, right: &Value<'_>) -> Option<Option<Ordering>> {
    Some(match pair(left, right)? {
        Pair::Whole(a, b, _) => Some(a.cmp(&b)),
        Pair::Big(a, b) => Some(a.cmp(&b)),
        // Java's way to compare: what is neither less nor greater is equal, `NaN` with anything too.
        Pair::Double(a, b) => Some(a.partial_cmp(&b).unwrap_or(Ordering::Equal)),
        Pair::Decimal(a, b) => a.partial_cmp(&b),
    })
}

/// Arithmetic and the four orderings. `None`: the result is `null`. `Err`: Java throws.
pub(super) fn binary<'r>(
    operator: Operator,
    left: &Value<'r>,
    right: &Value<'r>,
) -> Result<Option<Value<'r>>, &'static str> {
    let holds: fn(Ordering) -> bool = match operator {
        Operator::Less => Ordering::is_lt,
        Operator::LessOrEqual => Ordering::is_le,
        Operator::Greater => Ordering::is_gt,
        Operator::GreaterOrEqual => Ordering::is_ge,
        operator => return Ok(pair(left, right).map(|pair| compute(operator, pair)).transpose()?.flatten()),
    };
    Ok(Some(Value::Boolean(compare(left, right).flatten().is_some_and(holds))))
}

fn compute<'r>(operator: Operator, pair: Pair) -> Result<Option<Value<'r>>, &'static str> {
    Ok(match pair {
        Pair::Whole(a, b, long) => {
            let (a, b) = (i128::from(a), i128::from(b));
            wholes(operator, a, b).map(|number| match i64::try_from(number) {
                Ok(number) => match i32::try_from(number) {
                    Ok(number) if !long => Value::Integer(number),
                    _ => Value::Long(number),
                },
                Err(_) => Value::Big(Rc::new(BigNumber::Integer(number))),
            })
        }
        Pair::Big(a, b) => match operator {
            Operator::Modulo if b < 0 => return Err("a BigInteger has no modulus of a negative number"),
            Operator::Modulo if b > 0 => Some(big_value(a.rem_euclid(b))),
            operator => wholes(operator, a, b).map(big_value),
        },
        Pair::Double(a, b) | Pair::Decimal(a, b) => doubles(operator, a, b).map(Value::Double),
    })
}

fn big_value<'r>(number: i128) -> Value<'r> {
    Value::Big(Rc::new(BigNumber::Integer(number)))
}

/// `None` for a division by zero, and beyond 128 bits.
fn wholes(operator: Operator, a: i128, b: i128) -> Option<i128> {
    match operator {
        Operator::Add => a.checked_add(b),
        Operator::Subtract => a.checked_sub(b),
        Operator::Multiply => a.checked_mul(b),
        Operator::Divide => a.checked_div(b),
        Operator::Modulo => a.checked_rem(b),
        _ => None,
    }
}

fn doubles(operator: Operator, a: f64, b: f64) -> Option<f64> {
    match operator {
        Operator::Add => Some(a + b),
        Operator::Subtract => Some(a - b),
        Operator::Multiply => Some(a * b),
        Operator::Divide if b != 0.0 => Some(a / b),
        Operator::Modulo if b != 0.0 => Some(a % b),
        _ => None,
    }
}

/// Java's `intValue`: the low 32 bits of a whole number, the nearest `int` of any other.
pub(super) fn int_value(value: &Value<'_>) -> Option<i32> {
    match value {
        Value::Integer(number) => Some(*number),
        Value::Long(number) => Some(*number as i32),
        Value::Double(number) => Some(*number as i32),
        Value::Big(number) => Some(match **number {
            BigNumber::Integer(number) => number as i32,
            ref other => other.as_double() as i64 as i32,
        }),
        _ => None,
    }
}

/// Java's `longValue`.
pub(super) fn long_value(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Long(number) => Some(*number),
        Value::Double(number) => Some(*number as i64),
        Value::Big(number) => Some(match **number {
            BigNumber::Integer(number) => number as i64,
            ref other => other.as_double() as i64,
        }),
        other => int_value(other).map(i64::from),
    }
}
