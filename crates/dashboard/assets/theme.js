// Before anything is painted: the colours that were chosen. Then the button that chooses them.
"use strict";

(() => {
  const KEY = "mxgateway-theme";
  const NAMES = { system: "as the system", light: "light", dark: "dark" };
  const ORDER = ["system", "light", "dark"];

  const read = () => {
    try {
      const kept = localStorage.getItem(KEY);
      return ORDER.includes(kept) ? kept : "system";
    } catch {
      return "system";
    }
  };

  const put = (theme) => {
    if (theme === "system") {
      delete document.documentElement.dataset.theme;
    } else {
      document.documentElement.dataset.theme = theme;
    }
  };

  let theme = read();
  put(theme);

  // What the last visitor's charts had in them is nobody's business once that one is out.
  const forget = () => {
    try {
      sessionStorage.removeItem("mxgateway-history");
    } catch {
      // There is none, then.
    }
  };

  document.addEventListener("DOMContentLoaded", () => {
    if (!document.body.dataset.visitor) {
      forget();
    }
    const button = document.getElementById("theme");
    const name = document.getElementById("theme-name");
    if (!button || !name) {
      return;
    }
    button.hidden = false;
    name.textContent = NAMES[theme];
    button.addEventListener("click", () => {
      theme = ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length];
      put(theme);
      name.textContent = NAMES[theme];
      button.title = `Colours: ${NAMES[theme]}`;
      try {
        localStorage.setItem(KEY, theme);
      } catch {
        // Not kept, then: the choice holds for this page.
      }
    });
  });
})();
