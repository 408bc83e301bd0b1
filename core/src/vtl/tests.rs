//! Bounds, errors, hostile templates. What templates mean is tested in `core/tests/vtl_recorded.rs`, against recordings.

use std::borrow::Cow;

use super::*;

struct Exchange(&'static str);

impl Scope for Exchange {
    fn body(&self) -> &[u8] {
        self.0.as_bytes()
    }

    fn parameter(&self, of: ParameterKind, name: &str) -> Option<Cow<'_, str>> {
        (of == ParameterKind::Querystring && name == "q").then_some(Cow::Borrowed("v"))
    }

    fn each_parameter(&self, of: ParameterKind, f: &mut dyn FnMut(&str, &str)) {
        if of == ParameterKind::Querystring {
            f("q", "v");
        }
    }

    fn stage_variable(&self, name: &str) -> Option<&str> {
        (name == "s").then_some("t")
    }

    fn each_stage_variable(&self, f: &mut dyn FnMut(&str, &str)) {
        f("s", "t");
    }

    fn context(&self, name: &str) -> ContextValue<'_> {
        match name {
            "stage" => ContextValue::Text("dev".into()),
            "requestTimeEpoch" => ContextValue::Number(1_700_000_000_000),
            "identity" => ContextValue::Object,
            "identity.sourceIp" => ContextValue::Text("1.2.3.4".into()),
            _ => ContextValue::Missing,
        }
    }

    fn each_context(&self, of: &str, f: &mut dyn FnMut(&str)) {
        match of {
            "" => ["stage", "identity"].iter().for_each(|name| f(name)),
            "identity" => f("sourceIp"),
            _ => {}
        }
    }
}

fn render_with(template: &str, body: &'static str, overrides: &mut Overrides) -> Result<String, RenderError> {
    let template = Template::compile(template).unwrap_or_else(|error| panic!("{template}: {error}"));
    let mut out = b"before".to_vec();
    let result = template.render(&Exchange(body), overrides, &mut out);
    let out = String::from_utf8(out).unwrap();
    result.map(|()| out.strip_prefix("before").unwrap().to_owned())
}

fn render(template: &str) -> Result<String, RenderError> {
    render_with(template, r#"{"a": [1, {"b": "c/d"}], "n": 5}"#, &mut Overrides::default())
}

fn limit(template: &str) -> String {
    let error = render(template).unwrap_err();
    assert!(error.limit, "{template}: {error}");
    error.message
}

#[test]
fn templates_are_shared_between_cores() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Template>();
    is_shared::<crate::json_path::JsonPath>();
}

#[test]
fn reads_the_exchange() {
    for (template, expected) in [
        ("$input.json('$.a')", r#"[1,{"b":"c/d"}]"#),
        ("$input.path('$.a[1].b') $input.path('$.a')", r#"c/d [1,{"b":"c\/d"}]"#),
        ("$input.params('q') $input.params().querystring.q $input.params('none')", "v v "),
        ("$stageVariables.s ${stageVariables['s']} $stageVariables", "t t {s=t}"),
        ("$context.stage $context.identity.sourceIp $context.requestTimeEpoch", "dev 1.2.3.4 1700000000000"),
        ("[$context.identity] [$context.nothing.more]", "[] []"),
        ("#foreach($k in $context.keySet())$k,#end", "stage,identity,requestOverride,responseOverride,"),
        ("#set($x = $input.path('$'))#set($x.n = 6)$input.json('$.n')", "6"),
        ("#set($context.mine = 1)$context.mine", "1"),
        (
            "#set($context.requestOverrides.a = 1)$context.requestOverrides.a.b|$context['requestOverridex'].y",
            "|",
        ),
    ] {
        assert_eq!(render(template).unwrap(), expected, "{template}");
    }
}

#[test]
fn overrides_may_be_set_once_and_are_kept() {
    let mut overrides = Overrides::default();
    let set =
        "#set($context.responseOverride.status = 418)#set($context.requestOverride.header['X-A'] = 'b')";
    assert_eq!(
        render_with(&format!("{set}$context.responseOverride.status"), "", &mut overrides).unwrap(),
        "418"
    );
    assert_eq!(overrides.status_code(), Some(418));
    assert_eq!(render_with("$context.requestOverride.header.X-A", "", &mut overrides).unwrap(), "b");
    let again =
        render_with("\n #set($context.requestOverride.header.x-a = 'c')", "", &mut overrides).unwrap_err();
    assert_eq!((again.line, again.limit), (2, false), "{again}");
    assert!(render_with("#set($context.responseOverride.status = 1)", "", &mut overrides).is_err());
    let mut overrides = Overrides::default();
    let lists =
        "#set($context.responseOverride.header.h = ['a', 'b'])#set($context.responseOverride.status = 'x')";
    render_with(lists, "", &mut overrides).unwrap();
    assert_eq!(overrides.response_header[0].1.texts(), ["a", "b"]);
    assert_eq!(overrides.status_code(), None);
}

#[test]
fn faults_have_their_place() {
    for (template, line, column) in [
        ("a\n  $input.path('$.n[0]')", 2, 10),
        ("$util.parseJson('{')", 1, 7),
        ("#set($x = \"\n é $util.urlDecode('%')\")", 2, 10),
        ("#foreach($i in [1,2])$i.toString().substring(5)#end", 1, 36),
    ] {
        let error = render(template).unwrap_err();
        assert_eq!((error.line, error.column, error.limit), (line, column, false), "{template}: {error}");
    }
    for (template, line, column) in [
        ("Hello $", 1, 8),
        ("a\n#if(true)b", 2, 11),
        ("#set($x = )", 1, 11),
        ("\n#set($x = \"$a.b(\")", 2, 18),
        ("#end", 1, 1),
        ("#foreach($a in [1)#end", 1, 18),
    ] {
        let error = Template::compile(template).unwrap_err();
        assert_eq!((error.line, error.column), (line, column), "{template}: {error}");
    }
}

#[test]
fn no_template_hangs() {
    let nested = "#foreach($a in [1..1000])#foreach($b in [1..1000])#foreach($c in [1..1000])$c#end#end#end";
    assert!(limit(nested).contains("steps"));
    assert_eq!(render("#foreach($a in [1..2000])#if(!$foreach.hasNext)never#end#end$a").unwrap(), "");
    limit("#set($s = 'x')#foreach($i in [1..100])#set($s = \"$s$s\")#end");
    limit("#set($s = 'x')#foreach($i in [1..100])#set($s = $s.concat($s))#end");
    assert!(
        limit("#set($s = 'xxxx')#foreach($i in [1..100])#set($s = $s.replace('x', 'xx'))#end")
            .contains("values")
    );
    limit("#set($e = '')#set($s = $e.format('%99999999d', 1))");
    assert!(
        limit("#set($l = [1])#foreach($i in [1..100])#set($x = $l.addAll($l.subList(0, $l.size())))#end")
            .contains("values")
    );
    limit("#set($r = [1..2000000000])");
    assert!(
        limit("#define($d)$d $d#end#foreach($i in [1..1000])#foreach($j in [1..1000])$d#end#end")
            .contains("steps")
    );
}

#[test]
fn no_template_overflows_the_stack() {
    assert!(!render("#macro(m)#m()#end#m()").unwrap_err().limit, "Velocity's own bound");
    assert!(render("#macro(m)#evaluate('#m()')#end#m()").is_err());
    limit("#set($e = '#evaluate($e)')#evaluate($e)");
    limit("#set($l = [])#set($x = $l.add($l))$l");
    limit("#set($m = {})#set($m.m = $m)$m");
    limit("#set($l = [])#foreach($i in [1..900])#set($l = [$l])#end$l");
    assert!(
        render("#set($l = [])#foreach($i in [1..900])#foreach($j in [1..100])#set($l = [$l])#end#end")
            .is_ok()
    );
    for (open, close) in [("#if(true)", "#end"), ("#set($x=", ")"), ("#if(", ")#end"), ("#set($x = ", ")")] {
        let many = 100_000;
        let _ = Template::compile(&format!(
            "{}{}",
            open.repeat(many.min(20_000)),
            close.repeat(many.min(20_000))
        ));
    }
    for (open, inside, close) in [
        ("(", "1", ")"),
        ("[", "1", "]"),
        ("{'a':", "1", "}"),
        ("!", "true", ""),
        ("$a.b(", "1", ")"),
        ("$a[", "1", "]"),
        ("1 + (", "1", ")"),
    ] {
        let text = |depth: usize| format!("#set($x = {}{inside}{})", open.repeat(depth), close.repeat(depth));
        assert!(Template::compile(&text(20)).is_ok(), "{open}");
        assert!(Template::compile(&text(20_000)).is_err(), "{open}");
    }
    let mut quoted = "$x".to_owned();
    for _ in 0..12 {
        quoted = format!("#set($x = \"{}\")", quoted.replace('"', "\"\""));
    }
    assert!(Template::compile(&quoted).is_ok());
    let long = "1 + ".repeat(20_000);
    assert!(Template::compile(&format!("#set($x = {long}1)")).is_err());
}

#[test]
fn members_of_maps_print_wherever_they_are() {
    // A map in itself, one so large that it has an index, and names that are no members.
    let knot = "#set($m = {'a': 1, 't': 'x'})#set($m.me = $m)";
    assert_eq!(render(&format!("{knot}$m.me.me.a $m.me.t $m.me.me.t.empty")).unwrap(), "1 x false");
    assert_eq!(render(&format!("{knot}#set($n = $m.me.me)$n.a")).unwrap(), "1");
    let deep = ".me".repeat(100_000 / 3);
    assert_eq!(render(&format!("{knot}$m{deep}.a")).unwrap(), "1");
    let entries: Vec<String> = (0..40).map(|number| format!("'k{number}': {{'n': {number}}}")).collect();
    let large = format!("#set($m = {{{}}})", entries.join(","));
    assert_eq!(render(&format!("{large}$m.k7.n $m.k39.n $m.k40.n $m.none")).unwrap(), "7 39  ");
    assert_eq!(render("#set($m = {'class': 1})$m.class").unwrap(), render("#set($m = {})$m.class").unwrap());
    assert_eq!(
        render("#set($m = {'a': '\"é'})$util.escapeJavaScript($m.a)|$util.escapeJavaScript($m.b)|").unwrap(),
        "\\\"\\u00E9||"
    );
}

#[test]
fn templates_have_a_size() {
    let text = "x".repeat(crate::limits::VTL_TEMPLATE_BYTES_MAX);
    assert!(Template::compile(&text).is_ok());
    assert!(Template::compile(&format!("{text}y")).is_err());
}

#[test]
fn an_observer_sees_what_happens() {
    #[derive(Default)]
    struct Seen(Vec<String>);
    impl Observer for Seen {
        fn reference(&mut self, line: u32, text: &str, value: &str) {
            self.0.push(format!("{line} {text} = {value}"));
        }
        fn branch(&mut self, line: u32, what: &str) {
            self.0.push(format!("{line} {what}"));
        }
    }
    let template =
        Template::compile("$context.stage\n#if($input.params('q') == 'v')\n${x}y#else n#end").unwrap();
    let mut seen = Seen::default();
    let mut out = Vec::new();
    let variables = Variables { json: vec![("x".into(), "[1]".into())] };
    template
        .render_traced(&Exchange(""), &mut Overrides::default(), &variables, Some(&mut seen), &mut out)
        .unwrap();
    assert_eq!(out, b"dev\n[1]y");
    assert_eq!(seen.0, ["1 $context.stage = dev", "2 true", "3 ${x} = [1]"]);
}

#[test]
fn lint_finds_likely_mistakes() {
    let lines = |text: &str| -> Vec<u32> {
        lint(&Template::compile(text).unwrap()).iter().map(|warning| warning.line).collect()
    };
    assert_eq!(lines("#set($a = 1)$a\n$b"), [2]);
    assert_eq!(lines("#if($input.path('$.a'))x#end"), [1]);
    assert_eq!(lines("{\"a\": $input.params('a'),\n\"b\": \"$input.params('b')\"}"), [1]);
    assert_eq!(lines("\n$input.path('$.a[')"), [2]);
    assert_eq!(lines("#macro(m $a)$a#end#m(1)#foreach($i in [1])$i$foreach.count#end"), [0; 0]);
}
