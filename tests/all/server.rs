//! The real binary on a free port as a fixture, and a client over plain sockets that hides nothing from the tests.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A read that takes longer than this fails its test instead of hanging it.
const PATIENCE: Duration = Duration::from_secs(30);

/// The binary under test, with none of the settings of whoever runs the tests. `HUBTALLY_BINARY` names another one, such as
/// a release build whose times are asked for.
pub fn hubtally() -> Command {
    let built = || env!("CARGO_BIN_EXE_hubtally").into();
    let mut command = Command::new(std::env::var_os("HUBTALLY_BINARY").unwrap_or_else(built));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HUBTALLY_")) {
        command.env_remove(name);
    }
    command
}

/// Runs a command of the binary on a data folder to its end.
pub fn run(folder: &Path, arguments: &[&str]) -> Output {
    hubtally().arg("--data").arg(folder).args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// What such a command prints, which must succeed.
pub fn said(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Sends a process a signal by name.
pub fn signal(process: &Child, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &process.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// A running server, killed when dropped.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    stderr: Arc<Mutex<String>>,
}

impl Server {
    /// Starts one that keeps nothing.
    pub fn start(arguments: &[&str]) -> Server {
        Server::start_with(":memory:", arguments)
    }

    /// Starts one on a data folder.
    pub fn start_in(folder: &Path, arguments: &[&str]) -> Server {
        Server::start_with(folder.to_str().unwrap(), arguments)
    }

    /// Starts the demo hub.
    pub fn demo(arguments: &[&str]) -> Server {
        let mut command = hubtally();
        command.arg("demo").args(arguments);
        Server::run(command, arguments)
    }

    fn start_with(data: &str, arguments: &[&str]) -> Server {
        let mut command = hubtally();
        command.args(["serve", "--data", data]).args(arguments);
        Server::run(command, arguments)
    }

    fn run(mut command: Command, arguments: &[&str]) -> Server {
        if !arguments.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = Arc::new(Mutex::new(String::new()));
        let (kept, mut pipe) = (Arc::clone(&stderr), BufReader::new(child.stderr.take().unwrap()));
        std::thread::spawn(move || {
            let mut line = String::new();
            while pipe.read_line(&mut line).is_ok_and(|count| count > 0) {
                kept.lock().unwrap().push_str(&std::mem::take(&mut line));
            }
        });
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").and_then(|address| address.parse().ok());
        let Some(address) = address else {
            let _ = child.kill();
            let _ = child.wait();
            std::thread::sleep(Duration::from_millis(50));
            panic!("the first line is {line:?}; stderr:\n{}", stderr.lock().unwrap())
        };
        Server { child, address, stderr }
    }

    /// What was said on standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// `http://HOST:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Memory that is really held, in KiB; `None` where the system does not say.
    pub fn resident_kib(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix(" kB")?.trim().parse().ok()
    }

    /// A bare connection.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    pub fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &[], b"")
    }

    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.ask("GET", path, headers, b"")
    }

    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        self.ask("POST", path, headers, body)
    }

    /// One request on a connection of its own.
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut stream = self.connect();
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() || matches!(method, "POST" | "PUT") {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        // A server that refuses a body may close while it is being sent; its answer is what counts.
        let _ = stream.write_all(body);
        Reply::read(&mut BufReader::new(stream), method).expect("an answer")
    }

    /// The key of the one-time link.
    pub fn admin_key(&self) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let said = self.stderr();
            if let Some((key, _)) = said.split_once("/welcome?key=").and_then(|(_, rest)| rest.split_once('\n')) {
                return key.trim().to_owned();
            }
            assert!(Instant::now() < deadline, "no admin link in:\n{said}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The cookie of an administrator, by way of the one-time link.
    pub fn admin_cookie(&self) -> String {
        let key = self.admin_key();
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        let reply = self.post("/welcome", &form, format!("key={key}").as_bytes());
        assert_eq!(reply.status, 303, "{}", reply.text());
        assert!(reply.header("location").unwrap().ends_with('/'));
        reply.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
    }

    /// A new token, with the rights of the cookie's administrator.
    pub fn token(&self, cookie: &str, scope: &str) -> String {
        let body = serde_json::json!({ "scope": scope }).to_string();
        let reply = self.post("/api/v1/tokens", &[("Cookie", cookie)], body.as_bytes());
        assert_eq!(reply.status, 201, "{}", reply.text());
        reply.json()["token"].as_str().unwrap().to_owned()
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// Waits until it has ended by itself.
    pub fn wait(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Stops it in order; gives its exit and how long that took.
    pub fn stop(mut self) -> (ExitStatus, Duration) {
        let started = Instant::now();
        self.signal("TERM");
        (self.child.wait().unwrap(), started.elapsed())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer as it came.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    /// Reads one answer; `None` if the connection ends first.
    pub fn read(reader: &mut impl BufRead, method: &str) -> Option<Reply> {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
        let status = line.split(' ').nth(1)?.parse().ok()?;
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut reply = Reply { status, headers, body: Vec::new() };
        if method == "HEAD" || matches!(status, 204 | 304) {
            return Some(reply);
        }
        if reply.header("transfer-encoding") == Some("chunked") {
            reply.body = chunked(reader)?;
        } else {
            let length = reply.header("content-length").map_or(0, |length| length.parse().unwrap());
            reply.body = vec![0; length];
            reader.read_exact(&mut reply.body).ok()?;
        }
        Some(reply)
    }

    /// A header by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", self.text()))
    }
}

fn chunked(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let length = usize::from_str_radix(line.trim(), 16).ok()?;
        let mut chunk = vec![0; length + 2];
        reader.read_exact(&mut chunk).ok()?;
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(&chunk[..length]);
    }
}

/// A month of an organization of a thousand repos, each with a line of its own: people from everywhere, some of whom come back.
pub fn thousand_repos(noon_ms: u64) -> Vec<serde_json::Value> {
    let mut random = crate::oracle::Random::new(1_000);
    let mut events = Vec::new();
    for repo in 0..1_000 {
        for day in 0..30 {
            for _ in 0..random.below(3) {
                let person = random.below(5_000);
                let agent = ["curl/8.5.0", "vllm/0.11.0; hf_hub/0.36.2; python/3.12.3", "hf_hub/1.2.0; python/3.11.9"];
                events.push(serde_json::json!({
                    "ts": noon_ms - day * 86_400_000, "repo": format!("acme/a-model-with-a-name-{repo:04}"), "status": 200,
                    "path": random.pick(&["config.json", "model.safetensors", "tokenizer.json"]),
                    "ip": format!("198.51.{}.{}", person / 250, person % 250), "user_agent": agent[person as usize % 3],
                    "country": random.pick(&["NL", "DE", "FR", "JP", "US", "BR", "IN", "CN"]), "region": random.pick(&["A", "B", ""]),
                }));
            }
        }
    }
    events
}
