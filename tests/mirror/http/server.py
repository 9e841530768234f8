#!/usr/bin/env python3
"""A server of one's own that takes mirrored runs (docs/mirrors.md): rows into SQLite, everything else as files.
usage: server.py FOLDER [PORT]; $CAIRN_HTTP_TOKEN, if set, is what a client must say."""
import http.server
import json
import os
import sqlite3
import sys
import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

folder = Path(sys.argv[1]).resolve()
folder.mkdir(parents=True, exist_ok=True)
rows = sqlite3.connect(folder / "rows.db", check_same_thread=False)
rows.execute("create table if not exists rows (run text, id text, kind text, step integer, time_ms integer, row text, "
             "primary key (run, id))")
one_at_a_time = threading.Lock()
token = os.environ.get("CAIRN_HTTP_TOKEN")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def body(self):
        if (self.headers.get("Transfer-Encoding") or "").lower() == "chunked":
            while size := int(self.rfile.readline(), 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return
        left = int(self.headers.get("Content-Length") or 0)
        while left:
            piece = self.rfile.read(min(left, 1 << 20))
            if not piece:
                raise ConnectionError("the body is cut off")
            left -= len(piece)
            yield piece

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def may(self):
        if not token or self.headers.get("Authorization") == f"Bearer {token}":
            return True
        for _ in self.body():
            pass
        self.answer(401)
        return False

    def do_POST(self):  # /runs/PROJECT/ID/rows: a line for each record; one that comes again is there already
        if not self.may():
            return
        run = unquote(urlsplit(self.path).path.removeprefix("/runs/").removesuffix("/rows"))
        lines = [json.loads(line) for line in b"".join(self.body()).splitlines()]
        with one_at_a_time, rows:
            rows.executemany("insert or ignore into rows values (?, ?, ?, ?, ?, ?)",
                             [(run, one["id"], one["kind"], one["step"], one["time_ms"], json.dumps(one.get("row")))
                              for one in lines])
        self.answer(204)

    def do_PUT(self):  # any other address: a file, whole or not at all
        if not self.may():
            return
        target = (folder / unquote(urlsplit(self.path).path).lstrip("/")).resolve()
        if folder not in target.parents:
            return self.answer(400)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part-{threading.get_ident()}")
        with open(part, "wb") as file:
            for piece in self.body():
                file.write(piece)
        part.replace(target)
        self.answer(204)

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):  # a client that goes away
        pass


server = Server(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0), Handler)
print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
server.serve_forever()
