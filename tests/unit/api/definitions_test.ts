import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { PackageDefinition } from "@grpc/proto-loader";
import {
  DAEMON_API,
  fileDescriptors,
  HEALTH,
  IKE_API,
  loadProto,
  loadService,
  Malformed,
  type ProtoFile,
  TEST_API,
} from "@/api/definitions.ts";

// These are the messages that existing programs use, so that no line of them may ever change.
const TEST_MESSAGES = {
  "Empty": [],
  "SummaryResp": [
    "uint32 Role = 22",
    "Timestamp StartTime = 1",
    "Timestamp TestEndTime = 2",
    "Timestamp ActualTestEndTime = 26",
    "Timestamp CreationStartTime = 3",
    "Timestamp CreationFinishTime = 4",
    "Duration CreateDuration = 5",
    "string SetupFileName = 6",
    "uint32 NumOfCreatedTunnel = 7",
    "float SetupRate = 8",
    "uint64 Ikesa_state_init = 9",
    "uint64 Ikesa_state_created = 10",
    "uint64 Ikesa_state_established = 11",
    "uint64 Ikesa_state_updatingaddr = 12",
    "uint64 Ikesa_state_rekeying = 13",
    "uint64 Ikesa_state_rekeyed = 14",
    "uint64 Ikesa_state_closed = 15",
    "uint64 Ikesa_state_closing = 16",
    "uint64 Ikesa_state_dpd = 24",
    "uint64 Ikesa_state_child_rekeying = 25",
    "uint64 Ikesa_total = 17",
    "uint64 Live_count = 18",
    "uint64 Has_Child = 19",
    "uint64 Created_live_count = 20",
    "uint64 Configured_count = 21",
    "uint64 Flapping_count = 23",
    "uint32 Result = 27",
    "string LastErrMsg = 28",
  ],
  "ListIKESAQuery": [
    "uint32 Start = 1",
    "uint32 Len = 2",
  ],
  "IKESASummary": [
    "bytes PeerAddr = 1",
    "uint32 PeerPort = 2",
    "fixed64 OwnSPI = 3",
    "uint32 State = 4",
    "Timestamp EstabTime = 5",
  ],
  "ListIKESAResp": [
    "repeated IKESASummary SummaryList = 1",
  ],
  "ListCHILDSAQuery": [
    "fixed64 IKEOwnSPI = 1",
  ],
  "ListCHILDSAResp": [
    "repeated fixed32 OwnSPIList = 1",
  ],
  "CHILDSAQuery": [
    "fixed32 OwnSPI = 1",
  ],
  "CHILDSADump.TS": [
    "uint32 Type = 1",
    "uint32 Protocol = 2",
    "bytes StartAddr = 3",
    "bytes EndAddr = 4",
    "uint32 StartPort = 5",
    "uint32 EndPort = 6",
  ],
  "CHILDSADump": [
    "uint32 State = 1",
    "fixed32 OwnSPI = 2",
    "fixed32 PeerSPI = 3",
    "bytes OwnAddr = 4",
    "bytes PeerAddr = 5",
    "fixed64 ParentIKESA = 6",
    "Timestamp EstabTime = 7",
    "uint32 EncAlg = 8",
    "uint32 KeyLen = 9",
    "uint32 IntAlg = 10",
    "Duration LifeTime = 11",
    "bytes SKei = 12",
    "bytes SKer = 13",
    "bytes SKai = 14",
    "bytes SKar = 15",
    "bool ESN = 16",
    "bool TunnelMode = 17",
    "uint32 ReplayWindowSize = 18",
    "repeated TS OwnTS = 19",
    "repeated TS PeerTS = 20",
  ],
  "IKESAQuery": [
    "fixed64 OwnSPI = 1",
  ],
  "IKESADump": [
    "uint32 State = 1",
    "fixed64 OwnSPI = 2",
    "fixed64 PeerSPI = 3",
    "Timestamp EstabTime = 4",
    "bytes OwnAddr = 5",
    "bytes PeerAddr = 6",
    "uint32 PeerPort = 36",
    "uint32 EncAlg = 7",
    "uint32 KeyLen = 8",
    "uint32 IntAlg = 9",
    "uint32 PrfAlg = 10",
    "uint32 OwnAuth = 11",
    "uint32 PeerAuth = 12",
    "uint32 MyIdType = 13",
    "int32 HashAlgDS = 14",
    "bool RSAPSS = 15",
    "string PSK = 16",
    "bool InitiateDPD = 17",
    "bool ForceDPD = 18",
    "Duration DPDInterval = 19",
    "Duration LifeTime = 20",
    "Duration MarginTime = 21",
    "bool Jitter = 35",
    "bool InstallFastpath = 22",
    "bool KeepChildHist = 23",
    "bool KeepIKEHist = 24",
    "bool EnableNATT = 25",
    "Duration NATTKeepaliveInterval = 26",
    "Timestamp LastRcvPktTime = 28",
    "Timestamp LastSendDPDTime = 29",
    "bytes SKei = 30",
    "bytes SKer = 31",
    "bytes SKai = 32",
    "bytes SKar = 33",
    "uint32 CloseCode = 34",
  ],
  "EventFilter": [
    "uint32 Level = 1",
    "string keyword = 2",
  ],
  "MyIKEv2Event": [
    "uint32 Level = 1",
    "string Msg = 2",
    "Timestamp EventTime = 3",
  ],
  "PingResultQuery": [
    "uint32 Start = 1",
    "uint32 Len = 2",
  ],
  "PingResult": [
    "string LocalAddr = 1",
    "string RemoteAddr = 2",
    "uint64 TotalSentPkt = 3",
    "uint64 TotalRecvPkt = 4",
  ],
  "ListPingResult": [
    "repeated PingResult ResultList = 1",
    "uint64 TotalSent = 2",
    "uint64 TotalRecv = 3",
  ],
  "PoolUsageSummary": [
    "bytes V4StartAddr = 1",
    "bytes V6StartAddr = 2",
    "uint64 V4Assigned = 3",
    "uint64 V6Assigned = 4",
  ],
  "StopReq": [
    "bool Gracefully = 1",
  ],
  "RekeyChildReq": [
    "fixed32 OwnSPI = 1",
  ],
  "MyIKEv2APISvc": [
    "Stop(StopReq) returns (Empty)",
    "GetSummary(Empty) returns (SummaryResp)",
    "GetIKESA(IKESAQuery) returns (IKESADump)",
    "ListIKESA(ListIKESAQuery) returns (ListIKESAResp)",
    "ListCHILDSA(ListCHILDSAQuery) returns (ListCHILDSAResp)",
    "GetCHILDSA(CHILDSAQuery) returns (CHILDSADump)",
    "SubscrEvent(EventFilter) returns (stream MyIKEv2Event)",
    "UpdateEventFilter(EventFilter) returns (Empty)",
    "GetPingSummary(PingResultQuery) returns (ListPingResult)",
    "ClearPingStats(Empty) returns (Empty)",
    "GetPoolUsageSummary(Empty) returns (PoolUsageSummary)",
    "NotifyFinalResult(Empty) returns (stream SummaryResp)",
    "RekeyChild(RekeyChildReq) returns (Empty)",
  ],
};
const DAEMON_MESSAGES = {
  "Empty": [],
  "DefineMyIKEv2TestReq": [
    "string Setup = 1",
    "string LogDir = 2",
  ],
  "DefineOtherTestReq": [
    "string SetupCMDs = 1",
    "string UpCMDs = 2",
    "string DestroyCMDs = 3",
    "string DataIf = 4",
    "string DataIfAddr = 5",
  ],
  "DefineGenericTestReq": [
    "uint32 Type = 1",
    "string Name = 2",
    "DefineMyIKEv2TestReq MyIKEv2Test = 3",
    "DefineOtherTestReq OtherTest = 4",
    "bool Override = 5",
  ],
  "StatusReq": [
    "string Name = 1",
  ],
  "StatusResp": [
    "uint32 State = 1",
  ],
  "ListTestStatusEntry": [
    "string Name = 1",
    "uint32 Type = 2",
    "bytes APIAddr = 3",
    "uint32 APIPort = 4",
    "SummaryResp Status = 5",
    "ListPingResult PingResults = 6",
  ],
  "ListTestStatusResp": [
    "repeated ListTestStatusEntry results = 1",
  ],
  "DestroyReq": [
    "string Name = 1",
    "bool Gracefully = 2",
  ],
  "ClearPingStatsReq": [
    "string Name = 1",
  ],
  "MyIKEv2DaemonAPISvc": [
    "Define(DefineGenericTestReq) returns (Empty)",
    "Status(StatusReq) returns (StatusResp)",
    "List(Empty) returns (ListTestStatusResp)",
    "Destroy(DestroyReq) returns (Empty)",
    "ClearPingStats(ClearPingStatsReq) returns (Empty)",
  ],
};

Deno.test("the Test API has exactly the messages, fields, numbers and calls of its document", () => {
  assert.deepEqual(described(TEST_API), TEST_MESSAGES);
});

Deno.test("the service for IKE SAs is in a separate package, with these messages and calls", () => {
  assert.deepEqual(described(IKE_API), {
    RekeyIKESAReq: ["fixed64 OwnSPI = 1"],
    RekeyIKESAResp: ["fixed64 NewOwnSPI = 1"],
    KeyExchangesReq: ["fixed64 OwnSPI = 1"],
    KeyExchangesResp: [
      "uint32 Method = 1",
      "repeated uint32 Additional = 2",
      "repeated Child Children = 3",
      "string PPKID = 4",
    ],
    "KeyExchangesResp.Child": [
      "fixed32 OwnSPI = 1",
      "uint32 Method = 2",
      "repeated uint32 Additional = 3",
    ],
    MyIKEv2IKESvc: [
      "RekeyIKESA(RekeyIKESAReq) returns (RekeyIKESAResp)",
      "GetKeyExchanges(KeyExchangesReq) returns (KeyExchangesResp)",
    ],
  });
});

Deno.test("the Daemon API has exactly the messages, fields, numbers and calls of its document", () => {
  assert.deepEqual(described(DAEMON_API), DAEMON_MESSAGES);
});

Deno.test("a request that cannot be decoded reaches the handler as Malformed", () => {
  const { requestDeserialize } = loadService(TEST_API, "MyIKEv2APISvc").GetIKESA!;
  const broken = requestDeserialize(Buffer.of(0x09, 1, 2)) as unknown;
  assert.ok(broken instanceof Malformed && broken.why !== "");
  assert.deepEqual(
    { ...requestDeserialize(Buffer.of(0x09, 1, 2, 0, 0, 0, 0, 0, 0xff)) },
    { OwnSPI: "18374686479671624193" },
  );
});

Deno.test("a file descriptor ends with the name of its file and the files that it imports", () => {
  const texts = fileDescriptors([HEALTH, TEST_API, DAEMON_API])
    .map((octets) => new TextDecoder("latin1").decode(octets));
  const expected = [
    "\n\x1fgoogle/protobuf/timestamp.proto",
    "\n\x1egoogle/protobuf/duration.proto",
    "\n\x1bgrpc/health/v1/health.proto",
    "\n\x15myikev2/api/api.proto" +
    "\x1a\x1fgoogle/protobuf/timestamp.proto\x1a\x1egoogle/protobuf/duration.proto",
    "\n\x21myikev2/daemonapi/daemonapi.proto\x1a\x15myikev2/api/api.proto",
  ];
  for (const [i, end] of expected.entries()) assert.ok(texts[i]!.endsWith(end), end);
});

/** The lines that the document of a package has for each message and each service, by its name. */
function described(file: ProtoFile): Record<string, string[]> {
  const lines: Record<string, string[]> = {};
  for (const [fullName, definition] of Object.entries(loadProto(file) as PackageDefinition)) {
    if (!fullName.startsWith(`${file.package}.`)) continue;
    const name = fullName.slice(file.package.length + 1);
    if ("format" in definition) describeMessage(name, definition.type as MessageType, lines);
    else lines[name] = Object.entries(definition).map(methodLine);
  }
  return lines;
}

/** A message as the loader describes it. The loader's own type does not declare these members. */
interface MessageType {
  readonly name: string;
  readonly field: readonly {
    readonly name: string;
    readonly number: number;
    readonly label: string;
    readonly type: string;
    readonly typeName: string;
  }[];
  readonly nestedType: readonly MessageType[];
}

function describeMessage(name: string, type: MessageType, lines: Record<string, string[]>): void {
  for (const inner of type.nestedType) describeMessage(`${name}.${inner.name}`, inner, lines);
  lines[name] = type.field.map((field) => {
    const repeated = field.label === "LABEL_REPEATED" ? "repeated " : "";
    const kind = field.typeName ? lastNameOf(field.typeName) : field.type.slice(5).toLowerCase();
    return `${repeated}${kind} ${field.name} = ${field.number}`;
  });
}

// deno-lint-ignore no-explicit-any -- the loader types neither requests nor responses
function methodLine([name, method]: [string, any]): string {
  const stream = method.responseStream ? "stream " : "";
  assert.equal(method.requestStream, false);
  return `${name}(${method.requestType.type.name}) returns (${stream}${method.responseType.type.name})`;
}

function lastNameOf(dotted: string): string {
  return dotted.slice(dotted.lastIndexOf(".") + 1);
}
