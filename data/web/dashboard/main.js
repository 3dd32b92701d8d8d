// Job: puts the parts of the page together and hands each snapshot round.
// Owns: the readings, and the numbers over time that several parts show.
// Never: draws while the tab is hidden; it only remembers then.

import { Actors } from "./actors.js";
import { Admin } from "./admin.js";
import { Refused, read } from "./api.js";
import { Conservation } from "./conservation.js";
import { Cores } from "./cores.js";
import { find, setAttribute, setText, show } from "./dom.js";
import { about, System, Writer } from "./facts.js";
import { Figures } from "./figures.js";
import { Funnel } from "./funnel.js";
import { Readings, RECENT_S, Series, WINDOW_S } from "./history.js";
import * as meanings from "./meanings.js";
import { Operate } from "./operate.js";
import { showOwed } from "./owed.js";
import { itemPlan } from "./plans.js";
import { pace, windowed } from "./readings.js";
import { Sales } from "./sales.js";
import * as session from "./session.js";
import { Stream } from "./stream.js";
import { verdict } from "./verdict.js";
import { clock, span } from "./words.js";

meanings.start();
const readings = new Readings();
const series = Object.fromEntries(
  ["orders", "attempts", "refused", "commit", "sync", "remaining"].map((name) => [name, new Series()]));
const [figures, sales, funnel, cores] = [new Figures(), new Sales(), new Funnel(), new Cores()];
const [writer, system] = [new Writer(), new System()];
const actors = new Actors({
  rows: () => conservation.show(),
  failed: lockIfUnauthenticated,
  action: (action, actor, button) => admin.ask(itemPlan(action, { ...actor, stock: actor.supply }), button,
    `[data-item="${CSS.escape(actor.item_id)}"]`),
  choose: (item_id) => sales.choose(item_id),
});
const conservation = new Conservation(() => actors.visible);
const admin = new Admin({ done: refresh, failed: lockIfUnauthenticated });
const operate = new Operate({ admin, failed: lockIfUnauthenticated });
let stream = null;
let lost_since_ms = null;
let chosen_row = null;
let begun = false;

sales.onChosen = (item_id) => {
  chosen_row = null;
  if (item_id !== null) find("#sales").scrollIntoView({ block: "nearest" });
  draw();
};
document.addEventListener("visibilitychange", draw);
session.start({ onToken: open, onForgotten: shut });
if (session.token()) open();

function refresh() {
  actors.refresh();
  operate.refresh();
}

function open() {
  shut();
  stream = new Stream({ snapshot, lost, unauthenticated: refused });
  stream.run();
}

function shut() {
  stream?.stop();
  actors.stop();
  conservation.stop();
  operate.stop();
  stream = null;
  begun = false;
}

function refused() {
  shut();
  session.forget();
  session.ask("The server does not accept this token. Is it the admin token of this server?");
}

function lockIfUnauthenticated(error) {
  if (error instanceof Refused && error.isUnauthenticated) refused();
}

function snapshot(data) {
  lost_since_ms = null;
  if (!readings.push(data)) forgetThePast();
  remember(data);
  if (!begun) {
    begun = true;
    show(find("#board"), true);
    actors.start();
    conservation.start();
    operate.start();
  }
  draw();
}

function lost(since_ms) {
  lost_since_ms = since_ms;
  draw();
}

/** The server began anew: its counters did too. */
function forgetThePast() {
  sales.clear();
  Object.values(series).forEach((one) => one.clear());
}

/** The numbers over time, from this snapshot and those before. Points are of one second, figures of a few. */
function remember(current) {
  const last = pace(current, readings.ago(1));
  const earlier = readings.ago(WINDOW_S);
  series.orders.push(last.orders_rate);
  series.attempts.push(last.attempts_rate);
  series.refused.push(last.refused_share);
  series.commit.push(earlier && windowed(current.writer.commit_us, earlier.writer.commit_us).p99);
  series.sync.push(earlier && windowed(current.writer.sync_us, earlier.writer.sync_us).p99);
  series.remaining.push(current.items.remaining);
  cores.take(current, readings.ago(RECENT_S));
  const at_s = Date.parse(current.captured_at) / 1000;
  sales.take(at_s, chosen_row ? [chosen_row, ...current.items.busiest] : current.items.busiest);
  followTheChosen();
}

/** The chosen item may be neither busy nor on the screen; then it is asked for by name. */
async function followTheChosen() {
  const id = sales.chosen;
  if (id === null || document.hidden) return;
  try {
    const answer = await read(`/actors?${new URLSearchParams({ item: id, limit: 1 })}`);
    if (sales.chosen === id) chosen_row = answer.actors[0] ?? null;
  } catch (error) {
    lockIfUnauthenticated(error);
  }
}

function draw() {
  if (document.hidden) return;
  const current = readings.current;
  const [recent, earlier] = [readings.ago(RECENT_S), readings.ago(WINDOW_S)];
  const lost = lost_since_ms === null ? null : clock(lost_since_ms);
  figures.judge(verdict({ current, lost }));
  light(current, lost);
  if (lost !== null && session.token()) show(find("#board"), true);
  if (!current || lost !== null) return;
  const seconds = recent ? current.uptime_s - recent.uptime_s : 0;
  const view = { current, recent, earlier, seconds };
  const commit_p99 = earlier ? windowed(current.writer.commit_us, earlier.writer.commit_us).p99 ?? NaN : NaN;
  about(current);
  figures.show({ pace: pace(current, recent), commit_p99, items: current.items }, series);
  showOwed(current.owed);
  funnel.show(current, recent);
  cores.show(current, recent);
  writer.show(view, series);
  system.show(view);
  sales.draw(series);
}

function light(current, lost) {
  setAttribute(document.body, "data-lost", lost !== null);
  setAttribute(find("#live-light"), "data-light", lost !== null ? "bad" : current ? "good" : "unknown");
  const text = current ? `Live · ${clock(Date.parse(current.captured_at))}` : "Connecting…";
  const silence = () => `No data for ${span((Date.now() - lost_since_ms) / 1000)}, since ${lost}`;
  setText(find("#live"), lost !== null ? silence() : text);
}
