"""The command line as people have it before them. See `run.ts` beside this file."""

import argparse
import faulthandler
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "api"))

# pylint: disable=wrong-import-position
import check_completion
import check_shell
import harness
import place


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="", help="only the sections whose name holds this")
    options = parser.parse_args()
    checks = harness.Checks()
    sections = [
        check_completion.check_bash, check_completion.check_zsh, check_completion.check_fish,
        check_shell.check_commands, check_shell.check_terminal, check_shell.check_own_shell]
    for section in sections:
        if options.only in section.__name__:
            with place.Place() as home:
                checks.section(section, home)
    return checks.report()


if __name__ == "__main__":
    # Where it stands is said, should it ever stand still.
    faulthandler.dump_traceback_later(10 * 60, exit=True)
    sys.exit(main())
