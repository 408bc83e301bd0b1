//! `basepath`: what becomes of the base path of a document (tables.md §10.1).

use super::format::Format;
use super::importer::Importer;
use crate::cursor::Cursor;
use crate::document::Value;
use crate::issue::quoted;

/// The values of the parameter `basepath`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BasePathMode {
    /// The base path is not a part of the API.
    #[default]
    Ignore,
    /// It comes before every path.
    Prepend,
    /// As `Prepend`, without its first segment: that is the base path of the domain name.
    Split,
}

impl BasePathMode {
    /// The mode that AWS calls `name`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "ignore" => Some(Self::Ignore),
            "prepend" => Some(Self::Prepend),
            "split" => Some(Self::Split),
            _ => None,
        }
    }
}

impl<'a> Importer<'_, 'a> {
    /// What comes before every path: empty, or `/a/b`.
    pub(super) fn path_prefix(&mut self) -> String {
        let mode = self.options.base_path;
        if mode == BasePathMode::Ignore {
            return String::new();
        }
        let base = match self.format {
            Format::Swagger2 => {
                self.root.get("basePath").and_then(|path| self.errors.string(&path)).map(str::to_owned)
            }
            Format::OpenApi3 => self.server_base_path(),
        };
        let base = base.unwrap_or_default();
        let segments = base.split('/').filter(|segment| !segment.is_empty());
        let skipped = usize::from(mode == BasePathMode::Split);
        segments.skip(skipped).flat_map(|segment| ["/", segment]).collect()
    }

    /// The variable `basePath` of the first server that has one, used in its URL or not; else the path of the first server's URL.
    fn server_base_path(&mut self) -> Option<String> {
        let servers = self.servers();
        for server in &servers {
            if let Some(base) = self.variable(server, "basePath") {
                return Some(base);
            }
        }
        let server = servers.first()?;
        let url = self.errors.required(server, "url")?;
        let mut path = path_of_url(self.errors.string(&url)?).to_owned();
        for (name, _) in server.get("variables").iter().flat_map(Cursor::entries) {
            if let Some(value) = self.variable(server, name) {
                path = path.replace(&format!("{{{name}}}"), &value);
            }
        }
        if path.contains(['{', '}']) {
            self.errors.at(&url, format!("{} has a variable without a default value", quoted(&path)));
            return None;
        }
        Some(path)
    }

    /// The entries of `servers`; AWS also takes a single one that is not in a list, as public examples have it.
    pub(super) fn servers(&mut self) -> Vec<Cursor<'a>> {
        match self.root.get("servers") {
            Some(server) if matches!(server.node().value, Value::Mapping(_)) => vec![server],
            Some(servers) => self.errors.sequence(&servers).unwrap_or_default(),
            None => Vec::new(),
        }
    }

    fn variable(&mut self, server: &Cursor<'a>, name: &str) -> Option<String> {
        let default = server.get("variables")?.get(name)?.get("default")?;
        match default.scalar_text() {
            Some(text) => Some(text.to_owned()),
            None => self.errors.string(&default).map(str::to_owned),
        }
    }
}

/// The path of `https://host/path?query`, or of `/path`.
fn path_of_url(url: &str) -> &str {
    let rest = match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("", |start| &rest[start..]),
        None => url,
    };
    rest.split(['?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_urls() {
        assert_eq!(path_of_url("https://example.com/a/b?c#d"), "/a/b");
        assert_eq!(path_of_url("https://example.com"), "");
        assert_eq!(path_of_url("/v1"), "/v1");
        assert_eq!(path_of_url("https://{host}/{basePath}"), "/{basePath}");
    }
}
