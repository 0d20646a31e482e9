import { PayloadType } from "@/iana/payload_type.ts";
import { eapCodec } from "@/wire/payloads/eap.ts";
import { hex, refused, refusesTruncations, same } from "./_codec.ts";

Deno.test("EAP packets of every code come and go", () => {
  for (
    const text of [
      "01 07 0005 01",
      "02 07 0008 01 626f62",
      "03 07 0004",
      "04 07 0004",
      "09 07 0004",
    ]
  ) {
    same(eapCodec, text, { type: PayloadType.EAP, data: hex(text) });
  }
});

Deno.test("an EAP packet is as long as it says", () => {
  refusesTruncations(eapCodec, "02 07 0008 01 626f62");
  refused(eapCodec, "02 07 0008 01 626f62 00", /EAP length 8 in a payload of 9/);
});

Deno.test("a request has a type, and an end has nothing", () => {
  refused(eapCodec, "01 07 0004", /without its type/);
  refused(eapCodec, "02 07 0004", /without its type/);
  refused(eapCodec, "03 07 0005 00", /Success or Failure/);
  refused(eapCodec, "04 07 0005 00", /Success or Failure/);
});
