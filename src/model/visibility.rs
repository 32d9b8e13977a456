//! Which repos are public and which private by patterns of their ids.

use super::RepoName;

/// Patterns such as `myorg/*`; `*` stands for any characters, and case does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VisibilityPatterns {
    pub public: Vec<String>,
    pub private: Vec<String>,
}

impl VisibilityPatterns {
    /// Checks a pattern.
    #[must_use]
    pub fn is_valid(pattern: &str) -> bool {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'/' | b'*');
        !pattern.is_empty() && pattern.bytes().all(allowed) && pattern.bytes().filter(|byte| *byte == b'/').count() < 2
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.public.is_empty() && self.private.is_empty()
    }

    /// Whether they call a repo private; `None` if they do not speak of it. Of two that disagree the private one wins.
    #[must_use]
    pub fn private(&self, repo: &RepoName) -> Option<bool> {
        let id = repo.as_str().to_ascii_lowercase();
        let any = |patterns: &[String]| patterns.iter().any(|pattern| matches(&pattern.to_ascii_lowercase(), &id));
        any(&self.private).then_some(true).or_else(|| any(&self.public).then_some(false))
    }
}

fn matches(pattern: &str, id: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == id };
    let Some(mut id) = id.strip_prefix(start) else { return false };
    let Some((between, end)) = rest.rsplit_once('*') else { return id.ends_with(rest) };
    for part in between.split('*') {
        let Some(at) = id.find(part) else { return false };
        id = id.get(at + part.len()..).unwrap_or_default();
    }
    id.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything_and_private_wins() {
        for (pattern, id, expected) in [
            ("acme/*", "acme/bert", true),
            ("acme/*", "Acme/Bert", true),
            ("acme/*", "acme2/bert", false),
            ("acme/*", "acme", false),
            ("*", "gpt2", true),
            ("*", "acme/bert", true),
            ("gpt2", "gpt2", true),
            ("gpt2", "gpt22", false),
            ("acme/*-internal", "acme/bert-internal", true),
            ("acme/*-internal", "acme/bert-internal-x", false),
            ("*/a*b*c", "acme/axbxc", true),
            ("*/a*b*c", "acme/axc", false),
            ("a*a", "a", false),
            ("a**a", "aa", true),
        ] {
            assert_eq!(matches(pattern, &id.to_ascii_lowercase()), expected, "{pattern} {id}");
        }
        let patterns = VisibilityPatterns { public: vec!["acme/*".into()], private: vec!["*/secret*".into()] };
        let private = |id: &str| patterns.private(&RepoName::parse(id).unwrap());
        assert_eq!((private("acme/bert"), private("acme/secret-1"), private("umbra/x")), (Some(false), Some(true), None));
    }

    #[test]
    fn patterns_are_checked() {
        assert!(["acme/*", "*", "gpt2", "a.b/c-d_e*"].iter().all(|pattern| VisibilityPatterns::is_valid(pattern)));
        assert!(["", "acme/*/x", "acme/[a-z]", "a b"].iter().all(|pattern| !VisibilityPatterns::is_valid(pattern)));
    }
}
