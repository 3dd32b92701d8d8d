// Job: what every figure of the page means, in one sentence each.
// Owns: the help texts, for the tips and for the section at the bottom.
// Never: holds a figure.

import { find, make, setAttribute } from "./dom.js";

/** Key, label, meaning; in the order of the page. */
const MEANINGS = [
  ["orders", "Orders per second",
    "Confirmed orders, averaged over the last 3 s. Each is durable before its buyer hears of it."],
  ["attempts", "Attempts per second",
    "Purchase attempts that came in, averaged over the last 3 s."],
  ["refused", "Refused",
    "Share of the attempts of the last 3 s that got a “no” with a reason. High is normal in a sale; the funnel " +
    "lists the reasons."],
  ["commit", "Commit p99",
    "Of 100 commits of the last 10 s, 99 were faster. A buyer waits for one to two commits."],
  ["left", "Units left",
    "Units of all items that nobody holds, of those ever put on sale."],
  ["burn", "Burn-down",
    "Share of an item's supply that is left, for the busiest items of the last half minute, or for the one you " +
    "chose in the table. A restock lets the line jump up."],
  ["funnel", "Funnel",
    "Each layer passes an attempt on or answers it. Blue went on, amber was answered there; the full width is " +
    "all attempts. Counts since the start of the process, rates of the last 3 s."],
  ["commits", "Commits",
    "Transactions of the writer per second, and below why each batch was cut."],
  ["trigger", "Triggers",
    "Why a batch was cut. Mostly “batch full” means that the writer is at its limit."],
  ["batch", "Batch size",
    "Ledger entries per commit in the last 10 s. Grows by itself with the load (group commit)."],
  ["commit_latency", "Commit latency",
    "The whole batch from its first statement to its answers, last 10 s."],
  ["sync", "Sync",
    "The COMMIT itself: writing the log and waiting for the disk. The disk's share of the commit."],
  ["queue", "Waiting for the writer",
    "Decisions taken that wait for the next batch. Deep and not shrinking is bad."],
  ["last_seq", "Last ledger entry",
    "Number of the last committed entry. Numbers have no gaps."],
  ["wal", "Data file and log",
    "Size of the data file, and of the write-ahead log beside it."],
  ["busy", "Core busy",
    "Share of the last 3 s in which the core's thread used the processor."],
  ["messages", "Messages per second",
    "Messages that the core's actors handled."],
  ["crossed", "Crossed per second",
    "Messages whose item lives on another core than the connection they came by."],
  ["core_batch", "Per batch",
    "Mean number of decisions that the core passes on in one go; a busy core passes on more."],
  ["in_flight", "Purchases in flight",
    "Purchases between gate and answer. At the limit, further ones are told to come back."],
  ["feed", "Feed lag",
    "Committed entries a consumer has not been given yet. Concerns the warehouse, not the buyers."],
  ["redis", "Redis",
    "Whether the shared gate answers. No promise rests on it; “redis.on_error” says what happens without."],
  ["cpu", "Processor",
    "Processor time of the whole process over the last 3 s; 100 % is one core."],
  ["memory", "Memory",
    "Resident memory of the process."],
  ["files", "Open files, threads",
    "File descriptors (one per connection, and some) and threads of the process."],
  ["actor", "Actor",
    "One per item: decides over its units, one message after the other. The order writer is one too."],
  ["core", "Core",
    "The thread on which the actor lives. The writer has one of its own."],
  ["state", "State",
    "scheduled, on sale, paused, sold out or closed."],
  ["remaining", "Left of supply",
    "Units nobody holds, of first stock plus restocks."],
  ["depth", "Depth",
    "Messages waiting in the mailbox now. Amber from 5 % of its capacity, red from 50 %."],
  ["high_water", "High",
    "The deepest that the mailbox has been since the start."],
  ["processed", "Messages per second",
    "Handled in the last 3 s; sorted by all since the start."],
  ["wait", "Wait p99",
    "How long a message waited in the mailbox, last 10 s (line: last minute). Amber from 100 ms, red from 1 s."],
  ["handle", "Handle p99",
    "How long the actor worked on a message, last 10 s (line: last minute). Amber from 1 ms, red from 10 ms."],
  ["balance", "Balance",
    "Green: remaining + live units = supply, audited by the actor within the last 15 s. Grey: not audited. Red: " +
    "they differ. That must never happen."],
  ["percentile", "p50, p99",
    "Half of the values, or 99 in 100, are below it. Read from buckets that double, so it is exact to within " +
    "its bucket."],
];

const BY_KEY = new Map(MEANINGS.map(([key, , text]) => [key, text]));

/** What the figure of that key means. */
export function meaning(key) {
  return BY_KEY.get(key) ?? false;
}

/** Fills the section at the bottom and the tips of the page. */
export function start() {
  for (const node of document.querySelectorAll("[data-help]")) setAttribute(node, "title", meaning(node.dataset.help));
  const list = find("#meanings");
  for (const [, label, text] of MEANINGS) list.append(make("div", {}, make("dt", {}, label), make("dd", {}, text)));
}
