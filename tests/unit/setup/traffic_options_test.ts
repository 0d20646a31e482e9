/**
 * The options of `trafficconf`, and what is refused of them.
 */
import assert from "node:assert/strict";
import { CLIENT, errorsOf, load } from "./_rig.ts";

const IKE = "ikeconf: {psk: a, installfastpath: true, datapath: userland}\n";

const conf = (text: string) => `${CLIENT}trafficconf: {${text}}\n`;
/** The same with a data path. */
const whole = (text: string, more = "") =>
  `${CLIENT.slice(0, CLIENT.indexOf("ikeconf"))}${IKE}${more}trafficconf: {${text}}\n`;

Deno.test("rates are packets or bits a second, sizes octets or a mix", () => {
  const rateOf = (text: string) => load(whole(`rate: ${text}`)).setup.trafficconf.rate;
  assert.deepEqual(rateOf("100/s"), { perSecond: 100, unit: "packets" });
  assert.deepEqual(rateOf("0.5/s"), { perSecond: 0.5, unit: "packets" });
  assert.deepEqual(rateOf("10Mbit/s"), { perSecond: 1e7, unit: "bits" });
  assert.deepEqual(rateOf("64 kbit/s"), { perSecond: 64_000, unit: "bits" });
  assert.deepEqual(rateOf("800bit/s"), { perSecond: 800, unit: "bits" });
  const { trafficconf } = load(whole("rate: 1/s, size: [imix, 72, 1400]")).setup;
  assert.deepEqual(trafficconf.size, ["imix", 72, 1_400]);
});

Deno.test("values that are none are refused where they stand", () => {
  const found = errorsOf(conf("rate: 100, size: [40], direction: up, ratefor: all"));
  assert.deepEqual(found, [
    "7:21: Expected packets or bits a second, such as 100/s, 64kbit/s or 10Mbit/s (at most " +
    '1000000/s) for trafficconf.rate, found "100"; a unit is missing: 100/s?',
    "7:33: Expected imix, or a whole number from 72 to 9000 for trafficconf.size, " +
    'found "40"',
    '7:49: Expected one of both, out, in for trafficconf.direction, found "up"',
    '7:62: Expected one of tunnel, total for trafficconf.ratefor, found "all"',
  ]);
  for (const rate of ["0/s", "1000001/s", "-1/s", "1e3/s", "1/min", "200Gbit/s"]) {
    assert.match(errorsOf(conf(`rate: ${rate}`))[0]!, /Expected packets or bits a second/, rate);
  }
});

Deno.test("options that exclude each other are refused, and those without effect cause a warning", () => {
  const refused = (text: string, more = "") => errorsOf(whole(text, more)).map(words);
  assert.deepEqual(refused("rate: 1/s, direction: in"), [
    "direction: in sends nothing: leave out rate",
  ]);
  assert.deepEqual(refused("rate: 1/s, srcaddr: 10.0.0.1, destaddr: 'fd00::1'"), [
    "srcaddr 10.0.0.1 and destaddr fd00::1 are of different families",
  ]);
  assert.deepEqual(
    refused("rate: 1/s", "pingconf: {destaddr: 10.0.0.1, ptype: udp}\n"),
    ["port 9922 is that of the UDP pings too: choose another for one of them"],
  );
  assert.deepEqual(errorsOf(conf("rate: 1/s")).map(words), [
    "there is no data path for it (installfastpath: false)",
  ]);
  const warned = (text: string) => load(whole(text)).warnings.map((one) => words(one.slice(2)));
  assert.deepEqual(warned("direction: out"), ["there will be no traffic: rate is not set"]);
  assert.deepEqual(warned("destaddr: 10.0.0.1"), ["there will be no traffic: rate is not set"]);
  assert.match(warned("rate: 1/s, size: 1500")[0]!, /1500 octets may not fit into 1500 octets/);
  assert.deepEqual(warned("rate: 1/s, size: imix"), []);
  assert.deepEqual(warned("direction: in"), []);
});

function words(error: string): string {
  return error.replace(/^\d+:\d+: /, "");
}
