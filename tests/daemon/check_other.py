"""Instances of other programs: their commands, what is undone when one fails, and a strongSwan that
answers a client of ours."""

import os
import pathlib
import signal
import subprocess
import threading
import time

from check_pair import client, define
from host import ROOT, TAG, code, run, until

OTHER, SWAN, CLIENT = f"other{TAG}", f"swan{TAG}", f"cl{TAG}"
CHARON, SWANCTL = "/usr/lib/ipsec/charon", "/usr/sbin/swanctl"


def define_other(daemon, name, timeout=30, **fields):
    daemon.api.Define(Type=2, Name=name, OtherTest=fields, timeout=timeout)


def lines(path):
    return pathlib.Path(path).read_text(encoding="utf8").split("\n")[:-1] if pathlib.Path(path).exists() else []


def check_commands(checks, host):
    daemon = host.daemon("--cmdtimeout", "3s")
    before = host.seen()
    out = host.directory / "out"
    said = f'echo "$MYIKEV2_NAME $MYIKEV2_DATAIF $MYIKEV2_MGMTADDR" >> {out}'
    define_other(
        daemon, OTHER, DataIf="da", DataIfAddr="10.8.0.1/24",
        SetupCMDs=f"{said}; echo 'one;two' >> {out};; ip -o -4 addr show dev da | cut -d' ' -f7 >> {out}",
        UpCMDs=f"sleep 1000 & echo up >> {out}; ip netns identify $$ >> {out}; echo said to the log",
        DestroyCMDs=f"echo down >> {out}; false; echo all the same >> {out}")
    checks.equal("other: its commands, one after the other, in its namespace", lines(out), [
        f"{OTHER} da 169.254.240.2", "one;two", "10.8.0.1/24", "up", f"myikev2-{OTHER}"])
    checks.equal("other: it runs", daemon.state(OTHER), 2)
    entry = daemon.entry(OTHER)
    checks.equal("other: List", (entry.Type, bytes(entry.APIAddr), entry.APIPort, entry.HasField("Status")),
                 (2, b"", 0, False))
    checks.equal("other: ClearPingStats", code(lambda: daemon.api.ClearPingStats(Name=OTHER))[0],
                 "FAILED_PRECONDITION")
    log = "\n".join(lines(f"/var/log/myikev2/{OTHER}/{OTHER}.log"))
    checks.that("other: output and status are logged", "said to the log" in log and "ended with status 0" in log, log)
    daemon.kill()
    daemon = host.daemon("--cmdtimeout", "3s")
    checks.equal("other: adopted", daemon.state(OTHER), 2)
    daemon.api.Destroy(Name=OTHER, timeout=30)
    checks.equal("other: DestroyCMDs, also after one that fails", lines(out)[5:], ["down", "all the same"])
    checks.equal("other: nothing is left, not even what it started", host.seen(), before)
    check_failing(checks, host, daemon, before)
    check_cancelled(checks, host, daemon, before)
    daemon.interrupt()


def check_failing(checks, host, daemon, before):
    """A command that fails, or takes too long, ends and undoes all."""
    for name, commands, words in (
            ("fails", "SetupCMDs", "ended with status 3"), ("hangs", "UpCMDs", "took longer than 3 s")):
        out = host.directory / name
        bad = "sh -c 'exit 3'" if name == "fails" else "sleep 1000"
        fields = {"UpCMDs": f"echo up >> {out}", "DestroyCMDs": f"echo down >> {out}", "DataIf": "da",
                  commands: f"echo first >> {out}; {bad}; echo never >> {out}"}
        got = code(lambda fields=fields: define_other(daemon, OTHER, **fields))
        checks.that(f"other: a command that {name} is told", got[0] == "ABORTED" and words in got[1]
                    and f"{commands}: command 2" in got[1], got)
        checks.equal(f"other: {name}: the rest is not run, DestroyCMDs are", lines(out), ["first", "down"])
        checks.equal(f"other: {name}: it could not start", daemon.state(OTHER), 5)
        after = host.seen()
        checks.equal(f"other: {name}: its name stays", after.pop("state"), [OTHER])
        checks.equal(f"other: {name}: nothing else does", after, {k: v for k, v in before.items() if k != "state"})
        checks.equal(f"other: {name}: another of its name may be defined", code(
            lambda: define_other(daemon, OTHER, DataIf="da"))[0], "OK")
        checks.equal(f"other: {name}: and runs", daemon.state(OTHER), 2)
        checks.equal(f"other: {name}: its name is taken then", code(
            lambda: define_other(daemon, OTHER))[0], "ALREADY_EXISTS")
        daemon.api.Destroy(Name=OTHER, timeout=30)
    checks.equal("other: failed ones leave nothing", host.seen(), before)


def check_last_process(checks, host):
    """A Type 2 instance whose last process has ended does not stay running; one that started none does."""
    daemon = host.daemon()
    before = host.seen()
    out, idle = host.directory / "last", f"{OTHER}-none"
    define_other(daemon, OTHER, DataIf="da", UpCMDs="sleep 1000 & sleep 3 & true", DestroyCMDs=f"echo down >> {out}")
    define_other(daemon, idle, UpCMDs="true")
    run("ip", "netns", "exec", f"myikev2-{idle}", "sleep", "3")  # a visitor, who goes again
    time.sleep(2)
    checks.equal("last process: another one is there", daemon.state(OTHER), 2)
    # It ends while no daemon looks.
    daemon.kill()
    for pid in run("ip", "netns", "pids", f"myikev2-{OTHER}").split():
        os.kill(int(pid), signal.SIGKILL)
    daemon = host.daemon()
    checks.that("last process: the instance runs no more", daemon.until_state(OTHER, 5, seconds=20),
                daemon.state(OTHER))
    checks.that("last process: DestroyCMDs are run", until(lambda: lines(out) == ["down"], 10), lines(out))
    checks.equal("last process: an instance that started none runs on", daemon.state(idle), 2)
    for name in (OTHER, idle):
        daemon.api.Destroy(Name=name, timeout=30)
    checks.equal("last process: DestroyCMDs are run once", lines(out), ["down"])
    checks.equal("last process: nothing is left", host.seen(), before)
    daemon.interrupt()


def check_cancelled(checks, host, daemon, before):
    """Destroy does not wait for commands that are under way."""
    answer = []
    thread = threading.Thread(target=lambda: answer.append(
        code(lambda: define_other(daemon, OTHER, UpCMDs="sleep 2.5; sleep 2.5; sleep 2.5"))))
    thread.start()
    checks.that("other: starting", until(lambda: code(lambda: daemon.state(OTHER))[0] == "OK"
                                         and daemon.state(OTHER) == 1, 5))
    begun = time.monotonic()
    daemon.api.Destroy(Name=OTHER, timeout=30)
    thread.join()
    checks.that("other: Destroy ends commands under way", time.monotonic() - begun < 2.4, time.monotonic() - begun)
    checks.equal("other: and Define says so", answer[0][0], "ABORTED")
    checks.equal("other: nothing is left of it", host.seen(), before)


STRONGSWAN_CONF = """charon {{
  load = random nonce openssl aes sha1 sha2 hmac kdf gcm curve25519 drbg kernel-netlink socket-default vici updown
  install_routes = no
  filelog {{
    log {{
      path = {directory}/charon.log
      default = 1
      flush_line = yes
    }}
  }}
  plugins {{
    vici {{
      socket = unix://{directory}/run/charon.vici
    }}
    kernel-netlink {{
      xfrm_acq_expires = 100000
    }}
  }}
}}
"""
SWANCTL_CONF = """connections {
  many {
    version = 2
    local_addrs = 10.9.0.1
    proposals = aes256gcm16-prfsha256-x25519,aes256gcm16-prfsha1-x25519,aes256gcm16-prfsha512-x25519
    local {
      auth = psk
      id = 10.9.0.1
    }
    remote {
      auth = psk
    }
    children {
      many {
        local_ts = 0.0.0.0/0
        remote_ts = 0.0.0.0/0
        esp_proposals = aes128gcm16,aes256gcm16,aes128-sha1,aes128-sha256,default
      }
    }
  }
}
secrets {
  ike-1 {
    secret = "a: secret"
  }
}
"""
SWANCTL_DIRECTORIES = "x509 x509ca x509ocsp x509aa x509ac x509crl pubkey private rsa ecdsa bliss pkcs8 pkcs12"


def check_strongswan(checks, host):
    """Type 2 is a strongSwan, Type 1 a client of ours that it answers."""
    directory = host.directory / "swan"
    (directory / "run").mkdir(parents=True)
    for name in SWANCTL_DIRECTORIES.split():
        (directory / "swanctl" / name).mkdir(parents=True)
    (directory / "strongswan.conf").write_text(STRONGSWAN_CONF.format(directory=directory))
    (directory / "swanctl" / "swanctl.conf").write_text(SWANCTL_CONF)
    # Where the kernel has no ESP, CHILD_SAs are established all the same.
    run("gcc", "-O2", "-shared", "-fPIC", "-o", str(directory / "accept_sas.so"),
        str(ROOT / "tests/interop/accept_sas.c"), "-ldl")
    swanctl = (f"STRONGSWAN_CONF={directory}/strongswan.conf SWANCTL_DIR={directory}/swanctl {SWANCTL} "
               f"%s --uri unix://{directory}/run/charon.vici")
    daemon = host.daemon()
    before = host.seen()
    define_other(
        daemon, SWAN, timeout=60, DataIf="da", DataIfAddr="10.9.0.1/16",
        SetupCMDs=f"test -x {CHARON}; test -x {SWANCTL}",
        UpCMDs=f"mount --bind {directory}/run /run && STRONGSWAN_CONF={directory}/strongswan.conf "
               f"LD_PRELOAD={directory}/accept_sas.so {CHARON} & true; "
               f"timeout 15 sh -c 'until test -S {directory}/run/charon.vici; do sleep 0.1; done'; "
               + swanctl % "--load-all",
        DestroyCMDs=swanctl % "--stats" + f" > {directory}/stats")
    checks.equal("strongSwan: it runs as an instance", daemon.state(SWAN), 2)
    more = "runningtime: 3s\n"
    define(daemon, CLIENT, client(20, more))
    checks.that("strongSwan: it answers 20 tunnels of our client", until(
        lambda: daemon.entry(CLIENT).Status.Has_Child == 20, 60), daemon.entry(CLIENT))
    checks.that("strongSwan: the client passes", daemon.until_state(CLIENT, 3, 4) and daemon.state(CLIENT) == 3,
                (daemon.state(CLIENT), daemon.entry(CLIENT)))
    entry = daemon.entry(CLIENT)
    checks.equal("strongSwan: after its end the instance answers still",
                 (entry.Status.Result, entry.Status.NumOfCreatedTunnel, entry.APIPort), (1, 20, 12330))
    for name in (CLIENT, SWAN):
        daemon.api.Destroy(Name=name, Gracefully=True, timeout=60)
    checks.that("strongSwan: DestroyCMDs still reached it", "uptime" in "\n".join(lines(directory / "stats")))
    checks.equal("strongSwan: nothing is left", host.seen(), before)
    daemon.interrupt()


def charon_is_there():
    return subprocess.run([CHARON, "--version"], check=False, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0
