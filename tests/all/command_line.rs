//! The command line says what it wants, what it did, and how it failed.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use crate::server::{Server, hubtally, signal};

fn run(arguments: &[&str]) -> Output {
    hubtally().args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn run_in(folder: &Path, arguments: &[&str]) -> Output {
    hubtally().arg("--data").arg(folder).args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn wrong_usage_exits_2_with_a_hint() {
    for (arguments, hint) in [
        (vec!["trending", "--tpye", "model"], "--type"),
        (vec!["trending", "--days", "91"], "1..=90"),
        (vec!["trending", "--type", "modle"], "model"),
        (vec!["stats", "get", "model", "not a name"], "myorg/mymodel"),
        (vec!["stats", "get", "models", "a/b"], "model"),
        (vec!["uniques", "org/a"], "orgs/myorg"),
        (vec!["uniques", "hub", "--from", "yesterday"], "2026-11-20"),
        (vec!["token", "create", "--scope", "root"], "publisher:ORG"),
        (vec!["serve", "--now", "noon"], "2026-11-20T12:00:00Z"),
        (vec!["impotr", "x"], "import"),
        (vec!["import"], "FILE"),
        (vec!["import", "--name", "a", "x", "y"], "one by one"),
        (vec!["serve", "--url", "http://localhost"], "--url"),
    ] {
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(hint), "{arguments:?} should mention {hint}: {}", stderr(&output));
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn help_and_version_are_no_mistakes() {
    let help = run(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    for command in ["serve", "import", "stats", "trending", "uniques", "token", "verify", "rebuild", "healthcheck"] {
        assert!(stdout(&help).contains(command), "{command}");
        assert_eq!(run(&[command, "--help"]).status.code(), Some(0), "{command}");
    }
    assert!(stdout(&help).contains("Examples:"));
    assert!(stdout(&run(&["--version"])).starts_with("hubtally "));
}

#[test]
fn a_closed_pipe_is_no_failure() {
    for arguments in [vec!["--help"], vec!["--data", ":memory:", "trending", "--json"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = hubtally().args(&arguments).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
        assert!(!stderr(&output).contains("panicked"));
    }
}

#[test]
fn reading_a_folder_that_is_not_there_makes_none() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("nothing");
    let output = run_in(&folder, &["trending"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("--data"), "{}", stderr(&output));
    assert!(!folder.exists());
    let output = run_in(&folder, &["import", "no-such.log"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("no-such.log") && !folder.exists());
}

#[test]
fn a_missing_repo_fails_with_the_routers_own_sentence() {
    let output = run(&["--data", ":memory:", "stats", "get", "dataset", "no/such"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output).trim(), "hubtally: Repository 'no/such' (dataset) not found");
}

#[test]
fn commands_reach_the_server_that_holds_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_in(folder.path(), &[]);
    let socket = folder.path().join("hubtally.sock");
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);

    let made = run_in(folder.path(), &["token", "create", "--scope", "admin"]);
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    let token = stdout(&made).trim().to_owned();
    let bearer = format!("Bearer {token}");
    assert_eq!(server.get_with("/api/v1/tokens", &[("Authorization", &bearer)]).status, 200);

    let listed = run_in(folder.path(), &["token", "list", "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&stdout(&listed)).unwrap();
    assert_eq!(listed["tokens"][0]["scope"], "admin");
    let healthy = run_in(folder.path(), &["healthcheck"]);
    assert_eq!((healthy.status.code(), stdout(&healthy).as_str()), (Some(0), "ok\n"), "{}", stderr(&healthy));
    let healthy: serde_json::Value = serde_json::from_str(&stdout(&run_in(folder.path(), &["healthcheck", "--json"]))).unwrap();
    assert_eq!(healthy["status"], "ok");

    let mut remote = hubtally();
    remote.args(["--url", &server.url(), "deliveries", "--json"]).env("HUBTALLY_TOKEN", &token);
    assert_eq!(remote.output().unwrap().status.code(), Some(0));
    let anonymous = run(&["--url", &server.url(), "deliveries"]);
    assert_eq!(anonymous.status.code(), Some(1));
    assert!(stderr(&anonymous).contains("token"));

    let second = run_in(folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!((second.status.code(), second.stdout.len()), (Some(1), 0), "a second server is refused");

    let (exit, took) = server.stop();
    assert!(exit.success() && took < Duration::from_secs(5));
    assert!(!socket.exists());
}

#[test]
fn an_import_goes_through_the_server_that_holds_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let _server = Server::start_in(folder.path(), &[]);
    let log = folder.path().join("events.ndjson");
    let event = "{\"ts\":1700000000,\"repo_type\":\"model\",\"repo\":\"a/b\",\"method\":\"GET\",\"status\":200,\"path\":\"x.bin\",\"ip\":\"192.0.2.1\"}\n";
    std::fs::write(&log, event).unwrap();
    let output = run_in(folder.path(), &["import", "--format", "events", "--json", log.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let receipt: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(receipt["lines"], 1);

    let mut piped = hubtally();
    piped.arg("--data").arg(folder.path()).args(["import", "--format", "events", "--name", "piped", "-"]);
    let mut child = piped.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(event.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("lines"), "{}", stdout(&output));
    let deliveries = stdout(&run_in(folder.path(), &["deliveries"]));
    assert!(deliveries.starts_with("DELIVERY") && deliveries.contains("events.ndjson"), "{deliveries}");
}

#[test]
fn the_owner_may_pipe_a_log_in_slowly() {
    let folder = tempfile::tempdir().unwrap();
    let _server = Server::start_in(folder.path(), &[]);
    let mut piped = hubtally();
    piped.arg("--data").arg(folder.path()).args(["import", "--format", "events", "--json", "-"]);
    let mut child = piped.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    for ts in [1_700_000_000, 1_700_000_001] {
        pipe.write_all(format!("{{\"ts\":{ts},\"url\":\"/a/b/resolve/main/x\",\"status\":200}}\n").as_bytes()).unwrap();
        // Longer than a stranger would be waited for.
        std::thread::sleep(Duration::from_secs(6));
    }
    drop(pipe);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let receipt: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(receipt["lines"], 2);
}

#[test]
fn an_import_that_is_interrupted_says_what_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, pipe) = waiting_import(&mut interruptible(), folder.path());
    signal(&child, "INT");
    wait_for(&mut child);
    let output = child.wait_with_output().unwrap();
    drop(pipe);
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(stderr(&output).contains("the same command goes on"), "{}", stderr(&output));
    assert!(output.stdout.is_empty());

    // Nobody needs to be there to read it.
    let folder = tempfile::tempdir().unwrap();
    let (mut child, pipe) = waiting_import(&mut interruptible(), folder.path());
    drop(child.stderr.take());
    signal(&child, "INT");
    assert_eq!(wait_for(&mut child).code(), Some(130));
    drop(pipe);

    // What a script runs in the background is not interrupted with it.
    let folder = tempfile::tempdir().unwrap();
    let mut ignoring = Command::new("sh");
    ignoring.args(["-c", "trap '' INT; exec \"$0\" \"$@\""]).arg(hubtally().get_program());
    let (child, mut pipe) = waiting_import(&mut ignoring, folder.path());
    signal(&child, "INT");
    pipe.write_all(b"{\"ts\":1700000000,\"url\":\"/a/b/resolve/main/x\",\"status\":200}\n").unwrap();
    drop(pipe);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

/// The binary, started so that SIGINT ends it, although whoever runs the tests may ignore it, as in a script's background.
fn interruptible() -> Command {
    let mut command = Command::new("env");
    command.arg("--default-signal=INT").arg(hubtally().get_program());
    command
}

/// Waits for the end of a process, but not for ever.
fn wait_for(child: &mut Child) -> ExitStatus {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "it does not end");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// An import that has its store and waits for lines for as long as the other end of its input is open.
fn waiting_import(command: &mut Command, folder: &Path) -> (Child, ChildStdin) {
    command.arg("--data").arg(folder).args(["import", "--format", "events", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pipe = child.stdin.take().unwrap();
    let started = Instant::now();
    while !folder.join("hubtally.redb").exists() {
        assert!(started.elapsed() < Duration::from_secs(20), "there is no store");
        std::thread::sleep(Duration::from_millis(10));
    }
    (child, pipe)
}

#[test]
fn a_server_that_is_not_there_fails_quickly() {
    let output = run(&["--url", "http://127.0.0.1:9", "healthcheck"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("cannot be reached"), "{}", stderr(&output));
    let output = run(&["--url", "https://example.org", "trending"]);
    assert!(stderr(&output).contains("http://"), "{}", stderr(&output));
}

#[test]
fn a_folder_of_somebody_else_is_refused_with_the_line_that_gives_it_away() {
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::process::CommandExt;
    let folder = tempfile::tempdir().unwrap();
    let owned = folder.path().join("data");
    assert_eq!(run_in(&owned, &["deliveries"]).status.code(), Some(1));
    std::fs::create_dir(&owned).unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let owner = std::fs::metadata(&owned).unwrap();
    let (uid, gid) = (owner.uid(), owner.gid());
    let mut other = hubtally();
    other.arg("--data").arg(&owned).args(["verify"]).stdin(Stdio::null());
    if uid == 0 {
        other.uid(65_532).gid(65_532);
    } else {
        // Nobody but root can be somebody else; one's own folder without the right to write is the next best.
        std::fs::set_permissions(&owned, std::fs::Permissions::from_mode(0o500)).unwrap();
    }
    let Ok(refused) = other.output() else {
        println!("did not run: another user cannot run the binary under test where it lies");
        return;
    };
    let said = stderr(&refused);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    let remedy = if uid == 0 {
        format!("belongs to {uid}:{gid} and this runs as 65532:65532: `chown -R 65532:65532 {}`", owned.display())
    } else {
        format!("`chmod -R u+rwX {}`", owned.display())
    };
    assert!(said.contains(&remedy) && said.contains("--data"), "{said}");
    assert!(uid != 0 || said.contains(&format!("--user {uid}:{gid}")), "{said}");
}
