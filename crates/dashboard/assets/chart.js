// Draws lines over the last five minutes into a figure.

const SVG = "http://www.w3.org/2000/svg";
const MARGIN = { top: 8, right: 8, bottom: 20, left: 52 };
// A line is broken where nothing came for this long.
const BREAK_MS = 3_500;

const element = (name, attributes, ...children) => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
};

// A round number of steps of a round size, up to at least `top`.
export const ticks = (top, wanted) => {
  if (!(top > 0)) {
    return [0, 1];
  }
  const rough = top / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((it) => it * power).find((it) => it >= rough);
  return Array.from({ length: Math.ceil(top / step) + 1 }, (_, index) => index * step);
};

// The same in steps that are round in bytes' units.
export const byteTicks = (top, wanted) => {
  const unit = 1024 ** Math.max(0, Math.floor(Math.log(Math.max(1, top)) / Math.log(1024)));
  return ticks(top / unit, wanted).map((step) => step * unit);
};

const runs = (points) => {
  const found = [];
  let run = [];
  for (const [at, value] of points) {
    if (value === null || (run.length > 0 && at - run.at(-1)[0] > BREAK_MS)) {
      found.push(run);
      run = [];
    }
    if (value !== null) {
      run.push([at, value]);
    }
  }
  return [...found, run].filter((it) => it.length > 1);
};

const path = (run, x, y) =>
  run.map(([at, value], index) => `${index ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`).join("");

const area = (run, x, y) =>
  `${path(run, x, y)}L${x(run.at(-1)[0]).toFixed(1)} ${y(0)}L${x(run[0][0]).toFixed(1)} ${y(0)}Z`;

const valueAt = (points, at) => {
  const near = points.findLast(([time]) => time <= at);
  return near && at - near[0] <= BREAK_MS ? near[1] : null;
};

export class Chart {
  #svg;
  #legend;
  #drawn = null;
  #pointed = null;

  constructor(figure) {
    this.#svg = figure.querySelector("svg");
    this.#legend = figure.querySelector(".legend");
    this.#svg.addEventListener("pointermove", (event) => this.#point(event.offsetX));
    this.#svg.addEventListener("pointerleave", () => this.#point(null));
    new ResizeObserver(() => this.#draw()).observe(this.#svg);
  }

  // `lines`: `{ name, slot, points }` with points `[milliseconds, number or null]`; `write` writes a number; `top` is the
  // least top of the scale, `steps` makes it.
  show({ lines, now, span, write, top = 0, steps = ticks }) {
    this.#drawn = { lines, now, span, write, top, steps };
    this.#draw();
  }

  #point(offset) {
    this.#pointed = offset;
    this.#draw();
  }

  #draw() {
    if (!this.#drawn) {
      return;
    }
    const { lines, now, span, write, top, steps } = this.#drawn;
    const width = this.#svg.clientWidth;
    const height = this.#svg.clientHeight;
    if (width < 1) {
      return;
    }
    const highest = lines.flatMap((line) => line.points).reduce((most, [, value]) => Math.max(most, value ?? 0), top);
    const scale = steps(highest, height > 140 ? 4 : 3);
    const inner = { width: width - MARGIN.left - MARGIN.right, height: height - MARGIN.top - MARGIN.bottom };
    const x = (at) => MARGIN.left + (1 - (now - at) / span) * inner.width;
    const y = (value) => MARGIN.top + (1 - value / scale.at(-1)) * inner.height;

    const parts = scale.flatMap((value) => [
      element("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: Math.round(y(value)), y2: Math.round(y(value)) }),
      element("text", { x: MARGIN.left - 8, y: y(value) + 4, "text-anchor": "end" }, write(value)),
    ]);
    const minutes = Math.round(span / 60_000);
    const step = width < 420 || minutes === 1 ? minutes / 2 : 1;
    for (let back = minutes; back >= 0; back -= step) {
      const label = back === 0 ? "now" : `−${back} min`;
      const anchor = back === 0 ? "end" : back === minutes ? "start" : "middle";
      parts.push(element("text", { x: x(now - back * 60_000), y: height - 4, "text-anchor": anchor }, label));
    }
    let hasLines = false;
    for (const line of lines) {
      for (const run of runs(line.points)) {
        hasLines = true;
        const drawn = [element("path", { d: path(run, x, y) })];
        if (lines.length === 1) {
          drawn.unshift(element("path", { class: "area", d: area(run, x, y) }));
        }
        parts.push(element("g", { class: `series-${line.slot}` }, ...drawn));
      }
    }
    if (!hasLines) {
      parts.push(
        element("text", { x: MARGIN.left + inner.width / 2, y: MARGIN.top + inner.height / 2, "text-anchor": "middle" },
          lines.length === 0 ? "Nothing to draw yet" : "Collecting…"),
      );
    }
    let at = now;
    if (this.#pointed !== null && this.#pointed >= MARGIN.left && this.#pointed <= width - MARGIN.right) {
      at = now - (1 - (this.#pointed - MARGIN.left) / inner.width) * span;
      parts.push(element("line", { class: "cross", x1: this.#pointed, x2: this.#pointed, y1: MARGIN.top, y2: MARGIN.top + inner.height }));
    }
    this.#svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.#svg.replaceChildren(...parts);
    this.#tell(lines, at, write);
  }

  #tell(lines, at, write) {
    const items = lines.map((line) => {
      const item = document.createElement("li");
      item.className = `series-${line.slot}`;
      const name = document.createElement("span");
      name.textContent = line.name;
      const value = document.createElement("b");
      const number = valueAt(line.points, at);
      value.textContent = number === null ? "–" : write(number);
      item.append(document.createElement("i"), name, value);
      return item;
    });
    this.#legend.replaceChildren(...items);
  }
}

// A line without axes, behind a number.
export const spark = (svg, points, now, span) => {
  const highest = points.reduce((most, [, value]) => Math.max(most, value ?? 0), 0) || 1;
  const x = (at) => (1 - (now - at) / span) * 100;
  const y = (value) => 30 - (value / highest) * 26;
  svg.setAttribute("viewBox", "0 0 100 30");
  svg.replaceChildren(
    ...runs(points).flatMap((run) => [
      element("path", { class: "area", d: area(run, x, y) }),
      element("path", { d: path(run, x, y) }),
    ]),
  );
};
