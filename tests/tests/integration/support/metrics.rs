//! A page of `/metrics`, read strictly.

use std::collections::{BTreeMap, BTreeSet};

/// Samples by series: the name with its labels as they stand on the page.
#[derive(Debug)]
pub(crate) struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    /// Panics where the page is not Prometheus text 0.0.4.
    pub(crate) fn parse(page: &str) -> Self {
        let (mut samples, mut families) = (BTreeMap::new(), BTreeSet::new());
        let mut family = String::new();
        assert!(page.ends_with('\n'));
        for line in page.lines() {
            if let Some(comment) = line.strip_prefix("# ") {
                let words: Vec<&str> = comment.splitn(3, ' ').collect();
                assert_eq!(words.len(), 3, "{line}");
                match words[0] {
                    "HELP" => assert!(families.insert(words[1].to_owned()), "family twice: {line}"),
                    "TYPE" => {
                        assert!(families.contains(words[1]), "TYPE before HELP: {line}");
                        assert!(["counter", "gauge", "histogram"].contains(&words[2]), "{line}");
                        family = words[1].to_owned();
                    }
                    _ => panic!("{line}"),
                }
                continue;
            }
            let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
            let name = series.split('{').next().unwrap();
            assert!(name.starts_with(&family), "{line} is not of {family}");
            assert!(!series.contains('{') || series.ends_with('}'), "{line}");
            let value: f64 = value.parse().unwrap_or_else(|_| panic!("no value: {line}"));
            assert!(samples.insert(series.to_owned(), value).is_none(), "series twice: {line}");
        }
        Metrics(samples)
    }

    /// The sum of the series of `name` that have all `labels`, each as `key="value"`.
    pub(crate) fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let wanted = self.0.iter().filter(|(series, _)| {
            let (own, rest) = series.split_once('{').unwrap_or((series, ""));
            let pairs = rest.trim_end_matches('}');
            own == name && labels.iter().all(|label| pairs.split(',').any(|pair| pair == *label))
        });
        wanted.map(|(_, value)| value).sum()
    }
}
