/**
 * Connections of another user of this host: a process of that user connects to a port, and what is sent to
 * a port of the test goes through it.
 * @module
 */

/** A port of the test that leads to another one by processes of another user. */
export interface Relay {
  readonly port: number;
  close(): void;
}

/** Both directions of a connection between a port and standard input and output, until the port closes it. */
const CONNECT = 'exec 3<>"/dev/tcp/127.0.0.1/$0" 4<&0 || exit; cat <&4 >&3 & cat <&3; kill $!';

/** Arguments of setpriv(1) for a user without any right. */
export function withoutRights(user: number): string[] {
  return [`--reuid=${user}`, `--regid=${user}`, "--clear-groups"];
}

/** Whether this process may become another user here. */
export const canBecomeOthers = Deno.uid() === 0;

/** Begins to relay; each connection has a process of its own, which ends with it. */
export function relayAs(user: number, port: number): Relay {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const children: Deno.ChildProcess[] = [];
  const open: Deno.TcpConn[] = [];
  (async () => {
    for await (const connection of listener) {
      open.push(connection);
      const child = new Deno.Command("setpriv", {
        args: [...withoutRights(user), "bash", "-c", CONNECT, String(port)],
        stdin: "piped",
        stdout: "piped",
        stderr: "null",
      }).spawn();
      children.push(child);
      connection.readable.pipeTo(child.stdin).catch(() => {});
      child.stdout.pipeTo(connection.writable).catch(() => {});
    }
  })();
  return {
    port: (listener.addr as Deno.NetAddr).port,
    close() {
      listener.close();
      for (const connection of open) {
        try {
          connection.close();
        } catch { /* Its streams have closed it. */ }
      }
      for (const child of children) {
        try {
          child.kill("SIGKILL");
        } catch { /* It has ended. */ }
      }
    },
  };
}
