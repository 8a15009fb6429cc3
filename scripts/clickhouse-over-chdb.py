"""ClickHouse's HTTP interface over the library chdb (PyPI), as much of it as the npm package qryn asks for.

    clickhouse-over-chdb.py PORT DIRECTORY

On loopback, until SIGTERM. One question at a time: the library has one session.
"""

import gzip
import http.server
import signal
import sys
import threading
import urllib.parse

from chdb import session

DATABASE = "cloki"


class Engine:
    def __init__(self, directory):
        self.session = session.Session(directory)
        self.lock = threading.Lock()
        self.session.query(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")

    def ask(self, database, sql, format):
        with self.lock:
            if database:
                self.session.query(f"USE `{database}`")
            answer = self.session.query(sql, format)
            return answer.bytes() if answer is not None else b""

    def close(self):
        with self.lock:
            self.session.close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    engine = None

    def serve(self):
        url = urllib.parse.urlparse(self.path)
        asked = dict(urllib.parse.parse_qsl(url.query))
        body = self.body()
        if url.path == "/ping":
            return self.answer(200, b"Ok.\n")
        parts = (asked.get("query", ""), body.decode("utf8", "surrogateescape"))
        sql = "\n".join(part for part in parts if part)
        try:
            found = self.engine.ask(asked.get("database"), sql, asked.get("default_format", "TabSeparated"))
        except Exception as error:  # whatever the library says is the answer
            print("error:", str(error)[:500], "\n  asked:", sql[:500], flush=True)
            return self.answer(500, str(error).encode())
        return self.answer(200, found or b"")

    do_GET = do_POST = serve

    def body(self):
        if "chunked" in self.headers.get("transfer-encoding", ""):
            body = b"".join(self.chunks())
        else:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
        return gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body

    def chunks(self):
        while length := int(self.rfile.readline().strip() or b"0", 16):
            yield self.rfile.read(length)
            self.rfile.readline()
        self.rfile.readline()

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def main():
    Handler.engine = Engine(sys.argv[2])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    # `shutdown` waits for the loop, which runs in this thread.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
    Handler.engine.close()


if __name__ == "__main__":
    main()
