// Every page: makes it live.

import { fill } from "./bind.js";
import { Charts } from "./charts.js";
import { filterAgain, prepare } from "./controls.js";
import { view } from "./figures.js";
import { History } from "./history.js";
import { Live } from "./live.js";
import { Stream } from "./stream.js";

const sessionId = document.querySelector("[data-session]")?.dataset.session;
const gone = document.getElementById("session-gone");
const history = new History(document.body.dataset.visitor);
const charts = new Charts(document);
let newest = null;

const show = () => {
  if (!newest || document.hidden) {
    return;
  }
  fill(document.body, newest);
  filterAgain();
  charts.show(history, newest);
  if (gone) {
    gone.hidden = Boolean(newest.session);
  }
};

prepare();
for (const card of document.querySelectorAll("[data-stream]")) {
  new Stream(card);
}
new Live((snapshot) => {
  newest = view(snapshot, sessionId);
  history.add(newest);
  show();
});
document.addEventListener("visibilitychange", show);
