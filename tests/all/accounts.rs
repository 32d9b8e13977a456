//! People: first account, sign-in and out, sessions, roles, tokens of their own, and the `user` command.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Instant;

use hubtally::ingest::{Credential, Engine, NewToken, OpenOptions, PersonChange, Place};
use hubtally::model::{Caller, Millis, PersonName, Role};
use hubtally::store::{self, Store};
use serde_json::{Value, json};

use crate::server::{Reply, Server, hubtally};

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const HOUR_MS: i64 = 3_600_000;

fn link_key(server: &Server) -> String {
    server.admin_key()
}

fn post(server: &Server, path: &str, cookie: &str, form: &str) -> Reply {
    server.post(path, &[FORM, ("Cookie", cookie)], form.as_bytes())
}

fn cookie(reply: &Reply) -> String {
    reply.header("set-cookie").unwrap_or_else(|| panic!("{}", reply.text())).split(';').next().unwrap().to_owned()
}

fn sign_in(server: &Server, name: &str, password: &str) -> Reply {
    server.post("/login", &[FORM], format!("name={name}&password={password}&next=/settings").as_bytes())
}

/// A server with the administrator ada, whose cookie is given.
fn with_ada(arguments: &[&str]) -> (Server, String) {
    let server = Server::start(arguments);
    let key = link_key(&server);
    let made = server.post("/welcome", &[FORM], format!("key={key}&name=Ada&password=correct+horse").as_bytes());
    assert_eq!((made.status, made.header("location")), (303, Some("/")), "{}", made.text());
    let cookie = cookie(&made);
    (server, cookie)
}

fn add(server: &Server, admin: &str, name: &str, roles: &[&str]) {
    let body = json!({ "name": name, "password": format!("password of {name}"), "roles": roles }).to_string();
    let reply = server.post("/api/v1/people", &[("Cookie", admin)], body.as_bytes());
    assert_eq!(reply.status, 201, "{}", reply.text());
}

#[test]
fn the_link_of_the_first_start_makes_the_first_account_once() {
    let server = Server::start(&[]);
    let key = link_key(&server);
    let short = server.post("/welcome", &[FORM], format!("key={key}&name=ada&password=short").as_bytes());
    assert!(
        short.status == 400 && short.text().contains("8 to 1024 bytes") && short.text().contains("value=\"ada\""),
        "{}",
        short.text()
    );
    let nameless = server.post("/welcome", &[FORM], format!("key={key}&name=a+b&password=correct+horse").as_bytes());
    assert!(nameless.status == 400 && nameless.header("set-cookie").is_none());
    let made = server.post("/welcome", &[FORM], format!("key={key}&name=ada&password=correct+horse").as_bytes());
    assert_eq!(made.status, 303, "{}", made.text());
    let settings = server.get_with("/settings", &[("Cookie", &cookie(&made))]);
    assert!(
        settings.text().contains("Roles: <span class=\"tag\">admin</span>") && settings.text().contains("Add somebody"),
        "{}",
        settings.text()
    );
    assert_eq!(settings.header("cache-control"), Some("no-store"));
    let again = server.post("/welcome", &[FORM], format!("key={key}&name=eve&password=correct+horse").as_bytes());
    assert_eq!(again.status, 403);
    assert_eq!(sign_in(&server, "eve", "correct+horse").status, 401);
    assert_eq!(sign_in(&server, "ADA", "correct+horse").status, 303);
}

#[test]
fn wrong_names_and_wrong_passwords_look_the_same_and_are_few() {
    let (server, _) = with_ada(&[]);
    let page = server.get("/login?next=//evil.example");
    assert!(page.status == 200 && page.text().contains("name=\"next\" value=\"/\"") && !page.text().contains("not encrypted"));
    let wrong = sign_in(&server, "ada", "wrong");
    let started = Instant::now();
    let unknown = sign_in(&server, "bob", "wrong");
    assert!(started.elapsed().as_millis() >= 5, "an unknown name costs a hash too");
    assert_eq!((wrong.status, unknown.status), (401, 401));
    assert_eq!(wrong.text().replace("value=\"ada\"", ""), unknown.text().replace("value=\"bob\"", ""));
    let long = sign_in(&server, "carl", &"x".repeat(1_025));
    assert_eq!(long.status, 401);
    for _ in 0..2 {
        sign_in(&server, "ada", "wrong");
    }
    let refused = sign_in(&server, "ada", "correct+horse");
    assert_eq!(refused.status, 429, "the sixth try from here within a minute, right or not");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait) && refused.text().contains("Too many tries"), "{}", refused.text());
}

#[test]
fn a_session_is_the_browsers_own_and_ends_with_signing_out() {
    let (server, _) = with_ada(&[]);
    let signed_in = sign_in(&server, "ada", "correct+horse");
    assert_eq!((signed_in.status, signed_in.header("location")), (303, Some("/settings")), "{}", signed_in.text());
    let line = signed_in.header("set-cookie").unwrap();
    assert!(line.starts_with("hubtally_session=") && line.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{line}");
    let first = cookie(&signed_in);
    let is_in = |cookie: &str| server.get_with("/settings", &[("Cookie", cookie)]).status == 200;
    assert!(is_in(&first));
    let form = b"name=ada&password=correct+horse";
    let second = cookie(&server.post("/login", &[FORM, ("Cookie", &first)], form));
    assert!(is_in(&second) && !is_in(&first), "signing in again gives a new session and ends the old one");
    let secret = second.split_once('=').unwrap().1;
    let bearer = server.get_with("/api/v1/people", &[("Authorization", &format!("Bearer {secret}"))]);
    assert_eq!(bearer.status, 401, "a session is no token");
    let out = post(&server, "/logout", &second, "");
    assert_eq!((out.status, out.header("location")), (303, Some("/")));
    assert!(out.headers.iter().filter(|(name, value)| name == "set-cookie" && value.ends_with("Max-Age=0")).count() == 2);
    assert!(!is_in(&second));
    let asked = server.get("/settings");
    assert_eq!((asked.status, asked.header("location")), (303, Some("/login?next=/settings")));
}

#[test]
fn under_tls_the_cookie_belongs_to_the_host() {
    let (server, _) = with_ada(&["--trusted-proxies", "127.0.0.1"]);
    let form = b"name=ada&password=correct+horse";
    let headers = [FORM, ("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "198.51.100.7")];
    let line = server.post("/login", &headers, form).header("set-cookie").unwrap().to_owned();
    assert!(line.starts_with("__Host-hubtally_session=") && line.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"), "{line}");
    let cookie = line.split(';').next().unwrap();
    assert_eq!(server.get_with("/settings", &[("Cookie", cookie)]).status, 200);
    let open = server.get_with("/login", &[("X-Forwarded-For", "198.51.100.7")]);
    assert!(open.text().contains("not encrypted"), "{}", open.text());
}

#[test]
fn another_website_can_do_nothing_with_a_session() {
    let (server, admin) = with_ada(&[]);
    let own = format!("http://{}", server.address);
    let foreign: [&[(&str, &str)]; 4] = [
        &[("Origin", "https://evil.example")],
        &[("Origin", "null")],
        &[("Sec-Fetch-Site", "cross-site")],
        &[("Sec-Fetch-Site", "same-site"), ("Origin", &own)],
    ];
    let forms = [
        "/login",
        "/logout",
        "/welcome",
        "/settings/tokens",
        "/settings/tokens/abcdef/revoke",
        "/settings/password",
        "/settings/people",
        "/settings/people/ada",
        "/settings/groups",
        "/settings/groups/acme:family",
    ];
    for headers in foreign {
        for path in forms {
            let headers = [headers, &[FORM, ("Cookie", &admin)]].concat();
            let reply = server.post(path, &headers, b"name=eve&password=correct+horse&roles=admin&do=remove");
            assert_eq!((reply.status, reply.header("set-cookie")), (403, None), "{path} {headers:?}: {}", reply.text());
        }
        let headers = [headers, &[("Cookie", admin.as_str())]].concat();
        assert_eq!(server.post("/api/v1/people", &headers, br#"{"name":"eve"}"#).status, 403);
        assert_eq!(server.ask("DELETE", "/api/v1/people/ada", &headers, b"").status, 403);
    }
    for headers in [vec![("Origin", own.as_str())], vec![("Sec-Fetch-Site", "same-origin")], vec![("Sec-Fetch-Site", "none")]] {
        let headers = [headers, vec![FORM, ("Cookie", &admin)]].concat();
        assert_eq!(server.post("/settings/people", &headers, b"name=eve").status, 303);
        assert_eq!(server.post("/settings/people/eve", &headers, b"do=remove").status, 303);
    }
}

#[test]
fn people_see_what_their_roles_say_at_every_moment() {
    let (server, admin) = with_ada(&["--now", "2026-06-10T12:00:00Z"]);
    let listed = json!([
        { "type": "model", "id": "acme/m", "private": true }, { "type": "model", "id": "umbra/m", "private": true },
        { "type": "model", "id": "third/m", "private": true },
    ]);
    assert_eq!(server.ask("PUT", "/api/v1/repos", &[("Cookie", &admin)], listed.to_string().as_bytes()).status, 200);
    add(&server, &admin, "bob", &["reader:acme", "publisher:umbra"]);
    let bob = cookie(&sign_in(&server, "bob", "password+of+bob"));
    let status = |path: &str| server.get_with(path, &[("Cookie", &bob)]).status;
    assert_eq!(
        [status("/models/acme/m/stats"), status("/models/umbra/m/stats"), status("/models/third/m/stats")],
        [200, 200, 404]
    );
    let export = |org: &str| status(&format!("/organizations/{org}/settings/publisher-analytics/download-breakdown"));
    assert_eq!([export("umbra"), export("acme"), export("third")], [200, 404, 404]);
    assert_eq!(status("/api/v1/people"), 403);
    let page = server.get_with("/settings", &[("Cookie", &bob)]).text();
    assert!(
        page.contains(">publisher:umbra</a> <a href=\"/orgs/acme\">reader:acme</a>") && !page.contains("Add somebody"),
        "{page}"
    );
    // Tokens are made within one's own rights, seen and revoked by oneself, and end with the role.
    let made = post(&server, "/settings/tokens", &bob, "scope=reader:umbra&note=a+script&expires=2027-01-01");
    assert_eq!(made.status, 201, "{}", made.text());
    let (_, rest) = made.text().split_once("<pre>").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let token = rest.split('<').next().unwrap().to_owned();
    let bearer = format!("Bearer {token}");
    let by_token = || server.get_with("/models/umbra/m/stats", &[("Authorization", &bearer)]).status;
    assert_eq!(by_token(), 200);
    for scope in ["admin", "publisher:acme", "ingest:default", "reader:third"] {
        assert_eq!(post(&server, "/settings/tokens", &bob, &format!("scope={scope}")).status, 403, "{scope}");
        let body = json!({ "scope": scope }).to_string();
        assert_eq!(server.post("/api/v1/tokens", &[("Cookie", &bob)], body.as_bytes()).status, 403, "{scope}");
    }
    assert_eq!(server.post("/api/v1/tokens", &[("Authorization", &bearer)], br#"{"scope":"reader:umbra"}"#).status, 403);
    let listed = server.get_with("/api/v1/tokens", &[("Cookie", &bob)]).json();
    assert_eq!(listed["tokens"].as_array().unwrap().len(), 1);
    assert_eq!((&listed["tokens"][0]["person"], &listed["tokens"][0]["note"]), (&json!("bob"), &json!("a script")));
    let admins = server.token(&admin, "admin");
    let of_admin = server.get_with("/api/v1/tokens", &[("Cookie", &admin)]).json();
    let other = of_admin["tokens"].as_array().unwrap().iter().find(|token| token["scope"] == "admin").unwrap()["id"].clone();
    let other = other.as_str().unwrap();
    assert_eq!(server.ask("DELETE", &format!("/api/v1/tokens/{other}"), &[("Cookie", &bob)], b"").status, 404, "not bob's");
    // Roles count at once, in sessions and in tokens that were made with them.
    let change = |body: Value| {
        let bearer = format!("Bearer {admins}");
        let reply = server.ask("PUT", "/api/v1/people/bob", &[("Authorization", &bearer)], body.to_string().as_bytes());
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    };
    assert_eq!(change(json!({ "remove_roles": ["publisher:umbra"] }))["roles"], json!(["reader:acme"]));
    assert_eq!((status("/models/umbra/m/stats"), by_token()), (404, 401));
    assert_eq!(change(json!({ "add_roles": ["reader:umbra", "reader:acme"] }))["roles"], json!(["reader:acme", "reader:umbra"]));
    assert_eq!((status("/models/umbra/m/stats"), by_token()), (200, 200));
    let id = listed["tokens"][0]["id"].as_str().unwrap();
    assert_eq!(
        post(&server, &format!("/settings/tokens/{id}/revoke"), &bob, "").header("location"),
        Some("/settings?done=revoked")
    );
    assert_eq!(by_token(), 401);
    assert_eq!(post(&server, "/settings/people/bob", &admin, "do=remove").header("location"), Some("/settings?done=removed"));
    assert_eq!((status("/models/acme/m/stats"), status("/settings")), (404, 303), "the session went with the account");
}

#[test]
fn a_changed_password_ends_all_other_sessions() {
    let (server, admin) = with_ada(&[]);
    add(&server, &admin, "bob", &[]);
    let (one, two) = (cookie(&sign_in(&server, "bob", "password+of+bob")), cookie(&sign_in(&server, "bob", "password+of+bob")));
    let wrong = post(&server, "/settings/password", &one, "password=wrong&new=something+else");
    assert!(wrong.status == 403 && wrong.text().contains("The password is wrong"), "{}", wrong.text());
    let short = post(&server, "/settings/password", &one, "password=password+of+bob&new=short");
    assert_eq!(short.status, 400);
    let changed = post(&server, "/settings/password", &one, "password=password+of+bob&new=something+else");
    assert_eq!(changed.header("location"), Some("/settings?done=password"), "{}", changed.text());
    let fresh = cookie(&changed);
    let is_in = |cookie: &str| server.get_with("/settings", &[("Cookie", cookie)]).status == 200;
    assert_eq!([is_in(&one), is_in(&two), is_in(&fresh)], [false, false, true]);
}

#[test]
fn a_trusted_proxy_signs_people_in_and_nobody_else_does() {
    let (server, admin) = with_ada(&["--trusted-proxies", "127.0.0.1", "--sign-in-header", "Remote-User"]);
    let body = json!({ "name": "bob", "roles": ["admin"] }).to_string();
    assert_eq!(server.post("/api/v1/people", &[("Cookie", &admin)], body.as_bytes()).status, 201);
    let people = |headers: &[(&str, &str)]| server.get_with("/api/v1/people", headers).status;
    assert_eq!(people(&[("Remote-User", "bob")]), 200);
    assert_eq!(people(&[("Remote-User", "nobody")]), 401, "who has no account is the public");
    assert_eq!(people(&[("Remote-User", "nobody"), ("Cookie", &admin)]), 401, "the proxy's word counts, not an old session");
    assert_eq!(people(&[("Remote-User", "bob"), ("Remote-User", "ada")]), 401);
    let foreign = [("Remote-User", "bob"), ("Origin", "https://evil.example")];
    assert_eq!(server.post("/api/v1/people", &foreign, br#"{"name":"eve"}"#).status, 403);
    assert_eq!(sign_in(&server, "bob", "").status, 401, "no password is no password that fits");
    let untrusting = Server::start(&["--trusted-proxies", "192.0.2.1", "--sign-in-header", "Remote-User"]);
    assert_eq!(untrusting.get_with("/settings", &[("Remote-User", "bob")]).status, 303);
    let alone = hubtally().args(["serve", "--data", ":memory:", "--sign-in-header", "Remote-User"]).output().unwrap();
    assert!(alone.status.code() == Some(2) && String::from_utf8_lossy(&alone.stderr).contains("--trusted-proxies"));
}

#[test]
fn people_find_their_organization_and_those_without_an_account_are_told() {
    let (server, admin) = with_ada(&["--trusted-proxies", "127.0.0.1", "--sign-in-header", "Remote-User"]);
    let body = json!({ "name": "bob", "roles": ["publisher:acme", "reader:other"] }).to_string();
    assert_eq!(server.post("/api/v1/people", &[("Cookie", &admin)], body.as_bytes()).status, 201);
    let seen_by = |name: &str, path: &str| server.get_with(path, &[("Remote-User", name)]);
    assert!(seen_by("bob", "/").text().contains(r#"<a href="/orgs/acme">acme</a>"#));
    let settings = seen_by("bob", "/settings").text();
    assert!(settings.contains(r#"<a href="/orgs/other">reader:other</a>"#) && settings.contains("sign out there"), "{settings}");
    assert!(!settings.contains("action=\"/logout\""), "only the proxy can sign out whom it signed in");
    let own = seen_by("bob", "/orgs/acme");
    assert!(own.status == 404 && own.text().contains("hubtally import"), "{}", own.text());
    assert_eq!(seen_by("bob", "/orgs/foreign").text(), seen_by("bob", "/orgs/nobody").text());
    assert!(seen_by("eve", "/login").text().contains("hubtally user add eve --no-password"));
    assert!(!seen_by("bob", "/login").text().contains("has no account here"));
    assert!(!server.get("/login").text().contains("has no account here"));
    let by_password = server.get_with("/settings", &[("Cookie", &admin)]).text();
    assert!(by_password.contains("action=\"/logout\""), "{by_password}");
}

fn open() -> std::sync::Arc<Engine> {
    Engine::open(&OpenOptions { place: Place::Memory, default_public: false, frozen_now: Some(Millis(1_781_092_800_000)) })
        .unwrap()
}

fn ada() -> PersonName {
    PersonName::parse("ada").unwrap()
}

#[test]
fn sessions_end_when_idle_and_after_a_week_and_leave_nothing_behind() {
    let engine = open();
    engine.add_person(&ada(), None, &[Role::Admin]).unwrap();
    let start = engine.now().0;
    let at = |hours: i64| engine.freeze_clock(Millis(start + hours * HOUR_MS));
    let is_in = |session: &str| matches!(engine.authenticate(session).unwrap(), Credential::Person(_));
    let (idle, busy) = (engine.open_session(&ada(), None).unwrap(), engine.open_session(&ada(), None).unwrap());
    for hours in (0..7 * 24).step_by(6) {
        at(hours);
        assert!(is_in(&busy), "after {hours} hours");
        // The use is written down by the writer, behind what it has to do.
        engine.people().unwrap();
        engine.deliveries().unwrap();
    }
    assert!(!is_in(&idle));
    at(7 * 24);
    assert!(!is_in(&busy), "a week is the end");
    let person = engine.person(&ada()).unwrap().unwrap();
    assert_eq!((person.is_admin(), person.person), (true, Some(ada())));
    at(7 * 24 + 1);
    engine.open_session(&ada(), None).unwrap();
    let (published, txn) = engine.published().unwrap();
    let sessions = store::list_credentials(&txn).unwrap();
    drop(published);
    assert_eq!(sessions.len(), 1, "those that ended are deleted");
    drop(txn);
    assert!(engine.remove_person(&ada()).unwrap() && engine.person(&ada()).unwrap().is_none());
}

#[test]
fn a_password_hashed_at_lower_costs_is_hashed_anew_when_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let place = || Place::Folder(folder.path().to_owned());
    let open = || Engine::open(&OpenOptions { place: place(), default_public: false, frozen_now: None }).unwrap();
    let engine = open();
    engine.add_person(&ada(), Some("correct horse"), &[]).unwrap();
    let record = |engine: &Engine| {
        let (_held, txn) = engine.published().unwrap();
        store::find_person(&txn, &ada()).unwrap().unwrap()
    };
    let costly = record(&engine).password.unwrap();
    engine.stop();
    drop(engine);
    let fingerprint = |secret: &[u8; 32]| hubtally::identify::IdentityKey::new(secret).fingerprint();
    let store = Store::open(place(), fingerprint, Millis(0)).unwrap();
    let cheap = argon2::Params::new(64, 1, 1, None).unwrap();
    let mut password = store::PasswordRecord { memory_kib: 64, passes: 1, lanes: 1, salt: [9; 16], hash: [0; 32] };
    let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, cheap);
    argon2.hash_password_into(b"correct horse", &password.salt, &mut password.hash).unwrap();
    let txn = store.write().unwrap();
    let mut person = store::find_person(&txn, &ada()).unwrap().unwrap();
    person.password = Some(password.clone());
    store::put_person(&txn, &ada(), &person).unwrap();
    txn.commit().unwrap();
    drop(store);
    let engine = open();
    assert_eq!(engine.verify_person("ada", "wrong horse").unwrap(), None);
    assert_eq!(record(&engine).password.unwrap(), password);
    assert_eq!(engine.verify_person("Ada", "correct horse").unwrap().map(|name| name.key()), Some("ada".to_owned()));
    let fresh = record(&engine).password.unwrap();
    assert_eq!((fresh.memory_kib, fresh.passes, fresh.lanes), (costly.memory_kib, costly.passes, costly.lanes));
    assert!(engine.verify_person("ada", "correct horse").unwrap().is_some());
}

#[test]
fn tokens_of_a_person_can_do_no_more_than_the_person() {
    let engine = open();
    let role = |scope: &str| Role::parse(scope).unwrap();
    engine.add_person(&ada(), None, &[role("publisher:acme")]).unwrap();
    let caller = engine.person(&ada()).unwrap().unwrap();
    for (scope, covered) in
        [("reader:acme", true), ("publisher:ACME", true), ("reader:other", false), ("admin", false), ("ingest:x", false)]
    {
        assert_eq!(caller.covers(&role(scope)), covered, "{scope}");
    }
    let new = NewToken { role: role("publisher:acme"), note: String::new(), expires: None, person: Some(ada()) };
    let token = engine.make_token(new).unwrap();
    assert_eq!(engine.authenticate(&token).unwrap(), Credential::Role(role("publisher:acme")));
    let less = PersonChange { roles: Some(vec![role("reader:acme")]), ..PersonChange::default() };
    engine.change_person(&ada(), less).unwrap();
    assert_eq!(engine.authenticate(&token).unwrap(), Credential::Wrong);
    assert_eq!(engine.tokens_of(&Caller::public()).unwrap(), []);
    assert_eq!(engine.tokens_of(&caller).unwrap().len(), 1);
    engine.remove_person(&ada()).unwrap();
    assert_eq!(engine.tokens().unwrap(), []);
}

fn user(folder: &Path, arguments: &[&str], input: Option<&str>) -> Output {
    let mut command = hubtally();
    command.arg("--data").arg(folder).arg("user").args(arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(input.unwrap_or_default().as_bytes()).unwrap();
    drop(pipe);
    child.wait_with_output().unwrap()
}

#[test]
fn accounts_are_managed_on_the_command_line_before_and_while_a_server_runs() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let file = folder.path().join("password");
    fs::write(&file, "password of ada\nanother line\n").unwrap();
    let done = |output: Output| {
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let failed = |output: Output, code: i32, hint: &str| {
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(code) && told.contains(hint), "{told}");
    };
    done(user(&data, &["add", "ada", "--role", "admin", "--password-file", file.to_str().unwrap()], None));
    let server = Server::start_in(&data, &[]);
    assert!(!server.stderr().contains("/welcome"), "there is an administrator already");
    assert_eq!(sign_in(&server, "ada", "password+of+ada").status, 303);
    let roles = ["--role", "reader:acme", "--role", "publisher:umbra"];
    let added =
        done(user(&data, &[&["add", "bob", "--password-file", "-", "--json"], &roles[..]].concat(), Some("password of bob\n")));
    let added: Value = serde_json::from_str(&added).unwrap();
    assert_eq!((&added["roles"], &added["password"]), (&json!(["publisher:umbra", "reader:acme"]), &json!(true)));
    let bob = cookie(&sign_in(&server, "bob", "password+of+bob"));
    done(user(&data, &["passwd", "bob", "--password-file", "-"], Some("another password")));
    assert_eq!(server.get_with("/settings", &[("Cookie", &bob)]).status, 303, "the session has ended");
    assert_eq!(sign_in(&server, "bob", "another+password").status, 303);
    assert!(
        done(user(&data, &["role", "bob", "--add", "admin", "--remove", "reader:acme"], None)).contains("admin publisher:umbra")
    );
    done(user(&data, &["add", "carl", "--no-password"], None));
    let listed: Value = serde_json::from_str(&done(user(&data, &["list", "--json"], None))).unwrap();
    let names: Vec<&str> = listed["people"].as_array().unwrap().iter().filter_map(|person| person["name"].as_str()).collect();
    assert_eq!(names, ["ada", "bob", "carl"]);
    assert!(!listed.to_string().contains("hash"), "nothing of a password is told");
    failed(user(&data, &["add", "Bob", "--no-password"], None), 1, "there is an account Bob already");
    failed(user(&data, &["add", "dora", "--password-file", "-"], Some("short")), 1, "8 to 1024");
    failed(user(&data, &["passwd", "bob"], None), 2, "--password-file");
    failed(user(&data, &["passwd", "nobody", "--password-file", "-"], Some("long enough")), 1, "there is no account nobody");
    failed(user(&data, &["add", "eve", "--role", "ingest:default"], None), 2, "publisher:ORG");
    failed(user(&data, &["role", "bob"], None), 2, "--add");
    failed(user(&data, &["add", "a b"], None), 2, "1 to 64 letters");
    done(user(&data, &["remove", "bob"], None));
    failed(user(&data, &["remove", "bob"], None), 1, "there is no account bob");
    assert_eq!(sign_in(&server, "bob", "another+password").status, 401);
}
