"""What the daemon refuses: bad input to every call, callers it does not know, hosts where it may not do
its work. After each of it the daemon is alive."""

import os
import random
import subprocess
import sys
import time

import host as h
from check_pair import client, define, gateway
from host import TAG, code, run

TLS = h.ROOT / "tests/api/tls"
GOOD = gateway(1)
OTHER_OK = {"UpCMDs": "true"}


def bad_requests(host):
    """Fields of Define, the status they must have, and a word that the details must hold."""
    ours = {"Setup": GOOD, "LogDir": host.logs}
    name = f"bad{TAG}"
    yield {}, "INVALID_ARGUMENT", "Name is empty"
    for wrong in ("-x", ".x", "a/b", "a b", "ä", "x" * 65, "..", "a\0b", "a\nb"):
        yield {"Type": 1, "Name": wrong, "MyIKEv2Test": ours}, "INVALID_ARGUMENT", "Name"
    for number in (0, 3, 2**32 - 1):
        yield {"Type": number, "Name": name, "MyIKEv2Test": ours}, "INVALID_ARGUMENT", "Type"
    yield {"Type": 1, "Name": name}, "INVALID_ARGUMENT", "MyIKEv2Test"
    yield {"Type": 2, "Name": name}, "INVALID_ARGUMENT", "OtherTest"
    yield {"Type": 1, "Name": name, "OtherTest": OTHER_OK}, "INVALID_ARGUMENT", "MyIKEv2Test is not set"
    both = {"MyIKEv2Test": ours, "OtherTest": OTHER_OK}
    yield {"Type": 1, "Name": name, **both}, "INVALID_ARGUMENT", "only MyIKEv2Test"
    yield {"Type": 2, "Name": name, **both}, "INVALID_ARGUMENT", "only OtherTest"
    for setup, words in (
            ("", "required"), ("role: clientt\n", f"{name}.yaml:1:7: "), ("a: [", f"{name}.yaml:1:"),
            (GOOD + "nothing: 1\n", f"{name}.yaml:11:1: "), ("\0", f"{name}.yaml:1:1"), ("x" * 600_000, "600000"),
            ("".join(f"nothing{i}: ☺☺☺☺☺☺☺☺☺☺\n" for i in range(1000)), "more lines")):
        yield {"Type": 1, "Name": name, "MyIKEv2Test": {"Setup": setup, "LogDir": host.logs}}, \
            "INVALID_ARGUMENT", words
    for directory, status in (("logs", "INVALID_ARGUMENT"), ("/a\0b", "INVALID_ARGUMENT"),
                              ("/" + "x" * 5000, "INVALID_ARGUMENT"), ("/dev/null/x", "FAILED_PRECONDITION"),
                              ("/dev/null", "FAILED_PRECONDITION")):
        yield {"Type": 1, "Name": name, "MyIKEv2Test": {"Setup": GOOD, "LogDir": directory}}, status, "LogDir"
    for change, status, words in (
            (("bindifname: da", "bindifname: nosuchif"), "FAILED_PRECONDITION", "nosuchif"),
            (("role:", "apilistenaddr: 169.254.240.1\nrole:"), "ALREADY_EXISTS", "169.254.240.1"),
            (("role:", "apilistenaddr: 192.0.2.1\nrole:"), "ALREADY_EXISTS", "192.0.2.1"),
            (("role:", "apilistenaddr: 192.0.2.9\nrole:"), "FAILED_PRECONDITION", "a gateway of this host")):
        setup = GOOD.replace(*change)
        yield {"Type": 1, "Name": name, "MyIKEv2Test": {"Setup": setup, "LogDir": host.logs}}, status, words
    for fields, status, words in (
            ({"UpCMDs": "echo 'a"}, "INVALID_ARGUMENT", "UpCMDs"), ({"SetupCMDs": '"'}, "INVALID_ARGUMENT", "SetupCMDs"),
            ({"DestroyCMDs": "a\0b"}, "INVALID_ARGUMENT", "DestroyCMDs"),
            ({"DataIf": "a/b"}, "INVALID_ARGUMENT", "DataIf"), ({"DataIf": "x" * 16}, "INVALID_ARGUMENT", "DataIf"),
            ({"DataIf": "nosuchif"}, "FAILED_PRECONDITION", "nosuchif"),
            ({"DataIfAddr": "10.0.0.1/24"}, "INVALID_ARGUMENT", "DataIf"),
            ({"DataIf": "da", "DataIfAddr": "10.0.0.1"}, "INVALID_ARGUMENT", "DataIfAddr"),
            ({"DataIf": "da", "DataIfAddr": "10.0.0.1/33"}, "INVALID_ARGUMENT", "DataIfAddr")):
        yield {"Type": 2, "Name": name, "OtherTest": fields}, status, words


def check_bad_input(checks, host):
    daemon = host.daemon()
    before = host.seen()
    for fields, status, words in bad_requests(host):
        got = code(lambda fields=fields: daemon.api.Define(timeout=20, **fields))
        shown = str(fields) if len(str(fields)) < 150 else str(fields)[:150] + "…"
        checks.that(f"bad input: {shown}", got[0] == status and words.lower() in got[1].lower(), got)
    setup = GOOD.replace("bindifname: da", "bindifname: nosuchif")
    code(lambda: define(daemon, f"bad{TAG}", setup, LogDir=f"{host.logs}/refused"))
    checks.that("bad input: makes no directory", not os.path.exists(f"{host.logs}/refused"))
    for call in (daemon.api.Status, daemon.api.ClearPingStats):
        checks.equal("bad input: unknown name", code(lambda call=call: call(Name="nobody"))[0], "NOT_FOUND")
    for call in (daemon.api.Status, daemon.api.Destroy, daemon.api.ClearPingStats):
        for wrong in ("", "../x", "x" * 1000):
            checks.equal("bad input: a name that is none",
                         code(lambda call=call, wrong=wrong: call(Name=wrong))[0], "INVALID_ARGUMENT")
    define(daemon, f"a{TAG}", GOOD.replace("role:", "apilistenaddr: 10.55.0.5\nrole:"))
    checks.equal("bad input: an address of another instance", code(lambda: define(
        daemon, f"b{TAG}", client(1).replace("role:", "apilistenaddr: 10.55.0.5\nrole:")))[0], "ALREADY_EXISTS")
    checks.equal("bad input: an interface of another instance",
                 code(lambda: define(daemon, f"b{TAG}", GOOD))[0], "FAILED_PRECONDITION")
    checks.that("an address of the setup's own is reached", daemon.until_state(f"a{TAG}", 2))
    checks.equal("Override with a bad setup leaves what there is",
                 (code(lambda: define(daemon, f"a{TAG}", "x", Override=True))[0], daemon.state(f"a{TAG}")),
                 ("INVALID_ARGUMENT", 2))
    run("ip", "route", "add", "default", "dev", "db")
    checks.equal("bad input: the interface of the default route",
                 code(lambda: define(daemon, f"b{TAG}", client(1)))[0], "FAILED_PRECONDITION")
    run("ip", "route", "del", "default", "dev", "db")
    daemon.api.Destroy(Name=f"a{TAG}", timeout=30)
    check_malformed(checks, daemon)
    checks.equal("bad input leaves nothing", host.seen(), before)
    checks.equal("bad input: the daemon is alive", (daemon.process.poll(), code(daemon.api.List)[0]), (None, "OK"))
    daemon.interrupt()


def check_malformed(checks, daemon):
    """Octets that are no message, by the same connection."""
    for method in ("Define", "Status", "List", "Destroy", "ClearPingStats"):
        call = raw(daemon.channel, method)
        got = {code(lambda octets=octets: call(octets, timeout=10))[0]
               for octets in (b"\x12", b"\xff" * 9, b"\x12\xff\xff\xff\xff\x0f", b"\x0b")}
        checks.equal(f"bad input: octets that are no message to {method}", got, {"INVALID_ARGUMENT"})
    big = code(lambda: raw(daemon.channel, "Define")(b"\x12" + b"\0" * (5 << 20), timeout=10))[0]
    checks.equal("bad input: a message of 5 MiB", big, "RESOURCE_EXHAUSTED")


def raw(channel, method):
    return channel.unary_unary(f"/daemonapi.MyIKEv2DaemonAPISvc/{method}", request_serializer=lambda octets: octets,
                               response_deserializer=lambda octets: octets)


def check_fuzz(checks, host, calls):
    """Random and mutated requests to every call; nothing of it may start a test."""
    daemon = host.daemon()
    before = host.seen()
    chance = random.Random(4711)
    requests = seeds(daemon, host)
    stubs = {method: raw(daemon.channel, method) for method in requests}
    statuses, begun = {}, time.monotonic()
    pending = []

    def settle(leave):
        while len(pending) > leave:
            future = pending.pop(0)
            status = future.code().name
            statuses[status] = statuses.get(status, 0) + 1

    for _ in range(calls):
        method = chance.choice(list(requests))
        octets = mutated(chance, chance.choice(requests[method]))
        pending.append(stubs[method].future(octets, timeout=60))
        settle(64)
    settle(0)
    print(f"        {calls} calls in {time.monotonic() - begun:.1f} s: {statuses}", flush=True)
    allowed = {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "ALREADY_EXISTS", "ABORTED"}
    checks.that(f"fuzz: {calls} calls have a clear status", set(statuses) <= allowed, statuses)
    checks.equal("fuzz: the daemon is alive", (daemon.process.poll(), code(daemon.api.List)[0]), (None, "OK"))
    with open(daemon.log, encoding="utf8") as log:
        checks.that("fuzz: no internal error", "Internal error" not in log.read())
    for entry in daemon.api.List(timeout=20).results:
        daemon.api.Destroy(Name=entry.Name, timeout=30)
    checks.equal("fuzz: nothing is left", host.seen(), before)
    daemon.interrupt()


def seeds(daemon, host):
    """Messages near good ones. None is good: a setup without its interface, commands that do not split."""
    make = daemon.api.requests
    setup = GOOD.replace("bindifname: da", "bindifname: nosuchif")
    define_requests = [
        make["Define"](Type=1, Name=f"f{TAG}", MyIKEv2Test={"Setup": setup, "LogDir": host.logs}),
        make["Define"](Type=2, Name=f"f{TAG}", Override=True, OtherTest={
            "SetupCMDs": "'", "UpCMDs": "'", "DestroyCMDs": "'", "DataIf": "nosuchif", "DataIfAddr": "10.0.0.1/8"}),
        make["Define"](Type=1, Name=f"f{TAG}"), make["Define"](Name="x", Type=9)]
    named = [b"", b"\x0a\x01x", b"\x0a\x00", b"\x0a\x05../..", b"\x0a\x01x\x10\x01"]
    return {"Define": [m.SerializeToString() for m in define_requests],
            "Status": named, "Destroy": named, "ClearPingStats": named, "List": [b"", b"\x0a\x01x"]}


def mutated(chance, octets):
    octets = bytearray(octets)
    for _ in range(chance.randrange(4)):
        kind = chance.randrange(4)
        at = chance.randrange(len(octets) + 1)
        if kind == 0:
            octets[at:at] = chance.randbytes(chance.randrange(1, 9))
        elif kind == 1:
            del octets[at:at + chance.randrange(1, 9)]
        elif kind == 2 and at < len(octets):
            octets[at] = chance.randrange(256)
        else:
            octets = octets[:at]
    return bytes(octets)


def refused(*options, **settings):
    done = subprocess.run(h.program() + ["daemon", *options], check=False, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60, **settings)
    return done.returncode, done.stderr


def check_privileges(checks, host):
    state = ["--statedir", host.state, "--lf", "/dev/null"]
    status, words = refused(*state, "--listen", "0.0.0.0:0")
    checks.that("other hosts without client certificates are refused", status == 2 and "--tls-client-ca" in words
                and "--insecure" in words, words)
    for options in (("--mgmtprefix", "10.0.0.0/31"), ("--cmdtimeout", "soon"), ("--listen", "here")):
        status, words = refused(*state, *options)
        checks.that(f"{' '.join(options)} is refused", status == 2 and options[0][2:] in words, words)
    dropped = ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"]
    done = subprocess.run(dropped + h.program() + ["daemon", *state], check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    checks.that("a capability that is missing is named", done.returncode == 2 and "CAP_NET_ADMIN" in done.stderr
                and "CAP_SYS_ADMIN" not in done.stderr, done.stderr)
    daemon = host.daemon()
    status, words = refused(*state, "--listen", "127.0.0.1:0")
    checks.that("a second daemon on the same state is refused", status == 2 and "another daemon" in words, words)
    daemon.interrupt()


def check_caller(checks, host):
    """Who calls by an interface does not get it moved away."""
    script = ("import host as h, sys; from check_pair import gateway\n"
              "read = lambda name: (h.ROOT / 'tests/api/tls' / name).read_bytes()\n"
              "tls = tuple(read(n) for n in ('authority.pem', 'client.key', 'client.pem'))\n"
              f"channel = h.reflection.open_channel('192.0.2.1:{h.PORT}', tls, 'myikev2.test')\n"
              "api = h.reflection.Service(channel, 'daemonapi.MyIKEv2DaemonAPISvc')\n"
              "print(*h.code(lambda: api.Define(Type=1, Name='cut', MyIKEv2Test={'Setup': gateway(1), "
              "'LogDir': sys.argv[1]})))")
    other = f"mdt{TAG}b"
    run("ip", "netns", "add", other)
    try:
        run("ip", "link", "set", "db", "netns", other)
        run("ip", "-n", other, "addr", "add", "192.0.2.2/24", "dev", "db")
        run("ip", "-n", other, "link", "set", "db", "up")
        env = {**os.environ, "PYTHONPATH": ":".join(sys.path)}
        said = subprocess.run(["ip", "netns", "exec", other, sys.executable, "-B", "-c", script, host.logs],
                              check=True, text=True, stdout=subprocess.PIPE, timeout=60, env=env).stdout
        checks.that("the interface that leads to the caller stays", said.startswith("FAILED_PRECONDITION")
                    and "da carries the route to you" in said, said)
    finally:
        run("ip", "-n", other, "link", "set", "db", "netns", str(os.getpid()))
        run("ip", "netns", "del", other)
        run("ip", "link", "set", "db", "up")


def check_tls(checks, host):
    """With client certificates the daemon may listen for other hosts, and lets nobody else in."""
    daemon = host.daemon("--listen", f"0.0.0.0:{h.PORT}", "--tls-cert", str(TLS / "server.pem"),
                         "--tls-key", str(TLS / "server.key"), "--tls-client-ca", str(TLS / "authority.pem"), wait=False)

    def service(tls):
        channel = h.reflection.open_channel(f"192.0.2.1:{h.PORT}", tls, "myikev2.test" if tls else None)
        return h.reflection.Service(channel, "daemonapi.MyIKEv2DaemonAPISvc")

    def read(name):
        return (TLS / name).read_bytes()

    def lists():
        return code(lambda: service((read("authority.pem"), read("client.key"), read("client.pem"))).List())[0]

    checks.that("mTLS: a client with a certificate is let in", h.until(lambda: lists() == "OK", 20), lists())
    check_caller(checks, host)
    checks.equal("mTLS: one without is not",
                 code(lambda: service((read("authority.pem"), None, None)).List())[0], "UNAVAILABLE")
    checks.equal("mTLS: nor one without TLS", code(lambda: service(None).List())[0], "UNAVAILABLE")
    os.kill(daemon.process.pid, 2)
    checks.equal("mTLS: the daemon ends", daemon.process.wait(20), 0)


