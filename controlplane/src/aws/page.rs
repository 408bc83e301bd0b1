//! Collections, a page at a time: `limit` and `position`.

use serde_json::{Value, json};

use super::call::Call;
use super::{Answer, Exception};

/// Items of a page where the caller does not say.
const LIMIT_DEFAULT: usize = 25;
/// Items of a page at most; AWS lowers what is more.
const LIMIT: usize = 500;

/// A page of `rows`, which come in the order of their keys. `show` makes an item of a row.
pub(crate) fn page<'a, T: 'a>(
    call: &Call<'_>,
    rows: impl Iterator<Item = (&'a str, &'a T)>,
    mut show: impl FnMut(&'a T) -> Value,
) -> Result<Answer, Exception> {
    let limit = match call.query("limit") {
        None => LIMIT_DEFAULT,
        Some(text) => match text.parse::<usize>() {
            Ok(limit) if limit > 0 => limit.min(LIMIT),
            _ => return Err(Exception::bad_request(format!("Invalid limit specified: {text}"))),
        },
    };
    let after = call.query("position").filter(|position| !position.is_empty());
    let after = match after.map(from_position) {
        Some(None) => return Err(Exception::bad_request("Invalid position specified")),
        Some(key) => key,
        None => None,
    };
    let mut rows = rows.skip_while(|(key, _)| after.as_deref().is_some_and(|after| *key <= after));
    let mut items = Vec::new();
    let mut last = "";
    for (key, row) in rows.by_ref().take(limit) {
        items.push(show(row));
        last = key;
    }
    let mut body = json!({ "item": items });
    if rows.next().is_some() {
        body["position"] = json!(to_position(last));
    }
    Ok(Answer::Json(body))
}

/// Opaque to callers, and safe in a query: hexadecimal.
fn to_position(key: &str) -> String {
    key.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn from_position(text: &str) -> Option<String> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    String::from_utf8(digits.chunks(2).map(|pair| pair[0] * 16 + pair[1]).collect()).ok()
}
