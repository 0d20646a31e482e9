/**
 * Keeps HTTP/2 sessions alive while their own octets are being read.
 *
 * Deno (2.9) frees the parser of a session as soon as the session is destroyed. A GOAWAY frame of
 * the peer, or the end of the last stream of a closing session, destroys the session in a callback
 * of its own parser, which then continues in freed memory: after some hundred calls on the
 * connection the process aborts with "free(): invalid pointer". See
 * github.com/denoland/deno/issues/36788.
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
 * Makes all HTTP/2 sessions of this process, of servers and of clients, end only after the callback
 * that ends them has returned. It must be called before the first session is made; further calls
 * change nothing.
 */
export function guardHttp2Sessions(): void {
  if (guarded) return;
  guarded = true;
  const { Http2Session } = http2 as unknown as { Http2Session?: { prototype: Session } };
  must(Http2Session !== undefined, "node:http2 of Deno exports Http2Session");
  const { prototype } = Http2Session;
  prototype.close = deferred(prototype.close);
  prototype.destroy = deferred(prototype.destroy);
}

/**
 * The same method, which runs once for each session, and only when no callback of the session is on
 * the stack.
 */
function deferred(end: End): End {
  const asked = new WeakSet<Session>();
  return function (this: Session, ...args: unknown[]) {
    if (!asked.has(this)) {
      asked.add(this);
      setImmediate(() => end.apply(this, args));
    } else if (typeof args[0] === "function") {
      // A second close(listener) must still call its listener at the end.
      this.once("close", args[0] as () => void);
    }
  };
}
