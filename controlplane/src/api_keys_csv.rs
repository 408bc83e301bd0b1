//! API keys in AWS's CSV form (tables.md §9.6), for ImportApiKeys and for `apiKeysFile`.

/// A file of keys.
pub(crate) struct KeysFile<'t> {
    columns: Columns,
    rows: Rows<'t>,
}

/// The columns of a file by their places; names have no case, and those that AWS does not know are ignored.
struct Columns {
    name: usize,
    key: usize,
    description: Option<usize>,
    enabled: Option<usize>,
    usage_plan_ids: Option<usize>,
    id: Option<usize>,
}

/// A row with something in it. Cells have no blanks at their ends; what is not there is empty.
pub(crate) struct KeyRow {
    /// Where it begins, from 1.
    pub(crate) line: u32,
    pub(crate) name: String,
    /// The value of the key.
    pub(crate) value: String,
    pub(crate) description: String,
    /// What is wrong with the cell, where it is not a boolean; without one the key is enabled.
    pub(crate) enabled: Result<bool, String>,
    pub(crate) usage_plan_ids: Vec<String>,
    /// A column of ours.
    pub(crate) id: String,
}

impl<'t> KeysFile<'t> {
    /// Reads the header.
    ///
    /// # Errors
    /// The name of a column that has to be there.
    pub(crate) fn new(text: &'t str) -> Result<Self, &'static str> {
        let mut rows = Rows { rest: text.trim_start_matches('\u{feff}'), line: 1 };
        let header = rows.next().map(|(_, cells)| cells).unwrap_or_default();
        let find = |name: &str| header.iter().position(|cell| cell.trim().eq_ignore_ascii_case(name));
        let columns = Columns {
            name: find("Name").ok_or("Name")?,
            key: find("Key").ok_or("Key")?,
            description: find("Description"),
            enabled: find("Enabled"),
            usage_plan_ids: find("UsagePlanIds"),
            id: find("Id"),
        };
        Ok(KeysFile { columns, rows })
    }
}

impl Iterator for KeysFile<'_> {
    type Item = KeyRow;

    fn next(&mut self) -> Option<KeyRow> {
        let (line, cells) = self.rows.next()?;
        let cell = |column: Option<usize>| {
            column.and_then(|column| cells.get(column)).map_or("", |cell| cell.trim()).to_owned()
        };
        let Columns { name, key, description, enabled, usage_plan_ids, id } = self.columns;
        let plans = cell(usage_plan_ids);
        let plans = plans.split(',').map(str::trim).filter(|plan| !plan.is_empty());
        Some(KeyRow {
            line,
            name: cell(Some(name)),
            value: cell(Some(key)),
            description: cell(description),
            enabled: match cell(enabled) {
                text if text.is_empty() || text.eq_ignore_ascii_case("true") => Ok(true),
                text if text.eq_ignore_ascii_case("false") => Ok(false),
                // A file whose columns are not what its header says may have a value there.
                _ => Err("Enabled must be true or false".to_owned()),
            },
            usage_plan_ids: plans.map(str::to_owned).collect(),
            id: cell(id),
        })
    }
}

/// The rows of a text that have something, with the lines that they begin at.
struct Rows<'t> {
    rest: &'t str,
    line: u32,
}

impl Iterator for Rows<'_> {
    type Item = (u32, Vec<String>);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let line = self.line;
            let cells = self.row();
            if cells.iter().any(|cell| !cell.trim().is_empty()) {
                return Some((line, cells));
            }
        }
        None
    }
}

impl Rows<'_> {
    /// The cells up to the end of the row. One may stand in double or single quotes; a doubled quote is one.
    fn row(&mut self) -> Vec<String> {
        let (mut row, mut cell, mut quote) = (Vec::new(), String::new(), None);
        let mut characters = self.rest.char_indices().peekable();
        let mut end = self.rest.len();
        while let Some((at, character)) = characters.next() {
            self.line += u32::from(character == '\n');
            match (quote, character) {
                (Some(open), _) if character == open => match characters.next_if(|(_, next)| *next == open) {
                    Some(_) => cell.push(open),
                    None => quote = None,
                },
                (Some(_), _) => cell.push(character),
                (None, '"' | '\'') if cell.trim().is_empty() => {
                    cell.clear();
                    quote = Some(character);
                }
                (None, ',') => row.push(std::mem::take(&mut cell)),
                (None, '\n') => {
                    end = at + 1;
                    break;
                }
                (None, '\r') => {}
                (None, _) => cell.push(character),
            }
        }
        self.rest = &self.rest[end..];
        row.push(cell);
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> Vec<(u32, Vec<String>)> {
        Rows { rest: text, line: 1 }.collect()
    }

    #[test]
    fn rows_with_their_lines() {
        let row = |line, cells: &[&str]| (line, cells.iter().map(|cell| (*cell).to_owned()).collect());
        assert_eq!(
            cells("a,\"b,\"\"c\",'d,e'\r\n\n f ,it's\n'g\n',\nh"),
            [row(1, &["a", "b,\"c", "d,e"]), row(3, &[" f ", "it's"]), row(4, &["g\n", ""]), row(6, &["h"])]
        );
        assert_eq!(cells("\n , \n"), []);
    }

    #[test]
    fn columns_have_any_order_and_case() {
        let text =
            "\u{feff}UsagePlanIds,ENABLED,key , name,Other,ID\n\"p, q\",False,v,n,x,i\n,,w,m\n,maybe,,";
        let rows: Vec<KeyRow> = KeysFile::new(text).ok().unwrap().collect();
        let [first, second, third] = rows.as_slice() else { panic!("{}", rows.len()) };
        assert_eq!((first.value.as_str(), first.name.as_str(), first.id.as_str()), ("v", "n", "i"));
        assert_eq!(
            (&first.enabled, first.usage_plan_ids.as_slice()),
            (&Ok(false), &["p".into(), "q".into()][..])
        );
        assert_eq!((&second.enabled, second.usage_plan_ids.len(), second.id.as_str()), (&Ok(true), 0, ""));
        assert_eq!(third.enabled, Err("Enabled must be true or false".to_owned()));
        assert_eq!(KeysFile::new("Key").err(), Some("Name"));
        assert_eq!(KeysFile::new("").err(), Some("Name"));
    }
}
