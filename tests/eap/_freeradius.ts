/** FreeRADIUS on loopback, with one user and all of its methods that need no SIM. */
import { freePort, SECRET } from "./_lab.ts";

const TLS_DIR = new URL("../api/tls/", import.meta.url).pathname;

/** A server that answers at `port`. */
export class FreeRadius {
  readonly #child: Deno.ChildProcess;
  readonly #said: Promise<string>;

  private constructor(child: Deno.ChildProcess, readonly port: number) {
    this.#child = child;
    this.#said = new Response(child.stdout).text();
  }

  /** `tlsMax` is `1.2` or `1.3`. */
  static async start(directory: string, tlsMax: string): Promise<FreeRadius> {
    const port = freePort();
    await Deno.writeTextFile(`${directory}/users`, 'bob Cleartext-Password := "secret"\n');
    const files = {
      key: `${TLS_DIR}server.key`,
      certificate: `${TLS_DIR}server.pem`,
      authority: `${TLS_DIR}authority.pem`,
    };
    await Deno.writeTextFile(
      `${directory}/radiusd.conf`,
      freeRadiusConf(directory, { port, tlsMax, files }),
    );
    const child = new Deno.Command("freeradius", {
      args: ["-X", "-d", directory],
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const server = new FreeRadius(child, port);
    const hex = port.toString(16).toUpperCase().padStart(4, "0");
    for (let tries = 0; tries < 400; tries++) {
      if ((await Deno.readTextFile("/proc/net/udp")).includes(`:${hex} `)) return server;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`FreeRADIUS does not listen: ${(await server.stop()).slice(-3_000)}`);
  }

  async stop(): Promise<string> {
    try {
      this.#child.kill("SIGTERM");
    } catch { /* it has ended by itself */ }
    await this.#child.status;
    return await this.#said;
  }
}

/** The variable parts of a `radiusd.conf`. */
export interface FreeRadiusConf {
  readonly port: number;
  /** `1.2` or `1.3`. */
  readonly tlsMax: string;
  /** PEM files: its key, its certificate, and the authority that clients are trusted by. */
  readonly files: {
    readonly key: string;
    readonly certificate: string;
    readonly authority: string;
  };
}

/** A `radiusd.conf` for a server on loopback, whose users are in the file `users` of the directory. */
export function freeRadiusConf(
  directory: string,
  { port, tlsMax, files: { key, certificate, authority } }: FreeRadiusConf,
): string {
  return `
prefix = /usr
logdir = ${directory}
run_dir = ${directory}
raddbdir = ${directory}
libdir = /usr/lib/freeradius
name = freeradius
security {
  allow_vulnerable_openssl = yes
  reject_delay = 0
}
client localhost {
  ipaddr = 127.0.0.1
  secret = ${SECRET}
  require_message_authenticator = yes
}
modules {
  files {
    filename = ${directory}/users
  }
  mschap {
    use_mppe = yes
  }
  pap { }
  chap { }
  eap {
    default_eap_type = md5
    md5 { }
    gtc { }
    mschapv2 { }
    tls-config tls-common {
      private_key_file = ${key}
      certificate_file = ${certificate}
      ca_file = ${authority}
      ecdh_curve = ""
      tls_min_version = "1.2"
      tls_max_version = "${tlsMax}"
      fragment_size = 512
    }
    tls {
      tls = tls-common
    }
    ttls {
      tls = tls-common
      default_eap_type = mschapv2
      virtual_server = default
    }
    peap {
      tls = tls-common
      default_eap_type = mschapv2
      virtual_server = default
    }
  }
}
server default {
  listen {
    type = auth
    ipaddr = 127.0.0.1
    port = ${port}
  }
  authorize {
    eap {
      ok = return
    }
    files
    mschap
    chap
    pap
  }
  authenticate {
    Auth-Type PAP {
      pap
    }
    Auth-Type CHAP {
      chap
    }
    Auth-Type MS-CHAP {
      mschap
    }
    eap
  }
}
`;
}
