//! What an API consists of, as a map that can be compared: what it was known to be, and what is there.

use std::collections::BTreeMap;

use serde_json::Value;

use super::client::Client;
use super::gateway::Gateway;
use crate::Outcome;

/// Everything of an API, by name: ids of resources and deployments, texts of models, numbers that it answers.
pub(super) type Picture = BTreeMap<String, String>;

/// The id of what is created: nobody knows it before the answer.
pub(super) const UNKNOWN: &str = "?";
/// Longest page of a collection: the writers make less.
const PAGE: &str = "limit=500";

pub(super) fn resource(path: &str) -> String {
    format!("resource {path}")
}

pub(super) fn model(name: &str) -> String {
    format!("model {name}")
}

pub(super) fn deployment(number: &str) -> String {
    format!("deployment {number}")
}

/// The number that the deployment of the stage has.
pub(super) const STAGE: &str = "stage";
/// The number that the next deployment will have.
pub(super) const MOCK: &str = "mock";
/// The number that the data plane answers.
pub(super) const SERVED: &str = "served";

/// Where an API's number is.
pub(super) const NUMBER_PATH: &str = "/live/number";

/// Asks both planes for everything.
pub(super) fn take(client: &mut Client, gateway: &Gateway, api: &str) -> Outcome<Picture> {
    let mut picture = Picture::new();
    let mut items = |path: &str| -> Outcome<Vec<Value>> {
        let mut answer = client.good("GET", &format!("/restapis/{api}/{path}"), &Value::Null)?;
        if answer.get("position").is_some() {
            return Err(format!("{path} has more than a page"));
        }
        Ok(answer["item"].as_array_mut().map(std::mem::take).unwrap_or_default())
    };
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
    for one in items(&format!("resources?{PAGE}"))? {
        picture.insert(resource(&text(&one, "path")), text(&one, "id"));
    }
    for one in items(&format!("models?{PAGE}"))? {
        picture.insert(model(&text(&one, "name")), text(&one, "description"));
    }
    let mut numbers = BTreeMap::new();
    for one in items(&format!("deployments?{PAGE}"))? {
        numbers.insert(text(&one, "id"), text(&one, "description"));
        picture.insert(deployment(&text(&one, "description")), text(&one, "id"));
    }
    let stage = client.good("GET", &format!("/restapis/{api}/stages/live"), &Value::Null)?;
    let staged = numbers.get(&text(&stage, "deploymentId"));
    picture.insert(STAGE.to_owned(), staged.cloned().unwrap_or("a deployment that is not there".to_owned()));
    let number = picture.get(&resource("/number")).cloned().unwrap_or_default();
    let path = format!("/restapis/{api}/resources/{number}/methods/GET/integration/responses/200");
    let response = client.good("GET", &path, &Value::Null)?;
    picture.insert(MOCK.to_owned(), text(&response["responseTemplates"], "application/json"));
    let served = gateway.ask(api, NUMBER_PATH).unwrap_or_default();
    picture.insert(SERVED.to_owned(), String::from_utf8_lossy(&served).into_owned());
    Ok(picture)
}

/// What became of the writes before a kill.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Parts that are not as the last answer that concerned them said.
    pub(super) lost: Vec<String>,
    /// Parts of the unanswered write that are there, and parts that are not.
    pub(super) applied: Vec<String>,
    pub(super) missing: Vec<String>,
}

impl Verdict {
    /// The unanswered write is there in part.
    pub(super) fn is_torn(&self) -> bool {
        !self.applied.is_empty() && !self.missing.is_empty()
    }
}

/// Compares what is there with what the answers said, and with what one more write that had no answer would have made of it.
pub(super) fn judge(answered: &Picture, unanswered: Option<&Picture>, there: &Picture) -> Verdict {
    let next = unanswered.unwrap_or(answered);
    let mut verdict = Verdict::default();
    let mut names: Vec<&String> = answered.keys().chain(next.keys()).chain(there.keys()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let (before, after, now) = (answered.get(name), next.get(name), there.get(name));
        let is_after = after == now || (now.is_some() && after.is_some_and(|after| after == UNKNOWN));
        let told = format!("{name}: {} instead of {}", spell(now), spell(before));
        match (before == after, before == now, is_after) {
            (true, true, _) => {}
            (false, true, _) => verdict.missing.push(told),
            (false, false, true) => verdict.applied.push(told),
            (_, false, _) => verdict.lost.push(told),
        }
    }
    verdict
}

fn spell(value: Option<&String>) -> &str {
    value.map_or("nothing", |value| value)
}

#[cfg(test)]
mod tests {
    use super::{Picture, UNKNOWN, judge};

    fn picture(parts: &[(&str, &str)]) -> Picture {
        parts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn an_unanswered_write_is_there_whole_or_not_at_all() {
        let before = picture(&[("a", "1"), ("b", "1"), ("c", "1")]);
        let after = picture(&[("a", "2"), ("c", "1"), ("d", UNKNOWN)]);
        let whole = judge(&before, Some(&after), &picture(&[("a", "2"), ("c", "1"), ("d", "x")]));
        assert!(whole.lost.is_empty() && !whole.is_torn() && whole.applied.len() == 3);
        let none = judge(&before, Some(&after), &before);
        assert!(none.lost.is_empty() && !none.is_torn() && none.missing.len() == 3);
        let half = judge(&before, Some(&after), &picture(&[("a", "2"), ("b", "1"), ("c", "1")]));
        assert!(half.lost.is_empty() && half.is_torn());
    }

    #[test]
    fn what_was_answered_is_there() {
        let before = picture(&[("a", "1"), ("b", "1")]);
        let after = picture(&[("a", "1"), ("b", "2")]);
        assert_eq!(judge(&before, None, &before).lost.len(), 0);
        assert_eq!(judge(&before, Some(&after), &picture(&[("b", "2")])).lost.len(), 1, "a is gone");
        assert_eq!(judge(&before, Some(&after), &picture(&[("a", "1")])).lost.len(), 1, "b is neither");
        let more = picture(&[("a", "1"), ("b", "1"), ("c", "1")]);
        assert_eq!(judge(&before, None, &more).lost.len(), 1, "what was deleted is back");
    }
}
