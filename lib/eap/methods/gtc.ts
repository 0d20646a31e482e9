/**
 * EAP-GTC: the server sends a text, and the peer answers with its password in the clear (RFC 3748 §5.6).
 * The server is not authenticated, and no keys are derived.
 * @module
 */
import { sameOctets } from "@/base/bytes.ts";
import { refuse } from "@/eap/failure.ts";
import { printable } from "@/eap/identity.ts";
import type { EapMethod, PeerRun, ServerRun } from "@/eap/method.ts";
import { EapType } from "@/iana/eap_type.ts";

const PROMPT = "Password: ";
/** The most characters of a server's text that are shown to users. */
const PROMPT_MAX = 253;
const utf8 = new TextEncoder();

/** See {@linkcode EapMethod}. */
export const gtc: EapMethod = {
  type: EapType.GTC,
  name: "EAP-GTC",
  word: "gtc",
  derivesKeys: false,

  lacksAsPeer: ({ password }) => password === undefined ? "there is no eappassword" : undefined,

  beginAsPeer({ password }): PeerRun {
    const prompts: string[] = [];
    return {
      take({ data }) {
        if (data.length === 0) refuse("malformed", "the server's text is empty");
        const text = printable(new TextDecoder().decode(data)).slice(0, PROMPT_MAX);
        prompts.push(`the server asks: ${text}`);
        return { then: "done", data: utf8.encode(password), keys: undefined };
      },
      notes: () => prompts,
    };
  },

  lacksAsServer({ user }) {
    if (!user) return "there is no such user";
    return user.password === undefined ? "the user has no password" : undefined;
  },

  beginAsServer({ user }): ServerRun {
    return {
      begin: () => utf8.encode(PROMPT),
      take({ data }) {
        if (data.length === 0) refuse("malformed", "the peer's password is empty");
        if (!sameOctets(data, utf8.encode(user!.password))) {
          refuse("wrong credentials", `the peer's password for "${user!.identity}" is wrong`);
        }
        return { then: "done", keys: undefined };
      },
    };
  },
};
