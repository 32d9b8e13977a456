"""The batch service of Git LFS, for downloads: says where the objects of a repository are. Usage: lfs.py PORT"""

import http.server
import json
import sys


class Batch(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        base = f"http://{self.headers['Host']}{self.path.removesuffix('/batch')}"
        objects = [
            {"oid": o["oid"], "size": o["size"], "actions": {"download": {"href": f"{base}/{o['oid']}"}}}
            for o in asked["objects"]
        ]
        body = json.dumps({"transfer": "basic", "objects": objects}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.git-lfs+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Batch).serve_forever()
