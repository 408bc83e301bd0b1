//! Ids that a reload does not change: the same text always has the same id.

const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const LENGTH: usize = 10;

/// Ten characters of `[a-z0-9]`, as AWS makes them, derived from `parts`.
///
/// FNV-1a over the parts, each closed by a byte that no UTF-8 text has, then mixed so that every bit counts.
pub(crate) fn stable_id(parts: &[&str]) -> String {
    const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0xff]));
    let mut hash = bytes.fold(OFFSET_BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    hash = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash ^= hash >> 29;
    (0..LENGTH)
        .map(|_| {
            let digit = hash % 36;
            hash /= 36;
            char::from(ALPHABET[digit as usize])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stable_and_distinct() {
        // A fixed value: an id that changes with a release would rename every resource in the logs.
        assert_eq!(stable_id(&["petstore01", "/pets"]), "3im01nt57i");
        let ids: std::collections::HashSet<String> =
            (0..10_000).map(|number| stable_id(&["api", &format!("/route/{number}")])).collect();
        assert_eq!(ids.len(), 10_000);
        assert_ne!(stable_id(&["ab", "c"]), stable_id(&["a", "bc"]));
    }

    #[test]
    fn looks_like_aws() {
        let id = stable_id(&["x"]);
        assert_eq!(id.len(), 10);
        assert!(id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()));
    }
}
