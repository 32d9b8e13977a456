//! User agents as the clients of hubs send them, random session ids included.

use super::client::Client;
use super::page::Page;
use super::random::{mix, scale};

const HUB_VERSIONS: [&str; 8] = ["0.36.2", "0.36.2", "1.28.0", "0.34.4", "2.4.0", "1.32.0", "0.20.3", "0.30.1"];
const PYTHON_VERSIONS: [&str; 8] = ["3.11.7", "3.12.3", "3.10.12", "3.11.7", "3.13.1", "3.12.11", "3.9.18", "3.10.12"];
const TRANSFORMERS_VERSIONS: [&str; 4] = ["4.57.1", "5.23.0", "4.51.3", "4.46.2"];
const DATASETS_VERSIONS: [&str; 4] = ["4.1.0", "5.2.0", "3.6.0", "2.19.2"];
const BROWSERS: [&str; 4] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:141.0) Gecko/20100101 Firefox/141.0",
];

/// One of a few texts that a downloader sticks to.
fn fixed<const N: usize>(texts: [&'static str; N], client: Client, shift: u32) -> &'static str {
    texts.get((client.bits >> shift) as usize % N).copied().unwrap_or_default()
}

/// Writes the agent of one request: the program belongs to the downloader, the session id to the visit and the file
/// type to the file, so that one visit shows several agents.
pub(super) fn write_agent(page: &mut Page, client: Client, visit: u64, path: &str) {
    match scale(mix(client.bits ^ 3), 100) {
        0..34 => {
            page.text("unknown/None");
            write_hub(page, client);
            page.text("; transformers/");
            page.text(fixed(TRANSFORMERS_VERSIONS, client, 24));
            write_session(page, visit);
            page.text("; file_type/");
            page.text(file_type(path));
            if visit & 3 == 0 {
                page.text("; from_auto_class/True");
            }
        }
        34..55 => {
            page.text("unknown/None");
            write_hub(page, client);
        }
        55..65 => {
            page.text("datasets/");
            page.text(fixed(DATASETS_VERSIONS, client, 24));
            write_hub(page, client);
            page.text("; pyarrow/21.0.0");
        }
        65..71 => {
            page.text("diffusers/0.36.0; python/");
            page.text(fixed(PYTHON_VERSIONS, client, 32));
            write_session(page, visit);
            page.text("; torch/2.9.1");
        }
        71..76 => {
            page.text("huggingface-cli/");
            page.text(fixed(HUB_VERSIONS, client, 28));
            write_hub(page, client);
        }
        76..81 => {
            page.text("vllm/0.12.0");
            write_hub(page, client);
            page.text("; torch/2.9.1");
        }
        81..83 => page.text("hf-hub/0.4.3"),
        83..86 => page.text("llama-cpp/b6432"),
        86..89 => page.text("ollama/0.13.1 (amd64 linux) Go/go1.24.1"),
        89..91 => page.text("curl/7.88.1"),
        91 => page.text("Wget/1.21.3"),
        92 => page.text("aria2/1.36.0"),
        93 => page.text("node"),
        94 => page.text("python-httpx/0.28.1"),
        95 => page.text("git-lfs/3.3.0 (GitHub; linux amd64; go 1.19.8)"),
        _ => page.text(fixed(BROWSERS, client, 24)),
    }
}

/// The part by which downloaders behind one address are told apart.
fn write_hub(page: &mut Page, client: Client) {
    page.text("; hf_hub/");
    page.text(fixed(HUB_VERSIONS, client, 28));
    page.text("; python/");
    page.text(fixed(PYTHON_VERSIONS, client, 32));
}

fn write_session(page: &mut Page, visit: u64) {
    page.text("; session_id/");
    page.hex(visit);
    page.hex(mix(visit));
}

fn file_type(path: &str) -> &'static str {
    if path.contains("token") {
        "tokenizer"
    } else if path.ends_with(".json") {
        "config"
    } else {
        "model"
    }
}
