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
  const { addresses, localRoutes } = ownAddressesOf(one, (first) => first.length === 4);
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

Deno.test("with MOBIKE each tunnel, and a gateway, has as many addresses of the other family", () => {
  const other = { mobike: true, mobikeotheraddr: { address: at("fd00::1"), bits: 64 } };
  assert.equal(
    shown(plan("10.0.0.1", 16, other)),
    "10.0.0.3/16 fd00::3/64 fd00::4/64 fd00::9/64 fd00::a/64, " +
      "routes 10.0.0.4/32 10.0.0.9/32 10.0.0.10/32",
  );
  const whole = { slice: undefined, numberoftunnels: 2, mobikeaddrpertunnel: 1 };
  assert.equal(
    shown(plan("10.0.0.1", 16, { ...other, ...whole })),
    "10.0.0.1/16 fd00::1/64 fd00::2/64, routes 10.0.0.2/32",
  );
  assert.equal(
    shown(plan("10.0.0.1", 16, { ...other, ...whole, mobike: false })),
    "10.0.0.1/16, routes 10.0.0.2/32",
  );
  const gateway = { role: "gateway", bindifaddr: { address: at("10.0.0.1"), bits: 16 } } as const;
  assert.equal(
    shown(plan("10.0.0.9", 16, { ...other, ...gateway, mobikeaddrpergw: 2 })),
    "10.0.0.1/16 10.0.0.2/16 fd00::1/64 fd00::2/64, routes ",
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
