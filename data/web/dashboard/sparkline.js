// Job: a line of the last minute, the size of a word.
// Owns: its canvas.
// Never: draws what is not on the screen.

import { make } from "./dom.js";
import { SPARK_POINTS } from "./history.js";
import { colour, onChange } from "./theme.js";

/** Size in CSS pixels; the style sheet does not change it, or the line would be distorted. */
const SIZES = { word: [48, 18], tile: [120, 26] };

/** A steady value runs below the upper edge, so that it does not look like a limit reached. */
const HEADROOM = 1.25;

/** Pixels of the canvas to one of the page: sharp on most screens. */
const DENSITY = 2;

const drawers = new WeakMap();
const on_screen = new Set();

const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) on_screen.add(target);
    else on_screen.delete(target);
    if (isIntersecting) drawers.get(target)?.draw();
  }
});

onChange(() => on_screen.forEach((canvas) => drawers.get(canvas)?.draw()));

export class Sparkline {
  #values = [];
  #tone = "accent";
  #drawn = "";

  /** `floor` is the smallest full height: below it, noise stays flat. A screen reader has the figure beside it. */
  constructor({ floor = 0, size = "word" } = {}) {
    this.floor = floor;
    [this.width, this.height] = SIZES[size];
    this.node = make("canvas", { "class": `sparkline ${size}`, "aria-hidden": "true",
      "width": this.width * DENSITY, "height": this.height * DENSITY });
    drawers.set(this.node, this);
    watcher.observe(this.node);
  }

  /** Shows these values; `tone` is a colour of the style sheet. */
  update(values, tone = "accent") {
    this.#values = values;
    this.#tone = tone;
    if (on_screen.has(this.node)) this.draw();
  }

  /** To be called when the line goes for good. */
  release() {
    watcher.unobserve(this.node);
    on_screen.delete(this.node);
  }

  draw() {
    const key = `${colour(this.#tone)} ${this.#values.join()}`;
    if (key === this.#drawn) return;
    this.#drawn = key;
    const pen = this.node.getContext("2d");
    pen.setTransform(DENSITY, 0, 0, DENSITY, 0, 0);
    pen.clearRect(0, 0, this.width, this.height);
    const highest = Math.max(...this.#values.map((value) => value ?? 0));
    const top = Math.max(this.floor, highest * HEADROOM) || 1;
    pen.strokeStyle = colour(this.#tone);
    pen.fillStyle = colour(this.#tone);
    pen.lineWidth = 1.25;
    pen.beginPath();
    this.#trace(pen, top);
    pen.stroke();
  }

  #trace(pen, top) {
    const step = (this.width - 4) / (SPARK_POINTS - 1);
    const first = SPARK_POINTS - this.#values.length;
    let gap = true;
    this.#values.forEach((value, index) => {
      const x = 1 + (first + index) * step;
      if (value === null) { gap = true; return; }
      const y = this.height - 2 - (value / top) * (this.height - 4);
      if (gap) pen.moveTo(x, y);
      else pen.lineTo(x, y);
      gap = false;
      if (index === this.#values.length - 1) pen.rect(x - 0.6, y - 0.6, 1.2, 1.2);
    });
  }
}
