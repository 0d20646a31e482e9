/**
 * Prepares addresses in the network namespace it is started in, and tells what became of them as one
 * line of JSON. Arguments: the plan as JSON, `true` or `force`, and `hold` where it is to tell as soon as
 * everything is there, and to remove it when its standard input ends.
 */
import { parsePrefix } from "@/base/address.ts";
import { prepareAddresses } from "@/datapath/addresses.ts";

/** The line that this program prints. */
export interface Told {
  /** The lines that were announced before something was removed. */
  readonly said: string[];
  /** The refusal; absent: there was none. */
  readonly error?: string;
  /** Addresses, routes and policies as `ip` shows them, while the test would run, and at its end. */
  readonly during?: string;
  readonly after: string;
}

async function ip(...args: string[]): Promise<string> {
  const { stdout } = await new Deno.Command("ip", { args, stderr: "null" }).output();
  return new TextDecoder().decode(stdout);
}

async function state(): Promise<string> {
  const lists = ["-br addr", "route show table all", "xfrm policy"];
  const parts = await Promise.all(lists.map((list) => ip(...list.split(" "))));
  return parts.join("").replaceAll(/fe80::\S+/g, "link-local").replaceAll(/ +/g, " ");
}

const [plan, flush] = [JSON.parse(Deno.args[0]!), Deno.args[1] === "force" ? "force" : true];
const said: string[] = [];
let told: Omit<Told, "after">;
try {
  const prepared = await prepareAddresses(
    {
      role: "client",
      numberoftunnels: 2,
      staticroute: "",
      mobike: false,
      mobikeaddrpertunnel: 2,
      mobikeaddrpergw: 2,
      ...plan,
      bindifaddr: plan.bindifaddr ? parsePrefix(plan.bindifaddr)! : null,
      startclntaddr: plan.startclntaddr ? parsePrefix(plan.startclntaddr)! : null,
    },
    flush as true | "force",
    (line) => void said.push(line),
  );
  told = { said, during: await state() };
  if (Deno.args[2] === "hold") {
    console.log(JSON.stringify(told));
    await Deno.stdin.read(new Uint8Array(1));
  }
  await prepared.undo();
} catch (e) {
  told = { said, error: (e as Error).message };
}
console.log(JSON.stringify({ ...told, after: await state() } satisfies Told));
