"""The daemon, asked by an independent implementation of gRPC. See `run.ts` beside this file."""

import argparse
import faulthandler
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "api"))

# pylint: disable=wrong-import-position
import check_access
import check_more
import check_other
import check_page
import check_pair
import check_refusals
import harness
import host


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="", help="only the sections whose name holds this")
    parser.add_argument("--fuzz", type=int, default=20000, help="calls of the fuzzer")
    options = parser.parse_args()
    checks = harness.Checks()
    if os.geteuid() != 0:
        checks.that("the daemon's tests run as root", False)
        return checks.report()
    sections = [
        check_refusals.check_privileges, check_refusals.check_bad_input, check_refusals.check_tls,
        check_pair.check_pair, check_pair.check_survival, check_pair.check_reboot, check_page.check_page,
        check_more.check_hanging, check_more.check_addresses, check_more.check_lending, check_more.check_mounts,
        check_more.check_murdered, check_more.check_killed, check_more.check_profiling,
        check_access.check_access, check_access.check_allowed, check_access.check_files,
        check_other.check_commands, check_other.check_last_process, check_other.check_strongswan]
    with host.Host() as site:
        for section in sections:
            if options.only in section.__name__:
                checks.section(section, site)
                site.anew()
        if options.only in check_refusals.check_fuzz.__name__:
            checks.section(check_refusals.check_fuzz, site, options.fuzz)
    return checks.report()


if __name__ == "__main__":
    # Where it stands is said, should it ever stand still.
    faulthandler.dump_traceback_later(11 * 60, exit=True)
    sys.exit(main())
