"""Who may do what: another user of the host, by TCP and by the Unix socket, at the daemon and at the API of
an instance; the device under test, over the data interface; files that another user has laid out."""

import json
import os
import pathlib
import subprocess

import host as h
from check_pair import address, define, gateway, process_of
from host import TAG, code, run, until

NOBODY = 65534
DAEMON, TEST = "daemonapi.MyIKEv2DaemonAPISvc", "api.MyIKEv2APISvc"
CALL = str(h.ROOT / "tests/api/call_as.py")
NAME = f"acc{TAG}"
PROGRAM = {"Type": 2, "Name": f"evil{TAG}", "OtherTest": {"SetupCMDs": "true"}}


def call_as(user, target, service, *calls):
    """Statuses and details of calls by a process of a user without any right."""
    done = subprocess.run(
        ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "/usr/bin/python3", "-B", CALL, target,
         service, json.dumps(calls)], check=False, text=True, capture_output=True, timeout=60)
    if done.returncode != 0:
        return [["FAILED", done.stderr[-300:]]] * len(calls)
    return json.loads(done.stdout)


def check_access(checks, host):
    host.directory.chmod(0o711)
    path = host.directory / "open"
    path.mkdir(exist_ok=True)
    sock = str(path / "daemon.sock")
    daemon = host.daemon("--socket", sock)
    tcp = f"127.0.0.1:{h.PORT}"
    define(daemon, NAME, gateway(5))
    checks.that("access: a test runs", until(lambda: daemon.state(NAME) == 2))
    for target in (tcp, f"unix:{sock}"):
        got = call_as(NOBODY, target, DAEMON, ["List", {}], ["Define", PROGRAM], ["Destroy", {"Name": NAME}],
                      ["ClearPingStats", {"Name": NAME}])
        checks.equal(f"access: another user at {target} may only look", [status for status, _ in got],
                     ["OK"] + ["PERMISSION_DENIED"] * 3)
        checks.that("access: and is told why", f"user {NOBODY}" in got[1][1] and "--allow-user" in got[1][1], got[1])
    got = call_as(0, f"unix:{sock}", DAEMON, ["Define", PROGRAM], ["Destroy", {"Name": PROGRAM["Name"]}])
    checks.equal("access: root by the Unix socket", [status for status, _ in got], ["OK", "OK"])
    _check_instance(checks, host, daemon)
    daemon.api.Destroy(Name=NAME)


def _check_instance(checks, host, daemon):
    entry = daemon.entry(NAME)
    target = f"{address(entry)}:{entry.APIPort}"
    got = call_as(NOBODY, target, TEST, ["GetSummary", {}], ["ClearPingStats", {}], ["Stop", {}])
    checks.equal("access: another user of the host at the API of an instance", [status for status, _ in got],
                 ["OK", "PERMISSION_DENIED", "PERMISSION_DENIED"])
    checks.that("access: is known to the instance", f"user {NOBODY}" in got[2][1], got[2])
    got = call_as(0, target, TEST, ["ClearPingStats", {}])
    checks.equal("access: root of the host at the API of an instance", got[0][0], "OK")
    checks.equal("access: the test goes on", daemon.state(NAME), 2)
    inside = ["ip", "netns", "exec", f"myikev2-{NAME}"]
    forwarding = run(*inside, "sh", "-c", "cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/*/forwarding "
                     "/proc/sys/net/ipv6/conf/*/forwarding")
    checks.equal("access: an instance forwards nothing", set(forwarding.split()), {"0"})
    _check_device_under_test(checks, host, address(entry), entry.APIPort)


def _check_device_under_test(checks, host, api, port):
    """`db` is the other end of the instance's data interface, in a namespace as another device is."""
    device = f"dut{TAG}"
    run("ip", "netns", "add", device)
    try:
        run("ip", "link", "set", "db", "netns", device)
        run("ip", "-n", device, "addr", "add", "10.9.0.2/16", "dev", "db")
        run("ip", "-n", device, "link", "set", "db", "up")
        run("ip", "-n", device, "route", "add", api, "via", "10.9.0.1")
        connect = ("import socket,sys\ntry:\n socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)\n"
                   "except OSError as e:\n print(type(e).__name__)\nelse:\n print('connected')")
        def reach(address_, port_):
            return run("ip", "netns", "exec", device, "/usr/bin/python3", "-c", connect, address_, str(port_)).strip()
        # Nobody listens there, and the instance itself says so: the way to it is good.
        checks.equal("access: the device reaches the instance", reach("10.9.0.1", 9), "ConnectionRefusedError")
        checks.equal("access: and not its API", reach(api, port), "TimeoutError")
        checks.equal("access: which the host reaches", call_as(0, f"{api}:{port}", TEST, ["GetSummary", {}])[0][0], "OK")
    finally:
        run("ip", "-n", device, "link", "set", "db", "netns", host.name, check=False)
        run("ip", "netns", "del", device, check=False)


def check_allowed(checks, host):
    daemon = host.daemon("--allow-user", str(NOBODY))
    tcp = f"127.0.0.1:{h.PORT}"
    got = call_as(NOBODY, tcp, DAEMON, ["Define", PROGRAM], ["Destroy", {"Name": PROGRAM["Name"]}])
    checks.equal("allowed: a user who is named", [status for status, _ in got], ["OK", "OK"])
    got = call_as(NOBODY - 1, tcp, DAEMON, ["Destroy", {"Name": "x"}])
    checks.equal("allowed: no other one", got[0][0], "PERMISSION_DENIED")
    define(daemon, NAME, gateway(5))
    checks.that("allowed: a test runs", until(lambda: daemon.state(NAME) == 2))
    entry = daemon.entry(NAME)
    got = call_as(NOBODY, f"{address(entry)}:{entry.APIPort}", TEST, ["ClearPingStats", {}])
    checks.equal("allowed: at its API too", got[0][0], "OK")


def check_files(checks, host):
    """What another user has laid out in the way of root."""
    daemon = host.daemon()
    host.directory.chmod(0o711)
    precious = host.directory / "precious"
    precious.write_text("precious", encoding="ascii")
    foreign = host.directory / "foreign"
    foreign.mkdir(exist_ok=True)
    os.chown(foreign, NOBODY, NOBODY)
    as_nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "sh", "-c"]
    names = " ".join(f"{NAME}{end}" for end in (".log", ".output", ".yaml"))
    run(*as_nobody, f"cd {foreign}; for n in {names}; do ln -s {precious} $n; done; mkfifo {NAME}.result.json")
    got = code(lambda: define(daemon, NAME, gateway(1), LogDir=str(foreign)))
    checks.that("files: a log directory of another user", got[0] == "FAILED_PRECONDITION" and "65534" in got[1], got)
    opened = host.directory / "opened"
    opened.mkdir(exist_ok=True)
    opened.chmod(0o777)
    for directory in (opened, opened / "below"):
        got = code(lambda directory=directory: define(daemon, NAME, gateway(1), LogDir=str(directory)))
        checks.that("files: a log directory into which others can write, or below one",
                    got[0] == "FAILED_PRECONDITION" and "every user can write" in got[1], got)
    checks.equal("files: what the links lead to is as it was", precious.read_text(encoding="ascii"), "precious")
    # Even where root itself has laid out a pipe, the daemon does not wait for it.
    logs = pathlib.Path(host.logs)
    logs.mkdir(mode=0o700, exist_ok=True)
    pipe = logs / f"{NAME}.result.json"
    pipe.unlink(missing_ok=True)  # an earlier section's test of this name may have left one
    os.mkfifo(pipe)
    got = code(lambda: define(daemon, NAME, gateway(1)))
    checks.that("files: a pipe in the way is told", got[0] == "FAILED_PRECONDITION" and "no regular file" in got[1], got)
    pipe.unlink()
    daemon.api.Destroy(Name=NAME)
    define(daemon, NAME, gateway(1))
    checks.that("files: without it the test runs", until(lambda: daemon.state(NAME) == 2))
    pipe.unlink()
    os.mkfifo(pipe)
    os.kill(process_of(daemon, NAME), 9)
    checks.that("files: a pipe in place of a result holds nobody up", until(lambda: daemon.state(NAME) == 7, 20),
                daemon.state(NAME))
    for name in ("daemon.sqlite", "daemon.sqlite-wal", "daemon.lock"):
        checks.equal(f"files: mode of {name}", (pathlib.Path(host.state) / name).stat().st_mode & 0o777, 0o600)

