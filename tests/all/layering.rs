//! The map in `lib.rs` holds: imports run one way, every package has one owner, and files and functions stay readable.
//!
//! Reads the sources as text and counts braces; strings, characters and comments are blanked out first.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 75;

/// Packages with the only files or rooms that may name them; paths are below `src`, a room ends with `/`.
const OWNERS: &[(&str, &[&str])] = &[
    ("redb", &["store/"]),
    ("bincode", &["store/codec.rs", "store/records.rs", "store/likes.rs"]),
    ("roaring", &["rollup/set.rs"]),
    ("hyper", &["serve/", "forward/"]),
    ("hyper_util", &["serve/", "forward/"]),
    ("argon2", &["store/passwords.rs"]),
    ("toml", &["cli/"]),
    ("ipnet", &["model/proxies.rs"]),
    ("snap", &["serve/"]),
    ("blake2", &["identify/", "store/credentials.rs"]),
    // Rows are stored under the names they came with; everybody else reads them through `day_rows`, under today's.
    ("BlockIter", &["store/", "ingest/segments.rs", "ingest/verify.rs"]),
    ("clap", &["cli/", "main.rs"]),
    ("indicatif", &["cli/"]),
    ("SystemTime::now", &["serve/", "cli/", "ingest/engine.rs"]),
    ("Instant::now", &["serve/", "cli/", "ingest/engine.rs", "ingest/recovery.rs"]),
    ("Utc::now", &[]),
    ("Local::now", &[]),
];

/// Words that promise work for later.
const UNFINISHED: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("dbg", "!"), concat!("todo", "!")];

/// A source file: its path below the project's root, its text, and the text without strings and comments.
struct Source {
    path: String,
    text: String,
    code: String,
}

impl Source {
    /// The path below `src`.
    fn in_src(&self) -> &str {
        self.path.strip_prefix("src/").unwrap_or(&self.path)
    }

    /// The room: the folder or single file below `src`.
    fn room(&self) -> &str {
        let path = self.in_src();
        path.split_once('/').map_or_else(|| path.trim_end_matches(".rs"), |(room, _)| room)
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources_in(folder: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let code = code_of(&text);
                sources.push(Source { path: below_root(&path), text, code });
            }
        }
    }
    assert!(!sources.is_empty(), "{folder} has no sources");
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

fn below_root(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/")
}

/// The text with everything inside strings, character literals and comments blanked out; line ends stay.
fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = literal_length(rest).unwrap_or(0);
        if length == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            code.extend(rest[..length].chars().map(|letter| if letter == '\n' { '\n' } else { ' ' }));
            rest = &rest[length..];
        }
    }
    code
}

/// The length of the comment, string or character literal that `text` begins with.
fn literal_length(text: &str) -> Option<usize> {
    let until = |from: usize, end: &str| text[from..].find(end).map_or(text.len(), |at| from + at + end.len());
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return Some(until(2, "*/"));
    }
    let raw = text.strip_prefix("br").or_else(|| text.strip_prefix('r')).unwrap_or("");
    let hashes = raw.len() - raw.trim_start_matches('#').len();
    if raw[hashes..].starts_with('"') {
        let open = text.len() - raw.len() + hashes + 1;
        return Some(until(open, &format!("\"{}", "#".repeat(hashes))));
    }
    if text.starts_with('"') {
        return Some(quoted_length(text, '"'));
    }
    let after = text.strip_prefix('\'')?;
    // A lifetime has no second quote behind one character.
    let is_character = after.starts_with('\\') || after.chars().nth(1) == Some('\'');
    is_character.then(|| quoted_length(text, '\''))
}

fn quoted_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        if !escaped && letter == quote {
            return at + 1;
        }
        escaped = !escaped && letter == '\\';
    }
    text.len()
}

/// Offsets at which `word` stands as a word of its own.
fn mentions<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let in_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !before.is_some_and(in_word) && !after.is_some_and(in_word)
    })
}

fn line_of(code: &str, at: usize) -> usize {
    code[..at].matches('\n').count() + 1
}

/// The rooms in the order of `lib.rs`.
fn rooms() -> Vec<String> {
    let lib = code_of(&fs::read_to_string(root().join("src/lib.rs")).unwrap());
    let declared = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let rooms: Vec<String> = declared.map(str::to_owned).collect();
    assert!(rooms.len() > 5, "lib.rs declares its rooms as 'pub mod name;': {rooms:?}");
    rooms
}

/// The rooms that some code names as `crate::room`, also in lists such as `crate::{model, block::Row}`.
fn rooms_named(code: &str) -> Vec<(usize, String)> {
    let word_at = |at: usize| code[at..].chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
    let mut named = Vec::new();
    for (at, path) in code.match_indices("crate::") {
        let at = at + path.len();
        if !code[at..].starts_with('{') {
            named.push((at, word_at(at)));
            continue;
        }
        let mut depth = 0;
        let mut expected = false;
        for (offset, letter) in code[at..].char_indices() {
            match letter {
                '{' => (depth, expected) = (depth + 1, depth == 0),
                '}' => depth -= 1,
                ',' => expected = depth == 1,
                letter if expected && letter.is_alphabetic() => {
                    expected = false;
                    named.push((at + offset, word_at(at + offset)));
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    named
}

/// Name, first line and number of lines of every function.
fn functions(code: &str) -> Vec<(String, usize, usize)> {
    let mut functions = Vec::new();
    for at in mentions(code, "fn") {
        let after = code[at + 2..].trim_start();
        let name: String = after.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
        // A function type has no name, a declaration no body.
        let mut brackets = 0;
        let end = code[at..].find(|letter| match letter {
            '[' | '(' => {
                brackets += 1;
                false
            }
            ']' | ')' => {
                brackets -= 1;
                false
            }
            _ => brackets == 0 && matches!(letter, '{' | ';'),
        });
        let Some(end) = end.filter(|_| !name.is_empty()) else { continue };
        if code[at + end..].starts_with(';') {
            continue;
        }
        let mut depth = 0;
        for (offset, letter) in code[at + end..].char_indices() {
            match letter {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                let (first, last) = (line_of(code, at), line_of(code, at + end + offset));
                functions.push((name, first, last - first + 1));
                break;
            }
        }
    }
    functions
}

#[test]
fn imports_run_one_way_through_the_rooms() {
    let places: BTreeMap<String, usize> = rooms().into_iter().zip(0..).collect();
    let mut against = Vec::new();
    for source in sources_in("src") {
        let Some(&own) = places.get(source.room()) else {
            assert!(matches!(source.in_src(), "lib.rs" | "main.rs"), "{} lies in no room of lib.rs", source.path);
            continue;
        };
        for (at, named) in rooms_named(&source.code) {
            match places.get(&named) {
                Some(place) if *place <= own => {}
                _ => against.push(format!("{}:{} imports from {named}", source.path, line_of(&source.code, at))),
            }
        }
    }
    assert!(against.is_empty(), "against the flow of lib.rs:\n{}", against.join("\n"));
}

#[test]
fn every_package_has_one_owner() {
    let mut strangers = Vec::new();
    for source in sources_in("src") {
        for (package, owners) in OWNERS {
            let owned = owners.iter().any(|owner| {
                let path = source.in_src();
                path == *owner
                    || (owner.ends_with('/') && path.starts_with(owner))
                    || path.strip_suffix(".rs") == owner.strip_suffix('/')
            });
            if !owned {
                let lines = mentions(&source.code, package).map(|at| line_of(&source.code, at));
                strangers.extend(lines.map(|line| format!("{}:{line} uses {package}, which belongs to {owners:?}", source.path)));
            }
        }
    }
    assert!(strangers.is_empty(), "{}", strangers.join("\n"));
}

#[test]
fn every_file_opens_with_a_sentence_on_what_it_is_for() {
    for folder in ["src", "tests", "benches"] {
        for source in sources_in(folder) {
            assert!(source.text.starts_with("//! "), "{} does not open with //!", source.path);
        }
    }
}

#[test]
fn files_and_functions_fit_a_readers_head() {
    let mut long = Vec::new();
    for source in ["src", "tests", "benches"].into_iter().flat_map(sources_in) {
        let lines = source.text.lines().count();
        if lines > FILE_LINES_MAX {
            long.push(format!("{} has {lines} lines, {FILE_LINES_MAX} are enough", source.path));
        }
    }
    for source in sources_in("src") {
        for (name, first, lines) in functions(&source.code) {
            if lines > FUNCTION_LINES_MAX {
                long.push(format!("{}:{first} {name} has {lines} lines, {FUNCTION_LINES_MAX} are enough", source.path));
            }
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn nothing_is_left_for_later() {
    let mut left = Vec::new();
    for source in ["src", "tests", "benches"].into_iter().flat_map(sources_in) {
        for word in UNFINISHED {
            left.extend(
                source.text.match_indices(word).map(|(at, _)| format!("{}:{} {word}", source.path, line_of(&source.text, at))),
            );
        }
    }
    assert!(left.is_empty(), "{}", left.join("\n"));
}

#[test]
fn the_reader_of_sources_knows_code_from_text() {
    let code = code_of("let a = \"}\\\"{\"; // {\nlet b = '{'; let c: &'a str = r#\"{\"#; /* { */ fn f() {}\n");
    assert!(!code.contains("{\"") && code.matches('{').count() == 1, "{code}");
    assert_eq!(functions("fn a(c: &[u8; 2]) {\n if x { y }\n}\nfn b(c: [u8; 2]);\nf: fn(u8) -> u8;\n"), [("a".to_owned(), 1, 3)]);
    let rooms = rooms_named("use crate::{model::{Day, Row}, block};\nuse crate::store::X;");
    assert_eq!(rooms.into_iter().map(|(_, room)| room).collect::<Vec<_>>(), ["model", "block", "store"]);
    assert_eq!(mentions("redb, redbx, xredb redb::x", "redb").count(), 2);
}
