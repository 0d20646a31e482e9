"""A program at a terminal of its own: keys are pressed, and what appears is read."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

ROWS, COLUMNS = 50, 160
# Sequences that move, colour or ask; what is left is what was written.
CONTROL = re.compile(rb"\x1b\[[0-9;?<>=]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()][A-Z0-9]|\x1b[=>78DEHMc]")
UP = "\x1b[A"
CTRL_C, CTRL_D = "\x03", "\x04"


class Terminal:
    """One program until the terminal is closed."""

    def __init__(self, command, environment, directory):
        self.shown = b""
        self.status = None
        self.seen = 0
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.chdir(directory)
                os.execvpe(command[0], command, environment)
            finally:
                os._exit(127)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))

    def _read(self, seconds):
        """Whether something came within that time."""
        ready, _, _ = select.select([self.fd], [], [], max(0, seconds))
        if not ready:
            return False
        try:
            octets = os.read(self.fd, 65536)
        except OSError:  # the other side is closed
            return False
        self.shown += octets
        return octets != b""

    def text(self):
        """All that appeared since the last `press`, without colours and movements; what is written over begins a line."""
        plain = CONTROL.sub(b"", self.shown[self.seen:]).decode(errors="replace")
        return re.sub(r"\r+\n?", "\n", plain)

    def press(self, keys):
        """What was before it is no longer looked at."""
        self.seen = len(self.shown)
        os.write(self.fd, keys.encode())

    def wait_for(self, pattern, seconds=15):
        """The match of `pattern` in what appears from the last `press` on."""
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.text(), re.M)):
            left = deadline - time.monotonic()
            if left <= 0 or not self._read(left) and self.ended():
                if found := re.search(pattern, self.text(), re.M):
                    break
                raise RuntimeError(f"{pattern!r} did not appear in {self.text()!r}")
        return found

    def quiet(self, seconds=0.4, longest=15):
        """Waits until nothing more appears for that time."""
        deadline = time.monotonic() + longest
        while self._read(seconds) and time.monotonic() < deadline:
            pass
        return self.text()

    def ended(self):
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is not None

    def end_status(self, seconds=20):
        """The exit status, when it ends by itself."""
        deadline = time.monotonic() + seconds
        while not self.ended():
            if time.monotonic() > deadline:
                raise RuntimeError(f"It does not end; it shows {self.text()!r}")
            self._read(0.05)
        while self._read(0.05):
            pass
        return self.status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if not self.ended():
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)
