//! A headless Chromium driven through its debugging pipe: no driver program and no port, only JSON on two descriptors.

mod pages;
mod picture;
mod states;

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server::Server;

/// What takes longer than this fails its test.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at something that is awaited.
const GLANCE: Duration = Duration::from_millis(20);

const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Nothing that a browser does by itself: every request seen is one that a page made.
const ARGUMENTS: [&str; 13] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
    "about:blank",
];

/// A browser with one page.
pub struct Browser {
    child: Child,
    pipe: ChildStdin,
    messages: Receiver<Value>,
    session: Option<String>,
    serial: u64,
    seen: VecDeque<Value>,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts one; where there is none, says so and gives nothing.
    pub fn start(what: &str) -> Option<Browser> {
        let known = |name: &&&str| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
        let Some(name) = NAMES.iter().find(known) else {
            println!("did not run: {what}, for want of Chromium (Debian: apt-get install chromium; as root, tests/run does it)");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        // The shell puts our pipes where Chromium looks for them: it reads descriptor 3 and writes descriptor 4.
        let script = "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1";
        let mut child = Command::new("sh")
            .args(["-c", script, "sh", name])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args(ARGUMENTS)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (pipe, mut reader) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let (sender, messages) = mpsc::channel();
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while reader.read_until(0, &mut message).is_ok_and(|count| count > 0) {
                message.pop();
                let value = serde_json::from_slice(&message).expect("a message in JSON");
                message.clear();
                if sender.send(value).is_err() {
                    break;
                }
            }
        });
        let mut browser = Browser { child, pipe, messages, session: None, serial: 0, seen: VecDeque::new(), _profile: profile };
        browser.attach();
        Some(browser)
    }

    fn attach(&mut self) {
        let targets = self.command("Target.getTargets", json!({}));
        let page = targets["targetInfos"].as_array().unwrap().iter().find(|target| target["type"] == "page").unwrap();
        let attached = self.command("Target.attachToTarget", json!({ "targetId": page["targetId"], "flatten": true }));
        self.session = Some(attached["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Network", "Log"] {
            self.command(&format!("{domain}.enable"), json!({}));
        }
    }

    /// Sends a command of the protocol and waits for its answer.
    #[allow(clippy::needless_pass_by_value, reason = "commands are written where they are sent")]
    pub fn command(&mut self, method: &str, parameters: Value) -> Value {
        self.try_command(method, &parameters).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    fn try_command(&mut self, method: &str, parameters: &Value) -> Result<Value, Value> {
        self.serial += 1;
        let mut message = json!({ "id": self.serial, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        self.pipe.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let answer = self.messages.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("{method}: {error}"));
            if answer["id"] != self.serial {
                self.seen.push_back(answer);
                continue;
            }
            return if answer["error"].is_null() { Ok(answer["result"].clone()) } else { Err(answer["error"].clone()) };
        }
    }

    /// A screen of so many pixels, light or dark.
    pub fn screen(&mut self, width: u32, height: u32, scheme: &str) {
        let screen = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.command("Emulation.setDeviceMetricsOverride", screen);
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.command("Emulation.setEmulatedMedia", features);
    }

    /// Opens a page and waits until it is loaded.
    pub fn open(&mut self, url: &str) {
        self.js("window.leaving = true");
        self.command("Page.navigate", json!({ "url": url }));
        self.wait_for("!window.leaving && document.readyState === 'complete'");
    }

    /// The value of an expression in the page.
    pub fn js(&mut self, expression: &str) -> Value {
        let ask = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.command("Runtime.evaluate", ask);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }

    /// The text of an expression in the page.
    pub fn text(&mut self, expression: &str) -> String {
        self.js(expression).as_str().unwrap_or_else(|| panic!("{expression} is no text")).to_owned()
    }

    /// Waits until an expression is true.
    pub fn wait_for(&mut self, expression: &str) {
        let deadline = Instant::now() + PATIENCE;
        let ask = json!({ "expression": expression, "returnByValue": true });
        // A page that is just being left answers with an error.
        while !self.try_command("Runtime.evaluate", &ask).is_ok_and(|answer| answer["result"]["value"] == true) {
            assert!(Instant::now() < deadline, "waited in vain for {expression}");
            std::thread::sleep(GLANCE);
        }
    }

    /// Follows what a selector finds, and waits for the page behind it.
    pub fn click_through(&mut self, selector: &str) {
        self.js("window.leaving = true");
        self.js(&format!("document.querySelector({}).click()", json!(selector)));
        self.wait_for("!window.leaving && document.readyState === 'complete'");
    }

    /// Presses a key.
    pub fn key(&mut self, key: &str) {
        for kind in ["keyDown", "keyUp"] {
            self.command("Input.dispatchKeyEvent", json!({ "type": kind, "key": key, "code": key }));
        }
    }

    /// Types into what has the focus.
    pub fn type_text(&mut self, text: &str) {
        self.command("Input.insertText", json!({ "text": text }));
    }

    /// A picture of what the screen shows, as PNG.
    pub fn picture(&mut self) -> Vec<u8> {
        let shot = self.command("Page.captureScreenshot", json!({ "format": "png" }));
        base64(shot["data"].as_str().unwrap())
    }

    /// A picture of the whole page, however long it is.
    pub fn whole_picture(&mut self) -> Vec<u8> {
        let size = self.command("Page.getLayoutMetrics", json!({}))["cssContentSize"].clone();
        let clip = json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 });
        let ask = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        base64(self.command("Page.captureScreenshot", ask)["data"].as_str().unwrap())
    }

    /// Takes what the console, the policy or an exception said since the last time.
    pub fn complaints(&mut self) -> Vec<String> {
        let loud = ["Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"];
        self.taken(|event| loud.contains(&event["method"].as_str().unwrap_or_default()))
            .into_iter()
            .map(|event| event["params"].to_string())
            .collect()
    }

    /// Takes the addresses that were asked for since the last time.
    pub fn requests(&mut self) -> Vec<String> {
        let events = self.taken(|event| event["method"] == "Network.requestWillBeSent");
        events.iter().map(|event| event["params"]["request"]["url"].as_str().unwrap().to_owned()).collect()
    }

    fn taken(&mut self, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        self.seen.extend(self.messages.try_iter());
        let (taken, kept) = self.seen.drain(..).partition(wanted);
        self.seen = kept;
        Vec::from(taken)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Nothing was said on the console, but that a page itself was answered with an error, and nothing was asked of anybody else.
pub fn assert_quiet(browser: &mut Browser, server: &Server, page: &str) {
    let itself = json!(format!("{}{page}", server.url())).to_string();
    let said = browser.complaints();
    let loud: Vec<&String> =
        said.iter().filter(|line| !(line.contains("Failed to load resource") && line.contains(&itself))).collect();
    assert!(loud.is_empty(), "{page}: {loud:?}");
    for url in browser.requests() {
        // The browser's own controls bring their pictures as data.
        assert!(url.starts_with(&server.url()) || url == "about:blank" || url.starts_with("data:"), "{page} asks for {url}");
    }
}

fn base64(text: &str) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut count) = (0u32, 0);
    for letter in text.bytes().filter(|letter| *letter != b'=') {
        let value = LETTERS.iter().position(|known| *known == letter).expect("base64");
        bits = bits << 6 | u32::try_from(value).unwrap();
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).unwrap());
        }
    }
    bytes
}
