/** Which setups several workers can share. */
import assert from "node:assert/strict";
import { shardsOf } from "@/setup/check_shards.ts";
import { readSetup, SetupErrors } from "@/setup/read.ts";

const BASE = {
  client: "role: client\nbindifname: lo\nstartclntaddr: 127.1.0.1/8\npeeraddr: 127.0.0.1\n",
  gateway: "role: gateway\nbindifname: lo\nbindifaddr: 127.0.0.1/8\n",
};

function read(role: "client" | "gateway", more: string) {
  return readSetup(`${BASE[role]}${more}`, "my.yaml").setup;
}

function errorOf(role: "client" | "gateway", more: string): string {
  try {
    read(role, more);
    return "";
  } catch (e) {
    if (!(e instanceof SetupErrors)) throw e;
    return e.message;
  }
}

const IKE = "ikeconf:\n  psk: one\n";

Deno.test("what one worker alone can do is refused with several, by name", () => {
  const rows: readonly (readonly [role: "client" | "gateway", more: string, why: RegExp])[] = [
    ["client", "transport: portable\n" + IKE, /transport: portable/],
    ["client", IKE + "  tcpencap: true\n", /tcpencap/],
    ["client", IKE + "  installfastpath: true\n  xfrmif: x0\n", /xfrmif/],
    ["gateway", IKE + "  installfastpath: true\n", /installfastpath: true at a gateway/],
    ["gateway", IKE + "  resume: allow\n", /resume: allow at a gateway/],
    ["client", IKE + "  resume: allow\n  ticketfile: t\n", /ticketfile/],
    ["client", "impairment:\n  rules: [{loss: 1, count: 1}]\n" + IKE, /skip and count/],
    ["client", "maxhalfopen: 1\n" + IKE, /more than maxhalfopen 1/],
  ];
  for (const [role, more, why] of rows) {
    const error = errorOf(role, `numberoftunnels: 100\nshards: 2\n${more}`);
    assert.match(error, /my\.yaml:\d+:\d+: shards/, more);
    assert.match(error, why);
    assert.equal(errorOf(role, `numberoftunnels: 100\nshards: 1\n${more}`), "");
  }
  assert.match(errorOf("client", `numberoftunnels: 1\nshards: 2\n${IKE}`), /numberoftunnels 1/);
});

Deno.test("auto takes a worker for each core, for many tunnels that several workers can have", () => {
  const auto = (more: string) => shardsOf(read("client", `shards: auto\n${more}${IKE}`), 8);
  assert.equal(auto("numberoftunnels: 9999\n"), 1);
  assert.equal(auto("numberoftunnels: 10000\n"), 8);
  assert.equal(auto("numberoftunnels: 10000\nmaxhalfopen: 3\n"), 3);
  assert.equal(auto("numberoftunnels: 10000\ntransport: portable\n"), 1);
});
