//! Identifiers and keys.

use std::fmt;

/// Characters of AWS's identifiers.
const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
/// Characters of the values of API keys.
const MIXED: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Fills its argument with bytes that nobody can guess.
pub(crate) type Random = Box<dyn FnMut(&mut [u8]) + Send>;

/// Makes identifiers.
pub(crate) struct Ids(Random);

impl fmt::Debug for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ids")
    }
}

impl Ids {
    pub(crate) fn new(random: Random) -> Self {
        Ids(random)
    }

    /// Ten characters: APIs, API keys.
    pub(crate) fn long(&mut self) -> String {
        self.text(LOWER, 10)
    }

    /// Six characters: resources, deployments, and most else.
    pub(crate) fn short(&mut self) -> String {
        self.text(LOWER, 6)
    }

    /// Forty characters: the value of an API key.
    pub(crate) fn key_value(&mut self) -> String {
        self.text(MIXED, 40)
    }

    fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        let mut text = String::with_capacity(length);
        while text.len() < length {
            let mut bytes = [0; 16];
            (self.0)(&mut bytes);
            // What does not divide evenly is thrown away: every character is as likely as any other.
            let even = 256 / alphabet.len() * alphabet.len();
            let fair = bytes.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < even);
            text.extend(
                fair.take(length - text.len()).map(|byte| char::from(alphabet[byte % alphabet.len()])),
            );
        }
        text
    }
}
