/**
 * Keeps HTTP/2 sessions alive while their own octets are being read.
 *
 * Deno (2.9) frees a session's parser as soon as the session is destroyed. A GOAWAY of the peer, or the
 * end of the last stream of a closing session, destroys it from a callback of that very parser, which
 * then goes on in freed memory: after some hundred calls on the connection the process aborts with
 * "free(): invalid pointer". See github.com/denoland/deno/issues/36788.
 * @module
 */
import http2 from "node:http2";
import { setImmediate } from "node:timers";
import { must } from "@/base/errors.ts";

type End = (this: Session, ...args: unknown[]) => void;
interface Session {
  close: End;
  destroy: End;
  once(event: "close", listener: () => void): void;
}

let guarded = false;

/**
 * Lets sessions of this process, servers' and clients', end only after the callback that asked for it
 * has returned. To be called before the first session; more calls change nothing.
 */
export function guardHttp2Sessions(): void {
  if (guarded) return;
  guarded = true;
  const { Http2Session } = http2 as unknown as { Http2Session?: { prototype: Session } };
  must(Http2Session !== undefined, "node:http2 of Deno exports Http2Session");
  const { prototype } = Http2Session;
  prototype.close = later(prototype.close);
  prototype.destroy = later(prototype.destroy);
}

/** The same method, called once for each session when nothing of it is on the stack. */
function later(end: End): End {
  const asked = new WeakSet<Session>();
  return function (this: Session, ...args: unknown[]) {
    if (!asked.has(this)) {
      asked.add(this);
      setImmediate(() => end.apply(this, args));
    } else if (typeof args[0] === "function") {
      // close(listener): whoever asks second wants to hear of the end too.
      this.once("close", args[0] as () => void);
    }
  };
}
