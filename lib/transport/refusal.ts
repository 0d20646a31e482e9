/**
 * Explains why a socket could not be opened, in a sentence that names the option to change.
 * @module
 */
import { type IpAddress, showEndpoint } from "@/base/address.ts";
import { SetupError, SystemError } from "@/base/errors.ts";
import { showPortHolder } from "@/native/port_holder.ts";

/** A socket that could not be opened. */
export interface Refused {
  readonly address: IpAddress;
  readonly port: number;
  /** Whether it is for the NAT-T port of UDP. */
  readonly natt?: boolean;
  /** Whether it is a TCP socket; absent: it is a UDP socket. */
  readonly tcp?: boolean;
  /** The network namespace; undefined: the process's own. */
  readonly namespace?: string | undefined;
  /** The system call that failed. */
  readonly syscall: string;
  /** The name of its errno, such as `EADDRINUSE`. */
  readonly errno: string;
}

/** A {@linkcode SetupError} if the setup can be changed to avoid it, otherwise a {@linkcode SystemError}. */
export function refusalOf(refused: Refused): SetupError | SystemError {
  const { address, port, natt = false, tcp = false, namespace, syscall, errno } = refused;
  const option = tcp ? "owntcpport" : natt ? "ownnattport" : "ownport";
  const inside = namespace === undefined ? "" : ` in namespace ${namespace}`;
  const cannot = `Cannot open ${tcp ? "TCP" : "UDP"} ${showEndpoint(address, port)}${inside}: `;
  if (syscall === "setns") return new SetupError(cannot + whyNoNamespace(errno));
  switch (errno) {
    case "EACCES":
    case "EPERM":
      return new SetupError(
        `${cannot}ports below 1024 need CAP_NET_BIND_SERVICE (or root); ` +
          `set ${option} to a port from 1024 on`,
      );
    case "EADDRINUSE": {
      // The process that uses a port can only be found in the process's own namespace.
      const holder = namespace === undefined
        ? showPortHolder(tcp ? "tcp" : "udp", port, address)
        : "a process there";
      return new SetupError(`${cannot}${holder} has it; set ${option} to another port`);
    }
    case "EADDRNOTAVAIL":
      return new SetupError(
        `${cannot}no interface has the address; ` +
          "add it, or let the test do so on bindifname (without --flush=false)",
      );
    default:
      return new SystemError(`${cannot}${syscall} says ${errno}`, syscall, errno);
  }
}

function whyNoNamespace(errno: string): string {
  switch (errno) {
    case "ENOENT":
      return "there is no such namespace (ip netns list)";
    case "EACCES":
    case "EPERM":
      return "entering a namespace needs CAP_SYS_ADMIN (or root)";
    case "EINVAL":
      return "that is no network namespace";
    default:
      return `setns says ${errno}`;
  }
}
