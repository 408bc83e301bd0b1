//! `$input` and `$util` (tables.md §5.5).

use std::borrow::Cow;
use std::rc::Rc;

use super::ast::Method;
use super::encode;
use super::scope::ParameterKind;
use super::state::{Document, Outcome, Render};
use crate::json::{self, Map, Style, Text, Value, write_json};
use crate::json_path::JsonPath;

impl<'r> Render<'r> {
    /// Reads the body as JSON, once.
    pub(super) fn read_document(&mut self) {
        if !matches!(self.document, Document::Unread) {
            return;
        }
        let body = self.scope.body();
        self.document = match body {
            [] => Document::None,
            body => match json::parse(body) {
                Ok(value) => Document::Parsed(value),
                Err(error) => Document::Failed(format!("the body: {error}")),
            },
        };
    }

    /// `$input.body`: the text of the body, `{}` if there is none.
    pub(super) fn body_text(&mut self) -> Outcome<Value<'r>> {
        let body = self.scope.body();
        Ok(match (body, String::from_utf8_lossy(body)) {
            ([], _) => Value::text("{}"),
            (_, Cow::Borrowed(text)) => Value::text(text),
            (_, Cow::Owned(text)) => {
                self.charge(text.len())?;
                Value::text(text)
            }
        })
    }

    pub(super) fn input_method(&mut self, method: &'r Method) -> Outcome<Value<'r>> {
        let name = &*method.name;
        if let (Some(path), "path" | "json", 1) = (&method.path, name, method.arguments.len()) {
            let value = self.find_in_body(path, method.place)?;
            return if name == "path" { Ok(value) } else { self.json_text(&value) };
        }
        let arguments = self.arguments(method)?;
        match (name, &arguments[..]) {
            ("path" | "json", [Value::Text(path)]) => {
                self.step(path.len() * 10)?;
                let path = JsonPath::compile(path);
                let value = self.find_in_body(&path, method.place)?;
                if name == "path" { Ok(value) } else { self.json_text(&value) }
            }
            ("params", []) => self.all_parameters(),
            ("params", [Value::Text(name)]) => self.parameter(name),
            ("getBody", []) => self.body_text(),
            ("getClass", []) => Ok(Value::text("class ApiGatewayInput")),
            _ => Ok(Value::Null),
        }
    }

    /// The text of `$input.json()`: what is missing, and `null`, is an empty text in quotes.
    fn json_text(&mut self, value: &Value<'r>) -> Outcome<Value<'r>> {
        if value.is_null() {
            return Ok(Value::text("\"\""));
        }
        let text = self.captured(|render| match write_json(value, Style::Plain, &mut render.out) {
            true => render.check_output(),
            false => Err(render.limit("a value is nested too deeply to be printed")),
        })?;
        Ok(Value::Text(text))
    }

    /// `$input.params(name)`: of the path, else of the query, else a header, else nothing.
    fn parameter(&mut self, name: &str) -> Outcome<Value<'r>> {
        let scope = self.scope;
        for kind in ParameterKind::ALL {
            // What a template has put into the maps counts.
            if let Some(Value::Map(all)) = &self.parameters
                && let Some(Value::Map(of_kind)) = all.get_text(kind.key())
            {
                match of_kind.get_text(name) {
                    Some(value) if !value.is_null() => return Ok(value),
                    _ => continue,
                }
            }
            if let Some(value) = scope.parameter(kind, name) {
                return Ok(Value::text(value));
            }
        }
        Ok(Value::text(""))
    }

    /// `$input.params()`: a map of the three maps. Made once, so that what a template changes stays changed.
    fn all_parameters(&mut self) -> Outcome<Value<'r>> {
        if let Some(all) = &self.parameters {
            return Ok(all.clone());
        }
        let mut bytes = 0;
        let kinds = ParameterKind::ALL.map(|kind| {
            let map: Rc<Map<'r>> = Rc::default();
            self.scope.each_parameter(kind, &mut |name, value| {
                bytes += name.len() + value.len() + 100;
                map.put(Value::text(name.to_owned()), Value::text(value.to_owned()));
            });
            (Value::text(kind.key()), Value::Map(map))
        });
        self.charge(bytes)?;
        let all = Value::Map(Map::new(kinds.into()));
        self.parameters = Some(all.clone());
        Ok(all)
    }

    pub(super) fn util_method(&mut self, method: &'r Method) -> Outcome<Value<'r>> {
        let arguments = self.arguments(method)?;
        match (&*method.name, &arguments[..]) {
            ("escapeJavaScript", [Value::Null]) => Ok(Value::Null),
            ("escapeJavaScript", [value]) => {
                let text = self.text_of(value)?;
                self.written(|out| encode::escape_java_script(&text, out))
            }
            ("urlEncode", [Value::Text(text)]) => self.written(|out| encode::url_encode(text, out)),
            ("base64Encode", [Value::Text(text)]) => {
                self.written(|out| encode::base64_encode(text.as_bytes(), out))
            }
            ("urlDecode", [Value::Text(text)]) => match encode::url_decode(text) {
                Some(text) => self.made(text),
                None => Err(self.error(Some(method.place), "$util.urlDecode: the text is not URL-encoded")),
            },
            ("base64Decode", [Value::Text(text)]) => match encode::base64_decode(text.as_bytes()) {
                Some(bytes) => self.made(String::from_utf8_lossy(&bytes).into_owned()),
                None => Err(self.error(Some(method.place), "$util.base64Decode: the text is not Base64")),
            },
            ("parseJson", [Value::Text(text)]) => self.parse_json(text, method),
            ("getClass", []) => Ok(Value::text("class ApiGatewayUtil")),
            _ => Ok(Value::Null),
        }
    }

    fn parse_json(&mut self, text: &Text<'r>, method: &'r Method) -> Outcome<Value<'r>> {
        self.charge(text.len() * 4)?;
        let parsed = match text {
            Text::Borrowed(text) => json::parse_text(text),
            // Its parts have to live as long as the rendering.
            Text::Shared(text) => json::parse_text(text).map(|value| owned(&value)),
        };
        parsed.map_err(|error| self.error(Some(method.place), format!("$util.parseJson: {error}")))
    }

    /// A text that was made elsewhere.
    pub(super) fn made(&mut self, text: String) -> Outcome<Value<'r>> {
        self.charge(text.len())?;
        Ok(Value::text(text))
    }

    fn written(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Outcome<Value<'r>> {
        let text = self.captured(|render| {
            write(&mut render.out);
            render.check_output()
        })?;
        Ok(Value::Text(text))
    }
}

/// A copy that borrows nothing. As deep as JSON text can be.
fn owned<'r>(value: &Value<'_>) -> Value<'r> {
    match value {
        Value::Null => Value::Null,
        Value::Boolean(boolean) => Value::Boolean(*boolean),
        Value::Integer(number) => Value::Integer(*number),
        Value::Long(number) => Value::Long(*number),
        Value::Double(number) => Value::Double(*number),
        Value::Big(number) => Value::Big(Rc::clone(number)),
        Value::Text(text) => Value::text(text.to_string()),
        Value::Character(character) => Value::Character(*character),
        Value::List(list) => {
            let items = list.with(|items| items.iter().map(owned).collect());
            Value::List(json::List::new(list.kind, items))
        }
        Value::Map(map) => Value::Map(Map::new(
            map.with(|entries| entries.iter().map(|(k, v)| (owned(k), owned(v))).collect()),
        )),
        Value::Entry(entry) => Value::Entry(Rc::new((owned(&entry.0), owned(&entry.1)))),
        Value::Handle(handle) => Value::Handle(*handle),
    }
}
