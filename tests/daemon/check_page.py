"""The page of a daemon, its metrics, and the pages of its instances: what they say is what the API says."""

import json
import os
import pathlib
import shutil
import subprocess
import urllib.request

import host as h
from check_pair import CLIENT, GATEWAY, TUNNELS, define_pair
from host import TAG, until

WEB = 12299
URL = f"http://127.0.0.1:{WEB}/"


def read(path):
    with urllib.request.urlopen(URL + path, timeout=10) as answer:
        return answer.read().decode()


def check_page(checks, host):
    before = host.seen()
    daemon = host.daemon("--web", str(WEB))
    define_pair(daemon)
    other = {"UpCMDs": "sleep 600 &"}
    daemon.api.Define(Type=2, Name=f"sleeper{TAG}", OtherTest=other, timeout=30)
    checks.that("page: 100 tunnels at both ends", all_up_of_ours(daemon))
    checks.that("page: the table is what List answers", until(lambda: table() == expected(daemon), 10),
                (table(), expected(daemon)))
    checks.that("page: the result of an instance is behind its name",
                json.loads(read(f"instances/{CLIENT}/result.json"))["tunnels"]["established"] == TUNNELS)
    check_metrics(checks)
    check_browser(checks, daemon)
    checks.that("page: no secret is on it", "a: secret" not in read("") + read("instances.json"))
    daemon.api.Destroy(Name=f"sleeper{TAG}", timeout=40)
    checks.that("page: what is destroyed leaves it", until(lambda: len(table()) == 2, 10), table())
    daemon.kill()
    daemon = host.daemon("--web", str(WEB))
    checks.that("page: the next daemon shows the instances that it has taken over",
                until(lambda: table() == expected(daemon), 10), (table(), expected(daemon)))
    checks.that("page: and their pages", f"{TUNNELS}" in read(f"instances/{GATEWAY}/"))
    for name in (CLIENT, GATEWAY):
        daemon.api.Destroy(Name=name, timeout=40)
    checks.equal("page: nothing is left", host.seen(), before)
    daemon.interrupt()


def all_up_of_ours(daemon):
    return until(lambda: [e.Status.Live_count for e in daemon.api.List(timeout=20).results[:2]] == [TUNNELS] * 2, 90)


STATES = ["", "starting", "running", "passed", "failed", "could not start", "being destroyed", "died"]


def table():
    """The rows of the table as JSON, without what changes from moment to moment."""
    return [(row["name"], row["state"], row.get("verdict"), (row.get("figures") or {}).get("role"),
             *((row.get("figures") or {}).get(name) for name in ("configured", "established", "live", "halfOpen")))
            for row in json.loads(read("instances.json"))]


def expected(daemon):
    rows = []
    for entry in daemon.api.List(timeout=20).results:
        state = STATES[daemon.state(entry.Name)]
        status = entry.Status
        if entry.Type == 2:
            rows.append((entry.Name, state, None, None, None, None, None, None))
            continue
        rows.append((entry.Name, state, ["running", "passed", "failed", "stopped"][status.Result],
                     ["", "client", "gateway"][status.Role], status.Configured_count, status.NumOfCreatedTunnel,
                     status.Live_count, status.Ikesa_state_init + status.Ikesa_state_created))
    return rows


def check_metrics(checks):
    lines = read("metrics").split("\n")
    for name in (GATEWAY, CLIENT):
        for metric in ("tunnels_established_total", "tunnels_live", "instance_tunnels_established"):
            wanted = f'myikev2_{metric}{{test="{name}"}} {TUNNELS}'
            checks.that(f"page: metrics have {metric} of {name[:2]}", wanted in lines, lines[:40])
    checks.that("page: every instance answers for the metrics", "myikev2_instance_pages_unanswered 0" in lines)
    if not shutil.which("promtool"):
        return
    done = subprocess.run(["promtool", "check", "metrics"], input="\n".join(lines), text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    checks.equal("page: promtool has nothing to say against the metrics", (done.returncode, done.stdout), (0, ""))


def check_browser(checks, daemon):
    if not shutil.which("chromium"):
        return
    script = str(pathlib.Path(h.ROOT, "tests/browser/daemon_look.ts"))
    done = subprocess.run([os.environ.get("DENO", "deno"), "run", "-A", "--no-check", script, URL, CLIENT,
                           str(TUNNELS)], text=True, check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    checks.equal("page: the browser reads it", (done.returncode, done.stderr[-2000:]), (0, ""))
    if done.returncode != 0:
        return
    seen = json.loads(done.stdout)
    checks.equal("page: the browser has nothing to say against it", seen["errors"], [])
    checks.equal("page: Enter on a name opens the page of the instance", seen["page"], f"/instances/{CLIENT}/")
    entries = {e.Name: e for e in daemon.api.List(timeout=20).results}
    for row in seen["rows"]:
        entry = entries[row[0]]
        if entry.Type == 2:
            checks.equal("page: another program has no figures", row[4:8], ["–"] * 4)
            continue
        status = entry.Status
        checks.equal(f"page: in the browser, {row[0][:2]} has the figures of the API", row[4:7],
                     [str(n) for n in (status.Configured_count, status.NumOfCreatedTunnel, status.Live_count)])
