"""The host of the daemon under test: a network namespace that this process enters itself, with a veth
pair as data interfaces, and what can be seen of the system from it."""

import ctypes
import json
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time

import grpc
import reflection

ROOT = pathlib.Path(__file__).resolve().parents[2]
# In every name of this run: what others do on this machine is not ours to judge.
TAG = f"t{os.getpid()}"
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
PORT = 12240


def run(*command, check=True):
    done = subprocess.run(command, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def program():
    """Ours: MYIKEV2 names another than the sources of this checkout."""
    named = os.environ.get("MYIKEV2")
    return [named] if named else ["deno", "run", "-A", str(ROOT / "main.ts")]


def until(holds, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.1)
    return False


class Host:
    """A namespace, a directory, and the data interfaces `da` and `db` in it."""

    def __enter__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"daemon{TAG}"))
        self.logs, self.state = str(self.directory / "logs"), str(self.directory / "state")
        self.name = f"mdt{TAG}"
        run("ip", "netns", "add", self.name)
        with open(f"/run/netns/{self.name}", encoding="ascii") as file:
            if LIBC.setns(file.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        run("ip", "link", "set", "lo", "up")
        self.daemons = []
        self._make_interfaces()
        return self

    def _make_interfaces(self):
        run("ip", "link", "add", "da", "type", "veth", "peer", "name", "db")
        # What is on it must be on it again when it is given back.
        run("ip", "addr", "add", "192.0.2.1/24", "dev", "da")
        run("ip", "link", "set", "da", "up")
        run("ip", "link", "set", "db", "up")
        run("ip", "route", "add", "198.51.100.0/24", "via", "192.0.2.9", "dev", "da")

    def _end_all(self):
        for daemon in self.daemons:
            daemon.kill()
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        for name in self.namespaces():
            run("ip", "netns", "del", name, check=False)

    def anew(self):
        """As at the start, whatever a section has left that did not come to its end."""
        self._end_all()
        self.daemons = []
        shutil.rmtree(self.state, ignore_errors=True)
        for link in ("da", "db", "myikev2mgmtbrg"):
            run("ip", "link", "del", link, check=False)
        self._make_interfaces()

    def __exit__(self, *_):
        self._end_all()
        run("ip", "netns", "del", self.name, check=False)
        shutil.rmtree(self.directory, ignore_errors=True)
        logs = pathlib.Path("/var/log/myikev2")
        for path in logs.glob(f"*{TAG}*") if logs.is_dir() else []:
            shutil.rmtree(path, ignore_errors=True)

    def daemon(self, *options, **settings):
        daemon = Daemon(self, options, **settings)
        self.daemons.append(daemon)
        return daemon

    def namespaces(self):
        names = (line.split(" ")[0] for line in run("ip", "netns", "list").split("\n"))
        return {name for name in names if TAG in name and name != self.name}

    def processes(self):
        """Whatever runs in a directory of this run, or was told of one; neither us nor the daemon."""
        found = set()
        known = {os.getpid()} | {daemon.process.pid for daemon in self.daemons}
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) in known:
                continue
            try:
                words = os.readlink(entry / "cwd") + (entry / "cmdline").read_text(errors="replace")
            except OSError:
                continue
            if TAG in words:
                found.add(int(entry.name))
        return found

    def rows(self):
        """Names in the daemon's state."""
        file = pathlib.Path(self.state, "daemon.sqlite")
        if not file.exists():
            return []
        base = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        try:
            return [row[0] for row in base.execute("SELECT name FROM instances ORDER BY rowid")]
        finally:
            base.close()

    def seen(self):
        """All that an instance could leave behind."""
        links = {link["ifname"]: ("UP" in link["flags"], link.get("master", ""), sorted(
            f"{a['local']}/{a['prefixlen']}" for a in link["addr_info"] if a["scope"] != "link"))
            for link in json.loads(run("ip", "-json", "addr", "show"))}
        routes = [r.replace(" linkdown", "").strip() for f in ("-4", "-6")
                  for r in run("ip", f, "route", "show", "table", "all").split("\n")
                  if r.strip() and "fe80" not in r and "ff00" not in r]
        return {"namespaces": self.namespaces(), "links": links, "routes": sorted(routes),
                "processes": self.processes(), "state": self.rows()}


class Daemon:
    """One daemon process, and a client of it that learns everything by reflection."""

    def __init__(self, host, options=(), wait=True, before=()):
        self.host = host
        self.log = str(host.directory / "daemon.log")
        self.process = subprocess.Popen(
            [*before, *program(), "daemon", "--statedir", host.state, "--lf", self.log, "--loglvl", "5",
             "--socket", str(host.directory / "daemon.sock"), *options],
            cwd=host.directory, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, start_new_session=True)
        self.channel = None
        if wait:
            self.connect()

    def connect(self):
        def listens():
            if self.process.poll() is not None:
                raise RuntimeError(f"The daemon ended: {self.process.stderr.read()}")
            try:
                socket.create_connection(("127.0.0.1", PORT), 1).close()
                return True
            except OSError:
                return False
        if not until(listens):
            raise RuntimeError("The daemon does not listen")
        self.channel = reflection.open_channel(f"127.0.0.1:{PORT}")
        self.api = reflection.Service(self.channel, "daemonapi.MyIKEv2DaemonAPISvc")

    def state(self, name):
        return self.api.Status(Name=name).State

    def entry(self, name):
        return next((e for e in self.api.List(timeout=20).results if e.Name == name), None)

    def until_state(self, name, *states, seconds=60):
        return until(lambda: self.state(name) in states, seconds)

    def kill(self):
        """kill -9, and nothing is tidied up."""
        if self.channel:
            self.channel.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if not self.process.stderr.closed:
            self.process.stderr.close()

    def interrupt(self):
        """What Ctrl-C at its terminal sends to the whole process group; returns the exit status."""
        self.channel.close()
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(20)


def code(body):
    """Status name and details of a call."""
    try:
        body()
        return "OK", ""
    except grpc.RpcError as error:
        return error.code().name, error.details()
