"""The Test API, asked by an independent implementation of gRPC. See `run.ts` beside this file."""

import argparse
import faulthandler
import json
import os
import subprocess
import sys

import check_fake
import check_real
import check_streams
import harness


def dumps(target, tls, certificate):
    """What the caller gets of one IKE SA and one CHILD_SA: the fields that may be secret, in hex."""
    credentials = harness.tls_files(certificate) if tls else None
    api = harness.service(target, credentials)
    ike = api.GetIKESA(OwnSPI=0xFEDCBA9876543210)
    child = api.GetCHILDSA(OwnSPI=0xC0FFEE01)
    fields = {"PSK": ike.PSK, "state": ike.State}
    for name in ("SKei", "SKer", "SKai", "SKar"):
        fields[f"ike.{name}"] = getattr(ike, name).hex()
        fields[f"child.{name}"] = getattr(child, name).hex()
    return fields


NOBODY = 65534


def ask_from(namespace, target, tls=False, certificate=None, user=0):
    """`dumps`, asked by a process of a user in a network namespace."""
    command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
    command += [sys.executable, "-B", __file__, "--dumps", target]
    command += ["--tls"] if tls else []
    command += ["--certificate", certificate] if certificate else []
    done = subprocess.run(["ip", "netns", "exec", namespace] + command, check=True, text=True,
                          stdout=subprocess.PIPE, timeout=60)
    return json.loads(done.stdout)


SECRET = {
    "PSK": "open sesame ☺", "state": 3,
    "ike.SKei": "11" * 36, "ike.SKer": "22" * 36, "ike.SKai": "", "ike.SKar": "",
    "child.SKei": "33" * 24, "child.SKer": "44" * 24, "child.SKai": "55" * 64, "child.SKar": "66" * 64,
}
PUBLIC = {name: 3 if name == "state" else "" for name in SECRET}


def check_secrets_here(checks):
    with harness.FakeServer() as server:
        checks.equal("auto: loopback sees keys and PSK", dumps(server.target(), False, None), SECRET)
    with harness.FakeServer(secrets="never") as server:
        checks.equal("never: loopback sees none", dumps(server.target(), False, None), PUBLIC)
    with harness.FakeServer(tls="mutual", secrets="never") as server:
        checks.equal("never: a certificate sees none", dumps(server.target(), True, "client"), PUBLIC)


def check_secrets_elsewhere(checks):
    with harness.Namespaces() as spaces:
        (ours, theirs), (address, _) = spaces.names, spaces.addresses
        with harness.FakeServer("0.0.0.0", namespace=ours) as server:
            checks.equal("auto: another host sees none", ask_from(theirs, server.target(address)), PUBLIC)
            for name, target in (("loopback", server.target()), ("an own address", server.target(address))):
                checks.equal(f"auto: root by {name} of the same host sees all", ask_from(ours, target), SECRET)
                checks.equal(f"auto: another user by {name} of the same host sees none",
                             ask_from(ours, target, user=NOBODY), PUBLIC)
        with harness.FakeServer("0.0.0.0", tls="mutual", namespace=ours) as server:
            checks.equal("auto: another host with a client certificate sees all",
                         ask_from(theirs, server.target(address), True, "client"), SECRET)
        with harness.FakeServer("0.0.0.0", tls="server", namespace=ours) as server:
            checks.equal("auto: another host over TLS without a certificate sees none",
                         ask_from(theirs, server.target(address), True), PUBLIC)
        with harness.FakeServer("0.0.0.0", secrets="always", namespace=ours) as server:
            checks.equal("always: another host sees all", ask_from(theirs, server.target(address)), SECRET)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dumps", help="only ask this target for dumps, and print them")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--certificate")
    parser.add_argument("--without-root", action="store_true",
                        help="leave out, by name, what needs network namespaces")
    options = parser.parse_args()
    if options.dumps:
        print(json.dumps(dumps(options.dumps, options.tls, options.certificate)))
        return 0
    checks = harness.Checks()
    with harness.FakeServer() as server:
        checks.section(check_fake.check_services, server)
        checks.section(check_fake.check_summary, server)
        checks.section(check_fake.check_ike_sas, server)
        checks.section(check_fake.check_child_sas, server)
        checks.section(check_fake.check_refusals, server)
        checks.section(check_fake.check_stop, server)
        checks.section(check_streams.check_filters, server)
        checks.section(check_streams.check_slow_reader, server)
        checks.section(check_streams.check_end, server)
    checks.section(check_streams.check_stalled_end)
    checks.section(check_fake.check_tls)
    checks.section(check_secrets_here)
    checks.section(check_real.check_real)
    checks.section(check_real.check_hold)
    checks.section(check_real.check_flapping)
    if options.without_root:
        print("left out  secrets to other addresses: network namespaces need root")
    elif os.geteuid() != 0:
        checks.that("secrets to other addresses", False, "network namespaces need root")
    else:
        checks.section(check_secrets_elsewhere)
    return checks.report()


if __name__ == "__main__":
    # Where it stands is said, should it ever stand still.
    faulthandler.dump_traceback_later(10 * 60, exit=True)
    sys.exit(main())
