//! Templates made at random: most of Velocity's grammar, everything that API Gateway adds, and odd text around it.

use serde_json::{Value, json};

/// A small generator of numbers (SplitMix64): the same seed gives the same templates everywhere.
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// One of the texts that tildes separate.
    fn pick<'a>(&mut self, from: &'a str) -> &'a str {
        let all: Vec<&str> = from.split('~').collect();
        all[self.below(all.len())]
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

const TEXTS: &str = "a~ ~\n~  \n~\t~{\"k\": ~}~\"~'~é~😀~,~:~[~]~(~)~.~..~-~x.y~1.5~#~##x\n~$~$ ~$$~\
    $!~\\~\\\\~\\$~\\#~#123~#a ~#{b}~$5~$.~$[~$![~${ x}~#*c*#~#**d*#~\
    #[[ $raw #if ]]#~}#~#@x~\r\n~\\$s~\\\\$s~\\#if~\\#foreach~\\\\#end_~\\${s}~\
    $\\!s~$s.~$s-~$s_~${s}x~#$s~$#s~$s$n~$m.a.~$l[0].~$s#~$s\\~&~%~!~=~\
    <a href=\"#top\">~#else_~#endx~#iffy~#setx~ #set~$s(~$m.a(~$s[~$s}~{$s}~\
    \\#set($q = 1)~\\$s.length()";

const PATHS: &str = "$~$.s~$.n~$.d~$.l~$.l[0]~$.l[1].a~$.l[*].a~$.l[-1:]~$.l[:2]~$.l[0,1]~$.m~\
    $.m.x~$.m['y z']~$.none~$.none.x~$.none[*]~$..a~$..x~$.l[?(@.a > 1)]~\
    $.l[?(@.a == 'x')].b~$.l[?(@.b)]~$.*~$.m.*~$.t~$.z~$['s','n']~$.l.length()~\
    $..*~s~$.l[?(@.a =~ /x.*/)]~$.l[9]~$.s.x~$.e~$.o~$.l[(@.length-1)]";

const TEXT_CALLS: &str = ".length()~.toUpperCase()~.toLowerCase()~.trim()~.isEmpty()~.toString()~\
    .hashCode()~.substring(1)~.substring(0, 2)~.indexOf('a')~.indexOf(\"l\", 1)~\
    .lastIndexOf('a')~.contains('l')~.startsWith('h')~.endsWith('o')~\
    .replace('l', 'L')~.replaceAll('[aeiou]', '_')~.replaceAll('(l)', '<$1>')~\
    .replaceFirst('l', '')~.matches('h.*')~.matches('\\d+')~.concat('!')~\
    .equals('hello')~.equalsIgnoreCase('HELLO')~.compareTo('help')~.charAt(0)~\
    .split(',').size()~.split('l')[0]~.empty~.none~.nope()~.length~[0]~.repeat(2)~\
    .isBlank()~.strip()~.split('').get(0)~.codePointAt(1)~.charAt(1).toString()~\
    .substring(9)~.format('%s-%d', 'a', 3)";

const LIST_CALLS: &str = ".size()~.isEmpty()~.get(0)~[0]~[1]~[-1]~.contains(1)~.contains('a')~\
    .indexOf(2)~.add(7)~.toString()~.subList(0, 1)~.empty~.none~.get(9)~\
    .remove(0)~.add('x').none~.addAll([1, 'b'])~.set(0, 'w')~.size~\
    .containsAll([1])~.equals([1])~.lastIndexOf(1)~.remove('a')~.clear()~['a']~\
    [0].length()~.get('a')";

const MAP_CALLS: &str = ".a~.b~['a']~[\"b\"]~.get('a')~.none~.size()~.isEmpty()~.keySet()~.values()~\
    .entrySet()~.containsKey('a')~.containsValue(1)~.put('k', 'v')~.put('a', 2)~\
    .remove('a')~.toString()~.getOrDefault('q', 5)~.a.b~.b.c~.putAll({'p': 1})~\
    .equals({})~.get(1)~.keySet().contains('a')~.keySet().size()~\
    .entrySet().size()~[1]~.isEmpty~.size~.clear()~.put('n', null)~\
    .putIfAbsent('a', 9)";

const NUMBER_CALLS: &str = ".toString()~.intValue()~.longValue()~.doubleValue()~.equals(5)~.compareTo(3)~\
    .hashCode()~.none~.nope()~.parseInt('12')~.toString().length()~.valueOf('8')";

/// What mostly throws: indices out of bounds, numbers that are none.
const RISKY: &str = "(9)~compareTo(3)~charAt~remove(0)~[0]~[1]~[-1]~get(0)~set(0~subList~(0, 2)~\
    (1)~codePoint";

/// One template under construction.
pub(super) struct Generator<'g> {
    random: &'g mut Random,
    out: String,
    depth: usize,
    /// The number of the case: macros live on from template to template in the oracle, so their names must differ.
    case: usize,
    macros: Vec<(String, usize)>,
    overridden: Vec<String>,
    in_quotes: bool,
}

/// Template, body and the rest of an exchange for the oracle.
pub(super) fn case(random: &mut Random, number: usize) -> Value {
    let mut generator = Generator {
        random,
        out: String::new(),
        depth: 0,
        case: number,
        macros: Vec::new(),
        overridden: Vec::new(),
        in_quotes: false,
    };
    generator.preamble();
    let statements = 1 + generator.random.below(10);
    generator.block(statements);
    let template = generator.out;
    let body = body(random);
    json!({
        "template": template,
        "body": body,
        "params": {
            "path": {"id": "42", "proxy": "a/b"},
            "querystring": {"q": "v 1", "name": "n&m"},
            "header": {"Accept": "*/*", "X-H": "h"},
        },
        "context": {
            "requestId": "rid", "stage": "dev", "requestTimeEpoch": 1_700_000_000_000_u64, "isCanaryRequest": true,
            "identity": {"sourceIp": "1.2.3.4", "userAgent": "ua"},
        },
        "stageVariables": {"v": "sv", "w": "x"},
    })
}

fn body(random: &mut Random) -> Value {
    let bodies: &[&str] = &[
        concat!(
            r#"{"s": "he\"l/lo", "n": 5, "d": 2.50, "t": true, "z": null, "l": [{"a": 1, "b": "x"}, {"a": "xy"}, "#,
            r#"{"a": 3}], "m": {"x": [1, 2], "y z": "é"}, "e": [], "o": {}}"#
        ),
        r#"{"s": "", "n": 12345678901, "d": 1e10, "l": ["p", 2, [3, {"a": 4}]], "m": {"x": "1/2"}}"#,
        r#"[1, {"a": [true, null, -0.5, 1E-7]}, "s"]"#,
        "{s: 'lax', n: 007, d: .5, l: [1,,2,], m: {x: y}} tail",
        r#"{"s": "a\u00e9\ud83d\ude00\n", "n": -3, "d": 100.0, "big": 123456789012345678901234567890, "p": 1.00000000000000000001}"#,
        "\"just text\"",
        "17",
        "{broken",
        "",
        r#"{"s": " x ", "l": [[1, 2], [3]], "m": {"a": {"b": {"c": [{"x": 1}]}}}, "n": 0, "d": 0.001}"#,
    ];
    match random.below(bodies.len() + 6) {
        at if at < bodies.len() => Value::from(bodies[at]),
        _ => Value::from(bodies[0]),
    }
}

impl Generator<'_> {
    /// Variables of every kind.
    fn preamble(&mut self) {
        let list =
            self.random.pick("[1, 'a', 2.5, true]~[]~[[1], {'a': 1}]~[1..4]~['x', 'y']~$input.path('$.l')");
        let map = self.random.pick(
            "{'a': 1, 'b': 'x'}~{}~{'a': {'b': [1]}, 'b': 2}~{1: 'i', 'a': null_}~\
            $input.path('$.m')",
        );
        let text = self.random.pick("'hello'~\"he$undefined-llo\"~'a,b,,c'~''~' x é😀 '~$input.body~'12'");
        let number = self.random.pick("5~0~-3~2147483647~9999999999~$input.path('$.n')");
        let double = self.random.pick("2.5~-0.5~1.0~1e3~$input.path('$.d')");
        let newline = self.random.pick("~\n~ ~  \n");
        let map = map.replace("null_", "'n'");
        for (name, value) in
            [("s", text), ("n", number), ("d", double), ("l", list), ("m", &map), ("b", "true")]
        {
            self.out.push_str(&format!("#set(${name} = {value}){newline}"));
        }
    }

    fn block(&mut self, statements: usize) {
        self.depth += 1;
        for _ in 0..statements {
            self.statement();
        }
        self.depth -= 1;
    }

    fn statement(&mut self) {
        let deep = self.depth > 3;
        match self.random.below(if deep { 55 } else { 100 }) {
            0..=17 => {
                let text = self.random.pick(TEXTS);
                self.text(text);
            }
            18..=44 => {
                let reference = self.reference();
                self.text(&reference);
            }
            45..=54 => self.set(),
            55..=66 => self.if_statement(),
            67..=77 => self.foreach(),
            78..=82 => self.define(),
            83..=88 => self.macro_call(),
            89..=91 => self.evaluate(),
            92 => self.text("#break"),
            93 => self.text("#stop"),
            94..=95 => self.text(" #literal()$s #if#end "),
            96..=97 => self.assign_override(),
            _ => {
                let call = self.random.pick(
                    "#nomacro($s 1)~#nomacro()~#@nomacro($s)x#end~#nomacro(word)~\
            #nomacro ( 'a' )\n~#{nomacro}($n)",
                );
                self.text(call);
            }
        }
    }

    /// Appends to the template; within quotes, quotes are doubled.
    fn text(&mut self, text: &str) {
        if self.in_quotes {
            self.out.push_str(&text.replace('"', "\"\""));
        } else {
            self.out.push_str(text);
        }
    }

    fn reference(&mut self) -> String {
        let inside = self.reference_inside();
        match self.random.below(10) {
            0 => format!("$!{inside}"),
            1..=2 => format!("${{{inside}}}"),
            3 => format!("$!{{{inside}}}"),
            _ => format!("${inside}"),
        }
    }

    fn reference_inside(&mut self) -> String {
        let path = self.random.pick(PATHS);
        match self.random.below(36) {
            0..=5 => format!("s{}", self.calls(TEXT_CALLS)),
            6..=9 => format!("l{}", self.calls(LIST_CALLS)),
            10..=13 => format!("m{}", self.calls(MAP_CALLS)),
            14..=15 => format!("n{}", self.calls(NUMBER_CALLS)),
            16 => format!("d{}", self.calls(NUMBER_CALLS)),
            17 => format!("b{}", self.random.pick("~.toString()~.equals(true)~.compareTo(false)~.none")),
            18..=20 => format!("input.json('{}')", path.replace('\'', "''")),
            21..=24 => {
                let calls = self.random.pick("~~.size()~[0]~.a~.toString()~.keySet()~.x[0]");
                format!("input.path('{}'){calls}", path.replace('\'', "''"))
            }
            25 => format!("input.params('{}')", self.random.pick("id~q~X-H~none~x-h")),
            26 => format!(
                "input.params(){}",
                self.random.pick("~.path~.querystring.q~.header.keySet()~.get('path').id")
            ),
            27 => format!("input.{}", self.random.pick("body~body.length()~none~getBody()~path(5)~json($s)")),
            28..=29 => {
                let argument = self.argument();
                let name = self.random.pick(
                    "escapeJavaScript~escapeJavaScript~urlEncode~base64Encode~urlEncode~urlDecode~\
            base64Encode~base64Decode~parseJson",
                );
                format!("util.{name}({argument})")
            }
            30 => format!(
                "context.{}",
                self.random.pick(
                    "requestId~stage~identity.sourceIp~none~none.more~requestTimeEpoch~\
            isCanaryRequest~stage.length()"
                )
            ),
            31 => self
                .random
                .pick(
                    "stageVariables.v~stageVariables['v']~stageVariables.none~\
            stageVariables.keySet()~stageVariables",
                )
                .to_owned(),
            32 => self
                .random
                .pick(
                    "undefined~undefined.a.b~undefined[0]~undefined.size()~i~foreach.index~\
            foreach.count~foreach.hasNext~foreach.first~foreach.last~foreach.parent.index~\
            velocityCount~velocityHasNext~x~e",
                )
                .to_owned(),
            33 => "q".to_owned(),
            _ => self.random.pick("s~n~d~l~m~b~x").to_owned(),
        }
    }

    /// A call, rarely one that is likely to throw.
    fn call<'a>(&mut self, of: &'a str) -> &'a str {
        let call = self.random.pick(of);
        let risky = RISKY.split('~').any(|part| call.contains(part));
        if risky && self.random.chance(85) { self.random.pick(of) } else { call }
    }

    fn calls(&mut self, of: &str) -> String {
        match self.random.below(4) {
            0 => String::new(),
            1 => {
                let first = self.call(of);
                let second =
                    self.random.pick(".toString()~.length()~.size()~.none~[0]~.equals('a')~.intValue()");
                format!("{first}{second}")
            }
            _ => self.call(of).to_owned(),
        }
    }

    fn literal(&mut self) -> String {
        self.random
            .pick(
                "1~0~-2~7~2.5~-.5~1e2~true~false~'a'~\"b\"~''~\"\"~'it''s'~\"q\"\"q\"~'$s'~\
            \"$s\"~\"${s}x$n\"~\"#if($b)y#end\"~[]~[1,2]~[ 1 , 'a' ]~{}~{ }~{'k':'v'}~\
            { 'k' : 1 , 'j' : $n }~[1..3]~[3..1]~[$l.size()..2]~\"\\u00e9\"~\"a\nb\"~\
            99999999999~\"##c\"~\"#x $s\"~\"$\"~\"a#\"~'a\"b'~\"it's\"~[[1],[2]]",
            )
            .to_owned()
    }

    fn argument(&mut self) -> String {
        if self.random.chance(50) { self.literal() } else { self.reference() }
    }

    fn expression(&mut self, depth: usize) -> String {
        match self.random.below(if depth > 2 { 6 } else { 12 }) {
            0..=2 => self.literal(),
            3..=5 => self.reference(),
            6..=10 => {
                let left = self.expression(depth + 1);
                let right = self.expression(depth + 1);
                let operator = self.random.pick("+~+~-~*~/~%~==~!=~<~<=~>~>=~&&~||~and~or~eq~ne~lt~gt~le~ge");
                let (open, close) = if self.random.chance(30) { ("(", ")") } else { ("", "") };
                let blank = if self.random.chance(90) { " " } else { "" };
                format!("{open}{left}{blank}{operator}{blank}{right}{close}")
            }
            _ => {
                let inside = self.expression(depth + 1);
                let not = self.random.pick("!~! ~not ");
                format!("{not}{inside}")
            }
        }
    }

    fn set(&mut self) {
        let target = self.random.pick(
            "$x~$x~$x~$s~$n~$q~$!x~${x}~$m.a~$m['k']~$m.new~$l[0]~$undefined.a~$m.a.b~$x.y~\
            $l.foo~$s.x",
        );
        let value = self.expression(0);
        let blanks = self.random.pick("~ ~  ~\n");
        let open = self.random.pick("#set(~#set( ~#set (~#{set}(~  #set(");
        let after = self.random.pick("~~\n~ \n~ ");
        self.text(&format!("{open}{target}{blanks}={blanks}{value}){after}"));
    }

    fn if_statement(&mut self) {
        let condition = self.expression(1);
        let open = self.random.pick("#if(~#if( ~#if (~#{if}(");
        let after = self.random.pick("~~\n~ \n~ ");
        self.text(&format!("{open}{condition}){after}"));
        let count = self.random.below(3);
        self.block(count);
        if self.random.chance(25) {
            let condition = self.expression(1);
            self.text(&format!("#elseif({condition})"));
            let count = self.random.below(3);
            self.block(count);
        }
        if self.random.chance(50) {
            let otherwise = self.random.pick("#else~#{else}~#else ~#else\n~#else \n");
            self.text(otherwise);
            let count = self.random.below(3);
            self.block(count);
        }
        self.end();
    }

    fn end(&mut self) {
        let end = self.random.pick("#end~#end~#{end}~#end\n~#end \n~#end ");
        self.text(end);
    }

    fn foreach(&mut self) {
        let list = match self.random.below(4) {
            0 => self.reference(),
            1 => self.literal(),
            _ => self
                .random
                .pick(
                    "$l~$m~[1..3]~$m.keySet()~$m.entrySet()~$input.path('$.l')~\
            ['a', $undefined, 3]~$s",
                )
                .to_owned(),
        };
        let variable = self.random.pick("$i~$i~$e~$x~${i}");
        let open = self.random.pick("#foreach(~#foreach( ~#foreach (~#{foreach}(");
        let after = self.random.pick("~~\n~ ");
        self.text(&format!("{open}{variable} in {list}){after}"));
        if self.random.chance(60) {
            let inside = self.random.pick(
                "$i~$i,~$foreach.index~$foreach.count:$i ~$velocityCount~\
            #if($foreach.hasNext),#end~$i.key=$i.value ~$i.a~#if($velocityHasNext)+#end~\
            #if($foreach.first)f#end~#if($foreach.last)l#end~#if($i == 2)#break#end~\
            $!i.getKey()",
            );
            self.text(inside);
        }
        let count = self.random.below(3);
        self.block(count);
        self.end();
    }

    fn define(&mut self) {
        self.text("#define($q)");
        let count = 1 + self.random.below(2);
        self.block(count);
        self.end();
        self.text("[$q]");
    }

    fn macro_call(&mut self) {
        if self.macros.is_empty() || self.random.chance(50) {
            let name = format!("m{}x{}", self.case, self.macros.len());
            let parameters = self.random.below(3);
            let list: String = (0..parameters).map(|at| [" $p", " $o"][at]).collect();
            self.text(&format!("#macro({name}{list})"));
            let inside = self.random.pick(
                "<$p>~<$!p|$o>~\\$p~$bodyContent~#set($p = 3)$p~#set($x = 'mx')~~$p.length()~\
            #foreach($i in $p)$i;#end",
            );
            self.text(inside);
            let count = self.random.below(2);
            self.block(count);
            self.end();
            self.macros.push((name, parameters));
        }
        let at = self.random.below(self.macros.len());
        let (name, parameters) = self.macros[at].clone();
        let given = if self.random.chance(80) { parameters } else { self.random.below(3) };
        let separator = self.random.pick(" ~, ~,");
        let arguments: Vec<String> = (0..given).map(|_| self.argument()).collect();
        let arguments = arguments.join(separator);
        if self.random.chance(20) {
            self.text(&format!("#@{name}({arguments})body $n#end"));
        } else {
            self.text(&format!("#{name}({arguments})"));
        }
    }

    fn evaluate(&mut self) {
        let argument = self.random.pick(
            "'$s'~'#set($x = 9)$x'~\"$s\"~$s~'#if($b)1#else 2#end'~\"#set($z = 1)$z\"~\
            '$x$y'",
        );
        self.text(&format!("#evaluate({argument})"));
    }

    /// Each override is set once at most: AWS refuses a second time, the oracle does not know that.
    fn assign_override(&mut self) {
        let target = self.random.pick(
            "requestOverride.header.h~requestOverride.path['p']~\
            requestOverride.querystring.q~responseOverride.header.x~\
            responseOverride.status",
        );
        // In a loop or macro it would be set again.
        if self.depth > 1 || self.overridden.iter().any(|known| known == target) {
            return;
        }
        self.overridden.push(target.to_owned());
        let value = self.random.pick("'v'~1~$s~\"a$n\"~['a', 'b']");
        self.text(&format!("#set($context.{target} = {value})$!context.{target}"));
    }
}
