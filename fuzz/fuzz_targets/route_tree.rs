//! The route tree finds what a linear search over all resources finds: among the resources that match, the one whose
//! segments are, from left to right, literal before variable before greedy.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringway_core::model::HttpMethod;
use ringway_core::snapshot::route_tree::{Match, RouteTree};

fuzz_target!(|input: (Vec<Vec<u8>>, Vec<u8>)| {
    let (routes, path) = input;
    let mut resources: Vec<String> = routes.iter().take(64).map(|choices| resource(choices)).collect();
    resources.sort();
    resources.dedup();
    let mut tree = RouteTree::default();
    for (index, resource) in resources.iter().enumerate() {
        tree.insert(resource, HttpMethod::Get, index as u32);
    }
    let path: String = path.iter().take(64).map(|byte| b"/ab/cd/"[usize::from(byte % 7)] as char).collect();
    let path = format!("/{path}");
    let expected = resources.iter().filter_map(|resource| matches(resource, &path)).min();
    let found = tree.find(path.as_bytes(), 0, Some(HttpMethod::Get));
    match (found, expected) {
        (Match::NoResource, None) => {}
        (Match::Route { plan, parameters }, Some((_, resource, values))) => {
            assert_eq!(resources[plan as usize], resource, "{path}");
            let found: Vec<&str> = (0..parameters.len())
                .map(|i| std::str::from_utf8(parameters.get(i, path.as_bytes())).unwrap())
                .collect();
            assert_eq!(found, values, "{path} {resource}");
        }
        (found, expected) => panic!("{path}: {found:?}, linear search: {expected:?}"),
    }
});

/// A valid resource path: each byte chooses a segment, a greedy variable ends it.
fn resource(choices: &[u8]) -> String {
    let mut path = String::new();
    for choice in choices.iter().take(8) {
        match choice % 8 {
            0..=1 => path.push_str("/a"),
            2..=3 => path.push_str("/b"),
            4 => path.push_str("/cd"),
            5..=6 => path.push_str("/{v}"),
            _ => return path + "/{proxy+}",
        }
    }
    if path.is_empty() { "/".to_owned() } else { path }
}

/// Kinds of the segments (0 literal, 1 variable, 2 greedy), the resource, and the values of its variables.
fn matches<'r, 'p>(resource: &'r str, path: &'p str) -> Option<(Vec<u8>, &'r str, Vec<&'p str>)> {
    let path = path.trim_start_matches('/');
    let path = path.strip_suffix('/').unwrap_or(path);
    let (mut kinds, mut values) = (Vec::new(), Vec::new());
    let mut rest = Some(path).filter(|path| !path.is_empty());
    for segment in resource.split('/').filter(|segment| !segment.is_empty()) {
        let left = rest?;
        if segment == "{proxy+}" {
            kinds.push(2);
            values.push(left);
            return (!left.is_empty()).then_some((kinds, resource, values));
        }
        let (first, after) = left.split_once('/').map_or((left, None), |(first, after)| (first, Some(after)));
        rest = after;
        match segment {
            "{v}" if !first.is_empty() => {
                kinds.push(1);
                values.push(first);
            }
            literal if literal == first => kinds.push(0),
            _ => return None,
        }
    }
    rest.is_none().then_some((kinds, resource, values))
}
