"""Every call, every field: what the run that never ran has, written down once more."""


import grpc
import harness
import reflection

CALLS = {
    "Stop": ("api.StopReq", "api.Empty"),
    "GetSummary": ("api.Empty", "api.SummaryResp"),
    "GetIKESA": ("api.IKESAQuery", "api.IKESADump"),
    "ListIKESA": ("api.ListIKESAQuery", "api.ListIKESAResp"),
    "ListCHILDSA": ("api.ListCHILDSAQuery", "api.ListCHILDSAResp"),
    "GetCHILDSA": ("api.CHILDSAQuery", "api.CHILDSADump"),
    "SubscrEvent": ("api.EventFilter", "api.MyIKEv2Event"),
    "UpdateEventFilter": ("api.EventFilter", "api.Empty"),
    "GetPingSummary": ("api.PingResultQuery", "api.ListPingResult"),
    "ClearPingStats": ("api.Empty", "api.Empty"),
    "GetPoolUsageSummary": ("api.Empty", "api.PoolUsageSummary"),
    "NotifyFinalResult": ("api.Empty", "api.SummaryResp"),
    "RekeyChild": ("api.RekeyChildReq", "api.Empty"),
}
IKE, CHILD = 0xFEDCBA9876543210, 0xC0FFEE01


def code(call):
    """Status and words of a call that must be refused."""
    try:
        call()
    except grpc.RpcError as error:
        return error.code().name, error.details()
    return "OK", ""


def fields(message):
    """Every field that is present or not zero, in Python's own words."""
    result = {}
    for descriptor, value in message.ListFields():
        if descriptor.type == descriptor.TYPE_MESSAGE:
            if descriptor.label == descriptor.LABEL_REPEATED:
                value = [fields(v) for v in value]
            else:
                value = (value.seconds, value.nanos)
        elif descriptor.label == descriptor.LABEL_REPEATED:
            value = list(value)
        result[descriptor.name] = value.hex() if isinstance(value, bytes) else value
    return result


def differences(got, expected):
    names = [n for n in sorted({*got, *expected}) if got.get(n) != expected.get(n)]
    return {n: (got.get(n), expected.get(n)) for n in names}


def check_services(checks, server):
    for version in ("v1", "v1alpha"):
        channel = reflection.open_channel(server.target())
        names = reflection.Reflection(channel, version).services()
        checks.equal(f"reflection {version} lists our service and health", names,
                     ["api.MyIKEv2APISvc", "grpc.health.v1.Health", "ikeapi.MyIKEv2IKESvc"])
        error = reflection.Reflection(channel, version).ask(file_containing_symbol="api.Nobody").error
        checks.equal(f"reflection {version} does not know what is not there", error.error_code, 5)
    channel = reflection.open_channel(server.target())
    files = reflection.Reflection(channel).files("api.MyIKEv2APISvc")
    checks.equal("reflection names files as they are imported", sorted(files), [
        "google/protobuf/duration.proto", "google/protobuf/timestamp.proto", "myikev2/api/api.proto"])
    api = harness.service(server.target())
    calls = {m.name: (m.input_type.full_name, m.output_type.full_name) for m in api.descriptor.methods}
    checks.equal("the service has the thirteen calls", calls, CALLS)
    health = harness.service(server.target(), name="grpc.health.v1.Health")
    for name in ("", "api.MyIKEv2APISvc", "ikeapi.MyIKEv2IKESvc"):
        checks.equal(f"health of {name or 'the server'} is SERVING", health.Check(service=name).status, 1)
    checks.equal("health of a stranger is NOT_FOUND", code(lambda: health.Check(service="x"))[0], "NOT_FOUND")
    names = {entry.key for entry in health.List().statuses}
    checks.equal("health lists all", names, {"", "api.MyIKEv2APISvc", "ikeapi.MyIKEv2IKESvc"})


def check_summary(checks, server):
    got = fields(harness.service(server.target()).GetSummary())
    start = 1_700_000_000
    checks.equal("GetSummary", differences(got, {
        "Role": 2, "StartTime": (start, 250_000_000), "TestEndTime": (start + 3600, 250_000_000),
        "CreationStartTime": (start + 1, 750_000_000), "CreateDuration": (2, 345_678_000),
        "SetupFileName": "examples/größe.yaml", "NumOfCreatedTunnel": 2**32 - 1, "SetupRate": 12.5,
        "Ikesa_state_init": 101, "Ikesa_state_created": 102, "Ikesa_state_established": 103,
        "Ikesa_state_updatingaddr": 104, "Ikesa_state_rekeying": 105, "Ikesa_state_rekeyed": 106,
        "Ikesa_state_closed": 107, "Ikesa_state_closing": 108, "Ikesa_state_dpd": 109,
        "Ikesa_state_child_rekeying": 110, "Ikesa_total": 1055, "Live_count": 531, "Has_Child": 529,
        "Created_live_count": 527, "Configured_count": 2**53 - 1, "Flapping_count": 523}), {})
    checks.that("what has not happened is absent, not 1970", not {
        "ActualTestEndTime", "CreationFinishTime"} & set(got), got)


def check_ike_sas(checks, server):
    api = harness.service(server.target())
    spis = lambda **query: [sa.OwnSPI for sa in api.ListIKESA(**query).SummaryList]
    checks.equal("ListIKESA all", spis(), [IKE, 2, 3])
    checks.equal("ListIKESA a window", spis(Start=1, Len=1), [2])
    checks.equal("ListIKESA from the middle on", spis(Start=1, Len=0), [2, 3])
    checks.equal("ListIKESA past the end", spis(Start=3, Len=9), [])
    first, second, third = (fields(sa) for sa in api.ListIKESA().SummaryList)
    checks.equal("ListIKESA an entry", first, {
        "PeerAddr": "c0000207", "PeerPort": 4501, "OwnSPI": IKE, "State": 3,
        "EstabTime": (1_700_000_002, 250_125_000)})
    checks.equal("ListIKESA an entry over IPv6, not established", second, {
        "PeerAddr": "20010db80000000000000000000000aa", "PeerPort": 500, "OwnSPI": 2, "State": 1})
    checks.equal("ListIKESA a closed SA", third["State"], 7)
    checks.equal("GetIKESA", differences(fields(api.GetIKESA(OwnSPI=IKE)), {
        "State": 3, "OwnSPI": IKE, "PeerSPI": 2**63 + 1, "EstabTime": (1_700_000_002, 250_125_000),
        "OwnAddr": "20010db8000000000000000000000009", "PeerAddr": "c0000207", "PeerPort": 4501,
        "EncAlg": 20, "KeyLen": 256, "PrfAlg": 7, "OwnAuth": 14, "PeerAuth": 2, "MyIdType": 2,
        "HashAlgDS": 3, "RSAPSS": True, "PSK": "open sesame ☺", "InitiateDPD": True, "ForceDPD": True,
        "DPDInterval": (33, 500_000_000), "LifeTime": (605, 0), "MarginTime": (61, 250_000_000),
        "Jitter": True, "InstallFastpath": True, "KeepChildHist": True, "KeepIKEHist": True,
        "EnableNATT": True, "NATTKeepaliveInterval": (21, 0), "LastRcvPktTime": (1_700_000_002, 750_000_000),
        "LastSendDPDTime": (1_700_000_003, 0), "SKei": "11" * 36, "SKer": "22" * 36, "CloseCode": 24}), {})
    young = fields(api.GetIKESA(OwnSPI=2))
    checks.equal("GetIKESA of a new SA has no keys, times, methods", {
        "EstabTime", "LastRcvPktTime", "LastSendDPDTime", "SKei", "SKer", "SKai", "SKar", "PeerSPI",
        "OwnAuth", "PeerAuth", "MyIdType", "RSAPSS"} & set(young), set())
    checks.equal("GetIKESA of a new SA: HashAlgDS, CloseCode",
                 (young["HashAlgDS"], young["CloseCode"]), (-1, 65547))


def check_child_sas(checks, server):
    api = harness.service(server.target())
    checks.equal("ListCHILDSA", list(api.ListCHILDSA(IKEOwnSPI=IKE).OwnSPIList), [CHILD, 0x102])
    checks.equal("ListCHILDSA of an SA without any", list(api.ListCHILDSA(IKEOwnSPI=2).OwnSPIList), [])
    checks.equal("GetCHILDSA", differences(fields(api.GetCHILDSA(OwnSPI=CHILD)), {
        "State": 2, "OwnSPI": CHILD, "PeerSPI": 0x80000002, "OwnAddr": "c6336403", "PeerAddr": "c0000207",
        "ParentIKESA": IKE, "EstabTime": (1_700_000_002, 250_000_000 + 500_000), "EncAlg": 12, "KeyLen": 192,
        "IntAlg": 14, "LifeTime": (301, 500_000_000), "SKei": "33" * 24, "SKer": "44" * 24,
        "SKai": "55" * 64, "SKar": "66" * 64, "ESN": True, "TunnelMode": True, "ReplayWindowSize": 1024,
        "OwnTS": [{"Type": 7, "Protocol": 17, "StartAddr": "0a010000", "EndAddr": "0a0100ff",
                   "StartPort": 53, "EndPort": 5353}],
        "PeerTS": [
            {"Type": 8, "StartAddr": "fd00" + "00" * 14, "EndAddr": "fd00" + "ff" * 14, "EndPort": 65535},
            {"Type": 7, "Protocol": 6, "StartAddr": "0a020001", "EndAddr": "0a020001",
             "StartPort": 65535}]}), {})
    young = fields(api.GetCHILDSA(OwnSPI=0x102))
    checks.equal("GetCHILDSA of AH, being created", {
        "EstabTime", "PeerSPI", "EncAlg", "KeyLen", "ESN", "TunnelMode", "ReplayWindowSize",
        "SKei", "SKer", "SKai", "SKar"} & set(young), set())


def check_refusals(checks, server):
    api = harness.service(server.target())
    checks.equal("GetIKESA unknown", code(lambda: api.GetIKESA(OwnSPI=0xFF)),
                 ("NOT_FOUND", "No IKE SA has our SPI 00000000000000FF"))
    checks.equal("ListCHILDSA unknown", code(lambda: api.ListCHILDSA(IKEOwnSPI=2**64 - 1)),
                 ("NOT_FOUND", "No IKE SA has our SPI FFFFFFFFFFFFFFFF"))
    checks.equal("GetCHILDSA unknown", code(lambda: api.GetCHILDSA(OwnSPI=0xAB)),
                 ("NOT_FOUND", "No CHILD_SA has our SPI 000000AB"))
    checks.equal("RekeyChild answers when it is done",
                 code(lambda: api.RekeyChild(OwnSPI=0xC0FFEE01))[0], "OK")
    refused = code(lambda: api.RekeyChild(OwnSPI=0x102))
    checks.that("RekeyChild tells the peer's refusal", refused[0] == "ABORTED" and
                refused[1].startswith("NO_ADDITIONAL_SAS"), refused)
    checks.equal("RekeyChild unknown", code(lambda: api.RekeyChild(OwnSPI=0xAB)),
                 ("NOT_FOUND", "No CHILD_SA has our SPI 000000AB"))
    ike = harness.service(server.target(), name="ikeapi.MyIKEv2IKESvc")
    checks.equal("RekeyIKESA tells the SPI of the new IKE SA", ike.RekeyIKESA(OwnSPI=IKE).NewOwnSPI,
                 0xABCDEF0123456789)
    refused = code(lambda: ike.RekeyIKESA(OwnSPI=3))
    checks.that("RekeyIKESA tells the peer's refusal", refused[0] == "ABORTED" and
                refused[1].startswith("TEMPORARY_FAILURE"), refused)
    checks.equal("RekeyIKESA not established", code(lambda: ike.RekeyIKESA(OwnSPI=2)),
                 ("FAILED_PRECONDITION", "IKE SA 0000000000000002 is not established"))
    checks.equal("RekeyIKESA unknown", code(lambda: ike.RekeyIKESA(OwnSPI=0xFF)),
                 ("NOT_FOUND", "No IKE SA has our SPI 00000000000000FF"))
    pings = api.GetPingSummary(Start=1)
    checks.equal("GetPingSummary tells a page", [fields(one) for one in pings.ResultList],
                 [{"RemoteAddr": "2001:db8::7", "TotalSentPkt": 2**32, "TotalRecvPkt": 2**32 - 1}])
    checks.equal("GetPingSummary tells the sums of all", (pings.TotalSent, pings.TotalRecv),
                 (2**53 - 1, 2**32 + 1))
    checks.equal("ClearPingStats", code(api.ClearPingStats)[0], "OK")
    checks.equal("GetPoolUsageSummary without pools is empty", fields(api.GetPoolUsageSummary()), {})
    for name in ("SubscrEvent", "UpdateEventFilter"):
        call = lambda name=name: list(answer) if hasattr(answer := getattr(api, name)(Level=6), "__next__") \
            else answer
        checks.equal(f"{name} knows no level 6", code(call)[0], "INVALID_ARGUMENT")
    channel = reflection.open_channel(server.target())
    raw = lambda octets: channel.unary_unary("/api.MyIKEv2APISvc/GetIKESA")(octets, timeout=10)
    checks.equal("a request cut off is malformed", code(lambda: raw(b"\x09\x01\x02"))[0], "INVALID_ARGUMENT")


def check_stop(checks, server):
    api = harness.service(server.target())
    for gracefully in (True, False):
        api.Stop(Gracefully=gracefully)
        checks.equal(f"Stop(Gracefully={gracefully}) reaches the run", server.line("stop "),
                     str(gracefully).lower())


def check_tls(checks):
    with harness.FakeServer(tls="server") as server:
        checks.equal("TLS", harness.service(server.target(), harness.tls_files()).GetSummary().Role, 2)
        plain = lambda: harness.service(server.target())
        checks.equal("TLS refuses a plain client", code(plain)[0], "UNAVAILABLE")
    with harness.FakeServer(tls="mutual") as server:
        api = harness.service(server.target(), harness.tls_files("client"))
        checks.equal("mutual TLS with a certificate of the authority", api.GetSummary().Role, 2)
        for certificate in (None, "stranger"):
            refused = lambda: harness.service(server.target(), harness.tls_files(certificate))
            checks.equal(f"mutual TLS refuses {certificate or 'a client without a certificate'}",
                         code(refused)[0], "UNAVAILABLE")
