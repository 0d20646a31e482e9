/** The kernel's neighbour tables, against what iproute2 says of them. */
import assert from "node:assert/strict";
import { fromHex } from "@/base/bytes.ts";
import { neighbourTableIn, readNeighbourTables } from "@/datapath/neighbour_table.ts";
import { loadShim } from "@/native/load.ts";

async function ntable(): Promise<string | undefined> {
  try {
    const { stdout, success } = await new Deno.Command("ip", { args: ["-s", "ntable"] }).output();
    return success ? new TextDecoder().decode(stdout) : undefined;
  } catch {
    return undefined;
  }
}

const said = loadShim().symbols ? await ntable() : undefined;

Deno.test({
  name: "the neighbour tables are those that iproute2 shows" +
    (said ? "" : " (left out: no shim, or no iproute2)"),
  ignore: said === undefined,
  fn() {
    const tables = readNeighbourTables();
    assert.deepEqual(tables.map(({ family }) => family).sort(), [4, 6]);
    for (const { family, entriesMax, entries, overflows } of tables) {
      const of = said!.slice(said!.indexOf(family === 4 ? "inet arp_cache" : "inet6 ndisc_cache"));
      assert.equal(entriesMax, Number(/thresh3 (\d+)/.exec(of)![1]));
      // Other programs of the machine have neighbours as well.
      assert.ok(Math.abs(entries - Number(/entries (\d+)/.exec(of)![1])) < 200);
      assert.ok(overflows >= Number(/table_fulls (\d+)/.exec(of)![1]));
    }
  },
});

Deno.test("messages about tables of devices and of other families are passed over", () => {
  const name = (text: string) => {
    const octets = new TextEncoder().encode(`${text}\0`);
    const length = 4 + octets.length;
    return [length, 0, 1, 0, ...octets, ...new Uint8Array(-length & 3)];
  };
  const attribute = (type: number, octets: Uint8Array) => [
    4 + octets.length & 255,
    4 + octets.length >> 8,
    type,
    0,
    ...octets,
  ];
  const config = fromHex("0400500105000000")!;
  const stats = new Uint8Array(96).with(80, 7);
  const body = (...attributes: number[][]) => Uint8Array.from([2, 0, 0, 0, ...attributes.flat()]);
  const max = attribute(4, Uint8Array.of(0, 4, 0, 0));
  const arp = name("arp_cache");
  const rest = [attribute(5, config), attribute(7, stats)];
  assert.deepEqual(neighbourTableIn(body(arp, max, ...rest)), {
    family: 4,
    entries: 5,
    entriesMax: 1024,
    overflows: 7,
  });
  assert.equal(neighbourTableIn(body(arp, max)), undefined, "a device's parameters");
  assert.equal(neighbourTableIn(body(name("dn_neigh_cache"), max, ...rest)), undefined);
  assert.equal(neighbourTableIn(body()), undefined);
});
