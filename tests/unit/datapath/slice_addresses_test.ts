import assert from "node:assert/strict";
import { parseAddress, showAddress } from "@/base/address.ts";
import { type AddressPlan, ownAddressesOf } from "@/datapath/address_plan.ts";

const at = (text: string) => parseAddress(text)!;

function plan(first: string, bits: number, changes: Partial<AddressPlan> = {}): AddressPlan {
  return {
    role: "client",
    bindifname: "eth0",
    bindifaddr: undefined,
    startclntaddr: { address: at(first), bits },
    numberoftunnels: 7,
    mobike: false,
    mobikeaddrpertunnel: 2,
    mobikeaddrpergw: 1,
    staticroute: "",
    slice: { number: 2, of: 3 },
    ...changes,
  };
}

function shown(one: AddressPlan): string {
  const { addresses, localRoutes } = ownAddressesOf(one, (octets) => octets === 4);
  const words = (all: typeof addresses) =>
    all.map(({ address, bits }) => `${showAddress(address)}/${bits}`).join(" ");
  return `${words(addresses)}, routes ${words(localRoutes)}`;
}

Deno.test("a slice has the addresses of its own tunnels alone, so that other hosts can have theirs", () => {
  assert.equal(shown(plan("10.0.0.1", 16)), "10.0.0.2/16, routes 10.0.0.5/32");
  assert.equal(shown(plan("fd00::1", 64)), "fd00::2/64 fd00::5/64, routes ");
  assert.equal(
    shown(plan("10.0.0.1", 16, { mobike: true })),
    "10.0.0.3/16, routes 10.0.0.4/32 10.0.0.9/32 10.0.0.10/32",
  );
});

Deno.test("all slices together have the addresses of one host", () => {
  const whole = shown(plan("fd00::1", 64, { slice: undefined })).split(",")[0]!.split(" ");
  const parts = [1, 2, 3].flatMap((number) =>
    shown(plan("fd00::1", 64, { slice: { number, of: 3 } })).split(",")[0]!.split(" ")
  );
  assert.deepEqual(parts.sort(), whole.sort());
});

Deno.test("a slice without a tunnel has no address, and one past the address space is refused", () => {
  assert.equal(shown(plan("10.0.0.1", 16, { numberoftunnels: 1 })), ", routes ");
  assert.throws(() => shown(plan("255.255.255.254", 16)), /tunnel 4/);
});
