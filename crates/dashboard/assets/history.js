// The figures of the last five minutes, kept in the page and, from page to page of a tab, in its session storage.

const KEY = "mxgateway-history";
const MINUTE_MS = 60_000;
const SPAN_MS = 5 * MINUTE_MS;
const MAX_KEPT_CHARACTERS = 2_000_000;

const ofSession = (session) => ({
  name: session.name,
  rate: session.events_per_second,
  ring: session.ring_percent,
  held: session.memory_percent,
  p50: session.commands.p50_ms,
  p90: session.commands.p90_ms,
  p99: session.commands.p99_ms,
  cpu: session.worker?.cpu_percent ?? null,
  memory: session.worker?.memory_bytes ?? null,
  lags: Object.fromEntries(
    session.subscribers.filter((who) => !who.is_internal).map((who) => [who.id, who.lag]),
  ),
});

export class History {
  // Each has `at` in milliseconds, sums, and `sessions` by id.
  points = [];
  #owner;

  // What another visitor saw, or of another run of the gateway, is not taken over.
  constructor(visitor) {
    this.#owner = visitor;
    addEventListener("pagehide", () => this.#keep());
  }

  add(view) {
    const at = Date.parse(view.at);
    if (this.points.length === 0) {
      this.#take(view.gateway.started_at, at);
    }
    const last = this.points.at(-1);
    if (last && at <= last.at) {
      return;
    }
    this.points.push({
      at,
      started: view.gateway.started_at,
      rate: view.totals.events_per_second,
      pending: view.totals.pending_commands,
      held: view.totals.held_bytes,
      lag: view.worst_lag,
      sessions: Object.fromEntries(view.sessions.map((session) => [session.id, ofSession(session)])),
    });
    this.#forget(at);
  }

  get now() {
    return this.points.at(-1)?.at ?? Date.now();
  }

  // What charts show: whole minutes, as many as there is something of.
  get span() {
    const age = this.now - (this.points[0]?.at ?? this.now);
    return Math.min(SPAN_MS, Math.max(1, Math.ceil(age / MINUTE_MS)) * MINUTE_MS);
  }

  // `pick` takes a number, or nothing, from a point.
  series(pick) {
    return this.points.map((point) => [point.at, pick(point) ?? null]);
  }

  #forget(now) {
    const first = this.points.findIndex((point) => point.at >= now - SPAN_MS);
    this.points.splice(0, Math.max(0, first));
  }

  #keep() {
    try {
      const text = JSON.stringify({ owner: this.#owner, points: this.points });
      if (text.length <= MAX_KEPT_CHARACTERS) {
        sessionStorage.setItem(KEY, text);
      }
    } catch {
      // There is no room for it: the next page begins anew.
    }
  }

  #take(started, now) {
    try {
      const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
      sessionStorage.removeItem(KEY);
      if (kept?.owner === this.#owner && kept.points.at(-1)?.started === started) {
        this.points = kept.points.filter((point) => point.at < now);
        this.#forget(now);
      }
    } catch {
      // What was kept is of no use, then.
    }
  }
}
