use super::*;
use crate::limits::JSON_DEPTH_MAX;

fn json(text: &str) -> String {
    let mut out = Vec::new();
    assert!(write_json(&parse_text(text).unwrap(), Style::Plain, &mut out));
    String::from_utf8(out).unwrap()
}

fn text(text: &str) -> String {
    let mut out = Vec::new();
    assert!(write_text(&parse_text(text).unwrap(), &mut out));
    String::from_utf8(out).unwrap()
}

#[test]
fn prints_json_and_java() {
    let body = r#"{"a": [1, 2.50, true, null, "x/y"], "b": {"c": "d"}, "a2": {}}"#;
    assert_eq!(json(body), r#"{"a":[1,2.5,true,null,"x/y"],"b":{"c":"d"},"a2":{}}"#);
    assert_eq!(text(body), r#"{a=[1,2.5,true,null,"x\/y"], b={c=d}, a2={}}"#);
}

#[test]
fn a_repeated_name_keeps_its_place_and_takes_the_last_value() {
    assert_eq!(json(r#"{"a":1,"b":2,"a":3}"#), r#"{"a":3,"b":2}"#);
    let many: String = (0..100).map(|n| format!("k{}:{n},", n % 40)).collect();
    let parsed = parse_text(&format!("{{{many}}}")).map(|_| json(&format!("{{{many}}}"))).unwrap();
    assert!(parsed.starts_with(r#"{"k0":80,"k1":81"#) && parsed.ends_with(r#""k39":79}"#), "{parsed}");
}

#[test]
fn numbers_print_as_in_java() {
    for (number, expected) in [
        ("1.50", "1.5"),
        ("100.0", "100.0"),
        ("1e2", "100.0"),
        ("12345678.9", "1.23456789E7"),
        ("0.001", "0.001"),
        ("0.00012", "1.2E-4"),
        ("-0.0", "-0.0"),
        ("1e300", "1.0E300"),
        ("9999999.0", "9999999.0"),
        ("10000000.0", "1.0E7"),
        ("2147483648", "2147483648"),
        ("9223372036854775808", "9223372036854775808"),
        ("007", "7"),
        ("1.0000000000000000001", "1.0000000000000000001"),
        ("0.00000000000000000001", "1E-20"),
        ("340282366920938463463374607431768211456", "340282366920938463463374607431768211456"),
    ] {
        assert_eq!(json(&format!("[{number}]")), format!("[{expected}]"), "{number}");
    }
}

#[test]
fn lax_text_is_read_as_json_smart_reads_it() {
    for (lax, expected) in [
        ("{statusCode: 200}", r#"{"statusCode":200}"#),
        ("{'a': 'b',}", r#"{"a":"b"}"#),
        ("[1,,2,]", "[1,2]"),
        ("[1 2]", r#"["1 2"]"#),
        ("[a b, 'c' \"d\"]", r#"["a b","c","d"]"#),
        ("{\"a\":1} rest", r#"{"a":1}"#),
        ("nonsense here", r#""nonsense here""#),
        ("{a: 1e, b: +5, c: .5, d: 12x}", r#"{"a":"1e","b":"+5","c":".5","d":"12x"}"#),
        (r#""\u00e9\ud83d\ude00\ud800\q\x41""#, r#""é😀?A""#),
        ("\"a\tb\"", r#""a\tb""#),
        ("\"a\tb\\n\"", r#""ab\n""#),
    ] {
        assert_eq!(json(lax), expected, "{lax}");
    }
}

#[test]
fn what_is_no_json_is_an_error() {
    for (bad, error) in [
        ("{", JsonError::End),
        ("[1", JsonError::End),
        ("\"abc", JsonError::End),
        ("\"abc\\", JsonError::End),
        ("{\"a\" 1}", JsonError::Unexpected(5)),
        ("{\"a\":}", JsonError::Unexpected(5)),
        ("]", JsonError::Unexpected(0)),
        ("\"\\u12g4\"", JsonError::Unexpected(5)),
    ] {
        assert_eq!(parse_text(bad).unwrap_err(), error, "{bad}");
    }
    assert_eq!(parse(b"\"\xff\"").unwrap_err(), JsonError::Encoding);
    assert_eq!(parse_text(&format!("[{}]", "9".repeat(2000))).unwrap_err(), JsonError::Number);
}

#[test]
fn depth_is_bounded() {
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse_text(&deep(JSON_DEPTH_MAX)).is_ok());
    assert_eq!(parse_text(&deep(JSON_DEPTH_MAX + 1)).unwrap_err(), JsonError::Depth);
    assert_eq!(parse_text(&"{a:".repeat(1_000_000)).unwrap_err(), JsonError::Depth);
}

#[test]
fn what_a_template_nests_or_ties_in_a_knot_neither_prints_nor_overflows() {
    let mut value = Value::Null;
    for _ in 0..100_000 {
        value = Value::List(List::new(ListKind::ArrayList, vec![value]));
    }
    assert!(!write_text(&value, &mut Vec::new()));
    assert!(!value.equals(&Value::List(List::new(ListKind::ArrayList, Vec::new()))));
    drop(value);
    let list = List::new(ListKind::ArrayList, Vec::new());
    list.change(|items| items.push(Value::List(list.clone())));
    assert!(!write_text(&Value::List(list.clone()), &mut Vec::new()));
    list.change(Vec::clear);
}

#[test]
fn escapes_what_json_smart_escapes() {
    let value = Value::text("\u{1}\u{7f}\u{85}\u{2028}\"\\/é");
    let mut out = Vec::new();
    assert!(write_json(&value, Style::Plain, &mut out));
    assert_eq!(String::from_utf8(out).unwrap(), r#""\u0001\u007F\u0085\u2028\"\\/é""#);
}

#[test]
fn maps_find_their_keys() {
    let map = Map::default();
    for number in 0..50 {
        map.put(Value::text(format!("k{number}")), Value::Integer(number));
    }
    map.put(Value::Integer(7), Value::Null);
    assert!(matches!(map.get_text("k49"), Some(Value::Integer(49))));
    assert!(map.remove(&Value::text("k3")).is_some());
    assert!(map.get_text("k3").is_none() && matches!(map.get_text("k4"), Some(Value::Integer(4))));
    assert!(map.get(&Value::Integer(7)).is_some() && map.get(&Value::Long(7)).is_none());
    assert_eq!(map.len(), 50);
}

#[test]
fn texts_end_at_their_quote_wherever_it_is() {
    for length in 0..70 {
        let plain = "é".repeat(length / 2) + &"y".repeat(length % 2);
        assert_eq!(
            text(&format!("[{{\"a\": \"{plain}\"}}, '{plain}']")),
            format!("[{{\"a\":\"{plain}\"}},\"{plain}\"]")
        );
        assert_eq!(json(&format!("\"{plain}'\\\"\"")), format!("\"{plain}'\\\"\""));
        assert_eq!(parse_text(&format!("\"{plain}")).unwrap_err(), JsonError::End);
    }
}

#[test]
fn a_repeated_name_among_many_takes_the_last_value_too() {
    let entries: Vec<String> = (0..40).map(|number| format!("\"k{}\":{number}", number % 20)).collect();
    let expected: Vec<String> = (0..20).map(|number| format!("\"k{number}\":{}", number + 20)).collect();
    assert_eq!(json(&format!("{{{}}}", entries.join(","))), format!("{{{}}}", expected.join(",")));
}
