//! The command line of `verify` and `bench`: a name, words for the few that take some, flags, and `--key value` pairs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::str::FromStr;

use crate::Outcome;

/// Options that stand alone.
const FLAGS: &[&str] = &["list", "bless"];
/// Understood by every `verify` and `bench`: see [`crate::history`].
const RECORD: &str = "record";

/// What stands after the command.
pub(crate) struct Options {
    name: Option<String>,
    words: Vec<String>,
    pairs: BTreeMap<String, String>,
    flags: BTreeSet<String>,
}

impl Options {
    /// Reads `[NAME] [WORD]… [--flag]… [--key value]…`.
    pub(crate) fn parse(words: &[String]) -> Outcome<Self> {
        let (pairs, flags) = (BTreeMap::new(), BTreeSet::new());
        let mut options = Options { name: None, words: Vec::new(), pairs, flags };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if let Some(flag) = word.strip_prefix("--").filter(|flag| FLAGS.contains(flag)) {
                options.flags.insert(flag.to_owned());
            } else if let Some(key) = word.strip_prefix("--") {
                let value = words.next().ok_or_else(|| format!("--{key} needs a value"))?;
                if options.pairs.insert(key.to_owned(), value.clone()).is_some() {
                    return Err(format!("--{key} is given twice"));
                }
            } else if options.name.is_none() {
                options.name = Some(word.clone());
            } else {
                options.words.push(word.clone());
            }
        }
        Ok(options)
    }

    /// The name, where one was given.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Whether `--flag` was given.
    pub(crate) fn flag(&self, flag: &str) -> bool {
        self.flags.contains(flag)
    }

    /// Refuses words, and every key and flag but `keys`; without keys there is no use for a name either.
    pub(crate) fn only(&self, keys: &[&str]) -> Outcome<()> {
        let named = self.name.as_ref().filter(|_| keys.is_empty());
        match named.or(self.words.first()) {
            Some(word) => Err(format!("`{word}` is one word too many")),
            None => self.only_with_words(keys).map(drop),
        }
    }

    /// As [`Options::only`], but returns the words after the name.
    pub(crate) fn only_with_words(&self, keys: &[&str]) -> Outcome<&[String]> {
        let known = |key: &&String| keys.contains(&key.as_str()) || (*key == RECORD && !keys.is_empty());
        match self.pairs.keys().chain(&self.flags).find(|key| !known(key)) {
            Some(key) if keys.is_empty() => Err(format!("--{key} is not understood here")),
            Some(key) => Err(format!("--{key} is not understood here; there are --{}", keys.join(", --"))),
            None => Ok(&self.words),
        }
    }

    /// The file of `--record`.
    pub(crate) fn record(&self) -> Option<&Path> {
        self.pairs.get(RECORD).map(Path::new)
    }

    /// The value of `--key`, or `default`.
    pub(crate) fn get<T: FromStr>(&self, key: &str, default: T) -> Outcome<T> {
        match self.pairs.get(key) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| format!("--{key} {text}: not a value of the right kind")),
        }
    }

    /// The comma-separated value of `--key`, or `default`.
    pub(crate) fn get_list<T: FromStr + Clone>(&self, key: &str, default: &[T]) -> Outcome<Vec<T>> {
        let Some(text) = self.pairs.get(key) else { return Ok(default.to_vec()) };
        text.split(',')
            .map(|part| {
                part.trim().parse().map_err(|_| format!("--{key} {text}: `{part}` is not understood"))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Options;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn reads_a_name_and_pairs() {
        let options = parse("proxy --rounds 3 --connections 1,64").unwrap();
        assert_eq!(options.name(), Some("proxy"));
        assert_eq!(options.get("rounds", 12), Ok(3));
        assert_eq!(options.get("slice", 7), Ok(7));
        assert_eq!(options.get_list("connections", &[9]), Ok(vec![1, 64]));
        assert!(options.only(&["rounds", "connections"]).is_ok());
        assert!(options.only(&["rounds"]).unwrap_err().contains("--connections"));
    }

    #[test]
    fn reads_words_flags_and_where_to_record() {
        let options = parse("ab HEAD~1 HEAD --pairs 3 --bless --record runs.ndjson").unwrap();
        assert_eq!(options.only_with_words(&["pairs", "bless"]), Ok(&["HEAD~1".into(), "HEAD".into()][..]));
        assert!(options.flag("bless") && !options.flag("list"));
        assert_eq!(options.record(), Some(std::path::Path::new("runs.ndjson")));
        assert!(options.only(&["pairs", "bless"]).unwrap_err().contains("HEAD~1"));
        assert!(options.only_with_words(&["pairs"]).unwrap_err().contains("--bless"));
        assert!(parse("--record x").unwrap().only(&[]).is_err());
    }

    #[test]
    fn refuses_what_it_does_not_understand() {
        assert!(parse("a b").unwrap().only(&["rounds"]).is_err());
        assert!(parse("a --rounds").is_err());
        assert!(parse("a --rounds 1 --rounds 2").is_err());
        assert!(parse("a --rounds x").unwrap().get("rounds", 1).is_err());
        assert!(parse("a").unwrap().only(&[]).is_err());
    }
}
