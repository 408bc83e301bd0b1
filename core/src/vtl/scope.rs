//! What a template sees of an exchange, and what it may change.

use std::borrow::Cow;

/// The three kinds of request parameters, in the order in which `$input.params(name)` looks for one (spec sheet §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterKind {
    /// Path parameters.
    Path,
    /// Parameters of the query.
    Querystring,
    /// Headers.
    Header,
}

impl ParameterKind {
    /// All of them.
    pub const ALL: [ParameterKind; 3] =
        [ParameterKind::Path, ParameterKind::Querystring, ParameterKind::Header];

    /// Its key in `$input.params()`, and in `$context.requestOverride`.
    pub fn key(self) -> &'static str {
        match self {
            ParameterKind::Path => "path",
            ParameterKind::Querystring => "querystring",
            ParameterKind::Header => "header",
        }
    }
}

/// A variable of `$context`.
#[derive(Debug, Clone)]
pub enum ContextValue<'s> {
    /// There is none: prints nothing.
    Missing,
    /// A text.
    Text(Cow<'s, str>),
    /// A number, such as `requestTimeEpoch`.
    Number(i64),
    /// A truth value.
    Boolean(bool),
    /// Something with members, such as `identity`: prints nothing as a whole.
    Object,
}

/// What a template sees of an exchange. Everything is asked for when a template needs it.
pub trait Scope {
    /// The body: the client's in request templates, the integration's in response templates. Empty if there is none.
    fn body(&self) -> &[u8];

    /// The request parameter `name`, decoded.
    fn parameter(&self, of: ParameterKind, name: &str) -> Option<Cow<'_, str>>;

    /// Calls `f` with the name and value of every request parameter, for `$input.params()`.
    fn each_parameter(&self, of: ParameterKind, f: &mut dyn FnMut(&str, &str));

    /// The stage variable `name`.
    fn stage_variable(&self, name: &str) -> Option<&str>;

    /// Calls `f` with the name and value of every stage variable.
    fn each_stage_variable(&self, f: &mut dyn FnMut(&str, &str));

    /// The variable of `$context` with this full name, such as `identity.sourceIp`. Overrides are not asked for.
    fn context(&self, name: &str) -> ContextValue<'_>;

    /// Calls `f` with the name of every member of the object `of`, and of `$context` itself for the empty name.
    fn each_context(&self, of: &str, f: &mut dyn FnMut(&str));
}

/// The value of an override, as the template gave it.
#[derive(Debug, Clone, PartialEq)]
pub enum OverrideValue {
    /// A text, or what a list or map prints as.
    Text(Box<str>),
    /// A whole number.
    Number(i64),
    /// Any other number.
    Decimal(f64),
    /// A truth value.
    Boolean(bool),
    /// A list: a header or parameter with several values.
    List(Vec<Box<str>>),
}

impl OverrideValue {
    /// The texts of a header or parameter: one, or those of the list.
    pub fn texts(&self) -> Vec<Cow<'_, str>> {
        match self {
            OverrideValue::List(list) => list.iter().map(|text| Cow::Borrowed(&**text)).collect(),
            single => vec![single.to_text()],
        }
    }

    /// The value as one text; a list is joined with commas, as the values of a header may be.
    pub fn to_text(&self) -> Cow<'_, str> {
        match self {
            OverrideValue::List(list) => Cow::Owned(list.join(",")),
            OverrideValue::Text(text) => Cow::Borrowed(text),
            OverrideValue::Number(number) => Cow::Owned(number.to_string()),
            OverrideValue::Boolean(boolean) => Cow::Borrowed(if *boolean { "true" } else { "false" }),
            OverrideValue::Decimal(number) => {
                let mut text = Vec::new();
                crate::json::write_double(*number, &mut text);
                Cow::Owned(String::from_utf8_lossy(&text).into_owned())
            }
        }
    }
}

/// Overrides of one kind, in the order in which they were set.
pub type OverrideList = Vec<(Box<str>, OverrideValue)>;

/// What templates set in `$context.requestOverride` and `$context.responseOverride`. One for a whole exchange: what a request
/// template has set, a response template may read, and may not set again (spec sheet §4).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// `requestOverride.header`
    pub request_header: OverrideList,
    /// `requestOverride.path`
    pub request_path: OverrideList,
    /// `requestOverride.querystring`
    pub request_querystring: OverrideList,
    /// `responseOverride.header`
    pub response_header: OverrideList,
    /// `responseOverride.status`
    pub status: Option<OverrideValue>,
}

impl Overrides {
    /// The status to answer with, if a template has set one that an answer can have: 1xx would not end the exchange.
    pub fn status_code(&self) -> Option<u16> {
        let status = match self.status.as_ref()? {
            OverrideValue::Number(number) => u16::try_from(*number).ok()?,
            OverrideValue::Text(text) => text.trim().parse().ok()?,
            OverrideValue::Decimal(_) | OverrideValue::Boolean(_) | OverrideValue::List(_) => return None,
        };
        (200..=599).contains(&status).then_some(status)
    }

    /// Whether nothing was set.
    pub fn is_empty(&self) -> bool {
        *self == Overrides::default()
    }
}

/// Variables that a template finds set when it starts. API Gateway has none; tests and tools do.
#[derive(Debug, Clone, Default)]
pub struct Variables {
    /// Names and values as JSON text.
    pub json: Vec<(String, String)>,
}

/// Is told what a template does: `ringway template trace` shows it. Costs nothing where there is none.
pub trait Observer {
    /// A reference was printed: its line from 1, its text and its value.
    fn reference(&mut self, line: u32, text: &str, value: &str);

    /// A branch was taken: the line of the `#if`, `#elseif` or `#foreach`, and what came of it.
    fn branch(&mut self, line: u32, what: &str);
}
