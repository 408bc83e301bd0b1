//! Media types of requests and answers.

use super::Exchange;
use crate::http1::HeaderId;

/// What AWS takes a missing `Content-Type` or `Accept` for (tables.md §2).
pub(super) const JSON: &[u8] = b"application/json";

/// The media type of a field's value, without its parameters.
pub(super) fn essence(value: &[u8]) -> &[u8] {
    let end = value.iter().position(|b| matches!(b, b',' | b';')).unwrap_or(value.len());
    value[..end].trim_ascii()
}

/// The media type of the request's body.
pub(super) fn of_request<'a>(exchange: &Exchange<'a>) -> &'a [u8] {
    of_header(exchange, HeaderId::ContentType)
}

/// The first type that the client accepts: the only one that counts (spec sheet §4).
pub(super) fn accepted<'a>(exchange: &Exchange<'a>) -> &'a [u8] {
    of_header(exchange, HeaderId::Accept)
}

fn of_header<'a>(exchange: &Exchange<'a>, id: HeaderId) -> &'a [u8] {
    let header = exchange.head.headers.iter().find(|header| header.id == id);
    let value = header.map_or(&b""[..], |header| essence(header.value.of(exchange.bytes)));
    if value.is_empty() { JSON } else { value }
}

/// The entry of a list for a media type.
pub(super) fn find<'t, T>(list: &'t [(Box<str>, T)], media_type: &[u8]) -> Option<&'t T> {
    let entry = list.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(media_type));
    entry.map(|(_, value)| value)
}

/// The entry for a media type, else the first (tables.md §2.4).
pub(super) fn find_or_first<'t, T>(
    list: &'t [(Box<str>, T)],
    media_type: &[u8],
) -> Option<&'t (Box<str>, T)> {
    list.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(media_type)).or(list.first())
}

/// Whether bodies of this type are bytes. `*/*` means all of them; other entries have to be equal, but that `image/*` stands for its
/// subtypes ([U] in tables.md §1.2), and `*/test` for nothing.
pub(super) fn is_binary(list: &[Box<str>], media_type: &[u8]) -> bool {
    list.iter().any(|entry| {
        if &**entry == "*/*" {
            return true;
        }
        match entry.strip_suffix("/*") {
            Some(kind) => {
                media_type.len() > kind.len() + 1
                    && media_type[kind.len()] == b'/'
                    && media_type[..kind.len()].eq_ignore_ascii_case(kind.as_bytes())
                    && media_type != b"*/*"
            }
            None => entry.as_bytes().eq_ignore_ascii_case(media_type),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_types() {
        let list =
            |entries: &[&str]| entries.iter().map(|entry| Box::from(*entry)).collect::<Vec<Box<str>>>();
        assert!(is_binary(&list(&["image/png"]), b"Image/PNG"));
        assert!(!is_binary(&list(&["image/png"]), b"image/*"));
        assert!(is_binary(&list(&["*/*"]), b"text/plain"));
        assert!(is_binary(&list(&["image/*"]), b"image/png"));
        assert!(!is_binary(&list(&["*/test"]), b"random/test"));
        assert!(!is_binary(&[], b"image/png"));
    }

    #[test]
    fn parameters_and_further_types_do_not_count() {
        assert_eq!(essence(b"application/json; charset=utf-8"), b"application/json");
        assert_eq!(essence(b" image/png , */*"), b"image/png");
    }
}
