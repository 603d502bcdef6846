// The snapshots, and whether they still come.

import { clock } from "./format.js";
import { Hub } from "./hub.js";

const STALE_AFTER_MS = 3_000;

export class Live {
  #show;
  #chip = document.getElementById("live");
  #text = document.getElementById("live-text");
  #lastAt = Date.now();
  #hasAny = false;
  #isOpen = false;

  constructor(show) {
    this.#show = show;
    new Hub(() => "/hubs/snapshot", () => "/api/v1/snapshot", {
      open: () => {
        this.#isOpen = true;
      },
      message: (snapshot) => {
        this.#lastAt = Date.now();
        this.#hasAny = true;
        this.#isOpen = true;
        this.#look();
        this.#show(snapshot);
      },
      lost: () => {
        this.#isOpen = false;
        this.#look();
      },
      gone: () => {
        this.#isOpen = false;
        this.#look();
      },
    });
    setInterval(() => this.#look(), 500);
  }

  // Said when it changes, not each second.
  #look() {
    const isLate = Date.now() - this.#lastAt > STALE_AFTER_MS;
    if (!isLate && this.#isOpen && this.#hasAny) {
      this.#say("live", "Live");
    } else if (!isLate && !this.#hasAny) {
      this.#say("still", "Connecting");
    } else if (isLate && this.#isOpen) {
      this.#say("stale", `Stale since ${clock(this.#lastAt)}`);
    } else {
      this.#say("lost", `No connection since ${clock(this.#lastAt)}`);
    }
  }

  #say(state, text) {
    document.body.dataset.live = state;
    this.#chip.dataset.state = state;
    if (this.#text.textContent !== text) {
      this.#text.textContent = text;
    }
  }
}
