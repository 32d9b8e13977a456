//! URLs: what each one asks for.

use hubtally::classify::{Class, Download, GitPost, counts_as_file_without_path};
use hubtally::model::{HeadRedirect, Method, RangeFlag, Redirects, SkipReason, Status};

use super::*;

/// `kind repo path` of a URL, or the word of the reason why it is no download.
fn asked(url: &str) -> String {
    match download(&get(url)) {
        Ok(Download { kind, repo, path, .. }) => format!("{kind} {repo} {}", path.unwrap_or("-".into())),
        Err(NotADownload::Skipped(reason)) => reason.word().to_owned(),
        Err(NotADownload::Rejected(reason)) => reason.word().to_owned(),
    }
}

#[test]
fn tricky_urls() {
    let sha = "0123456789abcdef0123456789abcdef01234567";
    let cases = [
        ("/acme/bert/resolve/main/config.json", "model acme/bert config.json"),
        ("/models/acme/bert/resolve/main/a/b.bin?download=true", "model acme/bert a/b.bin"),
        ("/api/datasets/acme/corpus/resolve/main/x.csv", "dataset acme/corpus x.csv"),
        ("/spaces/acme/demo/resolve/main/app.py", "space acme/demo app.py"),
        ("/gpt2/resolve/main/config.json", "model gpt2 config.json"),
        ("/datasets/squad/resolve/main/plain/train.parquet", "dataset squad plain/train.parquet"),
        ("/acme/bert/resolve/refs%2Fpr%2F1/config.json", "model acme/bert config.json"),
        ("/acme/bert/resolve/refs/pr/1/config.json", "model acme/bert config.json"),
        (
            "/datasets/acme/corpus/resolve/refs/convert/parquet/default/train/0.parquet",
            "dataset acme/corpus default/train/0.parquet",
        ),
        ("/acme/resolve/resolve/main/x", "model acme/resolve x"),
        ("/datasets/acme/resolve/resolve/main/x", "dataset acme/resolve x"),
        ("/datasets/resolve/resolve/main/x", "dataset resolve x"),
        ("/gpt2/resolve/resolve/x.bin", "model gpt2 x.bin"),
        ("/datasets/resolve/main/x", "model datasets x"),
        ("/acme/bert/resolve/main/a/resolve/b/c", "model acme/bert a/resolve/b/c"),
        ("/gpt2/resolve/main/resolve/x", "model gpt2 resolve/x"),
        ("/acme/bert/resolve/main/with%20blank%2Fslash%25.txt", "model acme/bert with blank/slash%.txt"),
        ("/acme/bert/resolve/main/once%2520only", "model acme/bert once%20only"),
        ("/ac%6De/bert/resolve/main/x", "model acme/bert x"),
        ("//acme//bert/resolve/main//a//b", "model acme/bert a/b"),
        ("https://hub.example:8443/acme/bert/resolve/main/x#part", "model acme/bert x"),
        (&format!("/api/resolve-cache/models/acme/bert/{sha}/config.json?a=b"), "model acme/bert config.json"),
        (&format!("/api/resolve-cache/datasets/squad/{sha}/a/b"), "dataset squad a/b"),
        ("/api/resolve-cache/models/acme/bert/main/config.json", "model acme/bert config.json"),
        ("/api/datasets/acme/corpus/parquet/default/train/0.parquet", "dataset acme/corpus default/train/0.parquet"),
        ("/acme/bert/resolve/refs/heads", "model acme/bert heads"),
    ];
    for (url, expected) in cases {
        assert_eq!(asked(url), expected, "{url}");
    }
}

#[test]
fn urls_that_are_no_files() {
    let cases = [
        ("/acme/bert/raw/main/README.md", "metadata"),
        ("/acme/bert/blob/main/README.md", "metadata"),
        ("/datasets/acme/corpus/tree/main", "metadata"),
        ("/api/models/acme/bert", "metadata"),
        ("/api/models/acme/bert/tree/main?recursive=true", "metadata"),
        ("/api/whoami-v2", "metadata"),
        ("/api/datasets/acme/corpus/parquet", "metadata"),
        ("/api/models/resolve/main/x", "metadata"),
        ("/acme/bert.git/info/refs?service=git-upload-pack", "metadata"),
        ("/acme/bert.git/info/refs?service=git-receive-pack", "push"),
        ("/", "other_path"),
        ("", "other_path"),
        ("*", "other_path"),
        ("/favicon.ico", "other_path"),
        ("/acme/bert/resolve/main", "other_path"),
        ("/acme/bert/resolve/main/", "other_path"),
        ("/api/resolve-cache/models/acme", "other_path"),
        ("/kernels/acme/k/resolve/main/x", "bad_repo_type"),
        ("/acme/../resolve/main/x", "bad_repo"),
        ("/ac%2Fme/bert/resolve/main/x", "bad_repo"),
        ("/acme/b%FFrt/resolve/main/x", "bad_repo"),
        ("/acme/bert/resolve/main/../x", "bad_path"),
        ("/acme/bert/resolve/main/a/%2e%2e/x", "bad_path"),
        ("/acme/bert/resolve/%2E./x", "bad_path"),
        ("/acme/bert/resolve/main/a%00b", "bad_path"),
        ("/acme/bert/resolve/main/a%FFb", "bad_path"),
    ];
    for (url, expected) in cases {
        assert_eq!(asked(url), expected, "{url}");
    }
    assert_eq!(asked("/acme/bert/resolve/main/a..b"), "model acme/bert a..b");
}

#[test]
fn methods_and_statuses() {
    let judge = |method, status, url| match download(&Request { method, status, ..get(url) }) {
        Ok(_) => "download".to_owned(),
        Err(NotADownload::Skipped(reason)) => reason.word().to_owned(),
        Err(NotADownload::Rejected(reason)) => reason.word().to_owned(),
    };
    let file = "/acme/bert/resolve/main/x";
    let get_of_file = |status| judge(RequestMethod::Get, status, file);
    for status in [200, 206, 302, 303, 304, 307] {
        assert_eq!(get_of_file(status), "download", "{status}");
        assert_eq!(judge(RequestMethod::Head, status, file), "download", "{status}");
    }
    for (status, expected) in [
        (301, "permanent_redirect"),
        (308, "permanent_redirect"),
        (404, "failed"),
        (416, "failed"),
        (503, "failed"),
        (100, "other_status"),
        (204, "other_status"),
        (300, "other_status"),
    ] {
        assert_eq!(get_of_file(status), expected, "{status}");
    }
    assert_eq!(judge(RequestMethod::Post, 200, file), "method");
    assert_eq!(judge(RequestMethod::Other, 200, file), "method");
    assert_eq!(judge(RequestMethod::Put, 200, file), "push");
    assert_eq!(judge(RequestMethod::Put, 200, "/anything"), "push");
    assert_eq!(judge(RequestMethod::Post, 200, "/api/models/acme/bert/preupload/main"), "push");
    assert_eq!(judge(RequestMethod::Post, 200, "/api/models/acme/bert/commit/main"), "push");
    assert_eq!(judge(RequestMethod::Post, 200, "/api/models/acme/bert/paths-info/main"), "metadata");
    let fetch = "/acme/bert.git/git-upload-pack";
    assert_eq!(judge(RequestMethod::Post, 200, fetch), "download");
    assert_eq!(judge(RequestMethod::Get, 200, fetch), "method");
    assert_eq!(judge(RequestMethod::Post, 401, fetch), "failed");
    assert_eq!(judge(RequestMethod::Post, 302, fetch), "other_status");
    let object = "/acme/bert.git/info/lfs/objects/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    assert_eq!(judge(RequestMethod::Get, 206, object), "download");
    assert_eq!(judge(RequestMethod::Head, 200, object), "download");
    assert_eq!(judge(RequestMethod::Put, 200, object), "push");
    assert_eq!(judge(RequestMethod::Post, 200, "/acme/bert.git/info/lfs/objects/verify"), "push");
    assert_eq!(judge(RequestMethod::Post, 200, "/acme/bert.git/info/lfs/locks/verify"), "metadata");
    assert_eq!(judge(RequestMethod::Post, 200, "/acme/bert/git-receive-pack"), "push");
    assert_eq!(judge(RequestMethod::Post, 200, "/acme/bert.git/info/lfs/objects/batch"), "download");
    assert_eq!(judge(RequestMethod::Get, 200, "/acme/bert.git/info/lfs/objects/batch"), "method");
    assert_eq!(judge(RequestMethod::Get, 404, "/acme/../resolve/main/x"), "failed");
}

#[test]
fn git_and_lfs() {
    let oid = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let of_repo = [
        ("/acme/bert", "model acme/bert"),
        ("/acme/bert.git", "model acme/bert"),
        ("/models/acme/bert.git", "model acme/bert"),
        ("/datasets/acme/corpus", "dataset acme/corpus"),
        ("/datasets/acme/corpus.git", "dataset acme/corpus"),
        ("/datasets/squad.git", "dataset squad"),
        ("/spaces/acme/demo.git", "space acme/demo"),
        ("/gpt2.git", "model gpt2"),
        ("/gpt2", "model gpt2"),
        ("/ac%6De/bert%2Egit", "model acme/bert"),
        ("/acme/info.git", "model acme/info"),
        ("/acme/lfs.git", "model acme/lfs"),
    ];
    for (url, repo) in of_repo {
        let asked_by = |method, rest: &str| {
            let url = format!("{url}{rest}");
            let request = Request { method, ..get(&url) };
            let download = download(&request).unwrap_or_else(|reason| panic!("{url}: {reason:?}"));
            (format!("{} {}", download.kind, download.repo), download.path.map(Into::into), download.post)
        };
        let posted = |rest| asked_by(RequestMethod::Post, rest);
        assert_eq!(posted("/git-upload-pack"), (repo.to_owned(), None, Some(GitPost::Step)));
        assert_eq!(posted("/info/lfs/objects/batch"), (repo.to_owned(), None, Some(GitPost::LfsBatch)));
        for rest in ["/info/lfs/objects/", "/lfs/objects/", "/gitlab-lfs/objects/"] {
            let found = asked_by(RequestMethod::Get, &format!("{rest}{oid}"));
            assert_eq!(found, (repo.to_owned(), Some(oid.to_owned()), None));
        }
    }
    assert_eq!(asked(&format!("/acme/bert.git/info/lfs/objects/{oid}/model.safetensors")), format!("model acme/bert {oid}"));
    assert_eq!(asked("/acme/bert.git/info/lfs/objects/0123"), "metadata");
    assert_eq!(asked("/acme/bert.git/info/lfs/locks"), "metadata");
    assert_eq!(asked("/acme/bert/resolve/main/git-upload-pack"), "model acme/bert git-upload-pack");
    assert_eq!(asked("/git-upload-pack"), "other_path");
}

#[test]
fn a_fetch_that_surely_moved_data() {
    let post = |git_version, duration_ms| {
        let request = Request { method: RequestMethod::Post, git_version, duration_ms, ..get("/acme/bert.git/git-upload-pack") };
        download(&request).unwrap().post
    };
    for version in [None, Some(2), Some(3)] {
        assert_eq!(post(version, None), Some(GitPost::Step));
        assert_eq!(post(version, Some(59_999)), Some(GitPost::Step));
        assert_eq!(post(version, Some(60_000)), Some(GitPost::Fetch));
    }
    assert_eq!([post(Some(0), None), post(Some(1), Some(1))], [Some(GitPost::Fetch); 2]);
}

#[test]
fn what_is_stored_of_a_post_of_git_is_frozen() {
    let markers = [GitPost::Step, GitPost::Fetch, GitPost::LfsBatch].map(|post| post.marker().0);
    assert_eq!(markers, [0x6769_742d_7374_6570, 0x6769_742d_7061_636b, 0x6c66_7362_6174_6368]);
}

#[test]
fn redirects_to_the_same_host_are_no_hand_off() {
    let redirect = |status, host: Option<&'static str>, location: &'static str| {
        let request =
            Request { status, host: host.map(Into::into), location: Some(location.into()), ..get("/acme/bert/resolve/main/x") };
        download(&request).err() == Some(NotADownload::Skipped(SkipReason::SameHost))
    };
    assert!(redirect(307, None, "/api/resolve-cache/models/acme/bert/0123/x"));
    assert!(redirect(302, Some("hub.example"), "https://hub.example/login"));
    assert!(redirect(303, Some("Hub.example:443"), "https://hub.example/login"));
    assert!(redirect(302, Some("hub.example"), "//hub.example/login"));
    assert!(!redirect(302, Some("hub.example"), "https://store.example/x"));
    assert!(!redirect(302, Some("hub.example:8080"), "http://hub.example:9000/x"));
    assert!(!redirect(302, None, "https://hub.example/x"));
    assert!(!redirect(200, Some("hub.example"), "/x"));
}

#[test]
fn ranges() {
    let flag = |range: &'static str| {
        let request = Request { range: Some(range.into()), ..get("/acme/bert/resolve/main/x") };
        download(&request).map(|download| download.range)
    };
    for (range, expected) in [
        ("bytes=0-0", RangeFlag::FirstByte),
        ("0-0", RangeFlag::FirstByte),
        ("bytes 0-0/614", RangeFlag::FirstByte),
        ("-", RangeFlag::None),
        (" ", RangeFlag::None),
        ("bytes=0-", RangeFlag::Part),
        ("bytes=0-0,9-10", RangeFlag::Part),
        ("bytes=5-5", RangeFlag::Part),
    ] {
        assert_eq!(flag(range), Ok(expected), "{range}");
    }
}

#[test]
fn the_counting_rule() {
    let by = |redirects, head_redirect| SourceSettings { redirects, head_redirect, knows_users: true };
    let usual = SourceSettings::default();
    let ignore = by(Redirects::Ignore, HeadRedirect::Handoff);
    let heads = by(Redirects::Handoff, HeadRedirect::Handoff);
    let of = |method, status, settings| class(method, Status(status), RangeFlag::None, settings);
    for status in [200, 206] {
        assert_eq!(of(Method::Get, status, &ignore), Class::Body);
        assert_eq!(class(Method::Get, Status(status), RangeFlag::Part, &usual), Class::Body);
        assert_eq!(class(Method::Get, Status(status), RangeFlag::FirstByte, &usual), Class::Probe);
        assert_eq!(of(Method::Head, status, &heads), Class::Probe);
    }
    for status in [302, 303, 307] {
        assert_eq!(of(Method::Get, status, &usual), Class::HandOff);
        assert_eq!(of(Method::Get, status, &ignore), Class::Probe);
        assert_eq!(of(Method::Head, status, &usual), Class::Probe);
        assert_eq!(of(Method::Head, status, &ignore), Class::Probe);
        assert_eq!(of(Method::Head, status, &heads) == Class::HandOff, status == 302);
    }
    assert_eq!(of(Method::Get, 304, &usual), Class::Probe);
    assert!(Class::Body.is_counted() && Class::HandOff.is_counted() && !Class::Probe.is_counted());
    assert!(counts_as_file_without_path(Status(200)) && !counts_as_file_without_path(Status(206)));
}
