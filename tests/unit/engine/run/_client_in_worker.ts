/**
 * A worker that makes a client of its own from the text of a setup, runs it to its end, and sends its
 * figures and its summary back.
 */
import { EventHub } from "@/engine/show/event_hub.ts";
import { environment, openTransport, prepareRun } from "@/engine/run/prepare.ts";
import { RunAnswers } from "@/engine/run/run_answers.ts";
import { readSetup } from "@/setup/read.ts";

const worker = self as unknown as {
  onmessage: (event: MessageEvent<string>) => void;
  postMessage(message: unknown): void;
};

worker.onmessage = async ({ data }) => {
  const { setup } = readSetup(data, "worker.yaml");
  const run = prepareRun(setup, {
    env: await environment(setup),
    transport: openTransport(setup),
    events: new EventHub(),
    setupFileName: "worker.yaml",
    hooks: {},
    notYet: [],
  });
  const answers = new RunAnswers(run);
  run.start();
  for (;;) {
    const { established, failed } = await answers.figures();
    if (established + failed >= setup.numberoftunnels) break;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  answers.stop(true);
  const { figures, summary } = await answers.finalResult;
  worker.postMessage({ figures, summary });
};
