// Puts a view's figures where the page has places for them.

import { write } from "./format.js";

const find = (from, path) => path.split(".").reduce((at, name) => at?.[name], from);

const fillOne = (element, from, at) => {
  const { bind, as, attr } = element.dataset;
  if (bind) {
    const text = write(as ?? "text", find(from, bind), at);
    if (element.textContent !== text) {
      element.textContent = text;
    }
  }
  for (const pair of attr?.split(" ") ?? []) {
    const colon = pair.indexOf(":");
    const name = pair.slice(0, colon);
    const value = find(from, pair.slice(colon + 1));
    const text = typeof value === "number" ? value.toFixed(1) : String(value ?? "");
    if (element.getAttribute(name) !== text) {
      element.setAttribute(name, text);
    }
  }
};

const PLACES = "[data-bind], [data-attr]";

const fillRow = (row, from, at) => {
  for (const element of row.querySelectorAll(PLACES)) {
    fillOne(element, from, at);
  }
};

const rowsOf = (body) => [...body.children].filter((child) => child.localName !== "template");

// Rows stay what they are: each is found again by its key. They change places only while nobody points at them.
const fillRows = (body, items, at) => {
  const known = new Map();
  for (const row of rowsOf(body)) {
    known.set(row.dataset.key, row);
  }
  const rows = items.map((item) => {
    const row =
      known.get(item.key) ?? body.querySelector("template").content.firstElementChild.cloneNode(true);
    known.delete(item.key);
    row.dataset.key = item.key;
    fillRow(row, item, at);
    return row;
  });
  for (const row of known.values()) {
    row.remove();
  }
  const holdsStill = body.matches(":hover, :focus-within");
  let before = rowsOf(body)[0] ?? null;
  for (const row of rows) {
    if (row === before) {
      before = before.nextElementSibling;
    } else if (!row.isConnected || !holdsStill) {
      body.insertBefore(row, holdsStill ? null : before);
    }
  }
  const table = body.closest(".table");
  if (table) {
    table.dataset.empty = String(items.length === 0);
  }
};

export const fill = (root, view) => {
  const at = Date.parse(view.at);
  for (const element of root.querySelectorAll(PLACES)) {
    const isAboutSession = /^(?:[\w-]+:)?session\./.test(element.dataset.bind ?? element.dataset.attr);
    if (!element.closest("[data-each]") && (view.session || !isAboutSession)) {
      fillOne(element, view, at);
    }
  }
  for (const body of root.querySelectorAll("[data-each]")) {
    const items = find(view, body.dataset.each);
    if (items) {
      fillRows(body, items, at);
    }
  }
};
