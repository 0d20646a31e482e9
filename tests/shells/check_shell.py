"""The shell of a running test: of another process over a terminal, by single commands, and by `test -i`."""

import json
import os
import random
import re
import socket
import stat
import subprocess
import time

import terminal

TUNNELS = 3
PROMPT = r"myikev2> $"
IKE_SPI, CHILD_SPI = r"\b[0-9A-F]{16}\b", r"\b[0-9A-F]{8}\b"


def free_ports(count):
    """Ports that nobody has, of UDP and of TCP, as two of these tests may run on a host."""
    while True:
        first = random.randrange(20000, 30000)
        sockets = [socket.socket(socket.AF_INET, kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM) for _ in range(count)]
        try:
            for i, one in enumerate(sockets):
                one.bind(("127.0.0.1", first + i % count))
            return range(first, first + count)
        except OSError:
            continue
        finally:
            for one in sockets:
                one.close()


GATEWAY_API, CLIENT_API, GATEWAY_PORT, GATEWAY_NATT_PORT, CLIENT_PORT = free_ports(5)
EVENT = r"^\d\d:\d\d:\d\d\.\d{3} "
SETUP = """role: {role}
runningtime: 0
numberoftunnels: {tunnels}
bindifname: lo
apilistenport: {api}
{more}
ikeconf: {{psk: shells, dhgrpid: 31, ikeencyptalg: "aes-gcm-16:256", ratunnel: true}}
"""
GATEWAY = (f"bindifaddr: 127.0.0.1/8\nownport: {GATEWAY_PORT}\nownnattport: {GATEWAY_NATT_PORT}\n"
           "poolconf: {v4startaddr: 10.99.0.10/24, v6startaddr: 'fd00:99::10/112'}")
CLIENT = (f"startclntaddr: 127.0.9.1/8\npeeraddr: 127.0.0.1\npeerport: {GATEWAY_PORT}\nownport: {CLIENT_PORT}\n"
          "setupinterval: 10ms")


class Tests:
    """A gateway and a client with tunnels between them, on loopback; each runs until it is stopped."""

    def __init__(self, place):
        self.place = place
        self.processes = []

    def start(self, role, api, more):
        setup = self.place.work / f"{role}.yaml"
        setup.write_text(SETUP.format(role=role, tunnels=TUNNELS, api=api, more=more))
        log = (self.place.work / f"{role}.out").open("w")
        self.processes.append(subprocess.Popen(
            self.place.program + ["test", str(setup), "--flush=false", "--json", f"--lf={setup}.log"],
            cwd=self.place.work, env=self.place.environment(), stdout=log, stderr=log))

    def __enter__(self):
        self.start("gateway", GATEWAY_API, GATEWAY)
        wait_until(lambda: ask(self.place, "uptime", GATEWAY_API).returncode == 0)
        self.start("client", CLIENT_API, CLIENT)
        wait_until(lambda: summary(self.place, CLIENT_API).get("Live_count") == TUNNELS)
        return self

    def __exit__(self, *_):
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until(holds, seconds=30):
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError("What was waited for does not happen")
        time.sleep(0.2)


def ask(place, line, api=CLIENT_API):
    """One command of the command line."""
    words = ["cli", "--svr", f"127.0.0.1:{api}", *line.split()]
    return subprocess.run(place.program + words, cwd=place.work, env=place.environment(), text=True,
                          capture_output=True, timeout=60, check=False)


def answer(place, line, api=CLIENT_API):
    return json.loads(ask(place, f"{line} --json", api).stdout)


def summary(place, api):
    done = ask(place, "summary --json", api)
    return json.loads(done.stdout) if done.returncode == 0 else {}


def check_commands(checks, place):
    """Each command alone, as a script uses it."""
    with Tests(place) as tests:
        state = answer(place, "summary")
        checks.equal("summary: role and tunnels", (state["Role"], state["NumOfCreatedTunnel"]), ("client", TUNNELS))
        spis = [sa["OwnSPI"] for sa in answer(place, "list")]
        checks.that("list: an SPI of 16 upper-case digits for each tunnel",
                    len(spis) == TUNNELS and all(re.fullmatch(IKE_SPI, spi) for spi in spis), spis)
        checks.equal("list -start 1 -len 1", [sa["OwnSPI"] for sa in answer(place, "list -start 1 -len 1")], spis[1:2])
        first = spis[0]
        bare = first.lower().lstrip("0")
        checks.equal("dump: the SPI in lower case without leading zeros", answer(place, f"dump {bare}")["OwnSPI"], first)
        child, = answer(place, f"listchild {first}")
        dumped = answer(place, f"dumpchild {child.lower()}")
        checks.equal("dumpchild: the CHILD_SA of that IKE SA", (dumped["OwnSPI"], dumped["ParentIKESA"]), (child, first))
        peer = answer(place, "list", GATEWAY_API)
        checks.equal("the gateway knows the peers' SPIs",
                     sorted(answer(place, f"dump {sa['OwnSPI']}", GATEWAY_API)["PeerSPI"] for sa in peer), sorted(spis))
        checks.equal("rekeychild", answer(place, f"rekeychild {child}"), {"rekeyed": child})
        wait_until(lambda: answer(place, f"listchild {first}") not in ([child], []))
        checks.that("rekeychild: another SPI has taken its place", child not in answer(place, f"listchild {first}"))
        rekeyed = answer(place, f"rekeyike {first}")
        again = answer(place, f"dump {rekeyed['NewOwnSPI']}")
        checks.equal("rekeyike: the new SA is established", again["State"], "established")
        wait_until(lambda: summary(place, CLIENT_API)["Live_count"] == TUNNELS)
        up = answer(place, "uptime")["UptimeSec"]
        checks.that("uptime: seconds since the test began", 0 < up < 300, up)
        for line in ("psummary", "clearping"):
            done = ask(place, line)
            told = done.stdout if done.returncode == 0 else done.stderr
            # A test without ping tasks may say so, but never nothing.
            checks.that(f"{line}: an answer, or a sentence and status 1",
                        told.strip() != "" and (done.returncode == 0 or "ing" in told and done.returncode == 1), told)
        checks.that("pool: a client has none", "no address pool" in ask(place, "pool").stdout)
        checks.equal("pool: what the gateway's has given away", ask(place, "pool", GATEWAY_API).stdout,
                     f"IPv4 pool from 10.99.0.10: {TUNNELS} assigned\nIPv6 pool from fd00:99::10: 0 assigned\n")
        checks.equal("no such SPI: status 1, and words", (ask(place, "dump 1").returncode, ask(place, "dump 1").stderr),
                     (1, "myikev2: No IKE SA has our SPI 0000000000000001\n"))
        checks.equal("a mistyped command: status 2, and the nearest",
                     (ask(place, "sumary").returncode, "Did you mean summary?" in ask(place, "sumary").stderr), (2, True))
        checks.equal("stop: the test ends, and passes",
                     (ask(place, "stop").returncode, tests.processes[1].wait(20)), (0, 0))
        gone = ask(place, "summary")
        checks.that("no test there: status 1, and words",
                    gone.returncode == 1 and "No test answers at 127.0.0.1" in gone.stderr, gone.stderr)


class Shell:
    """`myikev2 cli` at a terminal."""

    def __init__(self, place, *words):
        self.screen = terminal.Terminal(place.program + list(words), place.environment(), place.work)
        self.screen.wait_for(PROMPT)

    def line(self, keys):
        """Types a line; returns what it answers, until the next prompt."""
        self.screen.press(keys + "\n")
        shown = self.screen.wait_for(rf"\n((?:.*\n)*){PROMPT}")
        return shown[1]

    def tab(self, keys, pattern):
        """Presses Tab behind `keys` and waits for what it should show; then empties the line."""
        self.screen.press(keys + "\t")
        shown = self.screen.wait_for(pattern)[0]
        self.screen.press(terminal.CTRL_C)
        self.screen.quiet(0.2)
        return shown

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.screen.__exit__()


def check_terminal(checks, place):
    """The shell of another process: lines, keys, Tab, history, events."""
    with Tests(place) as tests:
        with Shell(place, "cli", "--svr", f"127.0.0.1:{CLIENT_API}") as shell:
            _check_lines(checks, place, shell)
            _check_events(checks, shell)
            shell.screen.press("quit\n")
            checks.equal("quit leaves with status 0", shell.screen.end_status(), 0)
        _check_history(checks, place)
        with Shell(place, "cli", "--svr", f"127.0.0.1:{CLIENT_API}") as shell:
            shell.screen.press(terminal.CTRL_C)
            checks.that("Ctrl-C at an empty prompt tells how to leave", shell.screen.wait_for("quit leaves"))
            shell.screen.press("stop\n")
            checks.that("the end of the test is told", shell.screen.wait_for("the test has ended: passed", 30))
            checks.equal("the test has ended", tests.processes[1].wait(20), 0)
            shell.screen.press(terminal.CTRL_D)
            checks.equal("Ctrl-D leaves with status 0", shell.screen.end_status(), 0)


def _check_lines(checks, place, shell):
    spis = [sa["OwnSPI"] for sa in answer(place, "list")]
    checks.that("summary", re.search(rf"^NumOfCreatedTunnel +{TUNNELS}$", shell.line("summary"), re.M))
    checks.equal("list", re.findall(IKE_SPI, shell.line("list")), spis)
    first = spis[0]
    # So much of it that no other begins alike.
    start = next(first[:n] for n in range(1, 17) if sum(s.startswith(first[:n]) for s in spis) == 1)
    checks.that("Tab completes a command", shell.tab("summ", r"summary "))
    checks.that("Tab completes an SPI typed in lower case", shell.tab(f"dump {start.lower()}", f"dump {first}|{first}"))
    shell.screen.press("rekey\t")
    shell.screen.quiet(0.2)
    shell.screen.press("\t")
    checks.that("Tab twice shows what fits", shell.screen.wait_for(r"rekeychild +rekeyike"))
    shell.screen.press(terminal.CTRL_C)
    shell.screen.quiet(0.2)
    checks.that("dump, in lower case", f"OwnSPI                 {first}" in shell.line(f"dump {first.lower()}"))
    child, = re.findall(CHILD_SPI, shell.line(f"listchild {first}"))
    checks.that("rekeychild", f"{child} is rekeyed" in shell.line(f"rekeychild {child.lower()}"))
    checks.that("rekeyike", re.search(rf"{first} is rekeyed, now {IKE_SPI}", shell.line(f"rekeyike {first}")))
    checks.equal("--json: one line of it", json.loads(shell.line("summary --json"))["Role"], "client")
    checks.that("a mistyped command: the nearest", "Did you mean uptime?" in shell.line("uptmie"))
    checks.that("the shell goes on after a refusal", "No CHILD_SA has our SPI 00000001" in shell.line("dumpchild 1"))
    checks.that("help lists the commands", re.search(r"^ +rekeychild", shell.line("help"), re.M))
    shell.screen.press(terminal.UP + terminal.UP)
    checks.that("an arrow brings back lines of before", shell.screen.wait_for("dumpchild 1"))
    shell.screen.press(terminal.CTRL_C)
    shell.screen.quiet(0.2)


def _check_events(checks, shell):
    checks.that("log: nothing is shown at first", "events on the screen: no" in shell.line("log"))
    told = shell.line("log -l 5 -kw CREATE_CHILD_SA")
    checks.that("log -l -kw: told", 'events on the screen: 5 debug, only with "CREATE_CHILD_SA"' in told, told)
    spi = re.findall(IKE_SPI, shell.line("list"))[-1]
    child = re.findall(CHILD_SPI, shell.line(f"listchild {spi}"))[-1]
    shell.screen.press(f"rekeychild {child}\n")
    checks.that("log: events appear", shell.screen.wait_for(EVENT))
    events = re.split(f"(?={EVENT})", shell.screen.quiet(), flags=re.M)[1:]
    checks.equal("log: each has the word", [event for event in events if "CREATE_CHILD_SA" not in event], [])
    checks.that("log -l no: told", "events on the screen: no" in shell.line("log -l no"))
    shell.line(f"rekeyike {spi}")
    checks.that("log -l no: no events", not re.search(EVENT, shell.screen.quiet(), re.M))


def _check_history(checks, place):
    path = place.home / ".local/state/myikev2/history"
    checks.equal("the history is for its owner alone", oct(stat.S_IMODE(os.stat(path).st_mode)), "0o600")
    lines = path.read_text().splitlines()
    checks.that("the history has the lines", lines[0] == "summary" and lines[-1] == "quit", lines)


def check_own_shell(checks, place):
    """`test -i`: the shell in the process of the test."""
    setup = place.work / "own.yaml"
    setup.write_text(SETUP.format(role="gateway", tunnels=TUNNELS, api=GATEWAY_API, more=GATEWAY))
    with Shell(place, "test", "-i", str(setup), "--flush=false") as shell:
        checks.that("test -i: summary", re.search(r"^Role +gateway$", shell.line("summary"), re.M))
        checks.that("test -i: uptime", "runs until it is stopped" in shell.line("uptime"))
        checks.that("test -i: others may ask too", summary(place, GATEWAY_API).get("Role") == "gateway")
        shell.screen.press("stop\n")
        checks.that("test -i: stop ends the test with its result", shell.screen.wait_for(r"^Test (?:passed|stopped)", 20))
        checks.equal("test -i: exit status", shell.screen.end_status(), 0)
    with Shell(place, "test", str(setup), "-i", "--flush=false") as shell:
        shell.screen.press(terminal.CTRL_C)
        checks.that("test -i: Ctrl-C ends the test", shell.screen.wait_for(r"^Test (?:passed|stopped)", 20))
        checks.equal("test -i: exit status after Ctrl-C", shell.screen.end_status(), 0)
    with Shell(place, "test", str(setup), "-i", "--flush=false") as shell:
        shell.screen.press("quit\n")
        checks.that("test -i: quit leaves the shell, and the test shows itself", shell.screen.wait_for(r"created +0 of 3", 20))
        checks.equal("test -i: the test goes on", ask(place, "stop", GATEWAY_API).returncode, 0)
        checks.equal("test -i: exit status after quit and stop", shell.screen.end_status(), 0)
