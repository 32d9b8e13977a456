//! Following the log of a real nginx through rotations and kills of the follower.

use std::fs;
use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hubtally::model::Millis;

use super::{Log, PATIENCE, append, events};
use crate::oracle::Random;
use crate::server::{Reply, Server};

/// A real nginx that logs in the format of the documentation.
struct Nginx {
    child: Child,
    port: u16,
    log: PathBuf,
}

impl Nginx {
    /// `None` if there is no nginx on this machine.
    fn start(folder: &Path) -> Option<Nginx> {
        let program =
            ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"].into_iter().find(|path| Path::new(path).exists())?;
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = folder.join("nginx.json");
        let format =
            include_str!("../../../docs/nginx.md").split("```").find(|block| block.contains("log_format hubtally")).unwrap();
        let format = format.trim_start_matches("nginx");
        let at = folder.display();
        let paths: String =
            ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|kind| format!("{kind}_temp_path {at}/{kind};\n")).concat();
        let configuration = format!(
            "daemon off;\nworker_processes 2;\nerror_log {at}/error.log;\npid {at}/nginx.pid;\nevents {{ worker_connections 64; }}\n\
             http {{\n{paths}{format}\nset_real_ip_from 127.0.0.1;\nreal_ip_header X-Client;\n\
             server {{ listen 127.0.0.1:{port}; access_log {} hubtally; location / {{ return 200 hello; }} }}\n}}\n",
            log.display()
        );
        fs::write(folder.join("nginx.conf"), configuration).unwrap();
        // Its workers run as another user if it is started as root, and open the log anew by themselves.
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = Command::new(program);
        command.arg("-p").arg(folder).arg("-c").arg(folder.join("nginx.conf")).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "nginx does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(Nginx { child, port, log })
    }

    fn signal(&self, name: &str) {
        assert!(Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap().success());
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.signal("TERM");
        let _ = self.child.wait();
    }
}

/// Downloads files until told to stop, each with a name and an address of its own; gives how many answers came.
fn download(port: u16, client: u64, stop: &AtomicBool) -> u64 {
    let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", port)).unwrap());
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        let (high, low) = (number >> 8, number & 255);
        let head = format!(
            "GET /acme/m{client}/resolve/main/{number}.bin HTTP/1.1\r\nHost: h\r\nX-Client: 10.{client}.{high}.{low}\r\nUser-Agent: curl/8\r\n\r\n"
        );
        stream.get_mut().write_all(head.as_bytes()).unwrap();
        let Some(reply) = Reply::read(&mut stream, "GET") else { panic!("nginx hung up") };
        assert_eq!(reply.status, 200);
        number += 1;
        if reply.header("connection") == Some("close") {
            stream = BufReader::new(TcpStream::connect(("127.0.0.1", port)).unwrap());
        }
        std::thread::sleep(Duration::from_millis(number % 7));
    }
    number
}

#[test]
fn a_real_nginx_is_followed_while_it_rotates_and_the_follower_is_killed() {
    const CLIENTS: u64 = 3;
    let seed = std::env::var("HUBTALLY_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let folder = tempfile::tempdir().unwrap();
    let Some(nginx) = Nginx::start(folder.path()) else {
        println!("did not run: there is no nginx on this machine");
        return;
    };
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let data = folder.path().join("data");
    let start = || Server::start_in(&data, &["--visibility", "public", "--tail", &format!("edge={}", nginx.log.display())]);
    let log = Log { path: nginx.log.clone(), open: append(&nginx.log), written: 0 };
    let (mut rotations, mut kills) = (0, 0);
    let stop = AtomicBool::new(false);
    let requested = std::thread::scope(|scope| {
        let stop = &stop;
        let clients: Vec<_> = (0..CLIENTS).map(|client| scope.spawn(move || download(nginx.port, client, stop))).collect();
        let mut server = Some(start());
        for _ in 0..24 {
            std::thread::sleep(Duration::from_millis(random.below(600)));
            match random.below(5) {
                0 | 1 => {
                    server.take();
                    kills += 1;
                    std::thread::sleep(Duration::from_millis(random.below(300)));
                    server = Some(start());
                }
                2 => {
                    // As logrotate with delaycompress: the last but one, which nobody writes to any more.
                    if log.rotated(2, "").exists() {
                        log.compress(2, ".gz");
                    }
                }
                _ => {
                    log.rename();
                    std::thread::sleep(Duration::from_millis(random.below(300)));
                    nginx.signal("USR1");
                    rotations += 1;
                }
            }
        }
        stop.store(true, Ordering::Relaxed);
        server.take();
        clients.into_iter().map(|client| client.join().unwrap()).collect::<Vec<u64>>()
    });
    println!("{requested:?} requests, {rotations} rotations, {kills} kills");
    let server = start();
    let counted = || -> Vec<u64> {
        let of = |client| server.get(&format!("/models/acme/m{client}/stats"));
        (0..CLIENTS).map(|client| of(client).json()["downloads"].as_u64().unwrap_or(0)).collect()
    };
    let deadline = Instant::now() + PATIENCE;
    while counted() != requested {
        assert!(Instant::now() < deadline, "{:?} counted, {requested:?} requested; stderr:\n{}", counted(), server.stderr());
        std::thread::sleep(Duration::from_millis(50));
    }
    let today = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    let (yesterday, today) = (Millis(today - 86_400_000).day().to_string(), Millis(today).day().to_string());
    assert_eq!(events(&server, &yesterday, &today) as u64, requested.iter().sum::<u64>(), "no request is stored twice");
}
