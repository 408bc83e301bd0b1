use super::*;
use crate::json::{Style, parse_text, write_json};

const STORE: &str = r#"{"store": {"book": [
    {"category": "reference", "author": "Rees", "price": 8.95},
    {"category": "fiction", "author": "Waugh", "price": 12.99},
    {"category": "fiction", "author": "Melville", "isbn": "0-553", "price": 8.99},
    {"category": "fiction", "author": "Tolkien", "isbn": "0-395", "price": 22.99}],
    "bicycle": {"color": "red", "price": 19.95}}, "max": 10, "odd name": 1, "a": null}"#;

fn find(path: &str) -> String {
    let path = JsonPath::compile(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    match path.evaluate(&parse_text(STORE).unwrap()).unwrap() {
        None => "nothing".into(),
        Some(value) => {
            let mut out = Vec::new();
            assert!(write_json(&value, Style::Plain, &mut out));
            String::from_utf8(out).unwrap()
        }
    }
}

#[test]
fn definite_paths_give_one_value() {
    for (path, expected) in [
        ("$.store.bicycle.color", "\"red\""),
        ("$['store']['bicycle']['color']", "\"red\""),
        ("store.bicycle.color", "\"red\""),
        ("$.store.book[0].author", "\"Rees\""),
        ("$['odd name']", "1"),
        ("$.a", "null"),
        ("$.nothing", "nothing"),
        ("$.store.nothing.more", "nothing"),
        ("$.store.book[9]", "nothing"),
        ("$.max.more", "nothing"),
    ] {
        assert!(JsonPath::compile(path).unwrap().is_definite(), "{path}");
        assert_eq!(find(path), expected, "{path}");
    }
}

#[test]
fn other_paths_give_arrays() {
    for (path, expected) in [
        ("$.store.book[*].price", "[8.95,12.99,8.99,22.99]"),
        ("$.store.book[0,3].author", r#"["Rees","Tolkien"]"#),
        ("$.store.book[-1:].author", r#"["Tolkien"]"#),
        ("$.store.book[:1].author", r#"["Rees"]"#),
        ("$.store.book[1:3].author", r#"["Waugh","Melville"]"#),
        ("$..price", "[8.95,12.99,8.99,22.99,19.95]"),
        ("$..nothing", "[]"),
        ("$..book[0].author", r#"["Rees"]"#),
        ("$.store.bicycle.*", r#"["red",19.95]"#),
        ("$.store.book[*].isbn", r#"["0-553","0-395"]"#),
        ("$.nothing[*]", "[]"),
        ("$.*.color", "nothing"),
        ("$.store.book[0,9]", "nothing"),
    ] {
        assert!(!JsonPath::compile(path).unwrap().is_definite(), "{path}");
        assert_eq!(find(path), expected, "{path}");
    }
    assert_eq!(find("$.store.bicycle['color','price','none']"), r#"{"color":"red","price":19.95}"#);
}

#[test]
fn filters() {
    for (filter, expected) in [
        ("@.price < 10", r#"["Rees","Melville"]"#),
        ("@.price<10&&@.isbn", r#"["Melville"]"#),
        ("@.price > 20 || @.author == 'Rees'", r#"["Rees","Tolkien"]"#),
        ("!@.isbn", r#"["Rees","Waugh"]"#),
        ("@.isbn", r#"["Melville","Tolkien"]"#),
        ("@.price <= $.max", r#"["Rees","Melville"]"#),
        ("@.author =~ /.*E.*/i", r#"["Rees","Melville","Tolkien"]"#),
        ("@.author == Rees", r#"["Rees"]"#),
        ("(@.price < 9 || @.price > 20) && @.category == 'fiction'", r#"["Rees","Melville","Tolkien"]"#),
        ("@.isbn == null", "[]"),
        ("@['author'] != 'Rees'", r#"["Waugh","Melville","Tolkien"]"#),
    ] {
        assert_eq!(find(&format!("$.store.book[?({filter})].author")), expected, "{filter}");
    }
    assert!(JsonPath::compile("$.a[?(@.b)]").unwrap().scans_or_filters());
    assert!(!JsonPath::compile("$.a[*]").unwrap().scans_or_filters());
}

#[test]
fn malformed_paths_are_refused() {
    for path in [
        "",
        "$.",
        "$..",
        "$a",
        "$.a[",
        "$.a['b",
        "$.a[b]",
        "$.a b",
        "$.a[?(@.b]",
        "$.a[?(1)]",
        "$.a[?(@.b =~ /(/)]",
        "$.a[:]",
        "$.a[99999999999]",
        "$[]",
        "$.a[?(@..b)]",
        "$.a[?(@.b == 'x]')]",
        "$.a[?(@.b =~ 'x')]",
    ] {
        assert!(JsonPath::compile(path).is_err(), "{path}");
    }
    let mut nested = "@.a".to_owned();
    for _ in 0..100 {
        nested = format!("@.a[?({nested})]");
    }
    assert!(JsonPath::compile(&nested.replacen('@', "$", 1)).is_err());
    assert!(JsonPath::compile(&format!("$[?({}", "(".repeat(3000))).is_err());
}

#[test]
fn what_does_not_fit_is_an_error() {
    let store = parse_text(STORE).unwrap();
    for path in
        ["$.max[0]", "$.max[?(@.a)]", "$.store.book[?(@.price == 'cheap')]", "$.store['book','bicycle'].x"]
    {
        assert!(JsonPath::compile(path).unwrap().evaluate(&store).is_err(), "{path}");
    }
}

#[test]
fn walks_are_bounded() {
    let wide = format!("[{}]", "1,".repeat(3000));
    let rows: String = (0..3000).map(|_| "[1,2,3],").collect();
    let text = format!("[{rows}{wide}]");
    let value = parse_text(&text).unwrap();
    assert!(JsonPath::compile("$..*").unwrap().evaluate(&value).is_ok());
    let deep = format!("{}1{}", "[".repeat(390), "]".repeat(390));
    let value = parse_text(&deep).unwrap();
    assert!(JsonPath::compile("$..*..*..*..*").unwrap().evaluate(&value).is_err());
}
