// Job: follows `/events`, and goes back to it whenever it breaks off.
// Owns: the connection, the pauses between attempts, and since when nothing came.
// Never: keeps a snapshot, or draws.

import { Refused, send } from "./api.js";

/** Pause before the first new attempt; it doubles up to the longest. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8_000;

/** Snapshots come once a second. After five missing ones the connection counts as lost, open or not. */
const SILENCE_MS = 5_000;

/** An event can be as long as this. A real one has some tens of kilobytes; more is not an event of ours. */
const LONGEST_EVENT = 8 * 1024 * 1024;

export class Stream {
  #stopped = new AbortController();
  #lost_since = null;

  /** `on` has `snapshot(data)`, `lost(since_ms)`, `unauthenticated()`. */
  constructor(on) {
    this.on = on;
  }

  /** Follows until `stop`, or until the token is refused. */
  async run() {
    let pause = FIRST_PAUSE_MS;
    while (!this.#stopped.signal.aborted) {
      try {
        await this.#follow(() => { pause = FIRST_PAUSE_MS; });
      } catch (error) {
        if (error instanceof Refused && error.isUnauthenticated) return this.on.unauthenticated();
      }
      if (this.#stopped.signal.aborted) return;
      this.#lost_since ??= Date.now();
      this.on.lost(this.#lost_since);
      await wait(pause, this.#stopped.signal);
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    }
  }

  stop() {
    this.#stopped.abort();
  }

  async #follow(onSnapshot) {
    const attempt = new AbortController();
    const abort = () => attempt.abort();
    this.#stopped.signal.addEventListener("abort", abort);
    let watchdog = setTimeout(abort, SILENCE_MS);
    try {
      const response = await send("/events", { signal: attempt.signal, headers: { Accept: "text/event-stream" } });
      for await (const data of events(response.body)) {
        clearTimeout(watchdog);
        watchdog = setTimeout(abort, SILENCE_MS);
        this.#lost_since = null;
        onSnapshot();
        this.on.snapshot(JSON.parse(data));
      }
    } finally {
      clearTimeout(watchdog);
      this.#stopped.signal.removeEventListener("abort", abort);
    }
  }
}

/** The data of each `snapshot` event of a body. */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let pending = "";
  while (true) {
    const { value, done } = await reader.read();
    if (done) return;
    pending += value.replaceAll("\r", "");
    if (pending.length > LONGEST_EVENT) throw new Error("an event without an end");
    const blocks = pending.split("\n\n");
    pending = blocks.pop();
    for (const block of blocks) {
      const data = snapshot(block);
      if (data !== null) yield data;
    }
  }
}

function snapshot(block) {
  const lines = block.split("\n");
  if (!lines.some((line) => /^event: ?snapshot$/.test(line))) return null;
  const data = lines.filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart());
  return data.length > 0 ? data.join("\n") : null;
}

/** Waits; less if the signal comes. */
function wait(ms, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
