/**
 * Key exchange for tests that make thousands of SAs: pairs from a small stock and shared secrets remembered, so that
 * they do not pay for the same arithmetic again. The values are real, only few.
 * @module
 */
import { toHex } from "@/base/bytes.ts";
import { must } from "@/base/errors.ts";
import { SeededRandom } from "@/base/random.ts";
import {
  type CryptoBackend,
  type KeyExchange,
  type KeyPair,
  respondByPair,
} from "@/crypto/backend.ts";

/** The backend with every key exchange drawing from a stock of `pairs` pairs per group. */
export function withExchangeStock(backend: CryptoBackend, pairs: number): CryptoBackend {
  const stocked = new Map<number, KeyExchange>();
  return {
    ...backend,
    keyExchange: (group) => {
      const known = stocked.get(group);
      if (known) return known;
      const exchange = backend.keyExchange(group);
      if (!exchange) return undefined;
      const made = stockedExchange(exchange, pairs);
      stocked.set(group, made);
      return made;
    },
  };
}

/**
 * The stock of one group. Its pairs are the same in every run; which one is drawn is up to the
 * source given to `generate`, and without a source the exchange is the one underneath.
 */
function stockedExchange(exchange: KeyExchange, pairs: number): KeyExchange {
  must(pairs > 0, "a stock of at least one pair");
  const stock = new Map<number, KeyPair>();
  const places = new Map<string, number>();
  const secrets = new Map<string, Uint8Array>();
  const stocked: KeyExchange = {
    ...exchange,
    // A KEM's answer depends on the initiator's value: there is no pair to keep.
    respond: (peerPublic, random) =>
      exchange.isKem
        ? exchange.respond(peerPublic, random)
        : respondByPair(stocked, peerPublic, random),
    generate: (random) => {
      if (!random) return exchange.generate();
      const [high, low] = random(2);
      const place = (high! << 8 | low!) % pairs;
      const known = stock.get(place);
      if (known) return known;
      const source = new SeededRandom(exchange.group << 16 | place);
      const pair = exchange.generate((octets) => source.octets(octets));
      must(!(pair instanceof Promise), "a seeded pair comes at once");
      stock.set(place, pair);
      places.set(toHex(pair.publicValue), place);
      return pair;
    },
    derive: (pair, peerPublic) => {
      // A value from elsewhere, broken ones included, is not remembered: that bounds the memory.
      const ours = places.get(toHex(pair.publicValue));
      const theirs = places.get(toHex(peerPublic));
      if (ours === undefined || theirs === undefined) return exchange.derive(pair, peerPublic);
      const which = `${ours} with ${theirs}`;
      const known = secrets.get(which);
      if (known) return known.slice();
      const secret = exchange.derive(pair, peerPublic);
      must(!(secret instanceof Promise), "the secret of a seeded pair comes at once");
      secrets.set(which, secret);
      return secret.slice();
    },
  };
  return stocked;
}
