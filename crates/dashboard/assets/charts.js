// What each chart of a page shows.

import { byteTicks, Chart, spark } from "./chart.js";
import { bytes, integer, milliseconds, percent, rate } from "./format.js";

const SLOTS = 6;

// A line keeps its colour for as long as the page is open.
const slots = new Map();

const slotOf = (key) => {
  if (!slots.has(key)) {
    const taken = [...slots.values()];
    const counts = Array.from({ length: SLOTS }, (_, index) => taken.filter((slot) => slot === index + 1).length);
    slots.set(key, counts.indexOf(Math.min(...counts)) + 1);
  }
  return slots.get(key);
};

// Lines for the sessions with the most of something now.
const bySession = (history, view, field) => {
  const present = view.sessions
    .map((session) => [session, history.points.at(-1)?.sessions[session.id]?.[field] ?? null])
    .filter(([, value]) => value !== null)
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, SLOTS);
  return present
    .map(([session]) => session)
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .map((session) => ({
      name: session.name,
      slot: slotOf(session.id),
      points: history.series((point) => point.sessions[session.id]?.[field]),
    }));
};

const ofSession = (history, view, fields) =>
  Object.entries(fields).map(([field, name], index) => ({
    name,
    slot: index + 1,
    points: history.series((point) => point.sessions[view.session?.id]?.[field]),
  }));

const lags = (history, view) =>
  (view.session?.subscribers ?? [])
    .filter((who) => !who.is_internal)
    .slice(0, SLOTS)
    .map((who) => ({
      name: `#${who.id}`,
      slot: slotOf(`client ${who.id}`),
      points: history.series((point) => point.sessions[view.session.id]?.lags[who.id]),
    }));

const KINDS = {
  rates: { lines: (history, view) => bySession(history, view, "rate"), write: rate },
  cpus: { lines: (history, view) => bySession(history, view, "cpu"), write: percent, top: 10 },
  memories: { lines: (history, view) => bySession(history, view, "memory"), write: bytes, steps: byteTicks },
  rate: { lines: (history, view) => ofSession(history, view, { rate: "events/s" }), write: rate },
  lag: { lines: lags, write: integer, top: 10 },
  latency: {
    lines: (history, view) => ofSession(history, view, { p50: "p50", p90: "p90", p99: "p99" }),
    write: milliseconds,
  },
  ring: {
    lines: (history, view) => ofSession(history, view, { ring: "events", held: "memory" }),
    write: percent,
    top: 100,
  },
  cpu: { lines: (history, view) => ofSession(history, view, { cpu: "processor" }), write: percent, top: 10 },
  memory: { lines: (history, view) => ofSession(history, view, { memory: "memory" }), write: bytes, steps: byteTicks },
};

export class Charts {
  #charts = [];
  #sparks = [];

  constructor(root) {
    for (const figure of root.querySelectorAll("[data-chart]")) {
      this.#charts.push([KINDS[figure.dataset.chart], new Chart(figure)]);
    }
    this.#sparks = [...root.querySelectorAll("[data-spark]")];
  }

  show(history, view) {
    const { now, span } = history;
    for (const [kind, chart] of this.#charts) {
      chart.show({ ...kind, lines: kind.lines(history, view), now, span });
    }
    for (const svg of this.#sparks) {
      spark(svg, history.series((point) => point[svg.dataset.spark]), now, span);
    }
  }
}
