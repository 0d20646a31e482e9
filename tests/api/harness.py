"""Starts servers to be asked, counts checks, and makes the two network namespaces of the test."""

import json
import os
import pathlib
import queue
import subprocess
import threading
import time

import reflection

ROOT = pathlib.Path(__file__).resolve().parents[2]
TLS = ROOT / "tests/api/tls"
FAKE = ROOT / "tests/api/fake_server.ts"


class Checks:
    """Prints one line a check, and the counts at the end."""

    def __init__(self):
        self.passed = self.failed = 0

    def that(self, name, holds, detail=""):
        if holds:
            self.passed += 1
            print(f"ok      {name}", flush=True)
        else:
            self.failed += 1
            print(f"FAILED  {name}{': ' if detail != '' else ''}{detail}", flush=True)

    def equal(self, name, got, expected):
        self.that(name, got == expected, f"got {got!r}, expected {expected!r}")

    def section(self, body, *arguments):
        """Runs a group of checks; what it throws is one failure, and the others go on."""
        try:
            body(self, *arguments)
        except Exception as error:  # pylint: disable=broad-except
            self.that(f"{body.__name__} runs to its end", False, f"{type(error).__name__}: {error}")

    def report(self):
        print(f"{self.passed} passed, {self.failed} failed")
        return 0 if self.failed == 0 else 1


class Process:
    """A process whose lines of output can be waited for."""

    def __init__(self, command, namespace=None):
        prefix = ["ip", "netns", "exec", namespace] if namespace else []
        self.process = subprocess.Popen(prefix + command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, cwd=ROOT)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def line(self, start, seconds=20):
        """The rest of the next line that begins with `start`."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                line = self.lines.get(timeout=left)
            except queue.Empty:
                break
            if line is None:
                raise RuntimeError(f"The process ended before it said {start!r}")
            if line.startswith(start):
                return line[len(start):].strip()
        raise RuntimeError(f"The process did not say {start!r} within {seconds} s")

    def say(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


class FakeServer(Process):
    """Our server over a run that never ran."""

    def __init__(self, address="127.0.0.1", secrets="auto", tls="none", namespace=None):
        options = json.dumps({"address": address, "secrets": secrets, "tls": tls})
        super().__init__(["deno", "run", "-A", str(FAKE), options], namespace)
        self.port = int(self.line("port "))

    def target(self, address="127.0.0.1"):
        return f"{address}:{self.port}"


def service(target, tls=None, name="api.MyIKEv2APISvc"):
    channel = reflection.open_channel(target, tls, "myikev2.test" if tls else None)
    return reflection.Service(channel, name)


def tls_files(certificate=None):
    """What a client trusts, and what it presents if anything."""
    def read(file):
        return (TLS / file).read_bytes()
    if certificate is None:
        return (read("authority.pem"), None, None)
    return (read("authority.pem"), read(certificate + ".key"), read(certificate + ".pem"))


class Namespaces:
    """Two network namespaces joined by a veth pair; gone at the end."""

    def __init__(self):
        tag = f"m2a{os.getpid() % 100000}"
        self.names = [f"{tag}a", f"{tag}b"]
        self.addresses = ["198.18.7.1", "198.18.7.2"]

    def __enter__(self):
        a, b = self.names
        try:
            for name in self.names:
                _ip("netns", "add", name)
                _ip("-n", name, "link", "set", "lo", "up")
            _ip("-n", a, "link", "add", "veth0", "type", "veth", "peer", "name", "veth0", "netns", b)
            for name, address in zip(self.names, self.addresses):
                _ip("-n", name, "addr", "add", f"{address}/24", "dev", "veth0")
                _ip("-n", name, "link", "set", "veth0", "up")
        except Exception:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)


def _ip(*arguments):
    subprocess.run(["ip", *arguments], check=True)
