/**
 * The messages of `proto/myikev2/api/api.proto` as they are sent, and its calls.
 *
 * Written by scripts/api_types.ts: change the proto file, and run that.
 * @module
 */
import type { StreamCall, UnaryCall } from "@/api/call_types.ts";
import type {
  CHILDSADumpRead,
  CHILDSAQueryRead,
  EmptyRead,
  EventFilterRead,
  IKESADumpRead,
  IKESAQueryRead,
  ListCHILDSAQueryRead,
  ListCHILDSARespRead,
  ListIKESAQueryRead,
  ListIKESARespRead,
  ListPingResultRead,
  MyIKEv2EventRead,
  PingResultQueryRead,
  PoolUsageSummaryRead,
  RekeyChildReqRead,
  StopReqRead,
  SummaryRespRead,
} from "@/api/proto/api_read.ts";
import type { Duration, Timestamp } from "@/api/proto/well_known.ts";

/** No arguments, or nothing to say. */
export type Empty = Readonly<Record<string, never>>;

/**
 * The test as a whole. "Live" SAs are those in the states established, updatingaddr, rekeying, dpd
 * and child_rekeying.
 */
export interface SummaryResp {
  /** 1 client, 2 gateway. */
  readonly Role?: number | undefined;
  /** When the test began. */
  readonly StartTime?: Timestamp | null | undefined;
  /** StartTime + runningtime; absent when runningtime is 0. */
  readonly TestEndTime?: Timestamp | null | undefined;
  /** When the test ended. */
  readonly ActualTestEndTime?: Timestamp | null | undefined;
  /**
   * When the first IKE_SA_INIT was sent, answered or not (client), or the first one received that was
   * answered with an IKE SA (gateway; one whose peer then fails to authenticate does not count).
   */
  readonly CreationStartTime?: Timestamp | null | undefined;
  /** When the last configured tunnel was up or given up. */
  readonly CreationFinishTime?: Timestamp | null | undefined;
  /** CreationFinishTime, or now, less CreationStartTime. */
  readonly CreateDuration?: Duration | null | undefined;
  /** Path of the setup file. */
  readonly SetupFileName?: string | undefined;
  /**
   * Tunnels ever established; rekey, reauthentication and flapping do not count again. To a gateway an
   * identity that comes again is the same tunnel when its earlier IKE SA is gone, or is ended by its
   * INITIAL_CONTACT; several at once under one identity are as many tunnels.
   */
  readonly NumOfCreatedTunnel?: number | undefined;
  /**
   * Tunnels per second: the smaller of NumOfCreatedTunnel and Configured_count / CreateDuration, which
   * stands still when the last configured tunnel is up.
   */
  readonly SetupRate?: number | undefined;
  /** IKE SAs whose IKE_SA_INIT is under way now. */
  readonly Ikesa_state_init?: number | string | undefined;
  /** IKE SAs that have keys and are not yet authenticated. */
  readonly Ikesa_state_created?: number | string | undefined;
  /** IKE SAs that are established and do nothing else now. */
  readonly Ikesa_state_established?: number | string | undefined;
  /** IKE SAs that change an address now. */
  readonly Ikesa_state_updatingaddr?: number | string | undefined;
  /** IKE SAs that are being rekeyed now. */
  readonly Ikesa_state_rekeying?: number | string | undefined;
  /** IKE SAs replaced by a rekey and still listed: 5 s after their end, with keepikehistory longer. */
  readonly Ikesa_state_rekeyed?: number | string | undefined;
  /** IKE SAs that ended and are still listed. */
  readonly Ikesa_state_closed?: number | string | undefined;
  /** IKE SAs whose Delete is under way now. */
  readonly Ikesa_state_closing?: number | string | undefined;
  /** IKE SAs with a liveness check outstanding. */
  readonly Ikesa_state_dpd?: number | string | undefined;
  /** IKE SAs that rekey one of their CHILD_SAs now. */
  readonly Ikesa_state_child_rekeying?: number | string | undefined;
  /** All IKE SAs: the sum of the ten Ikesa_state fields. */
  readonly Ikesa_total?: number | string | undefined;
  /** Live IKE SAs. */
  readonly Live_count?: number | string | undefined;
  /** Live IKE SAs with at least one established CHILD_SA. */
  readonly Has_Child?: number | string | undefined;
  /** Of the tunnels counted in NumOfCreatedTunnel, those live now. */
  readonly Created_live_count?: number | string | undefined;
  /** The setup's numberoftunnels. */
  readonly Configured_count?: number | string | undefined;
  /** Tunnels that are down on purpose now. */
  readonly Flapping_count?: number | string | undefined;
  /** 0 running, 1 passed, 2 failed, 3 stopped by request before the end with nothing failed. */
  readonly Result?: number | undefined;
  /** The first reason of a failure. */
  readonly LastErrMsg?: string | undefined;
}

/** A window over the list of IKE SAs. */
export interface ListIKESAQuery {
  /** Entries to skip, from zero; past the end the list is empty. */
  readonly Start?: number | undefined;
  /** Entries wanted at most; 0 means all that follow. Page by 10,000 where a message may not pass 4 MiB. */
  readonly Len?: number | undefined;
}

/** One line of the list of IKE SAs. */
export interface IKESASummary {
  /** The peer's address. */
  readonly PeerAddr?: Uint8Array | undefined;
  /** The peer's current port. */
  readonly PeerPort?: number | undefined;
  /** Our SPI: the name the other calls know this SA by. */
  readonly OwnSPI?: number | string | undefined;
  /**
   * 1 init, 2 created, 3 established, 4 updatingaddr, 5 rekeying, 6 rekeyed, 7 closed, 8 closing,
   * 9 dpd, 10 child_rekeying.
   */
  readonly State?: number | undefined;
  /** When it was established. */
  readonly EstabTime?: Timestamp | null | undefined;
}

/**
 * IKE SAs in the order of their creation, stable while others come and go. Those that have ended are
 * among them for 5 s, in state 7, or 6 where a rekey replaced them: the last 10,000, but none that
 * IKE_SA_INIT refused. With keepikehistory the last 10,000 rekeyed ones stay.
 */
export interface ListIKESAResp {
  /** The window asked for. */
  readonly SummaryList?: readonly IKESASummary[] | undefined;
}

/** Whose CHILD_SAs are wanted. */
export interface ListCHILDSAQuery {
  /** Our SPI of the IKE SA. */
  readonly IKEOwnSPI?: number | string | undefined;
}

/**
 * The CHILD_SAs of one IKE SA: those that carry traffic first, so that the one a rekey made stands
 * there as soon as RekeyChild has answered; then those that are being made or taken down; then, with
 * keepchildhistory, the rekeyed ones of its tunnel in state 4: the last 10,000 of the test.
 */
export interface ListCHILDSAResp {
  /** Our SPI of each. */
  readonly OwnSPIList?: readonly number[] | undefined;
}

/** Which CHILD_SA is wanted. */
export interface CHILDSAQuery {
  /** Our SPI: the one in packets that we receive. */
  readonly OwnSPI?: number | undefined;
}

/** A traffic selector (RFC 7296 section 3.13.1). */
export interface CHILDSADumpTS {
  /** 7 a range of IPv4 addresses, 8 of IPv6 addresses. */
  readonly Type?: number | undefined;
  /** IP protocol; 0 any. */
  readonly Protocol?: number | undefined;
  /** First address. */
  readonly StartAddr?: Uint8Array | undefined;
  /** Last address. */
  readonly EndAddr?: Uint8Array | undefined;
  /** First port; 0 to 65535 is any, 65535 to 0 is OPAQUE; ICMP: type and code as in the RFC. */
  readonly StartPort?: number | undefined;
  /** Last port. */
  readonly EndPort?: number | undefined;
}

/** All about one CHILD_SA. Its keys are empty for a caller that may not see secrets. */
export interface CHILDSADump {
  /** 1 creating, 2 established, 3 rekeying, 4 rekeyed, 5 closing, 6 closed. */
  readonly State?: number | undefined;
  /** The SPI of packets that we receive. */
  readonly OwnSPI?: number | undefined;
  /** The SPI of packets that we send. */
  readonly PeerSPI?: number | undefined;
  /** Our outer address. */
  readonly OwnAddr?: Uint8Array | undefined;
  /** The peer's outer address. */
  readonly PeerAddr?: Uint8Array | undefined;
  /** Our SPI of the IKE SA it belongs to now. */
  readonly ParentIKESA?: number | string | undefined;
  /** When it was established. */
  readonly EstabTime?: Timestamp | null | undefined;
  /**
   * Transform type 1: 3 3DES, 11 NULL, 12 AES-CBC, 13 AES-CTR, 14-16 AES-CCM-8/12/16,
   * 18-20 AES-GCM-8/12/16, 28 ChaCha20-Poly1305.
   */
  readonly EncAlg?: number | undefined;
  /** Bits of the Key Length attribute; 0 for a cipher of fixed length. */
  readonly KeyLen?: number | undefined;
  /**
   * Transform type 3: 0 none (AEAD), 1 MD5-96, 2 SHA1-96, 5 AES-XCBC-96, 8 AES-CMAC-96,
   * 12/13/14 SHA2-256-128/384-192/512-256.
   */
  readonly IntAlg?: number | undefined;
  /** The lifetime configured. */
  readonly LifeTime?: Duration | null | undefined;
  /** Encryption key of the initiator of the exchange that made this SA; AEAD: key and salt; AH: empty. */
  readonly SKei?: Uint8Array | undefined;
  /** Encryption key of the responder of that exchange; AEAD: key and salt; AH: empty. */
  readonly SKer?: Uint8Array | undefined;
  /** Integrity key of the initiator of that exchange; AEAD: empty. */
  readonly SKai?: Uint8Array | undefined;
  /** Integrity key of the responder of that exchange; AEAD: empty. */
  readonly SKar?: Uint8Array | undefined;
  /** Whether sequence numbers have 64 bits. */
  readonly ESN?: boolean | undefined;
  /** False is transport mode. */
  readonly TunnelMode?: boolean | undefined;
  /** Packets of the replay window. */
  readonly ReplayWindowSize?: number | undefined;
  /** Selectors of our side. */
  readonly OwnTS?: readonly CHILDSADumpTS[] | undefined;
  /** Selectors of the peer's side. */
  readonly PeerTS?: readonly CHILDSADumpTS[] | undefined;
}

/** Which IKE SA is wanted. */
export interface IKESAQuery {
  /** Our SPI. */
  readonly OwnSPI?: number | string | undefined;
}

/** All about one IKE SA. Its keys and PSK are empty for a caller that may not see secrets. */
export interface IKESADump {
  /**
   * 1 init, 2 created, 3 established, 4 updatingaddr, 5 rekeying, 6 rekeyed, 7 closed, 8 closing,
   * 9 dpd, 10 child_rekeying.
   */
  readonly State?: number | undefined;
  /** Our SPI. */
  readonly OwnSPI?: number | string | undefined;
  /** The peer's SPI; 0 until it is known. */
  readonly PeerSPI?: number | string | undefined;
  /** When it was established. */
  readonly EstabTime?: Timestamp | null | undefined;
  /** Our address. */
  readonly OwnAddr?: Uint8Array | undefined;
  /** The peer's address. */
  readonly PeerAddr?: Uint8Array | undefined;
  /** The peer's current port. */
  readonly PeerPort?: number | undefined;
  /** Transform type 1, as in CHILDSADump. */
  readonly EncAlg?: number | undefined;
  /** Bits of the Key Length attribute; 0 for a cipher of fixed length. */
  readonly KeyLen?: number | undefined;
  /** Transform type 3, as in CHILDSADump. */
  readonly IntAlg?: number | undefined;
  /** Transform type 2: 1 MD5, 2 SHA1, 4 AES-XCBC, 5/6/7 SHA2-256/384/512, 8 AES-CMAC. */
  readonly PrfAlg?: number | undefined;
  /**
   * How we authenticated: 1 RSA, 2 PSK, 9/10/11 ECDSA-256/384/521, 13 NULL, 14 digital signature,
   * 0 not yet; of our own: 201 eap, 202 eap-only.
   */
  readonly OwnAuth?: number | undefined;
  /** How the peer authenticated, numbers as in OwnAuth. */
  readonly PeerAuth?: number | undefined;
  /** 1 IPv4, 2 FQDN, 3 RFC822, 5 IPv6, 9 DER_ASN1_DN, 11 KEY_ID, 13 NULL. */
  readonly MyIdType?: number | undefined;
  /** Hash of our digital signature: 1 SHA1, 2/3/4 SHA2-256/384/512, 5 Identity; -1 unless OwnAuth is 14. */
  readonly HashAlgDS?: number | undefined;
  /** Whether our digital signature is RSASSA-PSS; true only when OwnAuth is 14. */
  readonly RSAPSS?: boolean | undefined;
  /** The pre-shared key. */
  readonly PSK?: string | undefined;
  /** Whether we probe a silent peer. */
  readonly InitiateDPD?: boolean | undefined;
  /** Whether we probe also a peer that was heard within the interval. */
  readonly ForceDPD?: boolean | undefined;
  /** The liveness interval configured. */
  readonly DPDInterval?: Duration | null | undefined;
  /** The lifetime configured. */
  readonly LifeTime?: Duration | null | undefined;
  /** How long before expiry it is rekeyed. */
  readonly MarginTime?: Duration | null | undefined;
  /** Whether the margin is drawn from 0 to MarginTime. */
  readonly Jitter?: boolean | undefined;
  /** Whether CHILD_SAs are installed in the data path. */
  readonly InstallFastpath?: boolean | undefined;
  /** Whether rekeyed CHILD_SAs stay listed. */
  readonly KeepChildHist?: boolean | undefined;
  /** Whether rekeyed IKE SAs stay listed. */
  readonly KeepIKEHist?: boolean | undefined;
  /** Whether NAT detection and UDP encapsulation are on. */
  readonly EnableNATT?: boolean | undefined;
  /** The interval of NAT keepalives configured; absent when none are sent. */
  readonly NATTKeepaliveInterval?: Duration | null | undefined;
  /** When a message of the peer, or an authentic packet of its CHILD_SAs that was no replay, was last received. */
  readonly LastRcvPktTime?: Timestamp | null | undefined;
  /** When we last sent a liveness check. */
  readonly LastSendDPDTime?: Timestamp | null | undefined;
  /** Encryption key of the initiator of the exchange that made this SA; AEAD: key and salt. */
  readonly SKei?: Uint8Array | undefined;
  /** Encryption key of the responder of that exchange; AEAD: key and salt. */
  readonly SKer?: Uint8Array | undefined;
  /** Integrity key of the initiator of that exchange; AEAD: empty. */
  readonly SKai?: Uint8Array | undefined;
  /** Integrity key of the responder of that exchange; AEAD: empty. */
  readonly SKar?: Uint8Array | undefined;
  /**
   * Why it ended, or is about to end: 0 open; 1-16383 the IANA error notify that ended it; 65537 stopped by us, 65538
   * deleted by peer, 65539 rekeyed, 65540 no answer, 65541 liveness failed, 65542 hard expiry,
   * 65543 INITIAL_CONTACT, 65544 reauthenticated, 65545 flapped, 65546 redirected, 65547 refused
   * here (LastErrMsg and an event say why), 65548 resumed as another IKE SA,
   * 65549 the peer has crashed.
   */
  readonly CloseCode?: number | undefined;
}

/** Which events a stream carries. */
export interface EventFilter {
  /**
   * 1 critical, 2 error, 3 warning, 4 info, 5 debug; events up to this level pass. 0 takes the setup's
   * loglevel; above 5 is INVALID_ARGUMENT. Independent of the log file's level.
   */
  readonly Level?: number | undefined;
  /** Only events whose text contains it pass, case-sensitive; empty passes all. */
  readonly keyword?: string | undefined;
}

/** Something that happened. */
export interface MyIKEv2Event {
  /** 1 critical, 2 error, 3 warning, 4 info, 5 debug. */
  readonly Level?: number | undefined;
  /** What happened, in words. */
  readonly Msg?: string | undefined;
  /** When it happened. */
  readonly EventTime?: Timestamp | null | undefined;
}

/** A window over the list of ping tasks. */
export interface PingResultQuery {
  /** Entries to skip, from zero; past the end the list is empty. */
  readonly Start?: number | undefined;
  /** Entries wanted at most; 0 means all that follow. */
  readonly Len?: number | undefined;
}

/** One ping task. */
export interface PingResult {
  /** Source address in words; empty where the system chooses it and no reply has told it yet. */
  readonly LocalAddr?: string | undefined;
  /** Destination address in words. */
  readonly RemoteAddr?: string | undefined;
  /** Echo requests sent since the counters were cleared. */
  readonly TotalSentPkt?: number | string | undefined;
  /** Those of them that were answered in time, each counted once. */
  readonly TotalRecvPkt?: number | string | undefined;
}

/** Ping tasks in the order of their creation. */
export interface ListPingResult {
  /** The window asked for. */
  readonly ResultList?: readonly PingResult[] | undefined;
  /** Echo requests sent by all tasks. */
  readonly TotalSent?: number | string | undefined;
  /** Echo replies received by all tasks. */
  readonly TotalRecv?: number | string | undefined;
}

/** The gateway's address pools; without a pool, and at a client, all fields are empty. */
export interface PoolUsageSummary {
  /** First address of the IPv4 pool. */
  readonly V4StartAddr?: Uint8Array | undefined;
  /** First address of the IPv6 pool. */
  readonly V6StartAddr?: Uint8Array | undefined;
  /** IPv4 addresses leased now. */
  readonly V4Assigned?: number | string | undefined;
  /** IPv6 addresses leased now. */
  readonly V6Assigned?: number | string | undefined;
}

/** How to stop. */
export interface StopReq {
  /** Whether peers are told: a Delete for each tunnel. */
  readonly Gracefully?: boolean | undefined;
}

/** Which CHILD_SA is rekeyed. */
export interface RekeyChildReq {
  /** Our SPI. */
  readonly OwnSPI?: number | undefined;
}

/** One running test. */
export interface MyIKEv2APISvc {
  /**
   * Ends the test; returns at once. A graceful end is over `stoptimeout` after the last answer, and
   * says how many Deletes went unanswered.
   */
  readonly Stop: UnaryCall<StopReq, StopReqRead, Empty, EmptyRead>;
  /** How the test stands. */
  readonly GetSummary: UnaryCall<Empty, EmptyRead, SummaryResp, SummaryRespRead>;
  /** All about one IKE SA; NOT_FOUND for an unknown SPI. */
  readonly GetIKESA: UnaryCall<IKESAQuery, IKESAQueryRead, IKESADump, IKESADumpRead>;
  /** The IKE SAs. */
  readonly ListIKESA: UnaryCall<
    ListIKESAQuery,
    ListIKESAQueryRead,
    ListIKESAResp,
    ListIKESARespRead
  >;
  /** The CHILD_SAs of one IKE SA; NOT_FOUND for an unknown SPI. */
  readonly ListCHILDSA: UnaryCall<
    ListCHILDSAQuery,
    ListCHILDSAQueryRead,
    ListCHILDSAResp,
    ListCHILDSARespRead
  >;
  /** All about one CHILD_SA; NOT_FOUND for an unknown SPI. */
  readonly GetCHILDSA: UnaryCall<CHILDSAQuery, CHILDSAQueryRead, CHILDSADump, CHILDSADumpRead>;
  /**
   * Events from now on, until the test ends. A reader that is too slow loses events (of levels 1 to 4
   * when 50,000 of them, or 8,000,000 characters, wait for it; of level 5 when 1,000 do), and an event
   * of level 3 in their place says how many.
   */
  readonly SubscrEvent: StreamCall<EventFilter, EventFilterRead, MyIKEv2Event, MyIKEv2EventRead>;
  /**
   * Changes the filter of the event streams on the caller's connection; where that has none, of all
   * open streams; where there is none at all: FAILED_PRECONDITION.
   */
  readonly UpdateEventFilter: UnaryCall<EventFilter, EventFilterRead, Empty, EmptyRead>;
  /** Results of the ping tasks. */
  readonly GetPingSummary: UnaryCall<
    PingResultQuery,
    PingResultQueryRead,
    ListPingResult,
    ListPingResultRead
  >;
  /** Sets all counters of the ping tasks to zero; requests on their way count no more. */
  readonly ClearPingStats: UnaryCall<Empty, EmptyRead, Empty, EmptyRead>;
  /** Use of the gateway's address pools. */
  readonly GetPoolUsageSummary: UnaryCall<Empty, EmptyRead, PoolUsageSummary, PoolUsageSummaryRead>;
  /**
   * Delivers the summary once, at the end of the test. After the end the API answers until every
   * subscriber is served, 2 s at most.
   */
  readonly NotifyFinalResult: StreamCall<Empty, EmptyRead, SummaryResp, SummaryRespRead>;
  /**
   * Rekeys a CHILD_SA; returns when the new one is up. ABORTED names the notify of a peer that
   * refused; FAILED_PRECONDITION: not established; NOT_FOUND: unknown SPI.
   */
  readonly RekeyChild: UnaryCall<RekeyChildReq, RekeyChildReqRead, Empty, EmptyRead>;
}
