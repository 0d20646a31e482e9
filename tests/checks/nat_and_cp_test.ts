// Configuration, NAT detection and fragments: RFC 7296 §2.19, §2.20, §2.23, §3.15; RFC 7383.
import assert from "node:assert/strict";
import { CfgAttribute } from "@/iana/cfg_attribute.ts";
import { CpType } from "@/iana/cp_type.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { encapsulationOf } from "@/ike/path/nat.ts";
import { findNotify } from "@/ike/records/notify.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import { Bench, notify, PATH } from "./bench.ts";
import { checksOf } from "./entries.ts";

const { check, both, proved, absent } = checksOf(import.meta.url);
const { IKE_AUTH, INFORMATIONAL } = ExchangeType;
const { INTERNAL_IP4_ADDRESS, INTERNAL_IP4_NETMASK, APPLICATION_VERSION } = CfgAttribute;
const EMPTY = new Uint8Array(0);

const pool = {
  first: Uint8Array.of(10, 7, 0, 1),
  last: Uint8Array.of(10, 7, 0, 2),
  prefixBits: 24,
  dns: [],
};
const POOLS = { pools: { v4: pool, v6: undefined } };

function cp(cpType: number, ...attributes: [attribute: number, value: Uint8Array][]): Payload {
  const list = attributes.map(([attribute, value]) => ({ attribute, value }));
  return { type: PayloadType.CP, cpType, attributes: list };
}

/** IKE_AUTH with a configuration payload. */
function asks(bench: Bench, ...payloads: Payload[]): readonly Payload[] {
  const [id, auth, ...child] = bench.peer.authPayloads();
  return bench.ask(IKE_AUTH, [id!, auth!, ...payloads, ...child]);
}

check("§2.19", "A CFG_REPLY is sent to a CFG_REQUEST alone", () => {
  const without = Bench.keyed("responder", POOLS);
  assert.equal(findPayload(asks(without), PayloadType.CP), undefined);
  for (const type of [CpType.CFG_REPLY, CpType.CFG_SET, CpType.CFG_ACK, 77]) {
    const bench = Bench.keyed("responder", POOLS);
    assert.equal(
      findPayload(asks(bench, cp(type, [INTERNAL_IP4_ADDRESS, EMPTY])), PayloadType.CP),
      undefined,
    );
    bench.stands();
  }
  const asked = Bench.keyed("responder", POOLS);
  const reply = findPayload(
    asks(asked, cp(CpType.CFG_REQUEST, [INTERNAL_IP4_ADDRESS, EMPTY])),
    PayloadType.CP,
  )!;
  assert.equal(reply.cpType, CpType.CFG_REPLY);
  assert.deepEqual(reply.attributes.map((a) => [...a.value]), [[10, 7, 0, 1]]);
});

check("§3.15.1", "Unknown attributes in a CFG_REQUEST are ignored", () => {
  const bench = Bench.keyed("responder", POOLS);
  const strange: [number, Uint8Array][] = [[0x7fff, new Uint8Array(9)], [20_000, EMPTY]];
  const answer = asks(bench, cp(CpType.CFG_REQUEST, ...strange, [INTERNAL_IP4_ADDRESS, EMPTY]));
  const reply = findPayload(answer, PayloadType.CP)!;
  assert.deepEqual(reply.attributes.map((a) => a.attribute), [INTERNAL_IP4_ADDRESS]);
});

check("§3.15.1", "The reserved bit of an attribute, and reserved octets, are ignored", () => {
  const bench = Bench.keyed("responder", POOLS);
  const raw = Uint8Array.of(CpType.CFG_REQUEST, 0xff, 0xff, 0xff, 0x80, INTERNAL_IP4_ADDRESS, 0, 0);
  const answer = asks(bench, { type: PayloadType.CP, raw });
  assert.equal(findPayload(answer, PayloadType.CP)!.attributes.length, 1);
});

check("§3.15.1", "An attribute's value is empty or of its own length", () => {
  for (const octets of [1, 3, 5, 16]) {
    const bench = Bench.keyed("responder", POOLS);
    const [id, auth, ...child] = bench.peer.authPayloads();
    const odd = cp(CpType.CFG_REQUEST, [INTERNAL_IP4_ADDRESS, new Uint8Array(octets)]);
    bench.refuses(NotifyType.INVALID_SYNTAX, IKE_AUTH, [id!, auth!, odd, ...child]);
    bench.over();
  }
});

check("§3.15.1", "An attribute ends within its payload", () => {
  const bench = Bench.keyed("responder", POOLS);
  const [id, auth, ...child] = bench.peer.authPayloads();
  const raw = Uint8Array.of(1, 0, 0, 0, 0, 7, 0, 200, 1, 2);
  const payloads = [id!, auth!, { type: PayloadType.CP, raw }, ...child];
  bench.refuses(NotifyType.INVALID_SYNTAX, IKE_AUTH, payloads);
  bench.over();
});

check("§3.15.1", "A netmask is given with an address alone, and once", () => {
  const bench = Bench.keyed("responder", POOLS);
  const mask: [number, Uint8Array] = [INTERNAL_IP4_NETMASK, EMPTY];
  const answer = asks(bench, cp(CpType.CFG_REQUEST, mask, [INTERNAL_IP4_ADDRESS, EMPTY], mask));
  const reply = findPayload(answer, PayloadType.CP)!;
  assert.deepEqual(reply.attributes.map((a) => a.attribute), [
    INTERNAL_IP4_ADDRESS,
    INTERNAL_IP4_NETMASK,
  ]);
});

check(
  "§3.15.4",
  "Addresses that have run out fail the CHILD_SA with INTERNAL_ADDRESS_FAILURE, the IKE SA stands",
  () => {
    const empty = {
      pools: {
        v4: undefined,
        v6: { ...pool, first: new Uint8Array(16), last: new Uint8Array(16) },
      },
    };
    const bench = Bench.keyed("responder", empty);
    const answer = asks(bench, cp(CpType.CFG_REQUEST, [INTERNAL_IP4_ADDRESS, EMPTY]));
    assert.ok(findNotify(answer, NotifyType.INTERNAL_ADDRESS_FAILURE));
    bench.stands(0);
  },
);

check("§2.19", "A CFG_REPLY that was not asked for assigns nothing", () => {
  const bench = Bench.keyed("initiator");
  const { peer } = bench;
  const reply = cp(CpType.CFG_REPLY, [INTERNAL_IP4_ADDRESS, Uint8Array.of(10, 7, 0, 9)]);
  bench.answer([...peer.authPayloads(), reply]);
  bench.stands();
  assert.equal(bench.sa.inner, undefined);
});

check("§2.19", "A client that needs an inner address does without no tunnel", () => {
  for (
    const payloads of [[], [cp(CpType.CFG_REPLY)], [
      cp(CpType.CFG_SET, [INTERNAL_IP4_ADDRESS, Uint8Array.of(10, 7, 0, 9)]),
    ]]
  ) {
    const bench = Bench.keyed("initiator", { remoteAccess: true });
    const { peer } = bench;
    bench.answer([...peer.authPayloads(), ...payloads]);
    assert.equal(bench.said().at(-1)!.payloads[0]!.type, PayloadType.DELETE);
    bench.answer([]);
    bench.over();
  }
});

check(
  "§2.19",
  "A client takes no inner address of its host's own networks, nor one of no host",
  () => {
    const hostNetworks = [
      { address: Uint8Array.of(192, 168, 7, 9), bits: 21 },
      { address: Uint8Array.of(10, 9, 9, 9), bits: 32 },
    ];
    const cases: [address: number[], refused: string | undefined][] = [
      [[192, 168, 0, 1], "its own network 192.168.0.0/21"],
      [[192, 168, 7, 255], "its own network 192.168.0.0/21"],
      [[10, 9, 9, 9], "its own network 10.9.9.9/32"],
      [[127, 0, 0, 9], "no address of a host"],
      [[224, 0, 0, 9], "no address of a host"],
      [[192, 168, 8, 1], undefined],
      [[10, 9, 9, 8], undefined],
    ];
    for (const [address, refused] of cases) {
      const bench = Bench.keyed("initiator", { remoteAccess: true, hostNetworks });
      const reply = cp(CpType.CFG_REPLY, [INTERNAL_IP4_ADDRESS, Uint8Array.from(address)]);
      bench.answer([...bench.peer.authPayloads(), reply]);
      if (refused === undefined) {
        assert.deepEqual([...bench.sa.inner!.addresses[0]!], address);
        continue;
      }
      assert.equal(bench.sa.inner, undefined);
      assert.match(bench.sa.failure!.text, new RegExp(refused.replace("its own", "host's own")));
      assert.equal(bench.said().at(-1)!.payloads[0]!.type, PayloadType.DELETE);
    }
  },
);

both(
  "§2.20",
  "A question for APPLICATION_VERSION need not be answered, and does no harm",
  (role) => {
    const bench = Bench.up(role);
    const asked = cp(CpType.CFG_REQUEST, [APPLICATION_VERSION, EMPTY]);
    assert.deepEqual(bench.ask(INFORMATIONAL, [asked]), []);
    bench.stands();
  },
);

both(
  "§3.15.1",
  "CFG_SET in an INFORMATIONAL is answered without a CFG_ACK where nothing is accepted",
  (role) => {
    const bench = Bench.up(role, role === "responder" ? POOLS : {});
    const set = cp(CpType.CFG_SET, [INTERNAL_IP4_ADDRESS, Uint8Array.of(10, 7, 0, 9)]);
    assert.deepEqual(bench.ask(INFORMATIONAL, [set]), []);
    bench.stands();
  },
);

const hash = (fill: number) => new Uint8Array(20).fill(fill);
const { NAT_DETECTION_SOURCE_IP, NAT_DETECTION_DESTINATION_IP } = NotifyType;

both(
  "§2.23",
  "NAT_DETECTION hashes that do not match what is seen mean a NAT at that end",
  (role) => {
    const bench = new Bench(role);
    const { peer } = bench;
    if (role === "initiator") peer.learn(bench.said()[0]!.octets);
    const detection = [
      notify(NAT_DETECTION_SOURCE_IP, hash(1)),
      notify(NAT_DETECTION_DESTINATION_IP, hash(2)),
    ];
    bench.hear(peer.init([...peer.initPayloads(), ...detection]));
    assert.deepEqual([bench.sa.peer.natOwn, bench.sa.peer.natPeer], [true, true]);
  },
);

check("§2.23", "An initiator that finds a NAT goes on from port 4500", () => {
  const bench = new Bench("initiator");
  const { peer } = bench;
  peer.learn(bench.said()[0]!.octets);
  const detection = [
    notify(NAT_DETECTION_SOURCE_IP, hash(1)),
    notify(NAT_DETECTION_DESTINATION_IP, hash(2)),
  ];
  bench.hear(peer.init([...peer.initPayloads(), ...detection]));
  const { path } = bench.said().at(-1)!;
  assert.deepEqual([path.ownPort, path.peerPort], [4_500, 4_500]);
});

check(
  "§2.23",
  "An IKE_AUTH at port 500 is answered there, and ESP stays at the NAT-T port where the peer began",
  () => {
    const bench = new Bench("responder");
    const { peer } = bench;
    const detection = [
      notify(NAT_DETECTION_SOURCE_IP, hash(1)),
      notify(NAT_DETECTION_DESTINATION_IP, hash(2)),
    ];
    const atNatt = { ...PATH, ownPort: 4_500, peerPort: 20_001 };
    bench.hear(peer.init([...peer.initPayloads(), ...detection]), atNatt);
    peer.learn(bench.said().at(-1)!.octets);
    bench.hear(peer.seal(peer.header(IKE_AUTH), peer.authPayloads()), PATH);
    assert.deepEqual(bench.said().map(({ path }) => path), [PATH]);
    assert.equal(bench.sa.phase, "established");
    assert.deepEqual(encapsulationOf(bench.sa.children[0]!), {
      kind: "udp",
      ownPort: 4_500,
      peerPort: 20_001,
    });
  },
);

proved(
  "§2.23",
  "A message at port 500 after the move to 4500 is answered there, and moves neither ESP nor requests",
  {
    file: "tests/sim/nat_test.ts",
    name: "a request at port 500 after the move is answered there",
  },
);

both("§2.23", "Without NAT_DETECTION of the peer no NAT is found", (role) => {
  const bench = Bench.keyed(role);
  assert.deepEqual([bench.sa.peer.natOwn, bench.sa.peer.natPeer], [false, false]);
});

check("§3.10.1", "NAT_DETECTION has the 20 octets of a SHA-1", () => {
  for (const octets of [0, 19, 21]) {
    const bench = new Bench("responder");
    const { peer } = bench;
    const odd = notify(NAT_DETECTION_SOURCE_IP, new Uint8Array(octets));
    bench.hear(peer.init([...peer.initPayloads(), odd]));
    assert.deepEqual(bench.said()[0]!.payloads, [notify(NotifyType.INVALID_SYNTAX)]);
    bench.over();
  }
});

for (
  const [rule, name] of [
    [
      "Fragments are put together in whatever order they come",
      "fragments come in any order, and are answered once",
    ],
    [
      "A fragment that is there already is dropped",
      "a fragment that is there already changes nothing",
    ],
    [
      "A fragment counts only if its own ICV is right",
      "a fragment with a wrong ICV is not kept, and takes no other's place",
    ],
    [
      "Fragment Number is 1 to Total Fragments",
      "numbers that cannot be are dropped: total 0, number 0, number past the total",
    ],
    [
      "Fragments of one message are limited in number",
      "too many fragments are none, however authentic",
    ],
    [
      "More fragments of a message than before replace those, fewer are dropped",
      "more fragments than before replace them, fewer are dropped (§2.6)",
    ],
  ] as const
) {
  proved("RFC 7383 §2.6", rule, { file: "tests/unit/ike/window/fragments_test.ts", name });
}

absent(
  "§2.19",
  "A gateway that demands a configuration request fails one without with FAILED_CP_REQUIRED",
  "no option of the setup demands one: a client that asks for no address gets none",
);
absent(
  "§2.23",
  "ESP is taken with and without UDP encapsulation at any time",
  "the kernel's data path decides, not the IKE core",
);
absent(
  "§2.24",
  "ECN bits of inner packets follow RFC 6040",
  "the kernel's data path decides, not the IKE core",
);
absent(
  "§2.12",
  "Keys of a closed SA cannot be computed again",
  "nothing received bears on it: an SA's record goes with it, secrets of key pairs are not kept",
);
