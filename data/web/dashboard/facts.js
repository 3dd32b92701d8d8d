// Job: lists of labelled figures: the writer's, and those of everything around the sale.
// Owns: which facts there are, their labels, and how each is read from a snapshot.
// Never: judges; the server does.

import { arrange, find, make, setAttribute, setText } from "./dom.js";
import { SPARK_POINTS } from "./history.js";
import { meaning } from "./meanings.js";
import { perSecond, windowed } from "./readings.js";
import { Sparkline } from "./sparkline.js";
import { has } from "./verdict.js";
import { bytes, count, duration, percent, rate, span, TRIGGERS, whole } from "./words.js";

/** Entries behind from which a lag has a trend: a few come and go with every commit. */
const TREND_ENTRIES = 1_000;

/** Commit triggers whose rate is shown even while it is zero. */
const ALWAYS = ["drained", "full"];

const STORAGE = {
  open: "storage open",
  full: "disk full",
  locked: "data file locked",
  moved: "data file moved",
  stalled: "disk does not answer",
};

const BREAKER = { closed: "answering", open: "not answering", half_open: "being tried again" };

export class Facts {
  #rows = new Map();

  constructor(selector) {
    this.list = find(selector);
  }

  /** Shows `[key, label, value, {tone, values}]`, in that order. `key` also names the meaning. */
  show(facts) {
    arrange(this.list, facts.map(([key, label, value, { tone = false, values = null } = {}]) => {
      const row = this.#rows.get(key) ?? this.#add(key, label, values !== null);
      setText(row.value, value);
      setAttribute(row.node, "data-tone", tone);
      row.line?.update(values.slice(-SPARK_POINTS));
      return row.node;
    }));
  }

  #add(key, label, has_line) {
    const row = { value: make("span", { "data-field": key }), line: has_line ? new Sparkline() : null };
    const figure = make("dd", {}, row.value, ...(row.line ? [row.line.node] : []));
    row.node = make("div", { title: meaning(key.split(":")[0]) }, make("dt", {}, label), figure);
    this.#rows.set(key, row);
    return row;
  }
}

/** The writer's panel. */
export class Writer {
  #facts = new Facts("#writer-facts");

  show({ current, recent, earlier, seconds }, series) {
    const writer = current.writer;
    const badge = find("#storage-state");
    setText(badge, STORAGE[writer.storage] ?? writer.storage);
    setAttribute(badge, "data-tone", writer.storage === "open" ? "good" : "bad");
    const commit = windowed(writer.commit_us, earlier?.writer.commit_us);
    const sync = windowed(writer.sync_us, earlier?.writer.sync_us);
    const batch = windowed(writer.batch_size, earlier?.writer.batch_size);
    const commits = perSecond(writer.commits_total, recent?.writer.commits_total, seconds);
    this.#facts.show([
      ["commits", "Commits", `${rate(commits)}/s`],
      ...triggers(writer, recent?.writer, seconds),
      ["batch", "Batch, p50 · p99", `${count(batch.p50)} · ${count(batch.p99)} entries`],
      ["commit_latency", "Commit, p50 · p99", pair(commit), { values: series.commit.values }],
      ["sync", "of it sync, p50 · p99", pair(sync), { values: series.sync.values }],
      ["queue", "Waiting for the writer", `${count(writer.queue_depth)} decisions`],
      ["last_seq", "Last ledger entry", `#${whole(writer.last_seq)}`],
      ["wal", "Data file · log", `${bytes(current.storage.file_bytes)} · ${bytes(current.storage.wal_bytes)}`],
      ["disk", "Disk free · size", `${bytes(current.storage.disk_free_bytes)} · ${bytes(current.storage.disk_total_bytes)}`],
    ]);
  }
}

function pair({ p50, p99 }) {
  return `${duration(p50 ?? NaN)} · ${duration(p99 ?? NaN)}`;
}

function triggers(writer, before, seconds) {
  return Object.entries(writer.triggers)
    .filter(([name, total]) => total > 0 || ALWAYS.includes(name))
    .map(([name, total]) => {
      const pace = rate(perSecond(total, before?.triggers[name], seconds));
      return [`trigger:${name}`, `… ${TRIGGERS[name] ?? name}`, `${pace}/s`];
    });
}

/** The panel of everything around the sale: purchases in flight, feeds, Redis, process. */
export class System {
  #facts = new Facts("#system-facts");

  show({ current, recent, earlier, seconds }) {
    const { purchases, process } = current;
    const cpu = perSecond(process.cpu_s, recent?.process.cpu_s, seconds);
    this.#facts.show([
      ["in_flight", "Purchases in flight", `${count(purchases.in_flight)} of ${count(purchases.max_in_flight)}`,
        { tone: has(current, "near-capacity") ? "warn" : false }],
      ...current.feed.map((feed) => lag(feed, earlier)),
      redis(current.redis, earlier?.redis),
      ["cpu", "Processor", `${percent(cpu)} of one core`],
      ["memory", "Memory", bytes(process.resident_bytes)],
      ["files", "Open files · threads", `${count(process.open_fds)} of ${count(process.max_fds)} · ${count(process.threads)}`],
    ]);
  }
}

function lag({ sink, lag_entries: entries }, earlier) {
  const before = earlier?.feed.find((other) => other.sink === sink)?.lag_entries ?? entries;
  const is_real = Math.max(entries, before) >= TREND_ENTRIES;
  const grows = is_real && entries > before;
  const trend = grows ? ", growing" : is_real && entries < before ? ", catching up" : "";
  return [`feed:${sink}`, `Feed “${sink}”`, entries === 0 ? "up to date" : `${count(entries)} behind${trend}`,
    { tone: grows ? "warn" : false }];
}

function redis(now, before) {
  if (!now) return ["redis", "Redis", "not used"];
  const failed = before ? now.failures_total + now.timeouts_total - before.failures_total - before.timeouts_total : 0;
  const failing = (now.failing ?? []).map(({ command, cause }) => `${command} fails (${cause.replaceAll("_", " ")})`);
  const text = [BREAKER[now.state] ?? now.state, ...failing].join(", ");
  return ["redis", "Redis", failed > 0 ? `${text}, ${count(failed)} failed in 10 s` : text,
    { tone: now.state === "closed" && failing.length === 0 ? false : "warn" }];
}

/** The line under the name of the page. */
export function about(current) {
  setText(find("#version"), `version ${current.version}`);
  setText(find("#durability"), `durability ${current.durability}`);
  setText(find("#uptime"), `up ${span(current.uptime_s)}`);
}
