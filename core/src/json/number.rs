//! Numbers as Java prints them.

use std::io::Write;

/// A number that fits neither `long` nor `double`: Java's `BigInteger` and `BigDecimal`.
#[derive(Debug, Clone, PartialEq)]
pub enum BigNumber {
    /// A `BigInteger` of at most 128 bits.
    Integer(i128),
    /// A longer `BigInteger`, as its digits: it can be printed, and counts with the precision of a `double`.
    LongInteger(Box<str>),
    /// A `BigDecimal`, as it prints: it counts with the precision of a `double`.
    Decimal(Box<str>),
}

impl BigNumber {
    /// A `BigInteger` of decimal digits with a sign or none.
    pub fn integer(digits: &str) -> Self {
        if let Ok(number) = digits.parse() {
            return BigNumber::Integer(number);
        }
        let (sign, digits) = match digits.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None => ("", digits),
        };
        BigNumber::LongInteger(format!("{sign}{}", digits.trim_start_matches('0')).into())
    }

    /// A `BigDecimal` of a number as JSON writes it. `None` if its exponent is absurd.
    pub fn decimal(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i64>().ok().filter(|e| e.abs() < 1 << 31)?),
            None => (text, 0),
        };
        let (sign, mantissa) = match mantissa.strip_prefix('-') {
            Some(mantissa) => ("-", mantissa),
            None => ("", mantissa),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let digits = all.trim_start_matches('0');
        let digits = if digits.is_empty() { "0" } else { digits };
        let scale = fraction.len() as i64 - exponent;
        Some(BigNumber::Decimal(format!("{sign}{}", decimal_text(digits, scale)).into()))
    }

    /// The nearest `double`.
    pub fn as_double(&self) -> f64 {
        match self {
            BigNumber::Integer(number) => *number as f64,
            BigNumber::LongInteger(text) | BigNumber::Decimal(text) => text.parse().unwrap_or(f64::NAN),
        }
    }

    /// Whether it is a whole number.
    pub fn is_integer(&self) -> bool {
        !matches!(self, BigNumber::Decimal(_))
    }

    /// Appends it as Java prints it.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            BigNumber::Integer(number) => {
                out.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes())
            }
            BigNumber::LongInteger(text) | BigNumber::Decimal(text) => out.extend_from_slice(text.as_bytes()),
        }
    }
}

/// `BigDecimal.toString` of `digits` × 10^-`scale`.
fn decimal_text(digits: &str, scale: i64) -> String {
    if scale == 0 {
        return digits.to_owned();
    }
    let adjusted = digits.len() as i64 - 1 - scale;
    if scale > 0 && adjusted >= -6 {
        let scale = scale as usize;
        return match digits.len().checked_sub(scale) {
            Some(whole) if whole > 0 => format!("{}.{}", &digits[..whole], &digits[whole..]),
            _ => format!("0.{}{digits}", "0".repeat(scale - digits.len())),
        };
    }
    let point = if digits.len() > 1 { "." } else { "" };
    let exponent = if adjusted == 0 { String::new() } else { format!("E{adjusted:+}") };
    format!("{}{point}{}{exponent}", &digits[..1], &digits[1..])
}

/// Appends `number` as Java's `Double.toString` does: `1.5`, `100.0`, `1.0E10`, `NaN`.
pub fn write_double(number: f64, out: &mut Vec<u8>) {
    if number.is_nan() {
        return out.extend_from_slice(b"NaN");
    }
    if number.is_sign_negative() {
        out.push(b'-');
    }
    let size = number.abs();
    if size.is_infinite() {
        return out.extend_from_slice(b"Infinity");
    }
    if size == 0.0 {
        return out.extend_from_slice(b"0.0");
    }
    // "d.ddde-x": the shortest digits that read back as the same number. At most 17 digits and an exponent of 5 characters.
    let mut buffer = [0_u8; 32];
    let mut rest = &mut buffer[..];
    let _ = write!(rest, "{size:e}");
    let left = rest.len();
    let text = &buffer[..buffer.len() - left];
    let Some(split) = text.iter().position(|&byte| byte == b'e') else { return };
    let exponent =
        std::str::from_utf8(&text[split + 1..]).ok().and_then(|e| e.parse::<i32>().ok()).unwrap_or(0);
    let first = text[0];
    let others = if split > 2 { &text[2..split] } else { &[][..] };
    write_digits(first, others, exponent, (1e-3..1e7).contains(&size), out);
}

fn write_digits(first: u8, others: &[u8], exponent: i32, plain: bool, out: &mut Vec<u8>) {
    let tail = |others: &[u8], out: &mut Vec<u8>| {
        out.push(b'.');
        out.extend_from_slice(if others.is_empty() { b"0" } else { others });
    };
    if !plain {
        out.push(first);
        tail(others, out);
        out.push(b'E');
        out.extend_from_slice(itoa::Buffer::new().format(exponent).as_bytes());
    } else if exponent < 0 {
        out.extend_from_slice(b"0.");
        out.resize(out.len() + (-exponent - 1) as usize, b'0');
        out.push(first);
        out.extend_from_slice(others);
    } else {
        let whole = (exponent as usize).min(others.len());
        out.push(first);
        out.extend_from_slice(&others[..whole]);
        out.resize(out.len() + exponent as usize - whole, b'0');
        tail(&others[whole..], out);
    }
}
