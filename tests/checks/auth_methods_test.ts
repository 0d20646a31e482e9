// Methods of authentication that ends announce to each other. RFC 9593 §3.
import assert from "node:assert/strict";
import { AuthMethod } from "@/iana/auth_method.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { KeGroup } from "@/iana/ke_group.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { findNotify } from "@/ike/records/notify.ts";
import { SUITES } from "@/sim/scenarios.ts";
import { Bench, notify } from "./bench.ts";
import { checksOf } from "./entries.ts";

const { check } = checksOf(import.meta.url);
const { IKE_AUTH, IKE_INTERMEDIATE } = ExchangeType;
const { INTERMEDIATE_EXCHANGE_SUPPORTED, SUPPORTED_AUTH_METHODS } = NotifyType;
const ANNOUNCES = { announcesAuth: true } as const;
/** PSK, a method that nobody knows in each format, and NULL authentication. */
const MIXED = Uint8Array.of(2, 99, 3, 98, 0, 5, 97, 0, 1, 2, 2, 2, 2, 13);

/** Our initiator behind an IKE_SA_INIT response with these notifies. */
function initiator(
  change: Record<string, unknown>,
  ...notifies: ReturnType<typeof notify>[]
): Bench {
  const bench = new Bench("initiator", change);
  const { peer } = bench;
  peer.learn(bench.said().at(-1)!.octets);
  bench.hear(peer.init([...peer.initPayloads(), ...notifies]));
  return bench;
}

check(
  "RFC 9593 §3.1",
  "A responder announces in IKE_SA_INIT, and an initiator in IKE_AUTH, only if they are told to",
  () => {
    for (const [change, data] of [[{}, undefined], [ANNOUNCES, [2, 2]]] as const) {
      const responder = new Bench("responder", change);
      responder.hear(responder.peer.init());
      const { payloads } = responder.said().at(-1)!;
      const said = findNotify(payloads, SUPPORTED_AUTH_METHODS)?.data;
      assert.deepEqual(said && [...said], data);
      const bench = Bench.keyed("initiator", change);
      const inAuth = findNotify(bench.said().at(-1)!.payloads, SUPPORTED_AUTH_METHODS)?.data;
      assert.deepEqual(inAuth && [...inAuth], data);
    }
  },
);

check(
  "RFC 9593 §3.2",
  "Announcements of unknown methods are ignored, whatever their format, and others count",
  () => {
    const bench = initiator({}, notify(SUPPORTED_AUTH_METHODS, MIXED));
    const { peer } = bench;
    bench.answer(peer.authPayloads());
    bench.stands();
  },
);

check(
  "RFC 9593 §3.1",
  "An end whose method was not announced sends no AUTH, and says what the peer takes",
  () => {
    const only = Uint8Array.of(2, AuthMethod.NULL_AUTHENTICATION);
    const bench = initiator({}, notify(SUPPORTED_AUTH_METHODS, only));
    assert.deepEqual(bench.said(), []);
    assert.match(bench.failure, /the peer takes NULL Authentication .*, and we have psk/);
    bench.over();
    const failed = bench.effects.find(({ kind }) => kind === "failed");
    assert.equal(failed?.kind === "failed" && failed.failure.cause, "NO_COMMON_AUTH_METHOD");
  },
);

check(
  "RFC 9593 §3.1",
  "A responder obeys what the initiator announces in IKE_AUTH before it authenticates itself",
  () => {
    const only = notify(SUPPORTED_AUTH_METHODS, Uint8Array.of(2, 13));
    const bench = Bench.keyed("responder");
    const { peer } = bench;
    bench.refuses(NotifyType.AUTHENTICATION_FAILED, IKE_AUTH, [only, ...peer.authPayloads()]);
    assert.match(bench.failure, /ourselves to .*the peer takes NULL Authentication/);
    bench.over();
  },
);

check(
  "RFC 9593 §3.1",
  "An initiator that gets the empty notify asks by IKE_INTERMEDIATE, if both ends know that",
  () => {
    const empty = notify(SUPPORTED_AUTH_METHODS);
    const known = notify(INTERMEDIATE_EXCHANGE_SUPPORTED);
    for (const [change, notifies] of [[{}, [empty, known]], [ANNOUNCES, [empty]]] as const) {
      const bench = initiator(change, ...notifies);
      assert.equal(bench.said()[0]!.header.exchange, IKE_AUTH);
    }
    const bench = initiator(ANNOUNCES, empty, known);
    const { peer } = bench;
    const [request] = bench.said();
    assert.deepEqual([request!.header.exchange, request!.payloads], [IKE_INTERMEDIATE, []]);
    peer.link(true, request!.octets, []);
    const payloads = [notify(SUPPORTED_AUTH_METHODS, MIXED)];
    const response = bench.response(payloads);
    peer.link(false, response, payloads);
    bench.hear(response);
    peer.countIntermediate();
    assert.equal(bench.said()[0]!.header.exchange, IKE_AUTH);
    bench.answer(peer.authPayloads());
    bench.stands();
  },
);

check(
  "RFC 9593 §3.1",
  "An empty notify whose promise IKE_INTERMEDIATE does not keep leaves the choice to the initiator",
  () => {
    const both = [notify(SUPPORTED_AUTH_METHODS), notify(INTERMEDIATE_EXCHANGE_SUPPORTED)];
    const bench = initiator(ANNOUNCES, ...both);
    bench.answer([]);
    const request = bench.said().at(-1);
    assert.equal(request!.header.exchange, IKE_AUTH);
  },
);

check(
  "RFC 9593 §3.1",
  "A responder whose peer asks for IKE_INTERMEDIATE that was not agreed on refuses it",
  () => {
    const bench = Bench.keyed("responder", ANNOUNCES);
    bench.refuses(NotifyType.INVALID_SYNTAX, IKE_INTERMEDIATE, []);
  },
);

check(
  "RFC 9593 §3.1",
  "A responder with additional key exchanges sends the empty notify in clear",
  () => {
    const algorithms = { ...SUITES[0]!, additional: [[KeGroup.ECP_256]] };
    const bench = new Bench("responder", { ...ANNOUNCES, algorithms }, { algorithms });
    const { peer } = bench;
    bench.hear(peer.init([...peer.initPayloads(), notify(INTERMEDIATE_EXCHANGE_SUPPORTED)]));
    const { payloads } = bench.said().at(-1)!;
    assert.equal(findNotify(payloads, SUPPORTED_AUTH_METHODS)?.data.length, 0);
  },
);
