"""A gateway and a client of ours, run as a user runs them, asked while their tunnels are up. What is
expected comes from their setup files, and from what the two ends say of each other."""

import json
import os
import pathlib
import socket
import subprocess
import tempfile
import time

import harness
from check_fake import code, differences, fields
from check_streams import Reader

TUNNELS = 5
PSK = "correct horse: battery"
SETUP = """\
role: {role}
desc: asked over its API
numberoftunnels: {tunnels}
bindifname: lo
{addresses}
ownport: {ownport}
peerport: {peerport}
ownnattport: 0
setupinterval: 1ms
loglevel: 4
apilistenport: {apiport}
ikeconf:
  psk: "{psk}"
  dhgrpid: 31
  ikeencyptalg: aes-cbc:256
  ikeintegrityalg: sha384
  ikeprfalg: sha512
  childlist:
    - encalg: aes-gcm-16:192
      replaywindowsize: 1024
"""
# The client has an end of its own, long after it is asked to stop; the gateway runs until then.
CLIENT_ADDRESSES = """startclntaddr: 127.0.1.1/8
peeraddr: 127.0.0.1
runningtime: 10m"""


def free_ports(count, kind):
    sockets = [socket.socket(socket.AF_INET, kind) for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class RealTest(harness.Process):
    """`myikev2 test` of one setup; MYIKEV2 names another program than the sources of this checkout."""

    def __init__(self, directory, role, *options, **values):
        setup = pathlib.Path(directory, role + ".yaml")
        setup.write_text(SETUP.format(role=role, psk=PSK, tunnels=TUNNELS, **values))
        program = os.environ.get("MYIKEV2")
        command = [program] if program else ["deno", "run", "-A", "main.ts"]
        super().__init__(command + ["test", str(setup), "--flush=false", "--json", *options,
                                    "--lf", str(pathlib.Path(directory, role + ".log"))])
        self.setup, self.port = str(setup), values["apiport"]

    def api(self, name="api.MyIKEv2APISvc"):
        """A client of its API, as soon as it listens."""
        deadline = time.monotonic() + 20
        while True:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.setup}: ended with status {self.process.returncode}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return harness.service(f"127.0.0.1:{self.port}", name=name)
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


def check_real(checks):
    udp, tcp = free_ports(2, socket.SOCK_DGRAM), free_ports(2, socket.SOCK_STREAM)
    with tempfile.TemporaryDirectory() as directory:
        with RealTest(directory, "gateway", addresses="bindifaddr: 127.0.0.1/8", ownport=udp[0],
                      peerport=udp[1], apiport=tcp[0]) as gateway:
            gw = gateway.api()
            events = Reader(gw.SubscrEvent(Level=4, timeout=120))
            checks.equal("real: a gateway without peers has no SA", len(gw.ListIKESA().SummaryList), 0)
            early = fields(gw.GetSummary())
            checks.equal("real: nothing was created yet", {
                "CreationStartTime", "CreationFinishTime", "CreateDuration", "SetupRate",
                "NumOfCreatedTunnel", "Ikesa_total", "TestEndTime", "ActualTestEndTime", "Result",
            } & set(early), set())
            with RealTest(directory, "client", addresses=CLIENT_ADDRESSES,
                          ownport=udp[1], peerport=udp[0], apiport=tcp[1]) as client:
                cl = client.api()
                up = wait_for(lambda: gw.GetSummary().Has_Child == cl.GetSummary().Has_Child == TUNNELS)
                checks.that("real: all tunnels come up", up, fields(cl.GetSummary()))
                check_figures(checks, "client", cl, client.setup, 1)
                check_figures(checks, "gateway", gw, gateway.setup, 2)
                for index, entry in enumerate(cl.ListIKESA().SummaryList):
                    check_pair(checks, index, entry, cl, gw, udp)
                check_rekey(checks, cl, gw)
                check_paging(checks, cl)
                for name, at, peer in (("client", client, gw), ("gateway", gateway, cl)):
                    check_rekey_ike(checks, name, at, peer)
                checks.that("real: events tell of it", events.wait(lambda m: len(m) > 0), events.texts())
                check_stop(checks, client, cl, gateway, gw)


def check_hold(checks):
    """With --hold the API outlives the test; what is about the running test ends with it."""
    udp, (port,) = free_ports(2, socket.SOCK_DGRAM), free_ports(1, socket.SOCK_STREAM)
    with tempfile.TemporaryDirectory() as directory, \
            RealTest(directory, "gateway", "--hold", addresses="bindifaddr: 127.0.0.1/8\nrunningtime: 2s",
                     ownport=udp[0], peerport=udp[1], apiport=port) as gateway:
        api = gateway.api()
        events, final = Reader(api.SubscrEvent(Level=4, timeout=120)), Reader(api.NotifyFinalResult(timeout=120))
        checks.that("hold: the event stream ends with the test", events.over.wait(15), events.texts())
        ends = [text for text in events.texts() if text.startswith("Test failed after")]
        checks.equal("hold: how the test ended is told once", len(ends), 1)
        checks.that("hold: the closing report is in the stream", any("Tunnels: 0 of 5" in t for t in events.texts()),
                    events.texts())
        checks.that("hold: the final result is there", final.over.wait(5) and len(final.messages) == 1)
        checks.equal("hold: the API answers on", api.GetSummary().Result, 2)
        checks.that("hold: a stream that begins later ends at once", Reader(api.SubscrEvent(timeout=60)).over.wait(5))
        checks.equal("hold: no stream is open then", code(lambda: api.UpdateEventFilter(Level=5))[0],
                     "FAILED_PRECONDITION")


def check_flapping(checks):
    """Two of five tunnels flap every ten seconds; the client says so, the gateway sees Deletes."""
    udp, tcp = free_ports(2, socket.SOCK_DGRAM), free_ports(2, socket.SOCK_STREAM)
    flaps = "\nflapconf: {flapping: true, numoftunnel: 2, minflapinterval: 10s, maxflapinterval: 10s}"
    with tempfile.TemporaryDirectory() as directory, \
            RealTest(directory, "gateway", addresses="bindifaddr: 127.0.0.1/8", ownport=udp[0],
                     peerport=udp[1], apiport=tcp[0]) as gateway:
        gw = gateway.api()
        with RealTest(directory, "client", addresses=CLIENT_ADDRESSES.replace("127.0.1.1", "127.0.2.1") + flaps,
                      ownport=udp[1], peerport=udp[0], apiport=tcp[1]) as client:
            cl = client.api()
            checks.that("flapping: all tunnels come up", wait_for(lambda: cl.GetSummary().Live_count == TUNNELS))
            checks.equal("flapping: none is down yet", cl.GetSummary().Flapping_count, 0)
            events = Reader(cl.SubscrEvent(Level=4, keyword="Tunnel ", timeout=120))
            down = wait_for(lambda: cl.GetSummary().Flapping_count == 2, 15)
            summary = cl.GetSummary()
            checks.equal("flapping: two are down on purpose", (down, summary.Live_count, summary.Created_live_count,
                         summary.NumOfCreatedTunnel), (True, TUNNELS - 2, TUNNELS - 2, TUNNELS))
            checks.that("flapping: the gateway has three", wait_for(lambda: gw.GetSummary().Live_count == TUNNELS - 2))
            up = wait_for(lambda: cl.GetSummary().Flapping_count == 0, 15)
            summary = cl.GetSummary()
            checks.equal("flapping: two are up again", (up, summary.Live_count, summary.NumOfCreatedTunnel),
                         (True, TUNNELS, TUNNELS))
            checks.equal("flapping: no tunnel more at the gateway", gw.GetSummary().NumOfCreatedTunnel, TUNNELS)
            texts = [text for text in events.texts() if "FLAPPED" in text]
            checks.that("flapping: events tell of it", len(texts) == 2, events.texts())
            cl.Stop(Gracefully=True)
            checks.equal("flapping: exit status of the client", client.process.wait(15), 0)
            lines = []
            while (line := client.lines.get(timeout=5)) is not None:
                lines.append(line)
            result = json.loads(lines[-1])
            checks.equal("flapping: the JSON result", (result["result"], result["flaps"], result["tunnels"]["lost"]),
                         ("stopped", {"down": 2, "up": 2}, 0))


def wait_for(holds, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.1)
    return False


def check_figures(checks, name, api, setup, role):
    got = fields(api.GetSummary())
    times = {n: got.pop(n, None) for n in (
        "StartTime", "CreationStartTime", "CreationFinishTime", "CreateDuration")}
    rate = got.pop("SetupRate", 0)
    end = got.pop("TestEndTime", None)
    start = times["StartTime"]
    checks.equal(f"real: TestEndTime of the {name}", end,
                 (start[0] + 600, start[1]) if role == 1 and start else None)
    checks.equal(f"real: figures of the {name}", differences(got, {
        "Role": role, "SetupFileName": setup, "NumOfCreatedTunnel": TUNNELS,
        "Ikesa_state_established": TUNNELS, "Ikesa_total": TUNNELS, "Live_count": TUNNELS,
        "Has_Child": TUNNELS, "Created_live_count": TUNNELS, "Configured_count": TUNNELS}), {})
    now = time.time()
    seconds = {n: t and t[0] + t[1] / 1e9 for n, t in times.items()}
    order = all(seconds.values()) and now - 60 < seconds["StartTime"] <= seconds["CreationStartTime"] \
        <= seconds["CreationFinishTime"] <= now
    checks.that(f"real: times of the {name} are in order", order, seconds)
    if order:
        took = seconds["CreationFinishTime"] - seconds["CreationStartTime"]
        checks.that(f"real: CreateDuration of the {name}", abs(seconds["CreateDuration"] - took) < 1e-3, seconds)
        checks.that(f"real: SetupRate of the {name}", abs(rate * took - TUNNELS) < 0.01 * TUNNELS, (rate, took))


def check_pair(checks, index, entry, cl, gw, udp):
    """One tunnel: its client end and its gateway end tell the same story."""
    ours = cl.GetIKESA(OwnSPI=entry.OwnSPI)
    theirs = gw.GetIKESA(OwnSPI=ours.PeerSPI)
    name = f"real: tunnel {index}"
    checks.equal(f"{name} SPIs", (theirs.PeerSPI, ours.OwnSPI), (entry.OwnSPI, entry.OwnSPI))
    addresses = (f"7f0001{index + 1:02x}", "7f000001")
    common = {"State": 3, "EncAlg": 12, "KeyLen": 256, "IntAlg": 13, "PrfAlg": 7, "OwnAuth": 2,
              "PeerAuth": 2, "MyIdType": 1, "HashAlgDS": -1, "PSK": PSK, "InitiateDPD": True,
              "DPDInterval": (30, 0), "LifeTime": (600, 0), "MarginTime": (60, 0), "Jitter": True}
    volatile = ("EstabTime", "LastRcvPktTime", "LastSendDPDTime", "SKei", "SKer", "SKai", "SKar")
    for end, dump, own, peer, port in (("client", ours, *addresses, udp[0]),
                                       ("gateway", theirs, *addresses[::-1], udp[1])):
        got = fields(dump)
        rest = {n: got.pop(n, None) for n in volatile}
        checks.equal(f"{name} at the {end}", differences(got, {
            **common, "OwnSPI": dump.OwnSPI, "PeerSPI": dump.PeerSPI, "OwnAddr": own, "PeerAddr": peer,
            "PeerPort": port}), {})
        recent = [t is not None and abs(t[0] - time.time()) < 60
                  for t in (rest["EstabTime"], rest["LastRcvPktTime"])]
        checks.equal(f"{name} times at the {end}", recent, [True, True])
    keys = lambda dump: [getattr(dump, n).hex() for n in ("SKei", "SKer", "SKai", "SKar")]
    checks.equal(f"{name} keys at both ends", keys(ours), keys(theirs))
    checks.equal(f"{name} lengths of keys", [len(k) // 2 for k in keys(ours)], [32, 32, 48, 48])
    checks.equal(f"{name} keys differ", len(set(keys(ours))), 4)
    check_children(checks, name, entry.OwnSPI, ours.PeerSPI, cl, gw, addresses, keys)


def check_children(checks, name, own_spi, peer_spi, cl, gw, addresses, keys):
    spis = list(cl.ListCHILDSA(IKEOwnSPI=own_spi).OwnSPIList)
    checks.equal(f"{name} has one CHILD_SA", len(spis), 1)
    ours = cl.GetCHILDSA(OwnSPI=spis[0])
    theirs = gw.GetCHILDSA(OwnSPI=ours.PeerSPI)
    checks.equal(f"{name} CHILD_SA of the gateway", list(gw.ListCHILDSA(IKEOwnSPI=peer_spi).OwnSPIList),
                 [ours.PeerSPI])
    any_v4 = [{"Type": 7, "StartAddr": "00000000", "EndAddr": "ffffffff", "EndPort": 65535}]
    for end, dump, parent, peer, (own, far) in (
            ("client", ours, own_spi, theirs, addresses), ("gateway", theirs, peer_spi, ours, addresses[::-1])):
        got = fields(dump)
        for volatile in ("EstabTime", "SKei", "SKer", "SKai", "SKar"):
            got.pop(volatile, None)
        checks.equal(f"{name} CHILD_SA at the {end}", differences(got, {
            "State": 2, "OwnSPI": dump.OwnSPI, "PeerSPI": peer.OwnSPI, "OwnAddr": own, "PeerAddr": far,
            "ParentIKESA": parent, "EncAlg": 20, "KeyLen": 192, "LifeTime": (300, 0), "TunnelMode": True,
            "ReplayWindowSize": 1024, "OwnTS": any_v4, "PeerTS": any_v4}), {})
    checks.equal(f"{name} CHILD_SA keys at both ends", keys(ours), keys(theirs))
    checks.equal(f"{name} CHILD_SA lengths of keys", [len(k) // 2 for k in keys(ours)], [28, 28, 0, 0])


def check_rekey(checks, cl, gw):
    ike = cl.ListIKESA().SummaryList[0].OwnSPI
    told = Reader(cl.SubscrEvent(Level=4, keyword=" rekeyed: ", timeout=60))
    old = cl.ListCHILDSA(IKEOwnSPI=ike).OwnSPIList[0]
    before = cl.GetCHILDSA(OwnSPI=old)
    checks.equal("real: RekeyChild answers when it is done", code(lambda: cl.RekeyChild(OwnSPI=old))[0], "OK")
    listed = list(cl.ListCHILDSA(IKEOwnSPI=ike).OwnSPIList)
    checks.that("real: the new CHILD_SA stands first at once", listed[0] != old, listed)
    told.wait(lambda m: len(m) > 0)
    words = (f"CHILD_SA {old:08X}/", f"CHILD_SA {listed[0]:08X}/", "tunnel 0", f"IKE SA {ike:016X}/")
    checks.that("real: the event names tunnel, IKE SA and both SPIs",
                any(all(word in text for word in words) for text in told.texts()), told.texts())
    gone = wait_for(lambda: old not in cl.ListCHILDSA(IKEOwnSPI=ike).OwnSPIList)
    checks.that("real: the old CHILD_SA goes", gone)
    new = list(cl.ListCHILDSA(IKEOwnSPI=ike).OwnSPIList)
    checks.equal("real: one CHILD_SA took its place", len(new), 1)
    after = cl.GetCHILDSA(OwnSPI=new[0])
    theirs = gw.GetCHILDSA(OwnSPI=after.PeerSPI)
    checks.that("real: its keys are new", after.SKei != before.SKei)
    checks.equal("real: and the same at the gateway", (after.SKei, after.SKer), (theirs.SKei, theirs.SKer))
    checks.equal("real: RekeyChild of the old one", code(lambda: cl.RekeyChild(OwnSPI=old))[0], "NOT_FOUND")


def check_rekey_ike(checks, name, process, peer):
    """The newest IKE SA of one end is replaced; its CHILD_SA, and the peer, go with it."""
    api, ike = process.api(), process.api("ikeapi.MyIKEv2IKESvc")
    old = api.ListIKESA().SummaryList[-1].OwnSPI
    children = list(api.ListCHILDSA(IKEOwnSPI=old).OwnSPIList)
    before = api.GetIKESA(OwnSPI=old)
    new = ike.RekeyIKESA(OwnSPI=old).NewOwnSPI
    after = api.GetIKESA(OwnSPI=new)
    checks.equal(f"real: RekeyIKESA at the {name} answers when it is done", (new != old, after.State), (True, 3))
    checks.equal(f"real: the {name}'s CHILD_SA moved", list(api.ListCHILDSA(IKEOwnSPI=new).OwnSPIList), children)
    theirs = peer.GetIKESA(OwnSPI=after.PeerSPI)
    checks.that(f"real: keys of the {name}'s new IKE SA are new", after.SKei not in (before.SKei, b""))
    checks.equal(f"real: and the same at the peer of the {name}", (after.SKei, after.SKer),
                 (theirs.SKei, theirs.SKer))
    # Its CHILD_SA asks by the new IKE SA from now on.
    checks.equal(f"real: RekeyChild at the {name} after it",
                 code(lambda: api.RekeyChild(OwnSPI=children[0]))[0], "OK")
    ended = api.GetIKESA(OwnSPI=old)
    checks.equal(f"real: the {name}'s old IKE SA is listed as rekeyed", (ended.State, ended.CloseCode), (6, 65539))
    summary = api.GetSummary()
    checks.equal(f"real: and counted as such at the {name}", summary.Ikesa_state_rekeyed + summary.Live_count,
                 summary.Ikesa_total)
    refused = code(lambda: ike.RekeyIKESA(OwnSPI=old))[0]
    checks.that(f"real: RekeyIKESA of the old one at the {name}", refused in ("NOT_FOUND", "FAILED_PRECONDITION"),
                refused)
    checks.that(f"real: one tunnel more is not counted at the {name}",
                wait_for(lambda: api.GetSummary().Live_count == TUNNELS))


def check_paging(checks, api):
    everything = [sa.OwnSPI for sa in api.ListIKESA().SummaryList]
    pages = [[sa.OwnSPI for sa in api.ListIKESA(Start=start, Len=2).SummaryList] for start in (0, 2, 4, 6)]
    checks.equal("real: pages of the list", [len(page) for page in pages], [2, 2, 1, 0])
    checks.equal("real: pages make the whole", sum(pages, []), everything)


def check_stop(checks, client, cl, gateway, gw):
    finals = Reader(cl.NotifyFinalResult(timeout=120)), Reader(gw.NotifyFinalResult(timeout=120))
    asked = time.monotonic()
    cl.Stop(Gracefully=True)
    checks.that("real: Stop is answered at once", time.monotonic() - asked < 1)
    check_final(checks, "client, stopped before its end", client, finals[0], 3)
    checks.that("real: the gateway's SAs are gone", wait_for(lambda: gw.GetSummary().Live_count == 0, 5),
                fields(gw.GetSummary()))
    closed = [sa.OwnSPI for sa in gw.ListIKESA().SummaryList if sa.State == 7]
    checks.equal("real: for 5 s it can be seen why", {gw.GetIKESA(OwnSPI=spi).CloseCode for spi in closed}, {65538})
    checks.equal("real: they count as closed", fields(gw.GetSummary()).get("Ikesa_state_closed"), len(closed))
    checks.equal("real: the gateway runs on", finals[1].messages, [])
    gw.Stop(Gracefully=False)
    check_final(checks, "gateway, whose end is the request", gateway, finals[1], 1)


def check_final(checks, name, process, final, result):
    """The run ends with this result, says so once, and so does the process."""
    checks.that(f"real: final result of the {name}", final.over.wait(15) and len(final.messages) == 1,
                len(final.messages))
    if final.messages:
        summary = final.messages[0]
        checks.equal(f"real: result of the {name}", (summary.Result, summary.LastErrMsg), (result, ""))
        checks.that(f"real: ActualTestEndTime of the {name}",
                    abs(summary.ActualTestEndTime.seconds - time.time()) < 30)
    try:
        checks.equal(f"real: exit status of the {name}", process.process.wait(10), 0)
    except subprocess.TimeoutExpired:
        checks.that(f"real: the process of the {name} ends", False)
