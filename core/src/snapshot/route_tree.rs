//! The route tree: literal before `{variable}` before `{proxy+}`, one method before ANY (spec sheet §2, tables.md §12.2).

use ahash::AHashMap;

use crate::limits::PATH_PARAMETERS_MAX;
use crate::model::HttpMethod;

/// No such node or plan.
const NONE: u32 = u32::MAX;

/// With fewer children than this, comparing them one by one is faster than hashing the segment.
const LINEAR_CHILDREN_MAX: usize = 8;

/// Verbs of a resource: an index into the route plans each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Verbs([u32; 8]);

/// Where the path parameters of a match lie in the matched path: `(start, end)` in order of appearance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PathParameters {
    spans: [(u16, u16); PATH_PARAMETERS_MAX],
    count: u8,
}

impl PathParameters {
    /// The value of parameter `index` in `path`, as it stood in the request.
    #[inline]
    pub fn get<'p>(&self, index: usize, path: &'p [u8]) -> &'p [u8] {
        let (start, end) = self.spans[index];
        &path[start as usize..end as usize]
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether the route has no variables.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn push(&mut self, start: usize, end: usize) {
        self.spans[self.count as usize] = (start as u16, end as u16);
        self.count += 1;
    }
}

/// Segments below a node.
#[derive(Debug)]
enum Literals {
    Few(Vec<(Box<[u8]>, u32)>),
    Many(AHashMap<Box<[u8]>, u32>),
}

impl Literals {
    #[inline]
    fn get(&self, segment: &[u8]) -> Option<u32> {
        match self {
            Literals::Few(list) => list.iter().find(|(name, _)| **name == *segment).map(|(_, node)| *node),
            Literals::Many(map) => map.get(segment).copied(),
        }
    }

    fn insert(&mut self, segment: &[u8], node: u32) {
        if let Literals::Few(list) = self {
            if list.len() < LINEAR_CHILDREN_MAX {
                list.push((segment.into(), node));
                return;
            }
            *self = Literals::Many(list.drain(..).collect());
        }
        if let Literals::Many(map) = self {
            map.insert(segment.into(), node);
        }
    }
}

#[derive(Debug)]
struct Node {
    literals: Literals,
    variable: u32,
    greedy: Option<Verbs>,
    verbs: Option<Verbs>,
}

impl Node {
    fn new() -> Self {
        Node { literals: Literals::Few(Vec::new()), variable: NONE, greedy: None, verbs: None }
    }
}

/// A tree over the resources of one stage.
#[derive(Debug)]
pub struct RouteTree {
    nodes: Vec<Node>,
}

/// What a path and a method lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// A method of a resource.
    Route {
        /// Index of the plan.
        plan: u32,
        /// Its path parameters.
        parameters: PathParameters,
    },
    /// The resource exists and has no such method. AWS answers as for no resource at all.
    NoMethod,
    /// No resource.
    NoResource,
}

impl Default for RouteTree {
    fn default() -> Self {
        RouteTree { nodes: vec![Node::new()] }
    }
}

impl RouteTree {
    /// Adds a method. `path` is a validated resource path; the last of two equal ones wins.
    pub fn insert(&mut self, path: &str, method: HttpMethod, plan: u32) {
        let mut node = 0;
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            if segment.starts_with('{') && segment.ends_with("+}") {
                let verbs = self.nodes[node].greedy.get_or_insert(Verbs([NONE; 8]));
                verbs.0[method as usize] = plan;
                return;
            }
            node = self.child(node, segment);
        }
        self.nodes[node].verbs.get_or_insert(Verbs([NONE; 8])).0[method as usize] = plan;
    }

    fn child(&mut self, node: usize, segment: &str) -> usize {
        let variable = segment.starts_with('{');
        let found = match variable {
            true => Some(self.nodes[node].variable).filter(|child| *child != NONE),
            false => self.nodes[node].literals.get(segment.as_bytes()),
        };
        if let Some(child) = found {
            return child as usize;
        }
        let child = self.nodes.len();
        self.nodes.push(Node::new());
        match variable {
            true => self.nodes[node].variable = child as u32,
            false => self.nodes[node].literals.insert(segment.as_bytes(), child as u32),
        }
        child
    }

    /// Finds the route of `path`, which starts at `from` (the end of base path and stage) in the request's own path.
    /// The resource is chosen before the method: a literal resource without the method does not fall back to a variable
    /// one (tables.md §12.2). One trailing slash is ignored; slashes right at the start count as one.
    #[inline]
    pub fn find(&self, path: &[u8], from: usize, method: Option<HttpMethod>) -> Match {
        let mut start = from;
        while path.get(start) == Some(&b'/') {
            start += 1;
        }
        let mut end = path.len();
        if end > start && path[end - 1] == b'/' {
            end -= 1;
        }
        let mut parameters = PathParameters::default();
        let Some(verbs) = self.walk(0, &path[..end], start, &mut parameters) else {
            return Match::NoResource;
        };
        let Some(method) = method else { return Match::NoMethod };
        match (verbs.0[method as usize], verbs.0[HttpMethod::Any as usize]) {
            (NONE, NONE) => Match::NoMethod,
            (NONE, plan) | (plan, _) => Match::Route { plan, parameters },
        }
    }

    /// Depth is bounded by the depth of the tree; at each node at most the literal and the variable child are tried.
    fn walk(&self, node: u32, path: &[u8], start: usize, parameters: &mut PathParameters) -> Option<Verbs> {
        let here = &self.nodes[node as usize];
        if start >= path.len() {
            return here.verbs;
        }
        let end = memchr::memchr(b'/', &path[start..]).map_or(path.len(), |n| start + n);
        let segment = &path[start..end];
        // A slash at the very end was cut by the caller, so that one found here starts another (maybe empty) segment.
        let next = if end < path.len() { end + 1 } else { end };
        let more = end < path.len();
        if let Some(child) = here.literals.get(segment)
            && let Some(verbs) = self.descend(child, path, next, more, parameters)
        {
            return Some(verbs);
        }
        if here.variable != NONE && !segment.is_empty() {
            let before = parameters.count;
            parameters.push(start, end);
            if let Some(verbs) = self.descend(here.variable, path, next, more, parameters) {
                return Some(verbs);
            }
            parameters.count = before;
        }
        let verbs = here.greedy?;
        parameters.push(start, path.len());
        Some(verbs)
    }

    #[inline]
    fn descend(
        &self,
        child: u32,
        path: &[u8],
        next: usize,
        more: bool,
        parameters: &mut PathParameters,
    ) -> Option<Verbs> {
        if more && next >= path.len() {
            return None; // "a/" left after the trailing slash was cut: an empty segment, which nothing but greed matches
        }
        self.walk(child, path, next, parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use HttpMethod::{Any, Get, Post};

    fn tree(routes: &[(&str, HttpMethod)]) -> RouteTree {
        let mut tree = RouteTree::default();
        for (i, (path, method)) in routes.iter().enumerate() {
            tree.insert(path, *method, i as u32);
        }
        tree
    }

    fn route(tree: &RouteTree, path: &str, method: HttpMethod) -> Option<(u32, Vec<String>)> {
        match tree.find(path.as_bytes(), 0, Some(method)) {
            Match::Route { plan, parameters } => {
                let values = (0..parameters.len())
                    .map(|i| String::from_utf8(parameters.get(i, path.as_bytes()).to_vec()).unwrap())
                    .collect();
                Some((plan, values))
            }
            _ => None,
        }
    }

    #[test]
    fn literal_before_variable_before_greedy() {
        let tree = tree(&[
            ("/pets/dog/1", Get),
            ("/pets/dog/{id}", Get),
            ("/pets/{proxy+}", Get),
            ("/{proxy+}", Any),
        ]);
        assert_eq!(route(&tree, "/pets/dog/1", Get), Some((0, vec![])));
        assert_eq!(route(&tree, "/pets/dog/2", Get), Some((1, vec!["2".into()])));
        assert_eq!(route(&tree, "/pets/cat/1", Get), Some((2, vec!["cat/1".into()])));
        assert_eq!(route(&tree, "/test/5", Post), Some((3, vec!["test/5".into()])));
    }

    #[test]
    fn a_branch_without_a_match_falls_back() {
        let tree = tree(&[("/a/b/d", Get), ("/a/{x}/c", Get), ("/{proxy+}", Get)]);
        assert_eq!(route(&tree, "/a/b/c", Get), Some((1, vec!["b".into()])));
        assert_eq!(route(&tree, "/a/b/e", Get), Some((2, vec!["a/b/e".into()])));
    }

    #[test]
    fn slashes_as_recorded() {
        let tree = tree(&[("/{proxy+}", Any), ("/hardcoded", Any)]);
        assert_eq!(route(&tree, "/hardcoded", Get), Some((1, vec![])));
        assert_eq!(route(&tree, "/hardcoded/", Get), Some((1, vec![])));
        assert_eq!(route(&tree, "/proxy-value/", Get), Some((0, vec!["proxy-value".into()])));
        assert_eq!(route(&tree, "//proxy-value", Get), Some((0, vec!["proxy-value".into()])));
        assert_eq!(
            route(&tree, "/proxy-value//double-slash", Get),
            Some((0, vec!["proxy-value//double-slash".into()]))
        );
        assert_eq!(route(&tree, "/", Get), None, "a greedy variable does not match nothing");
    }

    #[test]
    fn the_resource_is_chosen_before_the_method() {
        let tree = tree(&[("/pets", Get), ("/{name}", Any), ("/any", Any), ("/any", Post)]);
        assert_eq!(tree.find(b"/pets", 0, Some(Post)), Match::NoMethod);
        assert_eq!(tree.find(b"/pets", 0, None), Match::NoMethod);
        assert_eq!(route(&tree, "/any", Post).unwrap().0, 3);
        assert_eq!(route(&tree, "/any", Get).unwrap().0, 2);
    }

    #[test]
    fn a_variable_takes_one_segment_that_is_not_empty() {
        let tree = tree(&[("/pets/{id}", Get), ("/pets/{id}/toys", Get)]);
        assert_eq!(tree.find(b"/pets", 0, Some(Get)), Match::NoResource);
        assert_eq!(tree.find(b"/pets/", 0, Some(Get)), Match::NoResource);
        assert_eq!(tree.find(b"/pets//toys", 0, Some(Get)), Match::NoResource);
        assert_eq!(tree.find(b"/pets/1/2", 0, Some(Get)), Match::NoResource);
        assert_eq!(route(&tree, "/pets/1/toys", Get), Some((1, vec!["1".into()])));
    }

    #[test]
    fn many_children_are_found() {
        let mut tree = RouteTree::default();
        for i in 0..10_000 {
            tree.insert(&format!("/r{i}/x"), Get, i);
        }
        for i in 0..10_000 {
            assert_eq!(route(&tree, &format!("/r{i}/x"), Get).unwrap().0, i);
        }
        assert_eq!(route(&tree, "/r10000/x", Get), None);
    }
}
