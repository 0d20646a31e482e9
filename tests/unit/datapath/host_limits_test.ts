import assert from "node:assert/strict";
import {
  type HostNeeds,
  type HostState,
  limitsOf,
  showLimit,
  tuneHost,
} from "@/datapath/host_limits.ts";
import { readHostState } from "@/datapath/host_state.ts";

const NEEDS: HostNeeds = {
  role: "gateway",
  tunnels: 4_000,
  bindifname: "eth1",
  tcp: false,
  addressOctets: 4,
  hasRoute: false,
};
const STATE: HostState = {
  neighbours: [
    { family: 4, entries: 24, entriesMax: 1024, overflows: 0 },
    { family: 6, entries: 0, entriesMax: 1024, overflows: 0 },
  ],
  filesMax: 1024,
  memoryOctets: 8e9,
  conntrackCount: 0,
  conntrackMax: 65_536,
};

function said(needs: Partial<HostNeeds>, state: Partial<HostState> = {}): string[] {
  const all = { ...NEEDS, ...needs };
  return limitsOf(all, { ...STATE, ...state }).map((limit) => showLimit(limit, all.tunnels));
}

Deno.test("the neighbour table of a gateway is named with what it allows, and both remedies", () => {
  const [line, ...more] = said({});
  assert.deepEqual(more, []);
  assert.match(line!, /^This host allows 984 of 4000 tunnels: .*takes 1024 hosts, 24 of which/);
  assert.match(line!, /ip route replace CLIENTS\/BITS via CLIENT/);
  assert.match(line!, /sysctl -w net\.ipv4\.neigh\.default\.gc_thresh3=8080 in the initial/);
  assert.match(said({ addressOctets: 16 })[0]!, /allows 1008 .*net\.ipv6\.neigh/);
});

Deno.test("who has no neighbours to resolve needs no table", () => {
  assert.deepEqual(said({ role: "client" }), []);
  assert.deepEqual(said({ bindifname: "lo" }), []);
  assert.deepEqual(said({ hasRoute: true }), []);
  assert.deepEqual(said({ tunnels: 984 }), []);
  assert.equal(said({ tunnels: 985 }).length, 1);
});

Deno.test("open files are counted for TCP alone", () => {
  const client = { role: "client", tunnels: 2_000, tcp: true } as const;
  assert.match(said(client)[0]!, /allows 960 of 2000 tunnels: .*1024 open files.*ulimit -n 2064$/);
  assert.deepEqual(said({ ...client, tcp: false }), []);
});

Deno.test("a firewall that follows connections has room for two of each tunnel", () => {
  const client = { role: "client", tunnels: 40_000 } as const;
  assert.deepEqual(said(client), []);
  const busy = said(client, { conntrackCount: 536 });
  assert.match(busy[0]!, /allows 32500 .*sysctl -w net\.netfilter\.nf_conntrack_max=160536/);
});

Deno.test("memory is named with what is needed", () => {
  const [line] = said({ role: "client", tunnels: 100_000 }, { memoryOctets: 600e6 });
  assert.match(line!, /allows 50000 of 100000 tunnels: 600 MB of memory are free.*need 1050 MB/);
});

Deno.test("tuning raises settings, leaves what it cannot, and puts back what is still its own", () => {
  const values = new Map([["net/ipv4/neigh/default/gc_thresh3", 1024]]);
  const settings = {
    read: (name: string) => values.get(name),
    write: (name: string, value: number) => {
      if (values.has(name)) values.set(name, value);
      return values.has(name);
    },
  };
  const limits = limitsOf({ ...NEEDS, tcp: true }, { ...STATE, conntrackCount: 60_000 });
  assert.equal(limits.length, 3);
  const { left, raised, undo } = tuneHost(limits, settings);
  assert.deepEqual(raised, ["raised net.ipv4.neigh.default.gc_thresh3 from 1024 to 8080"]);
  assert.equal(left.length, 2);
  undo();
  assert.deepEqual([...values.values()], [1024]);
  const again = tuneHost(limits, settings);
  values.set("net/ipv4/neigh/default/gc_thresh3", 99_999);
  again.undo();
  assert.deepEqual([...values.values()], [99_999]);
});

Deno.test("this host tells its open files and its memory", () => {
  const { filesMax, memoryOctets } = readHostState();
  assert.ok(filesMax! > 0 && memoryOctets! > 1e6);
});
