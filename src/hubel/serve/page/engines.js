// How long each engine takes for a picture: timed when it is asked for.

import { ask } from "./ask.js";

const $ = (id) => document.getElementById(id);

export async function timeEngines(model) {
  const [button, list, note] = [$("time"), $("times"), $("timed")];
  button.disabled = true;
  note.textContent = "timing …";
  try {
    const { threads, engines } = await ask(`/models/${model.name}/engines`);
    if (model.name !== $("first").value) return; // another one was chosen meanwhile
    const most = Math.max(...engines.map((one) => one.milliseconds));
    list.replaceChildren(...engines.map((one) => row(one, one.engine === model.engine, one.milliseconds / most)));
    note.textContent = `One picture by itself, the median of rounds in turns, on ${threads} thread${threads > 1 ? "s" : ""}. The service answers on ${model.engine}.`;
  } catch (error) {
    note.textContent = error.message;
  } finally {
    button.disabled = false;
  }
}

export function forget() {
  $("times").replaceChildren();
  $("timed").textContent = "";
}

function row(one, own, share) {
  const line = document.createElement("li");
  const ms = (value) => `${value.toFixed(value < 10 ? 2 : 1)} ms`;
  for (const [part, text] of [["span", one.engine], ["i", ms(one.milliseconds)], ["b", ""]]) {
    line.appendChild(document.createElement(part)).textContent = text;
  }
  line.title = `${ms(one.fastest)} to ${ms(one.slowest)}`;
  line.lastElementChild.style.setProperty("--share", share);
  line.classList.toggle("best", own);
  return line;
}
