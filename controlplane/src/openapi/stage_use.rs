//! What a document needs from the variables of its stage.

use std::collections::BTreeMap;

use ringway_core::model::{stage_variables_of, substitute_stage_variables};

use super::uri;
use crate::issue::{Place, quoted};

/// A place of the document that refers to stage variables.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct StageUse {
    place: Place,
    what: What,
}

#[derive(Debug, Clone, PartialEq)]
enum What {
    Uri(String),
    Variable(String),
}

impl StageUse {
    pub(super) fn uri(place: Place, uri: &str) -> Self {
        Self { place, what: What::Uri(uri.to_owned()) }
    }

    pub(super) fn variable(place: Place, name: &str) -> Self {
        Self { place, what: What::Variable(name.to_owned()) }
    }

    fn names(&self) -> Vec<&str> {
        match &self.what {
            What::Uri(uri) => stage_variables_of(uri).unwrap_or_default(),
            What::Variable(name) => vec![name],
        }
    }
}

/// Undefined variables, each once with its first use, then what the values make invalid.
pub(super) fn problems(uses: &[StageUse], variables: &BTreeMap<String, String>) -> Vec<String> {
    let mut undefined: BTreeMap<&str, (&Place, usize)> = BTreeMap::new();
    for usage in uses {
        for name in usage.names() {
            if !variables.contains_key(name) {
                undefined.entry(name).or_insert((&usage.place, 0)).1 += 1;
            }
        }
    }
    let undefined = undefined.into_iter().map(|(name, (place, count))| {
        format!("the stage variable `{name}` is not defined; it is used at {place}{}", more(count))
    });
    undefined.chain(invalid_uris(uses, variables)).collect()
}

/// The first URI that the values make invalid: the same value mostly spoils many.
fn invalid_uris(uses: &[StageUse], variables: &BTreeMap<String, String>) -> Option<String> {
    let mut invalid = uses.iter().filter_map(|usage| {
        let What::Uri(template) = &usage.what else { return None };
        let uri = substitute_stage_variables(template, variables).ok()?;
        uri::check(&uri).err().map(|message| (&usage.place, uri, message))
    });
    let (place, uri, message) = invalid.next()?;
    let more = more(invalid.count() + 1);
    Some(format!("the variables make {} of {place}{more} invalid: {message}", quoted(&uri)))
}

fn more(count: usize) -> String {
    if count > 1 { format!(" and {} more", count - 1) } else { String::new() }
}
