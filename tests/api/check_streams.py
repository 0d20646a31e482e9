"""Event streams and the final result, as an independent client sees them."""

import threading
import time

import harness
from check_fake import code


class Reader:
    """A stream read in a thread of its own; while `held`, it is not read."""

    def __init__(self, stream):
        self.stream, self.messages = stream, []
        self.free = threading.Event()
        self.free.set()
        self.over = threading.Event()
        stream.initial_metadata()  # the server has taken it
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        try:
            for message in self.stream:
                self.messages.append(message)
                self.free.wait()
        except Exception:  # pylint: disable=broad-except
            pass  # cancelled, or cut off: the check looks at what came
        self.over.set()

    def texts(self):
        return [message.Msg for message in self.messages]

    def wait(self, holds, seconds=10):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if holds(self.messages):
                return True
            time.sleep(0.02)
        return False


def check_filters(checks, server):
    mine, other, third = (harness.service(server.target()) for _ in range(3))
    checks.equal("UpdateEventFilter without any stream", code(lambda: third.UpdateEventFilter(Level=1))[0],
                 "FAILED_PRECONDITION")
    readers = [Reader(mine.SubscrEvent(Level=1, timeout=120)), Reader(mine.SubscrEvent(Level=1, timeout=120)),
               Reader(other.SubscrEvent(Level=1, timeout=120))]
    mine.UpdateEventFilter(Level=4, keyword="Tunnel")
    before = time.time()
    for event in ("1 first", "4 Tunnel 2 up", "5 Tunnel 2 in detail", "4 tunnel", "1 Tunnel 3 lost"):
        server.say("event " + event)
    arrived = all(r.wait(lambda m: len(m) >= 2) for r in readers)
    checks.that("events arrive", arrived)
    checks.equal("the caller's own streams have the new filter, others the old",
                 [r.texts() for r in readers], 2 * [["Tunnel 2 up", "Tunnel 3 lost"]] +
                 [["first", "Tunnel 3 lost"]])
    event = readers[0].messages[0]
    when = event.EventTime.seconds + event.EventTime.nanos / 1e9
    checks.that("an event tells level and time", event.Level == 4 and abs(when - before) < 5, event)
    third.UpdateEventFilter(Level=0, keyword="")
    for event in ("4 past the setup's level 3", "3 within it"):
        server.say("event " + event)
    checks.that("a connection without streams changes all; 0 is the setup's level",
                all(r.wait(lambda m: m[-1].Msg == "within it") for r in readers),
                [r.texts() for r in readers])
    for reader in readers:
        reader.stream.cancel()
    deadline = time.monotonic() + 5
    while code(lambda: third.UpdateEventFilter(Level=1))[0] == "OK" and time.monotonic() < deadline:
        time.sleep(0.05)
    checks.equal("cancelled streams are gone", code(lambda: third.UpdateEventFilter(Level=1))[0],
                 "FAILED_PRECONDITION")


def check_slow_reader(checks, server):
    reader = Reader(harness.service(server.target()).SubscrEvent(Level=4, timeout=120))
    reader.free.clear()
    server.say("event 4 begin")
    published = 20_000
    server.say(f"flood {published}")
    server.line("flooded")
    reader.free.set()
    notices = lambda ms: [m for m in ms if m.Msg.endswith("lost: the reader is too slow")]
    lost = lambda ms: sum(int(m.Msg.split()[0]) for m in notices(ms))
    received = lambda ms: len(ms) - len(notices(ms))
    reader.wait(lambda ms: received(ms) + lost(ms) >= published + 2, 30)
    got = list(reader.messages)
    checks.that("a slow reader is told that events were lost", notices(got), len(got))
    checks.equal("received and lost are all there were", received(got) + lost(got), published + 2)
    checks.that("the queue is bounded", lost(got) > published / 2, lost(got))
    checks.that("the notice has level 3", all(m.Level == 3 for m in notices(got)))
    reader.stream.cancel()


def check_end(checks, server):
    """Ends the server."""
    api = harness.service(server.target())
    final = Reader(api.NotifyFinalResult(timeout=120))
    events = Reader(api.SubscrEvent(Level=5, timeout=120))
    time.sleep(0.3)
    checks.equal("NotifyFinalResult is silent while the test runs", final.messages, [])
    server.say("end")
    checks.that("the streams end with the test", final.over.wait(5) and events.over.wait(5))
    checks.equal("events stream up to the last", events.texts(), ["The last event"])
    checks.equal("NotifyFinalResult delivers once", len(final.messages), 1)
    if final.messages:
        message = final.messages[0]
        checks.equal("the final result", (message.Result, message.LastErrMsg,
                     message.ActualTestEndTime.seconds, message.ActualTestEndTime.nanos),
                     (2, "Tunnel 4: no answer", 1_700_000_009, 251_000_000))
    waited = int(server.line("finished "))
    checks.that("nobody waits for subscribers that were served", waited < 1500, waited)


def check_stalled_end(checks):
    with harness.FakeServer() as server:
        reader = Reader(harness.service(server.target()).SubscrEvent(Level=4, timeout=120))
        reader.free.clear()
        server.say("flood 2000")
        server.line("flooded")
        server.say("end")
        waited = int(server.line("finished "))
        checks.that("a subscriber that does not read is waited for, 2 s at most", 1500 < waited < 3500, waited)
        reader.free.set()
