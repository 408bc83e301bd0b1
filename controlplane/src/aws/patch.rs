//! `patchOperations` (tables.md §7).

use serde_json::Value;

use super::call::Members;
use super::exception::{Exception, Violation};

/// AWS's own list, in its order.
const OPS: &str = "add, remove, move, test, replace, copy";

/// More than any path of the service has.
const SEGMENTS: usize = 16;

/// `op`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Add,
    Remove,
    Move,
    Test,
    Replace,
    Copy,
}

impl Op {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "add" => Op::Add,
            "remove" => Op::Remove,
            "move" => Op::Move,
            "test" => Op::Test,
            "replace" => Op::Replace,
            "copy" => Op::Copy,
            _ => return None,
        })
    }

    /// As it is written.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Op::Add => "add",
            Op::Remove => "remove",
            Op::Move => "move",
            Op::Test => "test",
            Op::Replace => "replace",
            Op::Copy => "copy",
        }
    }
}

/// One operation. Values are texts, whatever the member's type is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PatchOperation {
    pub(crate) op: Op,
    /// As it was written; AWS says `null` where it is missing.
    pub(crate) path: String,
    pub(crate) value: Option<String>,
    pub(crate) from: Option<String>,
    segments: Vec<String>,
}

impl PatchOperation {
    /// The segments of the path, unescaped.
    pub(crate) fn segments(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// The value, where an empty one is as good as none.
    pub(crate) fn text(&self) -> Option<String> {
        self.value.clone().filter(|value| !value.is_empty())
    }

    /// `true` for `true` in any case; everything else is false (tables.md §7.1).
    pub(crate) fn boolean(&self) -> bool {
        self.value.as_deref().is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// `Invalid patch path  '…' specified for op '…'…`: the family of resources, models, validators and keys (tables.md §7.2).
    pub(crate) fn refused_path(&self, replaceable: &str) -> Exception {
        let (path, op) = (&self.path, self.op.as_str());
        let hint = match self.op {
            Op::Replace => format!("Must be one of: [{replaceable}]"),
            _ => "Please choose supported operations".to_owned(),
        };
        Exception::bad_request(format!("Invalid patch path  '{path}' specified for op '{op}'. {hint}"))
    }

    /// `Invalid patch path …`: the family of APIs, methods and responses.
    pub(crate) fn invalid_path(&self) -> Exception {
        Exception::bad_request(format!("Invalid patch path {}", self.path))
    }
}

/// The operations of `input` (`updateRestApiInput`). All of them are checked before one is applied.
pub(crate) fn operations(members: &Members<'_>, input: &str) -> Result<Vec<PatchOperation>, Exception> {
    operations_and(members, input, Vec::new())
}

/// As [`operations`]; `others` are violations elsewhere, which AWS tells after those of the operations.
pub(crate) fn operations_and(
    members: &Members<'_>,
    input: &str,
    others: Vec<Violation>,
) -> Result<Vec<PatchOperation>, Exception> {
    let mut violations = Vec::new();
    let mut operations = Vec::new();
    for (index, value) in members.list("patchOperations")?.unwrap_or_default().iter().enumerate() {
        let place = format!("{input}.patchOperations.{}.member", index + 1);
        if let Some(operation) = operation(value, &place, &mut violations)? {
            operations.push(operation);
        }
    }
    violations.extend(others);
    match violations.is_empty() {
        true => Ok(operations),
        false => Err(Exception::validation(&violations)),
    }
}

fn operation(
    value: &Value,
    place: &str,
    violations: &mut Vec<Violation>,
) -> Result<Option<PatchOperation>, Exception> {
    let members = Members::of(value, &["op", "path", "value", "from"])?;
    let op = members.text("op")?.unwrap_or_default();
    let Some(op) = Op::parse(op) else {
        violations.push(Violation::not_in(op, format!("{place}.op"), OPS));
        return Ok(None);
    };
    let path = members.text("path")?.unwrap_or("null").to_owned();
    // No known path has as many; the rest would be split for nothing.
    let unescape = |segment: &str| segment.replace("~1", "/").replace("~0", "~");
    Ok(Some(PatchOperation {
        op,
        segments: path.strip_prefix('/').unwrap_or(&path).splitn(SEGMENTS, '/').map(unescape).collect(),
        path,
        value: members.text("value")?.map(str::to_owned),
        from: members.text("from")?.map(str::to_owned),
    }))
}
