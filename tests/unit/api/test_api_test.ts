import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { status } from "@grpc/grpc-js";
import { startTestApi } from "@/api/test_api.ts";
import type { TestCall, TestRequest } from "@/api/connection.ts";
import { ApiClient, PLAIN, withApi } from "./client.ts";
import { AH_CHILD, CHILD, FakeRun } from "../../api/fake_view.ts";

Deno.test("GetSummary returns every figure, and leaves out times of events that have not happened", () =>
  withApi(async ({ client }) => {
    assert.deepEqual(await client.call("GetSummary"), {
      Role: 2,
      StartTime: { seconds: "1700000000", nanos: 250_000_000 },
      TestEndTime: { seconds: "1700003600", nanos: 250_000_000 },
      ActualTestEndTime: null,
      CreationStartTime: { seconds: "1700000001", nanos: 750_000_000 },
      CreationFinishTime: null,
      CreateDuration: { seconds: "2", nanos: 345_678_000 },
      SetupFileName: "examples/größe.yaml",
      NumOfCreatedTunnel: 4_294_967_295,
      SetupRate: 12.5,
      Ikesa_state_init: "101",
      Ikesa_state_created: "102",
      Ikesa_state_established: "103",
      Ikesa_state_updatingaddr: "104",
      Ikesa_state_rekeying: "105",
      Ikesa_state_rekeyed: "106",
      Ikesa_state_closed: "107",
      Ikesa_state_closing: "108",
      Ikesa_state_dpd: "109",
      Ikesa_state_child_rekeying: "110",
      Ikesa_total: "1055",
      Live_count: "531",
      Has_Child: "529",
      Created_live_count: "527",
      Configured_count: "9007199254740991",
      Flapping_count: "523",
      Result: 0,
      LastErrMsg: "",
    });
  }));

Deno.test("GetIKESA returns everything about an SA, with exact SPIs", () =>
  withApi(async ({ client }) => {
    const dump = await client.call("GetIKESA", { OwnSPI: "18364758544493064720" });
    assert.deepEqual(dump, {
      State: 3,
      OwnSPI: "18364758544493064720",
      PeerSPI: "9223372036854775809",
      EstabTime: { seconds: "1700000002", nanos: 250_125_000 },
      OwnAddr: hex("20010db8000000000000000000000009"),
      PeerAddr: hex("c0000207"),
      PeerPort: 4501,
      EncAlg: 20,
      KeyLen: 256,
      IntAlg: 0,
      PrfAlg: 7,
      OwnAuth: 14,
      PeerAuth: 2,
      MyIdType: 2,
      HashAlgDS: 3,
      RSAPSS: true,
      PSK: "open sesame ☺",
      InitiateDPD: true,
      ForceDPD: true,
      DPDInterval: { seconds: "33", nanos: 500_000_000 },
      LifeTime: { seconds: "605", nanos: 0 },
      MarginTime: { seconds: "61", nanos: 250_000_000 },
      Jitter: true,
      InstallFastpath: true,
      KeepChildHist: true,
      KeepIKEHist: true,
      EnableNATT: true,
      NATTKeepaliveInterval: { seconds: "21", nanos: 0 },
      LastRcvPktTime: { seconds: "1700000002", nanos: 750_000_000 },
      LastSendDPDTime: { seconds: "1700000003", nanos: 0 },
      SKei: hex("11".repeat(36)),
      SKer: hex("22".repeat(36)),
      SKai: hex(""),
      SKar: hex(""),
      CloseCode: 24,
    });
  }));

const KEYS = ["SKei", "SKer", "SKai", "SKar"] as const;

Deno.test("an IKE SA that is not established has no times, no keys, no SPI of the peer, and no signature hash", () =>
  withApi(async ({ client }) => {
    const dump = await client.call("GetIKESA", { OwnSPI: "2" });
    for (const name of ["EstabTime", "LastRcvPktTime", "LastSendDPDTime"] as const) {
      assert.equal(dump[name], null, name);
    }
    for (const name of KEYS) assert.equal(dump[name].length, 0, name);
    assert.equal(dump.PeerSPI, "0");
    assert.equal(dump.OwnAuth, 0);
    assert.equal(dump.HashAlgDS, -1);
    assert.equal(dump.RSAPSS, false);
    assert.equal(dump.CloseCode, 65_547);
  }));

Deno.test("a caller who may not see secrets gets the dumps without keys and PSK", () =>
  withApi(async ({ client }) => {
    const ike = await client.call("GetIKESA", { OwnSPI: "18364758544493064720" });
    const child = await client.call("GetCHILDSA", { OwnSPI: 0xc0ffee01 });
    assert.deepEqual([ike.State, ike.PSK, child.State], [3, "", 2]);
    for (const name of KEYS) {
      assert.deepEqual([ike[name].length, child[name].length], [0, 0], name);
    }
  }, { secrets: "never" }));

Deno.test("ListIKESA returns the requested part of the list", () =>
  withApi(async ({ client }) => {
    const spis = async (request: object) =>
      (await client.call("ListIKESA", request)).SummaryList.map((sa) => sa.OwnSPI);
    assert.deepEqual(await spis({}), ["18364758544493064720", "2", "3"]);
    assert.deepEqual(await spis({ Start: 1, Len: 1 }), ["2"]);
    assert.deepEqual(await spis({ Start: 2 }), ["3"]);
    assert.deepEqual(await spis({ Start: 4_294_967_295, Len: 4_294_967_295 }), []);
    const { SummaryList: [first, second] } = await client.call("ListIKESA", { Len: 2 });
    assert.deepEqual(first, {
      PeerAddr: hex("c0000207"),
      PeerPort: 4501,
      OwnSPI: "18364758544493064720",
      State: 3,
      EstabTime: { seconds: "1700000002", nanos: 250_125_000 },
    });
    assert.equal(second!.EstabTime, null);
    assert.deepEqual(second!.PeerAddr, hex("20010db80000000000000000000000aa"));
  }));

Deno.test("ListIKESA returns 100,000 IKE SAs in one answer, which is larger than the default limit of 4 MiB", () =>
  withApi(async ({ run, client }) => {
    const [first] = run.list;
    run.list = Array.from({ length: 100_000 }, (_, i) => ({ ...first!, spi: BigInt(i) }));
    const { SummaryList } = await client.call("ListIKESA", { Len: 0 });
    assert.equal(SummaryList.length, 100_000);
    assert.equal(SummaryList[99_999]!.OwnSPI, "99999");
  }));

Deno.test("ListCHILDSA and GetCHILDSA return the CHILD_SAs", () =>
  withApi(async ({ client }) => {
    const { OwnSPIList } = await client.call("ListCHILDSA", { IKEOwnSPI: "18364758544493064720" });
    assert.deepEqual(OwnSPIList, [0xc0ffee01, 0x102]);
    assert.deepEqual((await client.call("ListCHILDSA", { IKEOwnSPI: "2" })).OwnSPIList, []);
    assert.deepEqual(await client.call("GetCHILDSA", { OwnSPI: 0xc0ffee01 }), {
      State: 2,
      OwnSPI: 0xc0ffee01,
      PeerSPI: 0x80000002,
      OwnAddr: hex("c6336403"),
      PeerAddr: hex("c0000207"),
      ParentIKESA: "18364758544493064720",
      EstabTime: { seconds: "1700000002", nanos: 250_500_000 },
      EncAlg: 12,
      KeyLen: 192,
      IntAlg: 14,
      LifeTime: { seconds: "301", nanos: 500_000_000 },
      SKei: hex("33".repeat(24)),
      SKer: hex("44".repeat(24)),
      SKai: hex("55".repeat(64)),
      SKar: hex("66".repeat(64)),
      ESN: true,
      TunnelMode: true,
      ReplayWindowSize: 1024,
      OwnTS: [{
        Type: 7,
        Protocol: 17,
        StartAddr: hex("0a010000"),
        EndAddr: hex("0a0100ff"),
        StartPort: 53,
        EndPort: 5353,
      }],
      PeerTS: [{
        Type: 8,
        Protocol: 0,
        StartAddr: hex("fd00" + "00".repeat(14)),
        EndAddr: hex("fd00" + "ff".repeat(14)),
        StartPort: 0,
        EndPort: 65535,
      }, {
        Type: 7,
        Protocol: 6,
        StartAddr: hex("0a020001"),
        EndAddr: hex("0a020001"),
        StartPort: 65535,
        EndPort: 0,
      }],
    });
    const unestablished = await client.call("GetCHILDSA", { OwnSPI: 0x102 });
    const { State, EstabTime, TunnelMode } = unestablished;
    assert.deepEqual([State, EstabTime, TunnelMode], [1, null, false]);
    assert.equal(unestablished.SKei.length, 0);
  }));

Deno.test("a call with an unknown SPI ends with NOT_FOUND, and the message names the SPI", () =>
  withApi(async ({ client }) => {
    const refusalOf = <M extends TestCall>(method: M, request: TestRequest<M>) =>
      refusal(client.call(method, request));
    assert.deepEqual(await refusalOf("GetIKESA", { OwnSPI: "255" }), [
      status.NOT_FOUND,
      "No IKE SA has our SPI 00000000000000FF",
    ]);
    assert.deepEqual(await refusalOf("ListCHILDSA", { IKEOwnSPI: "18446744073709551615" }), [
      status.NOT_FOUND,
      "No IKE SA has our SPI FFFFFFFFFFFFFFFF",
    ]);
    assert.deepEqual(await refusalOf("GetCHILDSA", { OwnSPI: 0xabc }), [
      status.NOT_FOUND,
      "No CHILD_SA has our SPI 00000ABC",
    ]);
  }));

Deno.test("RekeyChild answers after the rekey, or with the reason of its failure", () =>
  withApi(async ({ client }) => {
    assert.deepEqual(await client.call("RekeyChild", { OwnSPI: CHILD.spi }), {});
    const [code, details] = await refusal(client.call("RekeyChild", { OwnSPI: AH_CHILD.spi }));
    assert.equal(code, status.ABORTED);
    assert.match(details, /^NO_ADDITIONAL_SAS: /);
    const [unknown] = await refusal(client.call("RekeyChild", { OwnSPI: 4711 }));
    assert.equal(unknown, status.NOT_FOUND);
  }));

Deno.test("RekeyIKESA answers with the new SPI after the rekey, or with the reason of its failure", () =>
  withApi(async ({ client }) => {
    const rekey = (spi: bigint) => client.call("RekeyIKESA", { OwnSPI: spi.toString() });
    assert.deepEqual(await rekey(0xfedcba9876543210n), { NewOwnSPI: "12379813738877118345" });
    assert.deepEqual(await refusal(rekey(2n)), [
      status.FAILED_PRECONDITION,
      "IKE SA 0000000000000002 is not established",
    ]);
    const [code, details] = await refusal(rekey(3n));
    assert.equal(code, status.ABORTED);
    assert.match(details, /^TEMPORARY_FAILURE: Peer refused/);
    assert.deepEqual(await refusal(rekey(4n)), [
      status.NOT_FOUND,
      "No IKE SA has our SPI 0000000000000004",
    ]);
  }));

Deno.test("GetKeyExchanges returns the key exchange methods of an IKE SA and of its CHILD_SAs", () =>
  withApi(async ({ client }) => {
    const answer = await client.call("GetKeyExchanges", { OwnSPI: CHILD.parentSpi.toString() });
    assert.deepEqual([answer.Method, answer.Additional], [31, [36]]);
    assert.equal(answer.PPKID, "quantum-1");
    const [first] = answer.Children;
    assert.deepEqual([first?.Method, first?.Additional], [14, [37]]);
    const [code] = await refusal(client.call("GetKeyExchanges", { OwnSPI: "4711" }));
    assert.equal(code, status.NOT_FOUND);
  }));

Deno.test("GetPingSummary returns a part of the ping tasks with the totals of all, and ClearPingStats clears them", () =>
  withApi(async ({ run, client }) => {
    const ends = { LocalAddr: "", RemoteAddr: "2001:db8::7" };
    const counts = { TotalSentPkt: "4294967296", TotalRecvPkt: "4294967295" };
    assert.deepEqual(await client.call("GetPingSummary", { Start: 1, Len: 5 }), {
      ResultList: [{ ...ends, ...counts }],
      TotalSent: "9007199254740991",
      TotalRecv: "4294967297",
    });
    const all = await client.call("GetPingSummary");
    assert.deepEqual((all.ResultList as unknown[])[0], {
      LocalAddr: "10.1.0.1",
      RemoteAddr: "10.2.0.1",
      TotalSentPkt: "5",
      TotalRecvPkt: "3",
    });
    const pageAfterLast = await client.call("GetPingSummary", { Start: 2 });
    assert.deepEqual(pageAfterLast.ResultList, []);
    assert.deepEqual(await client.call("ClearPingStats"), {});
    assert.equal(run.pingsCleared, true);
  }));

Deno.test("GetPoolUsageSummary returns empty addresses and zeros if there is no pool", () =>
  withApi(async ({ client }) => {
    assert.deepEqual(await client.call("GetPoolUsageSummary"), {
      V4StartAddr: hex(""),
      V6StartAddr: hex(""),
      V4Assigned: "0",
      V6Assigned: "0",
    });
  }));

Deno.test("Stop is answered at once, and tells the run whether to end gracefully", () =>
  withApi(async ({ run, client }) => {
    await client.call("Stop", { Gracefully: true });
    await client.call("Stop");
    await client.call("GetSummary");
    assert.deepEqual(run.stops, [true, false]);
  }));

Deno.test("NotifyFinalResult sends one result at the end of the test, and also if it is called afterwards", async () => {
  const run = new FakeRun();
  const api = await startTestApi(run, PLAIN);
  const client = new ApiClient(`127.0.0.1:${api.port}`);
  const [early, events] = [client.stream("NotifyFinalResult"), client.stream("SubscrEvent")];
  await events.opened;
  await client.call("GetSummary");
  assert.equal(early.replies.length, 0);
  run.end();
  await early.ended;
  const late = client.stream("NotifyFinalResult");
  assert.deepEqual([await late.ended, await events.ended], [0, 0]);
  for (const { replies } of [early, late]) {
    assert.equal(replies.length, 1);
    assert.equal(replies[0]!.Result, 2);
    assert.equal(replies[0]!.LastErrMsg, "Tunnel 4: no answer");
    assert.deepEqual(replies[0]!.ActualTestEndTime, { seconds: "1700000009", nanos: 251_000_000 });
  }
  const startMs = performance.now();
  await api.finished();
  const waitedMs = performance.now() - startMs;
  assert.ok(waitedMs < 1_000, "the end does not wait, as all subscribers have their last event");
  client.close();
  await api.close();
  await assert.rejects(new ApiClient(`127.0.0.1:${api.port}`).call("GetSummary"));
});

Deno.test("the end of a test waits at most two seconds for a subscriber that does not read", async () => {
  const run = new FakeRun();
  const api = await startTestApi(run, PLAIN);
  const client = new ApiClient(`127.0.0.1:${api.port}`);
  const stalled = client.stream("SubscrEvent");
  await stalled.opened;
  stalled.call.pause();
  for (let i = 0; i < 400; i++) run.events.publish(1, "x".repeat(10_000));
  await new Promise((resolve) => setTimeout(resolve, 300));
  run.end();
  const startMs = performance.now();
  await api.finished();
  const waitedMs = performance.now() - startMs;
  assert.ok(waitedMs > 1_500 && waitedMs < 3_000, `waited ${waitedMs} ms`);
  await api.close();
  client.close();
});

/** The status code and the message of a call that must be refused. */
async function refusal(call: Promise<unknown>): Promise<[number, string]> {
  try {
    await call;
  } catch (error) {
    const { code, details } = error as { code: number; details: string };
    return [code, details];
  }
  throw new Error("The call was answered");
}

function hex(digits: string): Uint8Array {
  return Buffer.from(digits, "hex");
}
