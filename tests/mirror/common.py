"""What the checks of the mirrors share; also a bad network: a proxy that does harm to some of what goes through it."""
import atexit
import http.client
import http.server
import os
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time
import zlib


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_for(what, condition, seconds=90):
    end = time.time() + seconds
    while not condition():
        assert time.time() < end, what
        time.sleep(0.1)


class Server:
    """A program that listens on this machine; it ends with the check, also with one that fails."""

    def launch(self, command, log, is_up, cwd, env):
        self.process = subprocess.Popen(command, cwd=cwd, env=env, stdout=log, stderr=subprocess.STDOUT,
                                        start_new_session=True)
        atexit.register(self.kill)

        def answers():
            assert self.process.poll() is None, log.name
            try:
                return is_up()
            except OSError:
                return False
        wait_for("the server", answers)

    def kill(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def picture(path):
    """Writes a PNG of 4 × 2 red points."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 2, 8, 2, 0, 0, 0))
                     + chunk(b"IDAT", zlib.compress((b"\0" + b"\xff\0\0" * 4) * 2)) + chunk(b"IEND", b""))
    return path


def command(tool, store):
    """The command `cairn` on a store: what it says; what it complains of, where it is to fail."""
    def cairn(*arguments, env={}, fails=False):
        done = subprocess.run([tool, *arguments, "--dir", store], capture_output=True, text=True, env={**os.environ, **env})
        assert (done.returncode != 0) == fails, (arguments, done)
        return done.stderr if fails else done.stdout
    return cairn


def record_runs(record, store, png):
    """One of each kind."""
    for name, status in (("full", 0), ("failed", 0), ("crashed", -9), ("models", 0), ("ranks", 0)):
        done = subprocess.run([record, store, name, str(png)], stdout=subprocess.DEVNULL)
        assert done.returncode == status, (name, done)


def certificate(path):
    """Writes a certificate of localhost that vouches for itself, and its key."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", f"{path}.key", "-out", f"{path}.crt"],
                   check=True, capture_output=True)
    path.write_text(open(f"{path}.crt").read() + open(f"{path}.key").read())
    return path


class Tls:
    """TLS before a server that has none. With `client`, only who has that certificate is let in."""

    def __init__(self, port, own, client=None):
        self.port = port
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(own)
        if client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(client)
        self.context = context
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"https://localhost:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            plain, _ = self.listener.accept()
            threading.Thread(target=self.hand_on, args=(plain,), daemon=True).start()

    def hand_on(self, plain):
        try:
            near, far = self.context.wrap_socket(plain, server_side=True), socket.create_connection(("127.0.0.1", self.port))
        except OSError:
            return plain.close()

        def pump(a, b):
            try:
                while data := a.recv(1 << 16):
                    b.sendall(data)
            except OSError:
                pass
            for end in (a, b):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        threading.Thread(target=pump, args=(far, near), daemon=True).start()
        pump(near, far)


class Faults(http.server.BaseHTTPRequestHandler):
    """Stands between the mirror and the server, and does to some requests what a bad network does."""
    protocol_version = "HTTP/1.1"
    port = 0
    every = 0  # each so many requests meet the next of the faults
    count = 0
    kinds = ["refuse", "lose the answer", "cut the answer", "429", "500", "503", "a page", "stall", "reset"]
    met = []
    seen = []  # what was asked for

    def handle_one(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        Faults.count += 1
        Faults.seen.append(f"{self.command} {self.path}")
        fault = ""
        if Faults.every and Faults.count % Faults.every == 0:
            fault = Faults.kinds[len(Faults.met) % len(Faults.kinds)]
            Faults.met.append(fault)
        if fault in ("refuse", "reset"):
            if fault == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return self.end()
        if fault in ("429", "500", "503"):
            return self.answer(int(fault), [("Retry-After", "1")] if fault == "429" else [], b"<html>no</html>")
        if fault == "a page":
            return self.answer(502, [("Content-Type", "text/html")], b"<html>Bad Gateway</html>")
        if fault == "stall":
            time.sleep(3)
        to = http.client.HTTPConnection("127.0.0.1", Faults.port, timeout=60)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in ("connection",)}
            to.request(self.command, self.path, body, headers)
            answer = to.getresponse()
            data, headers = answer.read(), answer.getheaders()
        except OSError:
            return self.end()
        finally:
            to.close()
        if fault == "lose the answer":
            return self.end()
        if fault == "cut the answer":
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(data) + 100))
            self.end_headers()
            self.wfile.write(data[:1])
            return self.end()
        self.answer(answer.status, headers, data)

    def end(self):
        self.close_connection = True
        self.connection.close()

    def answer(self, status, headers, data):
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        length = dict((name.lower(), value) for name, value in headers).get("content-length")
        self.send_header("Content-Length", length if self.command == "HEAD" and length else str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = handle_one

    def log_message(self, *arguments):
        pass


class Proxy(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        pass


def start():
    """The address of one. `Faults.port` is where it leads."""
    proxy = Proxy(("127.0.0.1", 0), Faults)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{proxy.server_address[1]}"
