/**
 * The options of `loadconf`, and what is refused of them.
 */
import assert from "node:assert/strict";
import { CLIENT, errorsOf, GATEWAY, load } from "./_rig.ts";

const conf = (text: string) => `${CLIENT}loadconf: {${text}}\n`;

Deno.test("a load of stages is read with its units", () => {
  const { loadconf } = load(`${CLIENT}loadconf:
  arrival: poisson
  burst: 3
  seed: 9
  soak: 30m
  stages:
    - {rate: 100, ramp: 10s, hold: 1m}
    - rate: 0.5
`).setup;
  assert.deepEqual(loadconf, {
    arrival: "poisson",
    burst: 3,
    seed: 9,
    soak: 1_800_000,
    dhreuse: 1,
    keypool: 0,
    stages: [{ rate: 100, ramp: 10_000, hold: 60_000 }, { rate: 0.5, ramp: 0, hold: 0 }],
    storms: [{ kind: "none", after: 10_000, tunnels: -1, spread: 0, count: 1, every: 0 }],
  });
});

Deno.test("stages that never end, or have no length, are refused where they stand", () => {
  assert.deepEqual(errorsOf(conf("stages: [{rate: 5, hold: 1s}, {rate: 0, ramp: 1s}]")), [
    "7:43: the last stage lasts until all tunnels have begun: expected a rate above 0",
  ]);
  assert.deepEqual(errorsOf(conf("stages: [{rate: 5}, {rate: 9}]")), [
    "7:21: the stage has no length: expected ramp or hold",
  ]);
  assert.deepEqual(errorsOf(conf("stages: [{hold: 5s}]")), [
    "7:21: no stage has a rate above 0",
  ]);
  assert.deepEqual(errorsOf(conf("stages: [{rate: -5}], arrival: evenly, burst: 0")), [
    '7:28: Expected a number from 0 to 1000000 for loadconf.stages[0].rate, found "-5"',
    '7:43: Expected one of regular, poisson for loadconf.arrival, found "evenly"',
    '7:58: Expected a whole number from 1 to 1000000 for loadconf.burst, found "0"',
  ]);
  assert.deepEqual(errorsOf(conf("rate: 5")), [
    "7:12: rate belongs in loadconf.stages[] or trafficconf, not in loadconf",
  ]);
  const many = `stages: [${"{rate: 1, hold: 1s}, ".repeat(1_000)}{rate: 1}]`;
  assert.deepEqual(errorsOf(conf(many)), [
    "7:12: stages has 1001 entries: expected at most 1000",
  ]);
});

Deno.test("options without the stages that they are about cause a warning, and a gateway has none", () => {
  assert.deepEqual(load(conf("arrival: poisson")).warnings, [
    "f:7:12: arrival has no effect without stages",
  ]);
  assert.deepEqual(load(conf("burst: 2")).warnings, ["f:7:12: burst has no effect without stages"]);
  assert.deepEqual(load(`${GATEWAY}loadconf: {soak: 1m, stages: [{rate: 0}]}\n`).warnings, []);
});

Deno.test("storms that cannot be are refused where they stand", () => {
  assert.deepEqual(errorsOf(conf("storms: [{kind: rekey-ike, count: 2}]")), [
    "7:39: a storm that comes 2 times needs every",
  ]);
  assert.deepEqual(errorsOf(conf("storms: [{kind: drop, tunnels: 11}]")), [
    "7:34: tunnels 11 is more than numberoftunnels 10",
  ]);
  assert.deepEqual(errorsOf(`${GATEWAY}loadconf: {storms: {kind: reconnect}}\n`), [
    "5:21: reconnect is a storm of clients, as a gateway dials nobody",
  ]);
  assert.deepEqual(errorsOf(conf("storms: [{kind: hail}]")), [
    "7:28: Expected one of none, rekey-ike, rekey-child, reconnect, drop for " +
    'loadconf.storms[0].kind, found "hail"',
  ]);
  const { storms } = load(conf("storms: {kind: rekey-child, spread: 5s}")).setup.loadconf;
  assert.deepEqual(storms, [
    { kind: "rekey-child", after: 10_000, tunnels: -1, spread: 5_000, count: 1, every: 0 },
  ]);
});
