import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { STREAM_LIMITS } from "@/api/caller_quota.ts";
import { QUEUE_CHARACTERS_MAX } from "@/engine/show/event_hub.ts";
import type { EventFilter } from "@/api/proto/api.ts";
import { ApiClient, type Stream, type StreamMessage, withApi } from "./client.ts";

Deno.test("a stream has the events that match its level and keyword, with their time", () =>
  withApi(async ({ run, client }) => {
    const before = Date.now();
    const stream = await opened(client, { Level: 4, keyword: "Tunnel" });
    run.events.publish(5, "Tunnel 1: too detailed");
    run.events.publish(4, "Tunnel 2: established");
    run.events.publish(1, "tunnel 3: another case");
    run.events.publish(1, "Cannot go on: Tunnel 4 failed");
    await stream.until(2);
    assert.deepEqual(stream.replies.map((e) => [e.Level, e.Msg]), [
      [4, "Tunnel 2: established"],
      [1, "Cannot go on: Tunnel 4 failed"],
    ]);
    const { seconds, nanos } = stream.replies[0]!.EventTime!;
    const time = Number(seconds) * 1_000 + nanos / 1e6;
    assert.ok(time >= before && time <= Date.now());
  }));

Deno.test("level 0 stands for the loglevel of the setup, and levels above 5 are refused", () =>
  withApi(async ({ run, client }) => {
    const stream = await opened(client, { Level: 0 });
    run.events.publish(4, "more detailed than the setup's level");
    run.events.publish(3, "within the setup's level");
    await stream.until(1);
    assert.equal(stream.replies[0]!.Msg, "within the setup's level");
    assert.equal(await client.stream("SubscrEvent", { Level: 6 }).ended, status.INVALID_ARGUMENT);
    assert.equal(
      await code(client.call("UpdateEventFilter", { Level: 4_294_967_295 })),
      status.INVALID_ARGUMENT,
    );
  }));

Deno.test("event streams end after the last event, and the API still answers calls", () =>
  withApi(async ({ run, client, api }) => {
    const stream = await opened(client, { Level: 4 });
    run.events.publish(4, "the last one");
    api.endEvents();
    run.events.publish(4, "after it");
    assert.equal(await stream.ended, status.OK);
    assert.deepEqual(texts(stream), ["the last one"]);
    assert.equal(await client.stream("SubscrEvent", { Level: 4 }).ended, status.OK);
    await client.call("GetSummary");
  }));

Deno.test("UpdateEventFilter changes the streams of the caller's connection, or all streams if the caller has none, and fails if there is no stream", () =>
  withApi(async ({ run, client, api }) => {
    const other = new ApiClient(`127.0.0.1:${api.port}`);
    const third = new ApiClient(`127.0.0.1:${api.port}`);
    assert.equal(await code(third.call("UpdateEventFilter", { Level: 5 })), FAILED_PRECONDITION);
    const ownStreams = [await opened(client, { Level: 1 }), await opened(client, { Level: 1 })];
    const otherStream = await opened(other, { Level: 1 });

    await client.call("UpdateEventFilter", { Level: 2, keyword: "a" });
    run.events.publish(2, "a");
    run.events.publish(2, "b");
    run.events.publish(1, "ab");
    await untilEach([...ownStreams, otherStream], [2, 2, 1]);
    assert.deepEqual(ownStreams.map(texts), [["a", "ab"], ["a", "ab"]]);
    assert.deepEqual(texts(otherStream), ["ab"]);

    await third.call("UpdateEventFilter", { Level: 5, keyword: "c" });
    run.events.publish(5, "c");
    await untilEach([...ownStreams, otherStream], [3, 3, 2]);
    assert.equal(texts(otherStream)[1], "c");

    for (const stream of [...ownStreams, otherStream]) {
      stream.call.cancel();
      assert.equal(await stream.ended, status.CANCELLED);
    }
    await until(async () =>
      await code(third.call("UpdateEventFilter", { Level: 1 })) === FAILED_PRECONDITION
    );
    other.close();
    third.close();
  }));

Deno.test("the queue for a slow reader is bounded, and the reader is told how many events it lost", () =>
  withApi(async ({ run, client }) => {
    const stream = await opened(client, { Level: 5 });
    stream.call.pause();
    // The connection itself buffers a varying amount. Far more is published than it and the queue hold.
    const published = 20_000;
    for (let i = 0; i < published; i++) {
      run.events.publish(4, `${i} ${"x".repeat(5_000)}`);
      if (i % 100 === 0) await tick();
    }
    stream.call.resume();
    const notices = () => stream.replies.filter((e) => / lost: /.test(e.Msg));
    const lost = () =>
      notices().reduce((sum, e) => sum + Number(/^(\d+) events? w\w+ lost/.exec(e.Msg)?.[1]), 0);
    const received = () => stream.replies.length - notices().length;
    await until(() => Promise.resolve(received() + lost() >= published));
    assert.equal(received() + lost(), published, "every event was received or counted");
    assert.ok(notices().every((e) => e.Level === 3));
    const queuedMax = QUEUE_CHARACTERS_MAX / 5_000;
    assert.ok(lost() > published - queuedMax - 5_000, `only ${lost()} were lost`);
  }));

Deno.test("a reader loses none of the events that are published within one turn of the event loop", () =>
  withApi(async ({ run, client }) => {
    const stream = await opened(client, { Level: 4 });
    // Ten thousand tunnels publish this many events within one turn of the event loop.
    const published = 20_000;
    for (let i = 0; i < published; i++) run.events.publish(4, `Tunnel ${i} ${"x".repeat(250)}`);
    // A call is answered although the stream still has events to send.
    assert.ok(await client.call("GetSummary"));
    await stream.until(published);
    const numbers = stream.replies.map(({ Msg }) => Number(/^Tunnel (\d+) /.exec(Msg)?.[1]));
    assert.deepEqual(numbers, Array.from({ length: published }, (_, i) => i));
  }));

Deno.test("a stream beyond the limit of streams is refused", () =>
  withApi(async ({ client }) => {
    const streams = Array.from({ length: STREAM_LIMITS.all }, () => client.stream("SubscrEvent"));
    await Promise.all(streams.map((stream) => stream.opened));
    for (const method of ["SubscrEvent", "NotifyFinalResult"] as const) {
      assert.equal(await client.stream(method).ended, status.RESOURCE_EXHAUSTED);
    }
  }));

const { FAILED_PRECONDITION } = status;

type EventStream = Stream<StreamMessage<"SubscrEvent">>;

/** Opens a stream, and waits until the server has accepted it, so that it has every later event. */
async function opened(client: ApiClient, filter: EventFilter): Promise<EventStream> {
  const stream = client.stream("SubscrEvent", filter);
  await stream.opened;
  return stream;
}

function texts(stream: EventStream): string[] {
  return stream.replies.map((event) => event.Msg);
}

/** Waits until each stream has as many events as the count at its place. */
async function untilEach(streams: EventStream[], counts: number[]): Promise<void> {
  await Promise.all(streams.map((stream, i) => stream.until(counts[i]!)));
}

function code(call: Promise<unknown>): Promise<number> {
  return call.then(() => status.OK, (error) => error.code);
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error("The condition did not hold within 5 s");
}

function tick(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
