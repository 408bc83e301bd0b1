//! From a path to a route, in small and large APIs.

use std::hint::black_box;

use ringway_core::model::HttpMethod;
use ringway_core::snapshot::route_tree::{Match, RouteTree};

use super::{Prepared, Row};

pub(super) const FUNCTIONS: &[Row] = &[
    ("route_match/10", 16_384, || find(10)),
    ("route_match/1000", 16_384, || find(1000)),
    ("route_match/10000", 16_384, || find(10_000)),
];

/// Paths that are looked up in turn, spread over all routes: so many that the random keys of hash maps even out.
const PATHS: usize = 512;

fn find(routes: usize) -> Prepared {
    let mut tree = RouteTree::default();
    for route in 0..routes {
        tree.insert(&resource_path(route), HttpMethod::Get, route as u32);
    }
    let paths: Vec<(Vec<u8>, u32)> = (0..PATHS)
        .map(|index| {
            let route = index * routes / PATHS;
            (format!("/dev{}", resource_path(route).replace("{itemId}", "4711")).into_bytes(), route as u32)
        })
        .collect();
    let mut next = 0;
    Prepared::new(1, move || {
        let (path, route) = &paths[next % PATHS];
        next += 1;
        match tree.find(black_box(path), "/dev".len(), Some(HttpMethod::Get)) {
            Match::Route { plan, parameters } if plan == *route => parameters.len(),
            other => panic!("{}: {other:?}", String::from_utf8_lossy(path)),
        }
    })
}

/// Groups of ten resources below a hundred and more services, as large APIs have them.
fn resource_path(route: usize) -> String {
    format!("/service{}/collection{}/{{itemId}}", route / 10, route % 10)
}
