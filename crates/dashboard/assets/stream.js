// Events as they come, with what did not come.

import { integer, NOTHING, preciseClock } from "./format.js";
import { Hub } from "./hub.js";

const ROWS_OF_ONE = 50;
const ROWS_OF_SEVERAL = 200;

const WHY = {
  evicted: "no longer retained",
  epoch_changed: "the worker was started anew",
  journal_overflow: "lost at the worker",
  skipped: "passed over, since more came than a page can show",
};

const cell = (text, name) => {
  const made = document.createElement("td");
  made.textContent = text;
  if (name) {
    made.className = name;
  }
  return made;
};

export class Stream {
  #card;
  #body;
  #most;
  #columns;
  #showsValues;
  #sources = [];
  #waiting = [];
  #held = 0;
  #isPaused = false;
  #frame = 0;

  constructor(card) {
    this.#card = card;
    this.#body = card.querySelector("[data-rows]");
    this.#columns = card.querySelectorAll("thead th").length;
    this.#showsValues = card.dataset.values === "true";
    this.#body.querySelector("[data-waiting] td").colSpan = this.#columns;
    const places = [...card.querySelectorAll("[data-stream-of]")];
    this.#most = places.length > 1 ? ROWS_OF_SEVERAL : ROWS_OF_ONE;
    this.#sources = places.map((place) => this.#open(place, places.length > 1));
    this.#buttons();
  }

  #open(place, isOneOfSeveral) {
    const id = encodeURIComponent(place.dataset.streamOf);
    const source = { name: isOneOfSeveral ? place.dataset.name : null, position: null, state: "still" };
    const shown = place.querySelector("[data-position]");
    const reach = (position) => {
      source.position = position;
      shown.textContent = `${position.epoch} / ${integer(position.sequence)}`;
    };
    const address = () =>
      `/hubs/events?session=${id}` +
      (source.position ? `&epoch=${source.position.epoch}&after=${source.position.sequence}` : "");
    const take = {
      start: (told) => {
        if (source.position && source.position.epoch !== told.position.epoch) {
          this.#add(this.#note(source, "The worker's numbering began anew"));
        }
        if (told.missing) {
          this.#add(this.#gap(source, told.missing));
        }
        reach(told.position);
      },
      events: (told) => {
        for (const event of told.events.slice(-this.#most)) {
          this.#add(() => this.#event(source, event), true);
        }
        const last = told.events.at(-1);
        if (last && source.position) {
          reach({ epoch: source.position.epoch, sequence: last.sequence });
        }
      },
      missing: (told) => {
        this.#add(this.#gap(source, told));
        if (source.position) {
          reach({ epoch: source.position.epoch, sequence: Math.max(source.position.sequence, told.to) });
        }
      },
      bookmark: (told) => reach(told.position),
      end: (told) => {
        this.#add(this.#note(source, `The session ended: ${told.reason.replaceAll("_", " ")}`));
      },
    };
    const put = (state) => {
      source.state = state;
      this.#tell();
    };
    new Hub(address, () => `/api/v1/sessions/${id}`, {
      open: () => put("live"),
      message: (told) => take[told.type]?.(told),
      lost: () => put("lost"),
      gone: () => put("ended"),
    });
    return source;
  }

  #event(source, event) {
    const row = document.createElement("tr");
    if (source.name !== null) {
      row.append(cell(source.name));
    }
    row.append(
      cell(integer(event.sequence), "number"),
      cell(preciseClock(event.received_at)),
      cell(event.family.replaceAll("_", " ")),
      cell(event.item ?? NOTHING, "mono"),
      cell(`${event.server_handle} / ${event.item_handle}`, "number quiet"),
      cell(event.quality ?? NOTHING, "number"),
    );
    if (this.#showsValues) {
      row.append(cell(event.value ?? NOTHING, "mono"));
    }
    return row;
  }

  #gap(source, missing) {
    const why = WHY[missing.reason] ?? missing.reason.replaceAll("_", " ");
    const events = missing.count === 1 ? "1 event" : `${integer(missing.count)} events`;
    const range = missing.count > 0 ? ` (${integer(missing.from)} to ${integer(missing.to)})` : "";
    const text = `Gap: ${events}${range} ${why}`;
    return () => {
      const row = this.#line(source, text);
      row.className = missing.reason === "skipped" ? "note-row" : "gap-row";
      row.dataset.gap = missing.reason;
      return row;
    };
  }

  #note(source, text) {
    return () => {
      const row = this.#line(source, text);
      row.className = "note-row";
      return row;
    };
  }

  #line(source, text) {
    const row = document.createElement("tr");
    const made = cell(source.name === null ? text : `${source.name}: ${text}`);
    made.colSpan = this.#columns;
    row.append(made);
    return row;
  }

  // Rows are made when they are shown; what would not be shown is not made.
  #add(make, isEvent = false) {
    this.#waiting.push(make);
    if (this.#waiting.length > this.#most) {
      this.#waiting.shift();
    }
    if (this.#isPaused) {
      this.#held += isEvent ? 1 : 0;
      this.#tell();
    } else if (!this.#frame) {
      this.#frame = requestAnimationFrame(() => this.#show());
    }
  }

  #show() {
    this.#frame = 0;
    if (this.#waiting.length === 0) {
      return;
    }
    this.#body.querySelector("[data-waiting]")?.remove();
    this.#body.prepend(...this.#waiting.splice(0).reverse().map((make) => make()));
    while (this.#body.rows.length > this.#most) {
      this.#body.lastElementChild.remove();
    }
  }

  #buttons() {
    this.#card.querySelector("[data-stream-buttons]").hidden = false;
    const pause = this.#card.querySelector("[data-pause]");
    pause.addEventListener("click", () => {
      this.#isPaused = !this.#isPaused;
      this.#held = 0;
      pause.setAttribute("aria-pressed", String(this.#isPaused));
      if (!this.#isPaused) {
        this.#show();
      }
      this.#tell();
    });
    this.#card.querySelector("[data-clear]").addEventListener("click", () => {
      this.#waiting = [];
      this.#body.replaceChildren();
    });
  }

  #tell() {
    const pause = this.#card.querySelector("[data-pause]");
    const held = this.#held > 0 ? ` (${integer(this.#held)} held back)` : "";
    pause.textContent = this.#isPaused ? `Go on${held}` : "Pause";
    const states = this.#sources.map((source) => source.state);
    const [state, text] = states.includes("lost")
      ? ["lost", "Reconnecting"]
      : states.every((it) => it === "ended")
        ? ["still", "Ended"]
        : this.#isPaused
          ? ["stale", "Paused"]
          : ["live", "Live"];
    const chip = this.#card.querySelector("[data-stream-state]");
    chip.dataset.state = state;
    chip.lastElementChild.textContent = text;
  }
}
