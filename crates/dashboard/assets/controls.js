// What makes pages easier to use: questions in dialogs, filters, copying, times of the reader's zone.

import { moment } from "./format.js";

// The question's own page is asked for, and its form shown in a dialog; where that fails, the page itself opens.
const ask = async (href) => {
  const response = await fetch(href, { cache: "no-store" });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const form = page.querySelector("form[data-question]");
  if (!response.ok || !form) {
    throw new Error("no question");
  }
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-labelledby", "question");
  dialog.append(document.adoptNode(form));
  dialog.addEventListener("close", () => dialog.remove());
  dialog.querySelector("[data-cancel]").addEventListener("click", (event) => {
    event.preventDefault();
    dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  dialog.querySelector("[data-cancel]").focus();
};

const questions = () => {
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-dialog]");
    if (link && event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      ask(link.href).catch(() => location.assign(link.href));
    }
  });
};

const filters = [];

export const filterAgain = () => {
  for (const apply of filters) {
    apply();
  }
};

const makeFilters = () => {
  for (const input of document.querySelectorAll("[data-filter]")) {
    const name = input.dataset.filter;
    const body = document.querySelector(`[data-each="${name}"], [data-rows-of="${name}"]`);
    input.closest("label").hidden = false;
    const apply = () => {
      const wanted = input.value.trim().toLowerCase();
      for (const row of body.rows) {
        const text = `${row.textContent} ${row.dataset.key ?? ""}`.toLowerCase();
        row.hidden = wanted !== "" && !text.includes(wanted);
      }
    };
    input.addEventListener("input", apply);
    filters.push(apply);
  }
};

const copying = () => {
  for (const element of document.querySelectorAll("[data-copy]")) {
    const text = element.textContent;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button small copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Select it, and copy it yourself";
      }
    });
    if (navigator.clipboard) {
      element.after(button);
    }
  }
};

const times = () => {
  for (const element of document.querySelectorAll("time[datetime]")) {
    element.textContent = moment(element.dateTime);
  }
};

const choices = () => {
  for (const form of document.querySelectorAll("form[data-most]")) {
    const apply = () => {
      const boxes = [...form.querySelectorAll("input[type=checkbox]")];
      const isFull = boxes.filter((box) => box.checked).length >= Number(form.dataset.most);
      for (const box of boxes) {
        box.disabled = isFull && !box.checked;
      }
    };
    form.addEventListener("change", apply);
    apply();
  }
};

// A menu closes when one goes elsewhere.
const menus = () => {
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.account[open]")) {
      if (!menu.contains(event.target)) {
        menu.open = false;
      }
    }
  });
  document.addEventListener("keydown", (event) => {
    const menu = document.querySelector("details.account[open]");
    if (event.key === "Escape" && menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
};

export const prepare = () => {
  questions();
  makeFilters();
  copying();
  times();
  choices();
  menus();
};
