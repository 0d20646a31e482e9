"""The daemon where things go wrong around it: instances that hang or cannot start, a daemon that is killed
at any moment, callers who change their mind; and addresses of the other family."""

import json
import os
import pathlib
import random
import shutil
import signal
import threading
import time

import host as h
from check_other import OTHER, define_other
from check_pair import CLIENT, GATEWAY, client, define, gateway, process_of
from host import ROOT, code, run, until

TLS = ROOT / "tests/api/tls"


def check_hanging(checks, host):
    daemon = host.daemon()
    before = host.seen()
    define(daemon, GATEWAY, gateway(3))
    checks.that("hanging: it runs", daemon.until_state(GATEWAY, 2))
    pid = process_of(daemon, GATEWAY)
    os.kill(pid, signal.SIGSTOP)
    begun = time.monotonic()
    entry = daemon.entry(GATEWAY)
    checks.that("hanging: List has a deadline", time.monotonic() - begun < 1.5, time.monotonic() - begun)
    checks.equal("hanging: and the last summary", (entry.Status.Role, entry.Status.Configured_count), (2, 3))
    words = entry.Status.LastErrMsg
    checks.that("hanging: marked as such", words.startswith("Its API does not answer; these figures are of 20"), words)
    checks.equal("hanging: it is alive", daemon.state(GATEWAY), 2)
    begun = time.monotonic()
    graceful = threading.Thread(target=lambda: daemon.api.Destroy(Name=GATEWAY, Gracefully=True, timeout=60))
    graceful.start()
    checks.that("hanging: destroying", daemon.until_state(GATEWAY, 6, seconds=5))
    daemon.api.Destroy(Name=GATEWAY, timeout=60)
    checks.that("hanging: a Destroy that is not graceful hurries one that is", time.monotonic() - begun < 9,
                time.monotonic() - begun)
    graceful.join()
    checks.equal("hanging: nothing is left", host.seen(), before)
    check_override(checks, host, daemon, before)
    check_cannot_start(checks, host, daemon, before)
    daemon.interrupt()


def check_murdered(checks, host):
    """An instance whose process was killed is not listed as a running one, not even at once."""
    daemon = host.daemon()
    before = host.seen()
    define(daemon, GATEWAY, gateway(3))
    checks.that("murdered: it runs", daemon.until_state(GATEWAY, 2))
    checks.equal("murdered: and says so", daemon.entry(GATEWAY).Status.Result, 0)
    os.kill(process_of(daemon, GATEWAY), signal.SIGKILL)
    entry = daemon.entry(GATEWAY)
    checks.equal("murdered: List says that it died", (
        entry.Status.Result, entry.Status.LastErrMsg, bytes(entry.APIAddr), entry.APIPort, entry.Status.Configured_count),
        (2, "its process ended without a result", b"", 0, 3))
    checks.equal("murdered: Status too", daemon.state(GATEWAY), 7)
    daemon.api.Destroy(Name=GATEWAY, timeout=30)
    checks.equal("murdered: nothing is left", host.seen(), before)
    daemon.interrupt()


def check_override(checks, host, daemon, before):
    define(daemon, GATEWAY, gateway(3))
    checks.that("override: it runs", daemon.until_state(GATEWAY, 2))
    pid = process_of(daemon, GATEWAY)
    define(daemon, GATEWAY, gateway(4), Override=True)
    checks.that("override: another process", process_of(daemon, GATEWAY) != pid and not os.path.exists(f"/proc/{pid}"))
    checks.that("override: of the new setup", until(lambda: daemon.entry(GATEWAY).Status.Configured_count == 4))
    results = []
    threads = [threading.Thread(target=lambda: results.append(
        code(lambda: define_other(daemon, OTHER, UpCMDs="sleep 0.3"))[0])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    checks.equal("override: one of four at once has the name", sorted(results), ["ALREADY_EXISTS"] * 3 + ["OK"])
    for name in (GATEWAY, OTHER):
        daemon.api.Destroy(Name=name, timeout=40)
    checks.equal("override: nothing is left", host.seen(), before)


def check_cannot_start(checks, host, daemon, before):
    """A setup that verifies, and a test that refuses it where it runs."""
    define(daemon, GATEWAY, gateway(3, "apitlscert: nosuch.pem\napitlskey: nosuch.key\n"))
    checks.that("cannot start: state", daemon.until_state(GATEWAY, 5), daemon.state(GATEWAY))
    words = daemon.entry(GATEWAY).Status.LastErrMsg
    checks.that("cannot start: List says why", "nosuch.pem" in words, words)
    after = host.seen()
    checks.equal("cannot start: nothing but state is left", (after.pop("state"), after), (
        [GATEWAY], {k: v for k, v in before.items() if k != "state"}))
    shutil.rmtree(host.logs)
    daemon.api.Destroy(Name=GATEWAY, timeout=40)
    checks.equal("cannot start: nothing is left", host.seen(), before)


def check_addresses(checks, host):
    """An API over TLS, at an IPv6 address of the setup's own; files beside the setup."""
    daemon = host.daemon("--mgmtprefix", "10.250.0.0/29")
    before = host.seen()
    pathlib.Path(host.logs).mkdir(exist_ok=True)
    for name in ("server.pem", "server.key"):
        shutil.copy(TLS / name, host.logs)
    more = "apilistenaddr: fd00:55::5\napilistenport: 0\napitlscert: server.pem\napitlskey: server.key\n"
    define(daemon, GATEWAY, gateway(3, more))
    checks.that("addresses: it runs", daemon.until_state(GATEWAY, 2))
    checks.that("addresses: the daemon asks it over TLS and IPv6", until(
        lambda: daemon.entry(GATEWAY).Status.Configured_count == 3, 15), daemon.entry(GATEWAY))
    entry = daemon.entry(GATEWAY)
    checks.equal("addresses: List has it", (bytes(entry.APIAddr).hex(), entry.APIPort),
                 ("fd000055000000000000000000000005", 12330))
    got = []
    for i in range(6):
        got.append(code(lambda i=i: define_other(daemon, f"{OTHER}{i}"))[0])
    checks.equal("addresses: until none is free", got, ["OK"] * 5 + ["RESOURCE_EXHAUSTED"])
    daemon.api.Destroy(Name=f"{OTHER}2", timeout=30)
    out = host.directory / "address"
    define_other(daemon, OTHER, UpCMDs=f"echo $MYIKEV2_MGMTADDR > {out}; ping -c 1 -W 2 10.250.0.1")
    checks.equal("addresses: one that was given back is the next", out.read_text(), "10.250.0.4\n")
    for name in (GATEWAY, OTHER, *(f"{OTHER}{i}" for i in range(6))):
        daemon.api.Destroy(Name=name, timeout=30)
    checks.equal("addresses: nothing is left", host.seen(), before)
    daemon.interrupt()


def check_lending(checks, host):
    """An interface that belongs to a bridge, and one whose name was taken while it was away."""
    daemon = host.daemon("--lenient")
    run("ip", "link", "add", "brother", "type", "bridge")
    run("ip", "link", "set", "db", "master", "brother")
    before = host.seen()
    define_other(daemon, OTHER, DataIf="db")
    daemon.api.Destroy(Name=OTHER, timeout=30)
    checks.equal("lending: back in its bridge", host.seen(), before)
    define_other(daemon, OTHER, DataIf="da")
    run("ip", "link", "add", "da", "type", "veth", "peer", "name", "dx")
    got = code(lambda: daemon.api.Destroy(Name=OTHER, timeout=30))
    checks.that("moving: an error is reported", got[0] == "INTERNAL" and "move da back" in got[1], got)
    checks.equal("lending: and kept", ([e.Name for e in daemon.api.List().results], daemon.state(OTHER)), ([OTHER], 6))
    run("ip", "link", "del", "da")
    checks.equal("lending: until it can be done", code(lambda: daemon.api.Destroy(Name=OTHER, timeout=30))[0], "OK")
    checks.equal("lending: nothing is left", host.seen(), before)
    run("ip", "link", "del", "brother")
    check_strangers(checks, host, daemon)
    check_lenient(checks, host, daemon)
    daemon.interrupt()


def check_strangers(checks, host, daemon):
    """What is on the bridge and is not ours: its addresses are taken, and the bridge stays with it."""
    run("ip", "link", "add", "myikev2mgmtbrg", "type", "bridge")
    run("ip", "link", "set", "myikev2mgmtbrg", "up")
    run("ip", "link", "add", "sx", "type", "veth", "peer", "name", "sy")
    run("ip", "link", "set", "sx", "master", "myikev2mgmtbrg")
    run("ip", "route", "add", "169.254.240.2/32", "dev", "myikev2mgmtbrg")
    out = host.directory / "stranger"
    define_other(daemon, OTHER, UpCMDs=f"echo $MYIKEV2_MGMTADDR > {out}")
    checks.equal("strangers: an address behind the bridge is taken", out.read_text(), "169.254.240.3\n")
    daemon.api.Destroy(Name=OTHER, timeout=30)
    checks.that("strangers: their bridge stays", "169.254.240.2 dev myikev2mgmtbrg" in run("ip", "route"))
    for link in ("sx", "myikev2mgmtbrg"):
        run("ip", "link", "del", link)


def check_lenient(checks, host, daemon):
    """Read leniently, here and where it runs; its API answers only callers with a certificate."""
    before = host.seen()
    pathlib.Path(host.logs).mkdir(exist_ok=True)
    for name in ("server.pem", "server.key", "authority.pem"):
        shutil.copy(TLS / name, host.logs)
    more = ("runningtime: 1s\napitlscert: server.pem\napitlskey: server.key\napitlsclientca: authority.pem\n"
            "nothing: 1\n")
    define(daemon, GATEWAY, gateway(3, more))
    checks.that("lenient: an end is known where the API does not answer us", daemon.until_state(GATEWAY, 4),
                daemon.state(GATEWAY))
    os.kill(process_of(daemon, GATEWAY), signal.SIGKILL)
    checks.that("lenient: a death after the end is seen",
                until(lambda: daemon.entry(GATEWAY).APIPort == 0, 10), daemon.entry(GATEWAY))
    checks.equal("lenient: and its result stays", daemon.state(GATEWAY), 4)
    daemon.api.Destroy(Name=GATEWAY, timeout=30)
    checks.equal("lenient: nothing is left", host.seen(), before)


def check_mounts(checks, host):
    """A daemon with mounts of its own, as `ip netns exec` and sandboxes of services give it."""
    apart = ["unshare", "--mount", "--propagation", "private"]
    daemon = host.daemon(before=apart)
    before = host.seen()
    define(daemon, GATEWAY, gateway(3))
    define_other(daemon, OTHER, UpCMDs="sleep 600 & true")
    checks.that("mounts: they run", daemon.until_state(GATEWAY, 2))
    checks.equal("mounts: everybody sees the namespaces", host.namespaces(),
                 {f"myikev2-{GATEWAY}", f"myikev2-{OTHER}"})
    daemon.kill()
    daemon = host.daemon(before=apart)
    checks.equal("mounts: the next daemon has them", [daemon.state(n) for n in (GATEWAY, OTHER)], [2, 2])
    for name in (GATEWAY, OTHER):
        daemon.api.Destroy(Name=name, timeout=40)
    checks.equal("mounts: and leaves nothing", host.seen(), before)
    daemon.interrupt()


def check_killed(checks, host):
    """kill -9 of the daemon at any moment of Define and Destroy: the next one knows what there is."""
    chance = random.Random(42)
    daemon = host.daemon()
    run("ip", "link", "set", "da", "up")
    before = host.seen()
    wrong = []
    ends = host.directory / "ends"
    for turn in range(8):
        thread = threading.Thread(target=lambda daemon=daemon: [
            code(lambda: define(daemon, CLIENT, client(1))),
            code(lambda: define_other(daemon, OTHER, DataIf="da", DataIfAddr="10.8.0.1/24", UpCMDs="sleep 500 & true",
                                      DestroyCMDs=f"echo {turn} >> {ends}")),
            code(lambda: daemon.api.Destroy(Name=CLIENT)), code(lambda: daemon.api.Destroy(Name=OTHER))])
        thread.start()
        time.sleep(chance.random() * 0.8)
        # In the last turn the other instance is there for certain, so that its DestroyCMDs must run.
        if turn == 7:
            until(lambda: ends.exists() or getattr(daemon.entry(OTHER), "State", 0) == 2)
        daemon.process.kill()
        thread.join()
        daemon.kill()
        daemon = host.daemon()
        for entry in daemon.api.List(timeout=20).results:
            state = daemon.state(entry.Name)
            if state not in (1, 2, 5):
                wrong.append((turn, entry.Name, state))
            daemon.api.Destroy(Name=entry.Name, timeout=40)
        after = host.seen()
        if after != before:
            wrong.append((turn, after))
    checks.equal("killed: after each restart a known state, and nothing left", wrong, [])
    run_in = ends.read_text().split() if ends.exists() else []
    checks.that("killed: DestroyCMDs were run", len(run_in) > 0, run_in)
    run(*h.program(), "daemon", "history", "--statedir", host.state)
    daemon.interrupt()


def check_profiling(checks, host):
    """`-p`: at the end of the daemon, where it spent its time."""
    daemon = host.daemon("-p")
    for _ in range(50):
        daemon.api.List(timeout=20)
    checks.equal("profiling: the daemon ends as ever", daemon.interrupt(), 0)
    profile = json.loads(pathlib.Path(f"{daemon.log}.cpuprofile").read_text())
    places = {node["callFrame"]["url"].rsplit("/", 1)[-1] for node in profile["nodes"]}
    checks.that("profiling: samples of what it did", len(profile["samples"]) > 10 and "server.js" in places, places)
