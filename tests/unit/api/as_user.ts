/**
 * Connections that belong to another user of this host. A test connects to a port of this process,
 * and a process of the other user passes the octets on to the port of the server under test.
 * @module
 */

/** A TCP port that leads to a server through processes of another user. */
export interface Relay {
  readonly port: number;
  close(): void;
}

/**
 * A program of bash that copies standard input to a TCP port, and what the port sends to standard
 * output, until the port closes the connection.
 */
const COPY_TO_PORT = 'exec 3<>"/dev/tcp/127.0.0.1/$0" 4<&0 || exit; cat <&4 >&3 & cat <&3; kill $!';

/** Arguments with which setpriv(1) runs a program as this user, without any other group. */
export function withoutRights(user: number): string[] {
  return [`--reuid=${user}`, `--regid=${user}`, "--clear-groups"];
}

/** Whether this process may start processes of other users: it must be root. */
export const canBecomeOthers = Deno.uid() === 0;

/** Begins to relay to `port`. Each connection has a process of its own, which ends with it. */
export function relayAs(user: number, port: number): Relay {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const children: Deno.ChildProcess[] = [];
  const connections: Deno.TcpConn[] = [];
  (async () => {
    for await (const connection of listener) {
      connections.push(connection);
      const child = new Deno.Command("setpriv", {
        args: [...withoutRights(user), "bash", "-c", COPY_TO_PORT, String(port)],
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
      for (const connection of connections) {
        try {
          connection.close();
        } catch { /* Its streams have closed the connection already. */ }
      }
      for (const child of children) {
        try {
          child.kill("SIGKILL");
        } catch { /* The process has ended already. */ }
      }
    },
  };
}
