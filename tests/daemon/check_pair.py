"""A gateway and a client as instances, their tunnels over two data interfaces; what is left of them at
their end, however it comes."""

import json
import os
import signal
import sqlite3
import subprocess
import time

import host as h
from host import TAG, code, run, until

TUNNELS = 100
GATEWAY, CLIENT = f"gw{TAG}", f"cl{TAG}"
SETUP = """\
role: {role}
numberoftunnels: {tunnels}
bindifname: {interface}
{addresses}
setupinterval: 2ms
ikeconf:
  psk: "a: secret"
  dhgrpid: 31
  ikeencyptalg: aes-gcm-16:256
"""


def gateway(tunnels=TUNNELS, more=""):
    return SETUP.format(role="gateway", tunnels=tunnels, interface="da",
                        addresses="bindifaddr: 10.9.0.1/16\n" + more)


def client(tunnels=TUNNELS, more=""):
    return SETUP.format(role="client", tunnels=tunnels, interface="db",
                        addresses="startclntaddr: 10.9.1.1/16\npeeraddr: 10.9.0.1\n" + more)


def define(daemon, name, setup, LogDir=None, **fields):
    daemon.api.Define(Type=1, Name=name, MyIKEv2Test={"Setup": setup, "LogDir": LogDir or daemon.host.logs},
                      timeout=60, **fields)


def define_pair(daemon, tunnels=TUNNELS):
    define(daemon, GATEWAY, gateway(tunnels))
    define(daemon, CLIENT, client(tunnels))


def all_up(daemon, tunnels=TUNNELS):
    return until(lambda: all(e.Status.Live_count == tunnels for e in daemon.api.List(timeout=20).results), 90)


def address(entry):
    return ".".join(str(octet) for octet in entry.APIAddr)


def process_of(daemon, name):
    base = sqlite3.connect(f"file:{daemon.host.state}/daemon.sqlite?mode=ro", uri=True)
    try:
        row = base.execute("SELECT record FROM instances WHERE name = ?", (name,)).fetchone()
        return json.loads(row[0])["process"]["pid"]
    finally:
        base.close()


def check_pair(checks, host):
    daemon = host.daemon()
    before = host.seen()
    checks.equal("pair: services", h.reflection.Reflection(daemon.channel).services(), [
        "daemonapi.MyIKEv2DaemonAPISvc", "grpc.health.v1.Health"])
    begun = time.monotonic()
    define_pair(daemon)
    checks.that("pair: Define answers before its test is done", time.monotonic() - begun < 30)
    checks.equal("pair: a taken name", code(lambda: define(daemon, GATEWAY, gateway()))[0], "ALREADY_EXISTS")
    checks.that("pair: 100 tunnels in List at both ends", all_up(daemon),
                [(e.Name, e.Status.Live_count) for e in daemon.api.List().results])
    entries = list(daemon.api.List().results)
    checks.equal("pair: List has both, in order", [(e.Name, e.Type) for e in entries], [(GATEWAY, 1), (CLIENT, 1)])
    checks.equal("pair: management addresses", [(address(e), e.APIPort) for e in entries],
                 [("169.254.240.2", 12330), ("169.254.240.3", 12330)])
    checks.equal("pair: roles", [e.Status.Role for e in entries], [2, 1])
    checks.equal("pair: both run", [daemon.state(n) for n in (GATEWAY, CLIENT)], [2, 2])
    direct = h.reflection.Service(h.reflection.open_channel(f"{address(entries[0])}:12330"), "api.MyIKEv2APISvc")
    checks.equal("pair: the host reaches an instance's own API", direct.GetSummary().Live_count, TUNNELS)
    check_network(checks, host)
    checks.equal("pair: ClearPingStats gives the instance's answer",
                 code(lambda: daemon.api.ClearPingStats(Name=CLIENT))[0], "OK")
    check_files(checks, host)
    daemon.api.Destroy(Name=CLIENT, Gracefully=True, timeout=40)
    checks.that("pair: a graceful end tells the peer",
                until(lambda: daemon.entry(GATEWAY).Status.Live_count == 0, 5), daemon.entry(GATEWAY))
    checks.that("pair: the route to what is gone is gone", "169.254.240.3" not in run("ip", "route"))
    daemon.api.Destroy(Name=GATEWAY, timeout=40)
    checks.equal("pair: nothing is left", host.seen(), before)
    checks.equal("pair: Destroy again", code(lambda: daemon.api.Destroy(Name=CLIENT))[0], "OK")
    checks.equal("pair: Status of what is gone", code(lambda: daemon.state(CLIENT))[0], "NOT_FOUND")
    check_history(checks, host)
    checks.equal("pair: SIGINT ends the daemon", daemon.interrupt(), 0)


def check_network(checks, host):
    """What stands in the document: bridge, routes outside, default route inside, interfaces inside."""
    routes = run("ip", "route")
    checks.that("pair: a host route to each", all(f"169.254.240.{i} dev myikev2mgmtbrg" in routes for i in (2, 3)),
                routes)
    inside = run("ip", "-n", f"myikev2-{GATEWAY}", "route")
    checks.that("pair: a default route inside", "default via 169.254.240.1" in inside, inside)
    outside = {link["ifname"] for link in json.loads(run("ip", "-json", "link"))}
    checks.that("pair: the data interfaces have moved", not {"da", "db"} & outside, outside)


def check_files(checks, host):
    for name in (GATEWAY, CLIENT):
        path = os.path.join(host.logs, f"{name}.yaml")
        checks.equal(f"pair: {name[:2]}'s setup is its owner's alone", os.stat(path).st_mode & 0o777, 0o600)
        with open(path, encoding="utf8") as file:
            checks.that(f"pair: {name[:2]}'s setup has its address", "apilistenaddr: 169.254.240." in file.read())


def check_history(checks, host):
    command = h.program() + ["daemon", "history", "--statedir", host.state, "--json"]
    runs = json.loads(run(*command))
    checks.equal("pair: the history has both with their results",
                 sorted((r["name"], r["outcome"], r["established"]) for r in runs),
                 sorted([(CLIENT, "passed", TUNNELS), (GATEWAY, "passed", TUNNELS)]))
    words = run(*command[:-1])
    checks.that("pair: and for people", f"{TUNNELS} of {TUNNELS}" in words, words)


def check_survival(checks, host):
    """Instances outlive their daemon; the next one takes them over."""
    daemon = host.daemon()
    before = host.seen()
    define_pair(daemon, 5)
    checks.that("survival: tunnels are up", all_up(daemon, 5))
    pids = {name: process_of(daemon, name) for name in (GATEWAY, CLIENT)}
    sessions = {os.getsid(pid) for pid in pids.values()}
    checks.that("survival: each has a session of its own", os.getsid(daemon.process.pid) not in sessions
                and len(sessions) == 2, sessions)
    daemon.kill()
    time.sleep(1)
    checks.that("survival: kill -9 of the daemon leaves them running",
                all(os.path.exists(f"/proc/{pid}") for pid in pids.values()))
    daemon = host.daemon()
    checks.equal("survival: the next daemon has them", [e.Name for e in daemon.api.List().results], [GATEWAY, CLIENT])
    checks.that("survival: with their tunnels", all_up(daemon, 5))
    checks.equal("survival: the same processes", {n: process_of(daemon, n) for n in pids}, pids)
    checks.equal("survival: SIGINT at its terminal ends the daemon", daemon.interrupt(), 0)
    checks.that("survival: and not the tests", all(os.path.exists(f"/proc/{pid}") for pid in pids.values()))
    # One dies while nobody looks.
    os.kill(pids[GATEWAY], signal.SIGKILL)
    daemon = host.daemon()
    checks.equal("survival: what died meanwhile is shown as dead", daemon.state(GATEWAY), 7)
    entry = daemon.entry(GATEWAY)
    checks.equal("survival: with its last summary, and no address",
                 (entry.Status.Live_count, bytes(entry.APIAddr), entry.APIPort), (5, b"", 0))
    checks.that("survival: its network is gone", f"myikev2-{GATEWAY}" not in host.namespaces())
    checks.equal("survival: its interface is back as it was", host.seen()["links"]["da"], before["links"]["da"])
    checks.equal("survival: the other one lives", daemon.state(CLIENT), 2)
    # And one while the daemon looks.
    os.kill(pids[CLIENT], signal.SIGKILL)
    checks.that("survival: a crash is seen", daemon.until_state(CLIENT, 7, seconds=10), daemon.state(CLIENT))
    after = host.seen()
    checks.equal("survival: nothing but state is left of both", after.pop("state"), [GATEWAY, CLIENT])
    checks.equal("survival: no link, route, process or namespace",
                 after, {k: v for k, v in before.items() if k != "state"})
    define(daemon, GATEWAY, gateway(5), Override=True)
    checks.that("survival: Override takes the place of the dead", daemon.until_state(GATEWAY, 2))
    for name in (GATEWAY, CLIENT):
        daemon.api.Destroy(Name=name, timeout=40)
    checks.equal("survival: nothing is left", host.seen(), before)
    daemon.interrupt()


def check_reboot(checks, host):
    """After a reboot there is state, and nothing else; a number may be another process's."""
    daemon = host.daemon()
    before = host.seen()
    define(daemon, GATEWAY, gateway(5))
    daemon.api.Define(Type=2, Name=f"other{TAG}", OtherTest={"UpCMDs": "true"}, timeout=30)
    checks.that("reboot: it runs", daemon.until_state(GATEWAY, 2))
    daemon.kill()
    os.kill(process_of(daemon, GATEWAY), signal.SIGKILL)
    for name in host.namespaces():
        run("ip", "-n", name, "link", "set", "da", "netns", str(os.getpid()), check=False)
        run("ip", "netns", "del", name)
    run("ip", "link", "del", "myikev2mgmtbrg")
    run("ip", "addr", "replace", "192.0.2.1/24", "dev", "da")
    run("ip", "link", "set", "da", "up")
    run("ip", "route", "replace", "198.51.100.0/24", "via", "192.0.2.9", "dev", "da")
    stranger = subprocess.Popen(["sleep", "600"])
    change_records(host, stranger.pid)
    daemon = host.daemon()
    checks.equal("reboot: the myikev2 test has died", daemon.state(GATEWAY), 7)
    checks.equal("reboot: another program runs no more", daemon.state(f"other{TAG}"), 5)
    after = host.seen()
    after.pop("state")
    checks.equal("reboot: nothing but state is there", after, {k: v for k, v in before.items() if k != "state"})
    for name in (GATEWAY, f"other{TAG}"):
        daemon.api.Destroy(Name=name, timeout=40)
    checks.equal("reboot: nothing is left", host.seen(), before)
    checks.equal("reboot: who got its number is not touched", stranger.poll(), None)
    stranger.kill()
    stranger.wait()
    daemon.interrupt()


def change_records(host, pid):
    """As if the machine had been started again, and `pid` were the number of each process now."""
    base = sqlite3.connect(f"{host.state}/daemon.sqlite")
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        ticks = int(file.read().rsplit(")", 1)[1].split()[19])
    for name, text in base.execute("SELECT name, record FROM instances").fetchall():
        record = json.loads(text)
        record["bootId"] = "an earlier boot"
        if record["process"]:
            record["process"] = {"pid": pid, "startTicks": ticks, "bootId": "an earlier boot"}
        base.execute("UPDATE instances SET record = ? WHERE name = ?", (json.dumps(record), name))
    base.commit()
    base.close()
