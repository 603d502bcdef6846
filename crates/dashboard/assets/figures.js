// What pages derive from a snapshot. `figures.rs` derives the same.

const ROWS = 8;

const share = (part, whole) => (whole > 0 ? Math.min(100, (part / whole) * 100) : 0);

const most = (numbers) => numbers.reduce((a, b) => Math.max(a, b), 0);

const named = (session) => ({
  name: session.client_name || "unnamed",
  short_id: session.id.replace(/^session-/, "").slice(0, 12),
  url: `/sessions/${encodeURIComponent(session.id)}`,
  key: session.id,
});

const clientsOf = (session) => session.subscribers.filter((who) => !who.is_internal);

const current = (session) => ({
  ...session,
  ...named(session),
  clients: clientsOf(session).length,
  worst_lag: most(clientsOf(session).map((who) => who.lag)),
  ring_percent: share(session.ring.retained_events, session.ring.capacity_events),
  memory_percent: share(session.ring.held_bytes, session.ring.capacity_bytes),
  subscribers: session.subscribers.map((who) => ({
    ...who,
    key: String(who.id),
    kind: who.is_internal ? "gateway" : "client",
  })),
});

const byId = (a, b) => (a < b ? -1 : Number(a > b));

// What pages bind to; `session` is the one that the page is about, if it is about one.
export const view = (snapshot, sessionId) => {
  const sessions = snapshot.sessions.map(current);
  const lagging = sessions.flatMap((session) =>
    session.subscribers
      .filter((who) => !who.is_internal)
      .map((who) => ({ ...who, key: `${session.id}/${who.id}`, url: session.url, session_name: session.name })),
  );
  return {
    ...snapshot,
    sessions,
    ended: snapshot.ended.map((session) => ({ ...session, ...named(session) })),
    session: sessions.find((session) => session.id === sessionId),
    busiest: sessions
      .toSorted((a, b) => b.events_per_second - a.events_per_second || byId(a.id, b.id))
      .slice(0, ROWS),
    slowest: lagging.toSorted((a, b) => b.lag - a.lag || byId(a.key, b.key)).slice(0, ROWS),
    workers: sessions.filter((session) => session.worker),
    worst_lag: most(sessions.map((session) => session.worst_lag)),
    worst_p99: most(sessions.map((session) => session.commands.p99_ms)),
    checks: snapshot.gateway.checks.map((check) => ({ ...check, key: check.name })),
    gateway_state: snapshot.gateway.is_ready ? "ready" : "failed",
  };
};
