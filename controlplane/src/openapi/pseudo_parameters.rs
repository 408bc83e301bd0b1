//! CloudFormation's pseudo parameters (tables.md §10.1): `${AWS::Region}` and the like stand for where an API belongs to. AWS resolves them
//! when it imports a document; CloudFormation does within `Fn::Sub`, before AWS sees the document.

use crate::document::{Node, Value};

/// Where an API belongs to on AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// `us-east-1`, …
    pub region: String,
    /// Twelve digits.
    pub account_id: String,
}

/// Where the process file says nothing else.
impl Default for Account {
    fn default() -> Self {
        Account { region: "us-east-1".to_owned(), account_id: "000000000000".to_owned() }
    }
}

impl Account {
    /// The value of a pseudo parameter; `None`: it is not one that an import knows.
    fn value(&self, name: &str) -> Option<&str> {
        let is_in_china = self.region.starts_with("cn-");
        match name {
            "AWS::Region" => Some(&self.region),
            "AWS::AccountId" => Some(&self.account_id),
            "AWS::Partition" if is_in_china => Some("aws-cn"),
            "AWS::Partition" if self.region.starts_with("us-gov-") => Some("aws-us-gov"),
            "AWS::Partition" => Some("aws"),
            "AWS::URLSuffix" if is_in_china => Some("amazonaws.com.cn"),
            "AWS::URLSuffix" => Some("amazonaws.com"),
            _ => None,
        }
    }

    /// `text` with the pseudo parameters in their place; whatever else is in braces stays.
    pub(super) fn resolved(&self, text: &str) -> String {
        let keep = |name: &str| Some(format!("${{{name}}}"));
        replaced(text, |name| self.value(name).map(str::to_owned).or_else(|| keep(name))).unwrap_or_default()
    }

    /// The result of `Fn::Sub`; `None`: it needs more than pseudo parameters. `${!name}` is CloudFormation's way to write `${name}`.
    fn substituted(&self, text: &str) -> Option<String> {
        replaced(text, |name| match name.strip_prefix('!') {
            Some(literal) => Some(format!("${{{literal}}}")),
            None => self.value(name).map(str::to_owned),
        })
    }

    /// Puts the results of `{"Fn::Sub": "…"}` in their places, wherever pseudo parameters are all that they need; others stay, and are
    /// errors with a place when they are read.
    pub(super) fn substitute(&self, node: &mut Node) {
        match &mut node.value {
            Value::Sequence(items) => items.iter_mut().for_each(|item| self.substitute(item)),
            Value::Mapping(entries) => {
                if let [entry] = entries.as_slice()
                    && entry.key == "Fn::Sub"
                    && let Value::String(text) = &entry.value.value
                    && let Some(text) = self.substituted(text)
                {
                    node.value = Value::String(text);
                    return;
                }
                entries.iter_mut().for_each(|entry| self.substitute(&mut entry.value));
            }
            _ => {}
        }
    }
}

/// `text` with each `${name}` replaced by what `value` says; `None` where it says nothing.
fn replaced(text: &str, value: impl Fn(&str) -> Option<String>) -> Option<String> {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, after)) = after.split_once('}') else { break };
        out.push_str(before);
        out.push_str(&value(name)?);
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pseudo_parameters_are_resolved_and_others_stay() {
        let account = Account { region: "cn-north-1".into(), account_id: "123456789012".into() };
        assert_eq!(
            account.resolved(
                "${AWS::Partition}:${AWS::Region}:${AWS::AccountId}.${AWS::URLSuffix}${stageVariables.x}"
            ),
            "aws-cn:cn-north-1:123456789012.amazonaws.com.cn${stageVariables.x}"
        );
        let account = Account { region: "us-gov-west-1".into(), ..Account::default() };
        assert_eq!(
            account.resolved("${AWS::Partition} ${AWS::StackName} ${AWS::URLSuffix} ${"),
            "aws-us-gov ${AWS::StackName} amazonaws.com ${"
        );
        assert_eq!(Account::default().resolved("$${AWS::Partition}}"), "$aws}");
    }

    #[test]
    fn a_substitution_needs_pseudo_parameters_only() {
        let account = Account::default();
        assert_eq!(
            account.substituted("http://${AWS::Region}/${!stageVariables.x}").unwrap(),
            "http://us-east-1/${stageVariables.x}"
        );
        assert_eq!(account.substituted("plain").unwrap(), "plain");
        assert_eq!(account.substituted("${AWS::Region}${Function.Arn}"), None);
    }
}
