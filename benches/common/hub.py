"""A hubtally that a bench runs: its binary, what a command of it costs, and a server with its store."""

import http.client
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def build():
    """The release binary, built if need be."""
    subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=ROOT, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "hubtally"


def measured(command, **options):
    """Runs a command to its end: wall seconds, CPU seconds and the most megabytes it held."""
    start = time.monotonic()
    child = subprocess.Popen([str(part) for part in command], **options)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} ended with {child.returncode}")
    return time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6


def allocated_bytes(folder):
    """What the files of a folder take on the disk."""
    return sum(path.stat().st_blocks * 512 for path in Path(folder).rglob("*") if path.is_file())


def sync_ms(folder, times=50):
    """Median milliseconds of a write of 4 KiB that reaches the disk."""
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        took = []
        for _ in range(times):
            start = time.monotonic()
            os.pwrite(file.fileno(), bytes(4096), 0)
            os.fdatasync(file.fileno())
            took.append(time.monotonic() - start)
    return percentile(took, 50) * 1000


def percentile(values, share):
    """The value below which that share of a hundred lies; the largest for 100."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * share // 100)]


class Server:
    """A server on a free port of this machine, on some cores alone if told so."""

    def __init__(self, binary, data, *arguments, core=None):
        pinned = ["taskset", "-c", str(core)] if core is not None else []
        command = [*pinned, binary, "serve", "--data", data, "--listen", "127.0.0.1:0", "--visibility", "public", *arguments]
        self.began = time.monotonic()
        self.child = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in self.child.stdout:
            found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
            if found:
                self.port = int(found[1])
                break
        else:
            sys.exit("the server ended before it listened")
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)

    def get(self, path):
        """Asks on a connection that stays open: the body, and seconds until all of it was there."""
        start = time.monotonic()
        self.connection.request("GET", path)
        reply = self.connection.getresponse()
        body = reply.read()
        if reply.status != 200:
            sys.exit(f"GET {path}: {reply.status} {body[:200]}")
        return body, time.monotonic() - start

    def resident_mb(self):
        """Megabytes it holds now."""
        pages = int(Path(f"/proc/{self.child.pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 1e6

    def kill(self):
        """Ends it without a chance to say goodbye."""
        self.child.kill()
        self.child.wait()
