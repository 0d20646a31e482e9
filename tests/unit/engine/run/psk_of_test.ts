// Files of pre-shared keys by identity.
import assert from "node:assert/strict";
import { SetupError } from "@/base/errors.ts";
import { pskAuth, readPskFile } from "@/engine/run/psk_of.ts";
import { IdType } from "@/iana/id_type.ts";
import { secretIn } from "@/ike/auth/psk_table.ts";
import type { IkeConf } from "@/setup/setup.ts";
import { setup } from "../setups.ts";

function withFile<T>(
  content: string,
  ike: Partial<IkeConf>,
  use: (whole: ReturnType<typeof setup>) => T,
): T {
  const path = Deno.makeTempFileSync();
  try {
    Deno.writeTextFileSync(path, content);
    return use(setup({}, { pskfile: path, ...ike }));
  } finally {
    Deno.removeSync(path);
  }
}

const FILE = `# who has which
a.test  one two

"dn:C=CH, O=Lab" 0x00ff
t&d.test secret-&d
`;

Deno.test("lines of identities and secrets are read; comments and empty lines are ignored", () => {
  const { table, secret } = withFile(FILE, {}, (whole) => pskAuth(whole, readPskFile(whole)));
  const of = (name: string) => {
    const data = new TextEncoder().encode(name);
    const found = secretIn(table!, { idType: IdType.ID_FQDN, data });
    return found && new TextDecoder().decode(found);
  };
  assert.equal(of("a.test"), "one two");
  assert.equal(of("t12.test"), "secret-12");
  assert.equal(of("b.test"), undefined);
  assert.equal(secret, undefined);
});

Deno.test("errors of a file have its line, and no secret", () => {
  const refusal = (content: string, ike: Partial<IkeConf> = {}): string => {
    try {
      withFile(content, ike, readPskFile);
    } catch (e) {
      assert.ok(e instanceof SetupError);
      return e.message;
    }
    assert.fail("it is read");
  };
  assert.match(
    refusal("\nlonely\n"),
    /pskfile: .*:2: expected an identity, white space, and its secret/,
  );
  assert.match(refusal("dn:odd secret\n"), /:1: the identity is no distinguished name/);
  const hex = refusal("a.test hidden\n", { pskencoding: "hex" });
  assert.match(hex, /:1: the secret is no hex \(pskencoding\)/);
  assert.doesNotMatch(hex, /hidden/);
  const nowhere = setup({}, { pskfile: "/nowhere/psk" });
  assert.throws(() => readPskFile(nowhere), /ikeconf\.pskfile: cannot read \/nowhere\/psk/);
  // No end authenticates by it: the file is not read.
  const other = { authownmethod: "rsa", authpeermethod: "rsa" } as const;
  assert.deepEqual(readPskFile(setup({}, { pskfile: "/nowhere/psk", ...other })), []);
});
