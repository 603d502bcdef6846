// Numbers for people. `pages/format.rs` writes the same.

export const NOTHING = "–";

const GROUPED = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

export const integer = (number) => GROUPED.format(number);

export const rate = (number) => {
  const value = Math.max(0, number);
  return value === 0 || value >= 9.95 ? integer(Math.round(value)) : value.toFixed(1);
};

const UNITS = ["KiB", "MiB", "GiB", "TiB"];

export const bytes = (number) => {
  if (number < 1024) {
    return `${Math.round(number)} B`;
  }
  let scaled = number / 1024;
  let unit = 0;
  while (scaled >= 1023.5 && unit + 1 < UNITS.length) {
    scaled /= 1024;
    unit += 1;
  }
  return `${rate(scaled)} ${UNITS[unit]}`;
};

export const percent = (number) => `${rate(number)} %`;

export const milliseconds = (number) =>
  number >= 999.5 ? `${(number / 1000).toFixed(1)} s` : `${rate(number)} ms`;

export const duration = (number) => {
  const seconds = Math.floor(Math.max(0, number));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(seconds / 3600);
  const days = Math.floor(seconds / 86400);
  if (days > 0) {
    return `${days} d ${hours % 24} h`;
  }
  if (hours > 0) {
    return `${hours} h ${minutes % 60} min`;
  }
  return minutes > 0 ? `${minutes} min` : `${seconds} s`;
};

// Of the reader's own zone.
export const clock = (at) => new Date(at).toLocaleTimeString("en-GB");

const PRECISE = { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 };

export const preciseClock = (at) => new Date(at).toLocaleTimeString("en-GB", PRECISE);

export const moment = (at) => new Date(at).toLocaleString("sv-SE");

const WRITERS = {
  text: String,
  plain: String,
  reason: (text) => String(text).replaceAll("_", " "),
  integer,
  rate,
  bytes,
  percent,
  milliseconds,
  duration,
  clock,
};

// `snapshotAt` is what ages are counted to, in milliseconds.
export const write = (writtenAs, value, snapshotAt) => {
  if (value === null || value === undefined || value === "") {
    return writtenAs === "plain" ? "" : NOTHING;
  }
  if (writtenAs === "age") {
    return duration((snapshotAt - Date.parse(value)) / 1000);
  }
  return (WRITERS[writtenAs] ?? WRITERS.text)(value);
};
