//! The command line of `verify` and `bench`: one name and `--key value` pairs.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::Outcome;

/// Words after the command.
pub(crate) struct Options {
    name: Option<String>,
    pairs: BTreeMap<String, String>,
    /// `--list` was given.
    pub(crate) list: bool,
}

impl Options {
    /// Reads `[NAME] [--list] [--key value]…`.
    pub(crate) fn parse(words: &[String]) -> Outcome<Self> {
        let mut options = Options { name: None, pairs: BTreeMap::new(), list: false };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if word == "--list" {
                options.list = true;
            } else if let Some(key) = word.strip_prefix("--") {
                let value = words.next().ok_or_else(|| format!("--{key} needs a value"))?;
                if options.pairs.insert(key.to_owned(), value.clone()).is_some() {
                    return Err(format!("--{key} is given twice"));
                }
            } else if options.name.is_none() {
                options.name = Some(word.clone());
            } else {
                return Err(format!("`{word}` is one word too many"));
            }
        }
        Ok(options)
    }

    /// The name, where one was given.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Refuses every key but `keys`, and a name where there is no use for keys.
    pub(crate) fn only(&self, keys: &[&str]) -> Outcome<()> {
        if keys.is_empty()
            && let Some(name) = &self.name
        {
            return Err(format!("`{name}` is one word too many"));
        }
        match self.pairs.keys().find(|key| !keys.contains(&key.as_str())) {
            Some(key) if keys.is_empty() => Err(format!("--{key} is not understood here")),
            Some(key) => Err(format!("--{key} is not understood here; there are --{}", keys.join(", --"))),
            None => Ok(()),
        }
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
    fn refuses_what_it_does_not_understand() {
        assert!(parse("a b").is_err());
        assert!(parse("a --rounds").is_err());
        assert!(parse("a --rounds 1 --rounds 2").is_err());
        assert!(parse("a --rounds x").unwrap().get("rounds", 1).is_err());
        assert!(parse("a").unwrap().only(&[]).is_err());
    }
}
