//! From a path to its route: plain segment matching over the one table.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::LazyLock;

use hyper::Method;
use percent_encoding::percent_decode_str;

use super::call::Params;
use super::routes::{ROUTES, Route};

/// One segment of a route's path.
enum Segment {
    Literal(&'static str),
    /// A variable, and what the segment ends in after it.
    Variable(&'static str, &'static str),
}

static PATTERNS: LazyLock<Vec<(Vec<Segment>, &'static Route)>> = LazyLock::new(|| {
    let compile = |route: &'static Route| (segments(route.path).map(compile_segment).collect(), route);
    ROUTES.iter().map(compile).collect()
});

/// Paths without variables: each names one thing, whatever else would match it.
static WHOLE_PATHS: LazyLock<HashSet<&str>> =
    LazyLock::new(|| ROUTES.iter().map(|route| route.path).filter(|path| !path.contains('{')).collect());

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.strip_prefix('/').unwrap_or(path).split('/')
}

fn compile_segment(segment: &'static str) -> Segment {
    let variable = segment.strip_prefix('{').and_then(|rest| rest.split_once('}'));
    variable.map_or(Segment::Literal(segment), |(name, ending)| Segment::Variable(name, ending))
}

/// What the table says of a method and path.
pub enum Match {
    Found(&'static Route, Params),
    /// The path exists, for other methods.
    OtherMethods(Vec<&'static Route>),
    /// The path exists without its trailing slash.
    TrailingSlash,
    Unknown,
}

/// Looks a method and an undecoded path up.
#[must_use]
pub fn find(method: &Method, path: &str) -> Match {
    // Split first, decode after, and only once: an encoded slash stays inside its segment.
    let asked: Vec<Cow<'_, str>> = segments(path).map(|segment| percent_decode_str(segment).decode_utf8_lossy()).collect();
    let mut others = Vec::new();
    let is_whole = WHOLE_PATHS.contains(path);
    for (pattern, route) in PATTERNS.iter().filter(|(_, route)| !is_whole || route.path == path) {
        let Some(params) = matches(pattern, &asked) else { continue };
        if route.method == *method {
            return Match::Found(route, params);
        }
        others.push(*route);
    }
    if !others.is_empty() {
        return Match::OtherMethods(others);
    }
    match path.strip_suffix('/') {
        Some(shorter) if !shorter.ends_with('/') && !shorter.is_empty() && !matches!(find(method, shorter), Match::Unknown) => {
            Match::TrailingSlash
        }
        _ => Match::Unknown,
    }
}

fn matches(pattern: &[Segment], asked: &[Cow<'_, str>]) -> Option<Params> {
    if pattern.len() != asked.len() {
        return None;
    }
    let agree = pattern.iter().zip(asked).all(|(segment, text)| match segment {
        Segment::Literal(literal) => literal == text,
        Segment::Variable(_, ending) => text.len() > ending.len() && text.ends_with(ending),
    });
    if !agree {
        return None;
    }
    let mut params = Params::default();
    for (segment, text) in pattern.iter().zip(asked) {
        if let Segment::Variable(name, ending) = segment {
            params.push(name, text.strip_suffix(ending).unwrap_or(text).to_owned());
        }
    }
    Some(params)
}

/// The `Allow` of a path.
#[must_use]
pub fn allow(routes: &[&Route]) -> String {
    let mut methods: Vec<&str> = Vec::new();
    for route in routes {
        if !methods.contains(&route.method.as_str()) {
            methods.push(route.method.as_str());
        }
    }
    methods.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::routes::Endpoint;

    fn get(path: &str) -> Option<(Endpoint, String, String)> {
        match find(&Method::GET, path) {
            Match::Found(route, params) => Some((route.endpoint, params.get("type").to_owned(), params.repo_id())),
            _ => None,
        }
    }

    #[test]
    fn repos_are_found_with_and_without_api_and_namespace() {
        let found = |kind: &str, id: &str| Some((Endpoint::Stats, kind.to_owned(), id.to_owned()));
        assert_eq!(get("/models/a/b/stats"), found("model", "a/b"));
        assert_eq!(get("/api/datasets/a/b/stats"), found("dataset", "a/b"));
        assert_eq!(get("/api/models/gpt2/stats"), found("model", "gpt2"));
        assert_eq!(get("/models/gpt2/stats"), found("model", "gpt2"));
        assert_eq!(get("/foos/a/b/stats"), found("foo", "a/b"));
        assert_eq!(get("/models/a%2Fb/stats"), found("model", "a/b"));
        assert_eq!(get("/models/a/b%252f/stats"), found("model", "a/b%2f"));
    }

    #[test]
    fn other_methods_slashes_and_unknown_paths_are_told_apart() {
        assert!(matches!(find(&Method::POST, "/api/trending"), Match::OtherMethods(routes) if allow(&routes) == "GET"));
        assert!(matches!(find(&Method::PUT, "/api/v1/tokens"), Match::OtherMethods(routes) if allow(&routes) == "GET, POST"));
        // Not a repository of the type "setting".
        assert!(matches!(find(&Method::GET, "/settings/tokens"), Match::OtherMethods(routes) if allow(&routes) == "POST"));
        assert!(matches!(find(&Method::GET, "/api/trending/"), Match::TrailingSlash));
        for path in ["/nothing", "/nothing/", "//", "/api//stats", "/s/a/b/stats", "*", "//models/a/b/stats"] {
            assert!(matches!(find(&Method::GET, path), Match::Unknown), "{path}");
        }
    }

    #[test]
    fn no_route_is_declared_twice() {
        for (index, route) in ROUTES.iter().enumerate() {
            let again = ROUTES.iter().skip(index + 1).any(|other| (&other.method, other.path) == (&route.method, route.path));
            assert!(!again, "{} {}", route.method, route.path);
        }
    }
}
