// A connection to a hub that comes back by itself.

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;

// Waits grow, and are random, so that not all browsers come back at once.
export const wait = (attempt, random) =>
  Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt) * (0.5 + random / 2);

const SIGNED_OUT = 4401;
const DONE = 1000;

export class Hub {
  #address;
  #probe;
  #handlers;
  #socket = null;
  #timer = 0;
  #attempt = 0;

  // `address` and `probe` give paths: of the hub, and of something plain with the same rights, whose answer says why the hub
  // does not open. `handlers`: `open()`, `message(object)`, `lost()`, `gone()`.
  constructor(address, probe, handlers) {
    this.#address = address;
    this.#probe = probe;
    this.#handlers = handlers;
    addEventListener("online", () => this.#again(0));
    this.#connect();
  }

  close() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #connect() {
    const socket = new WebSocket(this.#address());
    let wasOpen = false;
    this.#socket = socket;
    socket.addEventListener("open", () => {
      wasOpen = true;
      this.#handlers.open();
    });
    socket.addEventListener("message", (event) => {
      if (this.#socket === socket) {
        this.#attempt = 0;
        this.#handlers.message(JSON.parse(event.data));
      }
    });
    socket.addEventListener("close", (event) => {
      if (this.#socket !== socket) {
        return;
      }
      this.#socket = null;
      if (event.code === DONE) {
        this.#handlers.gone();
      } else if (event.code === SIGNED_OUT) {
        signIn();
      } else {
        this.#lost(wasOpen);
      }
    });
  }

  async #lost(wasOpen) {
    this.#handlers.lost();
    if (!wasOpen) {
      const status = await statusOf(this.#probe());
      if (status === 401) {
        return signIn();
      }
      if (status === 404) {
        return this.#handlers.gone();
      }
    }
    const time = wait(this.#attempt, Math.random());
    this.#attempt += 1;
    this.#timer = setTimeout(() => this.#again(), time);
  }

  #again() {
    if (this.#timer) {
      clearTimeout(this.#timer);
      this.#timer = 0;
      this.#connect();
    }
  }
}

const statusOf = async (path) => {
  try {
    const response = await fetch(path, { method: "HEAD", redirect: "manual", cache: "no-store" });
    return response.status;
  } catch {
    return 0;
  }
};

const signIn = () => {
  location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
};
