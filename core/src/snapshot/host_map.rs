//! From `Host` and path to an API and a stage: execute-api hosts, custom domain names, base path mappings.

use ahash::AHashMap;

use crate::limits::HOST_BYTES_MAX;

/// Where a request lands: a stage, and where in its path the resource begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Index of the stage.
    pub stage: u32,
    /// Offset of the resource path (of its slash, or the end) in the request's path.
    pub resource_from: usize,
}

/// Hosts and what they lead to.
#[derive(Debug, Default)]
pub struct HostMap {
    exact: AHashMap<Box<[u8]>, u32>,
    /// Suffix with its dot: `.example.com` for `*.example.com`.
    wildcard: AHashMap<Box<[u8]>, u32>,
    any: Option<u32>,
    domains: Vec<Domain>,
    /// What follows the id of an API in the host that it has by itself, where paths may name the API instead.
    path_addresses: Option<Box<[u8]>>,
}

/// Paths that begin with an API and a stage, as emulators of AWS have them; and what stands before the resource.
const PATH_ADDRESSES: [(&[u8], &[u8]); 2] =
    [(b"/restapis/", b"/_user_request_"), (b"/_aws/execute-api/", b"")];

/// The base path mappings of one host.
#[derive(Debug, Default)]
pub struct Domain {
    /// Sorted by base path, for binary search.
    mappings: Vec<(Box<[u8]>, MappedTo)>,
    /// Most segments that a base path has.
    depth: usize,
}

/// What a base path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MappedTo {
    /// One stage.
    Stage(u32),
    /// The next segment of the path names the stage.
    Named(Vec<(Box<[u8]>, u32)>),
}

impl HostMap {
    /// Adds a host: an exact lower-case name, `*.suffix`, or `*`.
    pub fn insert(&mut self, host: &str, mappings: Vec<(String, MappedTo)>) {
        let mut mappings: Vec<(Box<[u8]>, MappedTo)> =
            mappings.into_iter().map(|(base_path, to)| (base_path.into_bytes().into(), to)).collect();
        mappings.sort_by(|a, b| a.0.cmp(&b.0));
        let segments = |base_path: &[u8]| match base_path.is_empty() {
            true => 0,
            false => base_path.iter().filter(|b| **b == b'/').count() + 1,
        };
        let depth = mappings.iter().map(|(base_path, _)| segments(base_path)).max().unwrap_or(0);
        let index = self.domains.len() as u32;
        self.domains.push(Domain { mappings, depth });
        match host.strip_prefix('*') {
            Some("") => self.any = Some(index),
            Some(suffix) => drop(self.wildcard.insert(suffix.as_bytes().into(), index)),
            None => drop(self.exact.insert(host.as_bytes().into(), index)),
        }
    }

    /// Finds the stage for a `Host` (with or without a port, any case) and a path that starts with `/`.
    #[inline]
    pub fn find(&self, host: &[u8], path: &[u8]) -> Option<Place> {
        self.domain(host)?.find(path)
    }

    /// Takes paths that name an API and a stage on hosts that name none; `suffix` is what follows the id of an API in its own host.
    pub fn allow_path_addresses(&mut self, suffix: &str) {
        self.path_addresses = Some(suffix.as_bytes().into());
    }

    /// As [`find`](HostMap::find), which has found nothing, for `/restapis/{api}/{stage}/_user_request_/…` and
    /// `/_aws/execute-api/{api}/{stage}/…`: the API answers as it does on its own host.
    #[cold]
    pub fn find_path_address(&self, host: &[u8], path: &[u8]) -> Option<Place> {
        let suffix = self.path_addresses.as_deref()?;
        if self.named(without_port(host)).is_some() {
            return None;
        }
        PATH_ADDRESSES.iter().find_map(|(prefix, marker)| {
            let api = path.strip_prefix(*prefix)?;
            let api = &api[..memchr::memchr(b'/', api).unwrap_or(api.len())];
            let mut own = [0; HOST_BYTES_MAX];
            let own = own.get_mut(..api.len() + suffix.len())?;
            own[..api.len()].copy_from_slice(api);
            own[api.len()..].copy_from_slice(suffix);
            let domain = &self.domains[*self.exact.get(&*own)? as usize];
            let from = prefix.len() + api.len();
            let place = domain.find(&path[from..])?;
            let rest = &path[from + place.resource_from..];
            let resource =
                rest.strip_prefix(*marker).filter(|rest| matches!(rest.first(), None | Some(b'/')))?;
            Some(Place { stage: place.stage, resource_from: path.len() - resource.len() })
        })
    }

    #[inline]
    fn domain(&self, host: &[u8]) -> Option<&Domain> {
        self.named(without_port(host)).or(self.any).map(|index| &self.domains[index as usize])
    }

    /// The domain of this very name, or of a wildcard.
    #[inline]
    fn named(&self, host: &[u8]) -> Option<u32> {
        if host.len() > HOST_BYTES_MAX {
            return None;
        }
        match self.exact.get(host) {
            Some(index) => Some(*index),
            None => self.find_lowercased(host),
        }
    }

    /// The first look-up failed: the name may be in capitals, or match a wildcard.
    fn find_lowercased(&self, host: &[u8]) -> Option<u32> {
        if self.exact.is_empty() && self.wildcard.is_empty() {
            return None;
        }
        let mut lower = [0; HOST_BYTES_MAX];
        let lower = &mut lower[..host.len()];
        lower.copy_from_slice(host);
        lower.make_ascii_lowercase();
        if let Some(index) = self.exact.get(&*lower) {
            return Some(*index);
        }
        if self.wildcard.is_empty() {
            return None;
        }
        // A wildcard stands for one label.
        let dot = memchr::memchr(b'.', lower)?;
        self.wildcard.get(&lower[dot..]).copied()
    }
}

/// `Host` without its port; an IPv6 address keeps its brackets.
#[inline]
pub fn without_port(host: &[u8]) -> &[u8] {
    let from = match host.first() {
        Some(b'[') => memchr::memchr(b']', host).unwrap_or(0),
        _ => 0,
    };
    match memchr::memchr(b':', &host[from..]) {
        Some(colon) => &host[..from + colon],
        None => host,
    }
}

impl Domain {
    /// The longest base path wins, by whole segments (tables.md §12.3).
    #[inline]
    fn find(&self, path: &[u8]) -> Option<Place> {
        let start = path.iter().position(|b| *b != b'/').unwrap_or(path.len());
        let mut ends = [start; crate::limits::BASE_PATH_SEGMENTS_MAX + 1];
        let mut levels = 0;
        let mut at = start;
        while levels < self.depth.min(crate::limits::BASE_PATH_SEGMENTS_MAX) && at < path.len() {
            let end = memchr::memchr(b'/', &path[at..]).map_or(path.len(), |n| at + n);
            levels += 1;
            ends[levels] = end;
            at = end + 1;
        }
        for level in (0..=levels).rev() {
            let end = ends[level];
            let Ok(found) = self.mappings.binary_search_by(|(base, _)| (**base).cmp(&path[start..end]))
            else {
                continue;
            };
            // The mapping's own end: with no base path, the slash that starts the path belongs to the resource.
            let from = if level == 0 { 0 } else { end };
            return self.mappings[found].1.resolve(path, from);
        }
        None
    }
}

impl MappedTo {
    #[inline]
    fn resolve(&self, path: &[u8], from: usize) -> Option<Place> {
        match self {
            MappedTo::Stage(stage) => Some(Place { stage: *stage, resource_from: from }),
            MappedTo::Named(stages) => {
                let start = path[from..].iter().position(|b| *b != b'/').map_or(path.len(), |n| from + n);
                let end = memchr::memchr(b'/', &path[start..]).map_or(path.len(), |n| start + n);
                let (_, stage) = stages.iter().find(|(name, _)| **name == path[start..end])?;
                Some(Place { stage: *stage, resource_from: end })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(stage: u32) -> MappedTo {
        MappedTo::Stage(stage)
    }

    fn map() -> HostMap {
        let mut map = HostMap::default();
        map.insert(
            "api.example.com",
            vec![
                ("".into(), stage(1)),
                ("orders/v1/items".into(), stage(2)),
                ("orders/v2/items".into(), stage(3)),
                ("orders/v2/items/categories".into(), stage(4)),
            ],
        );
        map.insert("*.example.com", vec![("".into(), stage(5))]);
        map.insert(
            "a1.execute-api.us-east-1.amazonaws.com",
            vec![("".into(), MappedTo::Named(vec![(b"dev"[..].into(), 6), (b"prod"[..].into(), 7)]))],
        );
        map
    }

    #[test]
    fn the_longest_mapping_wins_as_the_guide_shows() {
        let map = map();
        for (path, expected) in [
            ("/orders/v1/items", 2),
            ("/orders/v2/items", 3),
            ("/orders/v1/items/123", 2),
            ("/orders/v2/items/categories/5", 4),
            ("/customers", 1),
            ("/", 1),
            ("/orders/v2/itemsX", 1),
        ] {
            assert_eq!(map.find(b"api.example.com", path.as_bytes()).unwrap().stage, expected, "{path}");
        }
        let place = map.find(b"API.example.com:8443", b"/orders/v1/items/123").unwrap();
        assert_eq!(place, Place { stage: 2, resource_from: "/orders/v1/items".len() });
    }

    #[test]
    fn execute_api_hosts_name_the_stage_in_the_path() {
        let map = map();
        let host = b"a1.execute-api.us-east-1.amazonaws.com";
        assert_eq!(map.find(host, b"/dev/pets"), Some(Place { stage: 6, resource_from: 4 }));
        assert_eq!(map.find(host, b"//prod"), Some(Place { stage: 7, resource_from: 6 }));
        assert_eq!(map.find(host, b"/test/pets"), None);
        assert_eq!(map.find(host, b"/"), None);
    }

    #[test]
    fn wildcards_stand_for_one_label() {
        let mut map = map();
        assert_eq!(map.find(b"x.example.com", b"/").unwrap().stage, 5);
        assert_eq!(map.find(b"x.y.example.com", b"/"), None);
        assert_eq!(map.find(b"example.com", b"/"), None);
        map.insert("*", vec![("v1".into(), stage(9))]);
        assert_eq!(map.find(b"127.0.0.1:8080", b"/v1/x"), Some(Place { stage: 9, resource_from: 3 }));
        assert_eq!(map.find(b"[::1]:8080", b"/v2"), None);
        assert_eq!(map.find(&[b'a'; 400], b"/v1").unwrap().stage, 9);
    }

    #[test]
    fn paths_name_apis_only_where_they_may_and_the_host_does_not() {
        let found = |map: &HostMap, host: &str, path: &str| {
            let place = map.find_path_address(host.as_bytes(), path.as_bytes())?;
            Some((place.stage, &path[place.resource_from..] == "/pets/7"))
        };
        let (local, user) = ("/_aws/execute-api/a1/dev/pets/7", "/restapis/a1/prod/_user_request_/pets/7");
        let mut map = map();
        assert_eq!(found(&map, "127.0.0.1:8080", local), None, "it has to be allowed");
        map.allow_path_addresses(".execute-api.us-east-1.amazonaws.com");
        assert_eq!(found(&map, "127.0.0.1:8080", local), Some((6, true)));
        assert_eq!(found(&map, "", user), Some((7, true)));
        assert_eq!(
            map.find_path_address(b"x", b"/restapis/a1/dev/_user_request_").unwrap().resource_from,
            31
        );
        assert_eq!(map.find_path_address(b"x", b"/_aws/execute-api/a1/dev").unwrap().resource_from, 24);
        for path in [
            "/restapis/a1/prod/pets/7",
            "/restapis/a1/prod/_user_request_X/pets/7",
            "/restapis/a1/_user_request_/pets/7",
            "/restapis/a1/test/_user_request_/pets/7",
            "/restapis/a2/prod/_user_request_/pets/7",
            "/restapis//prod/_user_request_/pets/7",
            "/restapis/",
            "/_aws/execute-api/a1",
            "/_aws/execute-api/",
            "/x/restapis/a1/prod/_user_request_/pets/7",
        ] {
            assert_eq!(found(&map, "127.0.0.1", path), None, "{path}");
        }
        let long = format!("/restapis/{}/prod/_user_request_/pets/7", "a".repeat(300));
        assert_eq!(found(&map, "127.0.0.1", &long), None);
        for host in [
            "api.example.com",
            "API.example.com:80",
            "x.example.com",
            "a1.execute-api.us-east-1.amazonaws.com",
        ] {
            assert_eq!(found(&map, host, user), None, "{host} names an API");
        }
        map.insert("*", vec![("v1".into(), stage(9))]);
        assert_eq!(found(&map, "127.0.0.1", user), Some((7, true)), "any host is no name");
    }
}
