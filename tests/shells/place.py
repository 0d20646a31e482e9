"""A directory with our program in it, and a recorder of that name which tells what it was called with."""

import json
import os
import pathlib
import shutil
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]

# What Tab asks goes to the program; what a line calls is written down, not done.
RECORDER = """#!/bin/sh
case "$1" in
  completion) exec {program} "$@" ;;
  __complete) touch {asked}; {program} "$@"; touch {answered}; exit ;;
esac
{python} -c 'import json, sys; print(json.dumps(sys.argv[1:]))' "$@" > {calls}.new
mv {calls}.new {calls}
"""


class Place:
    """`home` is made for it and goes with it."""

    def __init__(self):
        executable = os.environ.get("MYIKEV2")
        self.program = [executable] if executable else ["deno", "run", "-A", str(ROOT / "main.ts")]
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="myikev2shells"))
        self.calls = self.home / "calls"
        self.asked, self.answered = self.home / "asked", self.home / "answered"
        self.work = self.home / "work"
        self.work.mkdir()

    def __enter__(self):
        recorder = self.home / "bin/myikev2"
        recorder.parent.mkdir()
        recorder.write_text(RECORDER.format(
            program=" ".join(self.program), python="/usr/bin/python3", calls=self.calls,
            asked=self.asked, answered=self.answered))
        recorder.chmod(0o755)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.home)

    def environment(self, **more):
        """Nothing of whoever runs the test but where programs and deno's cache are."""
        kept = {name: os.environ[name] for name in ("DENO_DIR", "MYIKEV2") if name in os.environ}
        kept.setdefault("DENO_DIR", str(pathlib.Path.home() / ".cache/deno"))
        return {**kept, "PATH": f"{self.home}/bin:{os.environ['PATH']}", "HOME": str(self.home),
                "TERM": "xterm", "LC_ALL": "C.UTF-8", "DENO_NO_UPDATE_CHECK": "1", **more}

    def wait_for_answer(self):
        """Until the program has told a shell what fits; a shell may know it from the Tab before."""
        for mark, seconds in ((self.asked, 2), (self.answered, 30)):
            deadline = time.monotonic() + seconds
            while not mark.exists() and time.monotonic() < deadline:
                time.sleep(0.02)
            if not mark.exists():
                return
            mark.unlink()

    def call(self, seconds=10):
        """The words of the next call of the recorder."""
        deadline = time.monotonic() + seconds
        while not self.calls.exists():
            if time.monotonic() > deadline:
                return None
            time.sleep(0.02)
        words = json.loads(self.calls.read_text())
        self.calls.unlink()
        return words
