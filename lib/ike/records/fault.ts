/**
 * Faults that can be planted on purpose: each removes one rule from the core, so that a simulation that does
 * not find it is known to miss that rule. They are declared only here.
 * @module
 */

/** Every fault by its name, with what the core does when the rule is broken. */
export const FAULTS = {
  accept_declined_transport: "tunnel mode is taken where transport mode was asked for (§1.3.1)",
  accept_any_auth: "AUTH data is not compared (RFC 7296 §2.15)",
  answer_any_repeat: "a request is a repeat by its SPIs and Message ID, whatever its octets (§2.1)",
  answer_late_init: "a copy of an IKE_SA_INIT request makes an SA after IKE_AUTH too (§2.1)",
  answer_by_new_keys:
    "an IKE_INTERMEDIATE response goes under the keys that follow it (RFC 9370 §2.2.2)",
  answer_rekey_in_series:
    "a rekey is answered though additional key exchanges of ours of the same SA go on (RFC 9370 §2.2.4)",
  believe_any_crash: "a token of quick crash detection is not compared (RFC 6290 §4.5)",
  childless_unasked:
    "IKE_AUTH asks for no CHILD_SA though the responder did not say that it may (RFC 6023 §3)",
  answer_unauthenticated: "requests are answered before IKE_AUTH is through (§1.2)",
  accept_any_solution: "a wrong solution of a puzzle is taken (RFC 8019 §7.1.4, §7.2.4)",
  accept_any_cookie: "a wrong cookie makes an SA (§2.6)",
  end_on_time:
    "an SA ends at its lifetime though the exchange that replaces it is under way (§2.8)",
  eap_only_without_key: "EAP-only takes methods without a key (RFC 5998 §4)",
  end_before_renewal:
    "the IKE SA before is deleted before the one that authenticates again is up (RFC 7296 §2.8.3)",
  ignore_announced_methods:
    "this end authenticates by a method that its peer did not announce (RFC 9593 §3.1)",
  keep_announcement_back:
    "SUPPORTED_AUTH_METHODS is left out of IKE_AUTH and of IKE_INTERMEDIATE (RFC 9593 §3.1)",
  introduce_again: "INITIAL_CONTACT goes with an authentication beside another IKE SA (§2.4)",
  endless_overtime: "the overtime of an SA that is being replaced has no end (§2.8)",
  outlive_authentication:
    "an IKE SA goes on though its peer did not authenticate again in time (RFC 4478 §3)",
  prolong_authentication: "a rekey counts as an authentication (RFC 4478 §2)",
  overtime_when_refused: "an SA goes on past its lifetime though its rekey was refused (§2.8)",
  follow_any_redirect:
    "a REDIRECT of IKE_SA_INIT is followed without the nonce of the request (RFC 5685 §3)",
  follow_redirects_for_ever:
    "gateways that redirect to each other keep a client going (RFC 5685 §5.2)",
  follow_behind_nat: "the end behind a NAT follows its peer as well (RFC 7296 §2.23)",
  follow_lost_rekey:
    "the rekey with the lowest nonce goes on with its additional key exchanges (RFC 9370 §2.2.4)",
  follow_when_mobile: "an IKE SA that may move follows any message of its peer (RFC 4555 §3.8)",
  follow_replay: "a repeated request moves the peer to where it came from (§2.23)",
  assume_iptfs: "an initiator has IP-TFS though the responder did not agree to it (RFC 9347 §5.1)",
  forget_iptfs_in_rekey: "the rekey of a CHILD_SA does not ask for IP-TFS again (RFC 9347 §5.1)",
  forget_assigned: "selectors are not narrowed to the assigned inner address (§2.19)",
  forget_encapsulation: "a rekeyed IKE SA does not know that ESP goes in UDP (§2.23)",
  forget_move_on_rekey: "a move that waits for its turn is forgotten in a rekey (RFC 4555 §3.5)",
  forget_redirect_on_rekey:
    "a redirection that waits for its turn is forgotten in a rekey of the IKE SA (RFC 5685 §5)",
  forget_inner_address:
    "a client that authenticates again does not ask for its inner address (RFC 7296 §3.15.1)",
  forget_int_auth: "the initiator's AUTH does not cover IKE_INTERMEDIATE (RFC 9242 §3.3.2)",
  forget_answered_rekey:
    "an IKE SA that the peer deletes while the new one's keys are computed is the end (§2.8)",
  forget_followup_secret: "KEYMAT lacks the last additional secret (RFC 9370 §2.2.4)",
  forget_overtaking_delete:
    "a Delete that comes before the response that names its CHILD_SA is forgotten (§1.4.1)",
  forget_ppk_behind_eap: "the responder goes on by keys without the PPK behind EAP (RFC 8784 §3)",
  forget_ppk: "the initiator does not mix its PPK into the keys (RFC 8784 §3)",
  forget_spi_in_answer: "a CHILD_SA whose keys are computed cannot be deleted (§1.4.1)",
  forget_uninstall: "a deleted CHILD_SA stays in the data path (§1.4.1)",
  fragment_unasked: "fragments are sent to a peer that did not say it takes them (RFC 7383 §2.3)",
  hide_redirected_from: "a redirected client does not say which gateway sent it (RFC 5685 §4)",
  ignore_announced_hashes: "this end signs by a hash that its peer did not announce (RFC 7427 §4)",
  ignore_esn: "the responder takes any sequence numbers for its own (§3.3.2)",
  ignore_initial_contact: "INITIAL_CONTACT leaves older SAs alone (§2.4)",
  ignore_resource_limit:
    "the responder makes more CHILD_SAs with the same selectors than it is to (RFC 9611)",
  forget_resource_in_rekey: "the rekey of a CHILD_SA does not keep its resource (RFC 9611)",
  crowd_unasked:
    "a client asks for CHILD_SAs of resources though its gateway takes no part (RFC 9611)",
  ignore_response_id: "a response counts whatever its Message ID is (§2.2)",
  keep_addresses: "selectors of transport mode stay in the peer's addresses (§2.23.1)",
  keep_both_children: "of two redundant CHILD_SAs none is deleted (§2.8.1)",
  keep_both_ike_sas: "of two redundant IKE SAs none is deleted (§2.8.2)",
  keep_childless: "an IKE SA that no CHILD_SA can be made for stays (RFC 6023)",
  keep_declined_child: "a CHILD_SA in a mode we do not want is left to the peer (§1.3.1)",
  keep_own_liveness:
    "a client checks liveness as it is configured, and not as its gateway says (TS 24.302)",
  keep_redirected: "a gateway keeps the IKE SA of a peer that it has sent elsewhere (RFC 5685 §5)",
  keep_sending_by_old:
    "who answered a rekey goes on with the old CHILD_SA when that is gone (§2.8)",
  keep_fragments: "fragments wait for the others without end (RFC 7383 §2.6)",
  keep_followups:
    "what IKE_FOLLOWUP_KE was to complete is waited for without end (RFC 9370 §2.2.4)",
  keep_half_open: "an initiator that went silent is waited for without end (§2.4)",
  leak_child_spi: "the SPI of a deleted CHILD_SA is never free again",
  leak_lease: "the inner addresses of an IKE SA that has ended are never free again",
  leave_children: "CHILD_SAs stay behind when the IKE SA is rekeyed (§2.8)",
  move_unchecked:
    "CHILD_SAs go where an update came from before the peer has answered there (RFC 4555 §3.7)",
  name_crossing_delete: "crossing Deletes are named in the response too (§1.4.1)",
  no_keepalives: "an end behind a NAT lets its mapping expire (RFC 3948 §4)",
  no_response_cache: "a repeated request is not answered from memory (§2.1)",
  no_window: "a request is taken whatever its Message ID is (§2.3)",
  rekey_closing_child: "the rekey of a CHILD_SA that is being closed is answered (§2.25.1)",
  rekey_while_busy: "the IKE SA is rekeyed while a CHILD_SA is under way (§2.25.1)",
  renew_nonce: "the retry with a cookie carries another nonce (§2.6)",
  repeat_by_old_path:
    "a Delete is repeated by the path that was left, and not by the new one (RFC 4555 §3.5)",
  repeat_one_fragment: "only the first fragment of a request is repeated (RFC 7383 §2.6)",
  retransmit_forever: "a request is repeated more often than maxretran (§2.4)",
  send_solution_of_before:
    "a request with another cookie has the solution of the puzzle before (RFC 8019 §7.1.2)",
  send_by_lost: "packets leave by a redundant CHILD_SA while it is deleted (§2.8.1)",
  send_by_new_at_once:
    "who answers a rekey sends by the new CHILD_SA before the peer has it (§2.8)",
  skip_followup:
    "the initiator makes the SA without its additional key exchanges (RFC 9370 §2.2.4)",
  sign_own_message_alone:
    "the initiator's AUTH covers its own IKE_SA_INIT message, though both were agreed on (downgrade prevention)",
  sign_own_nonce: "the initiator's AUTH covers its own nonce, not the responder's (§2.15)",
  skip_intermediate:
    "the initiator goes to IKE_AUTH without its additional key exchanges (RFC 9370 §2.2.2)",
  skip_second_auth: "the responder is content with the first of two authentications (RFC 4739)",
  stay_on_dead_path: "a client that nobody answers at a new address stays there (RFC 4555 §3.5)",
  stay_on_ike_port: "an initiator that sees a NAT stays at the IKE port (§2.23)",
  ticket_of_rekeyed: "a ticket in the answer to a rekey is of the IKE SA before (RFC 5723 §4.1)",
  authenticate_by_ticket: "an IKE SA that is resumed counts as authenticated anew (RFC 5723 §6.2)",
  renew_ticket_at_once: "a client that was given a ticket asks for the next one at once",
  take_expired_ticket: "a gateway resumes by a ticket that has expired (RFC 5723 §4.3.2)",
  take_ticket_twice: "a gateway resumes by a ticket a second time (RFC 5723 §4.3.1)",
  keep_old_token: "an IKE SA that a rekey made has no token of its own (RFC 6290 §4.3)",
  token_for_live_sa: "an end gives away the token of an IKE SA that it has (RFC 6290 §4.5)",
  keep_resumed: "a gateway keeps the IKE SA that its peer has resumed (RFC 5723 §4.3.2)",
  swap_nonces: "the initiator takes Ni and Nr the wrong way round (§2.17)",
  waive_transcript:
    "an IKE SA is made with a peer that does not authenticate both messages of IKE_SA_INIT, which is required",
  waive_ppk: "an IKE SA is made without the PPK that is required (RFC 8784 §3)",
  take_misplaced_anchor:
    "a DNSSEC trust anchor is taken that no domain stands before (RFC 8598 §4)",
  trust_any_raw_key: "a raw public key is taken whoever has shown it (RFC 7670 §4)",
  take_raw_key_of_another: "a raw public key is taken that belongs to another identity (RFC 7670)",
  take_forced_child: "IKE_AUTH makes a CHILD_SA though the responder wants it apart (RFC 6023)",
  trust_any_chain: "a certificate is taken whoever has issued it (RFC 5280 §6.1)",
  widen_selectors: "the responder does not narrow TSi (§2.9)",
} as const;

/** A fault that can be planted. */
export type FaultName = keyof typeof FAULTS;

/** Whether a text names a fault. */
export function isFaultName(text: string): text is FaultName {
  return Object.hasOwn(FAULTS, text);
}
