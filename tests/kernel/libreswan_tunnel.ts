/**
 * Tunnels in TCP with libreswan, whose kernel carries the packets; strongSwan (5.9.8) does not offer that.
 * @module
 */
import { atSite, OURS, PSK, THEIRS } from "../interop/ends.ts";
import { Lab, mustRun, until } from "../interop/harness.ts";
import { libreswanVersion, Pluto } from "../interop/libreswan.ts";
import { conn } from "../interop/libreswan_row.ts";
import { Ours } from "../interop/ours.ts";
import {
  addInner,
  clientOf,
  gatewayOf,
  INNER,
  ping,
  selectors,
  type TunnelWish,
  untilInstalled,
} from "./tunnel.ts";

/** The direction of the first IKE_SA_INIT. */
export type LibreswanKind = "ours → libreswan" | "libreswan → ours";

/** An established tunnel. */
export interface LibreswanTunnel {
  readonly lab: Lab;
  readonly ours: Ours;
  readonly pluto: Pluto;
  /** Sends pings from our site to theirs; returns how many of `count` came back. */
  ping(count?: number): Promise<number>;
}

/** Whether libreswan is installed. */
export async function hasLibreswan(): Promise<boolean> {
  return await libreswanVersion() !== undefined;
}

/** Sets up a tunnel in TCP, hands it over, and closes it. */
export async function withLibreswan(
  kind: LibreswanKind,
  over: TunnelWish,
  take: (tunnel: LibreswanTunnel) => Promise<void>,
): Promise<void> {
  const wish = { ...over, ikeconf: { tcpencap: true, ...over.ikeconf } };
  const lab = await Lab.open("k");
  try {
    await addInner(lab.ours, 0);
    await addInner(lab.theirs, 1);
    const { namespace } = lab.theirs;
    const [near, far] = INNER[4];
    const route = ["route", "add", near, "via", OURS.address4, "src", far];
    await mustRun("ip", ["-n", namespace, ...route]);
    const pluto = await Pluto.start(lab, lab.theirs, confOf(wish), {
      psk: PSK,
      general: ["listen-tcp=yes"],
      kernelHasEsp: true,
    });
    await pluto.load("net");
    const ours = await begun(lab, pluto, { kind, wish });
    await take({ lab, ours, pluto, ping: (count) => ping(lab, selectors(wish, 0), count) });
    await pluto.stop();
  } finally {
    await lab.close();
  }
}

async function begun(
  lab: Lab,
  pluto: Pluto,
  { kind, wish }: { readonly kind: LibreswanKind; readonly wish: TunnelWish },
): Promise<Ours> {
  const weBegin = kind === "ours → libreswan";
  const setup = weBegin ? clientOf(wish) : gatewayOf(wish);
  const ours = await Ours.start(lab, lab.ours, atSite(setup, lab.ours));
  try {
    if (!weBegin) await pluto.initiate("net");
    await untilInstalled(lab, ours, wish);
    await until("pluto's states", 10_000, async () => (await pluto.states()).length === 2);
  } catch (e) {
    throw new Error(`${e}\n${ours.said()}\n${(await pluto.plainLog()).slice(-4_000)}`);
  }
  return ours;
}

function confOf({ transport }: TunnelWish): string {
  const [near, far] = INNER[4];
  return conn({
    esp: "aes_gcm_c_128-null",
    localTs: transport ? "" : `${far}/32`,
    remoteTs: transport ? "" : `${near}/32`,
    localAddress: THEIRS.address4,
    extra: [
      "enable-tcp=yes",
      "tcp-remoteport=4500",
      ...(transport ? ["type=transport"] : []),
    ],
  });
}
