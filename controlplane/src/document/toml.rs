//! TOML with the place of every value.

use std::ops::Range;

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue, Error};

use super::{Entry, LineIndex, Node, SyntaxError, Value};

/// Parses TOML; reports every syntax error. The parser itself bounds the depth.
pub(super) fn parse(text: &str) -> Result<Node, Vec<SyntaxError>> {
    let lines = LineIndex::new(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Err(errors.iter().map(|error| syntax_error(error, &lines)).collect());
    }
    Ok(Node { position: super::Position::START, value: mapping(table.into_inner(), &lines) })
}

fn syntax_error(error: &Error, lines: &LineIndex<'_>) -> SyntaxError {
    let offset = error.span().map_or(0, |span| span.start);
    SyntaxError { position: lines.position(offset), message: format!("not valid TOML: {}", error.message()) }
}

/// Members in the order of the file, which the parser's table does not keep.
fn mapping(table: DeTable<'_>, lines: &LineIndex<'_>) -> Value {
    let mut members: Vec<_> = table.into_iter().collect();
    members.sort_by_key(|(key, _)| key.span().start);
    let entry = |(key, value): (Spanned<_>, Spanned<DeValue<'_>>)| Entry {
        position: lines.position(key.span().start),
        key: String::from(key.into_inner()),
        value: node(value, lines),
    };
    Value::Mapping(members.into_iter().map(entry).collect())
}

fn node(value: Spanned<DeValue<'_>>, lines: &LineIndex<'_>) -> Node {
    let Range { start, .. } = value.span();
    let value = match value.into_inner() {
        DeValue::String(text) => Value::String(text.into_owned()),
        DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(integer) => Value::Number(integer.to_string()),
            Err(_) => Value::Unsupported("the number does not fit into 64 bits".into()),
        },
        DeValue::Float(float) => Value::Number(float.as_str().to_owned()),
        DeValue::Boolean(value) => Value::Boolean(value),
        DeValue::Datetime(_) => Value::Unsupported("a date or time is not valid here".into()),
        DeValue::Array(items) => Value::Sequence(items.into_iter().map(|item| node(item, lines)).collect()),
        DeValue::Table(table) => mapping(table, lines),
    };
    Node { position: lines.position(start), value }
}

#[cfg(test)]
mod tests {
    use super::super::Position;
    use super::*;

    #[test]
    fn keeps_order_and_places() {
        let root = parse("b = 0x10\na = [1, 'x']\n[[s]]\nn = 1_000\n[[s]]\nn = true\n").unwrap();
        let Value::Mapping(entries) = root.value else { panic!("no mapping") };
        let keys: Vec<_> = entries.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["b", "a", "s"]);
        assert!(matches!(&entries[0].value.value, Value::Number(text) if text == "16"));
        let Value::Sequence(tables) = &entries[2].value.value else { panic!("no sequence") };
        let Value::Mapping(second) = &tables[1].value else { panic!("no mapping") };
        assert_eq!(second[0].position, Position { line: 6, column: 1 });
        let Value::Mapping(first) = &tables[0].value else { panic!("no mapping") };
        assert!(matches!(&first[0].value.value, Value::Number(text) if text == "1000"));
    }

    #[test]
    fn reports_each_error() {
        let errors = parse("a = \nb = 1\nb = 2\nc = [\n").unwrap_err();
        assert!(errors.len() >= 2, "{errors:?}");
        let lines: Vec<_> = errors.iter().map(|error| error.position.line).collect();
        assert!(lines.contains(&1) && lines.contains(&4), "{lines:?}");
    }

    #[test]
    fn depth_is_bounded() {
        assert!(parse(&format!("a = {}", "[".repeat(100_000))).is_err());
        assert!(parse(&format!("{} = 1", ["a"; 100_000].join("."))).is_err());
    }
}
