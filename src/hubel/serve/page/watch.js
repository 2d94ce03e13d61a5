// The page of the runs: asks every few seconds for what is new.

import { ask } from "./ask.js";
import { chart, spark } from "./chart.js";

const $ = (id) => document.getElementById(id);
const COLOURS = ["a", "b", "c", "d", "e", "f"];
const EVERY = 2000; // milliseconds
const shown = new Map(); // name -> its colour
let before = ""; // what was drawn last, so that nothing is drawn twice

const NAMES = {
  val_top1: "top-1", val_top5: "top-5", val_map: "mAP", val_map50: "mAP@0.5", val_f1: "F1",
  val_miou: "mIoU", val_iou: "IoU", val_psnr: "PSNR", val_ssim: "SSIM", val_loss: "validation loss",
};
const called = (score) => NAMES[score] ?? score.replace(/^val_/, "").replaceAll("_", " ");
const percent = (value) => (value === 1 ? "100 %" : `${(100 * value).toFixed(1)} %`);
const told = (value) => (value === null ? "–" : value >= 0 && value <= 1 ? percent(value) : value.toFixed(2));

function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function ago(time) {
  const seconds = Date.now() / 1000 - time;
  return seconds < 10 ? "just now" : `${seconds < 86400 * 2 ? duration(seconds) : `${Math.round(seconds / 86400)} days`} ago`;
}

function toggle(name) {
  if (shown.has(name)) {
    shown.delete(name);
  } else {
    const free = COLOURS.find((colour) => ![...shown.values()].includes(colour));
    if (!free) shown.delete(shown.keys().next().value);
    shown.set(name, free ?? COLOURS.find((colour) => ![...shown.values()].includes(colour)));
  }
  before = "";
  look();
}

function card(run) {
  const item = document.createElement("li");
  const button = item.appendChild(document.createElement("button"));
  button.type = "button";
  button.setAttribute("aria-pressed", shown.has(run.name));
  button.className = shown.get(run.name) ?? "";
  const add = (kind, className, text) => {
    const element = button.appendChild(document.createElement(kind));
    element.className = className;
    element.textContent = text;
    return element;
  };
  add("b", "", run.name.split("/").slice(1).join("/"));
  add("span", `state ${run.state}`, run.state);
  add("span", "soft", [run.network, run.data?.split(/[\\/]/).pop()].filter(Boolean).join(" · "));
  button.append(spark(run.course));
  if (run.score) add("strong", "", `${told(run.scores[run.score])} ${called(run.score)}`);
  const epochs = run.epochs ? `epoch ${run.epoch} of ${run.epochs}` : `epoch ${run.epoch}`;
  add("span", "soft", `${epochs} · ${duration(run.seconds)}`);
  add("span", "soft", ago(run.written));
  button.addEventListener("click", () => toggle(run.name));
  if (run.state === "finished") {
    const link = item.appendChild(document.createElement("a"));
    link.href = `/runs/${run.name.split("/").map(encodeURIComponent).join("/")}/report`;
    link.textContent = "report";
  }
  return item;
}

function draw(found) {
  const short = (name) => name.split("/").slice(1).join("/");
  const lines = (kind, y, more = {}) =>
    found.map(({ name, rows }) => ({
      name: [found.length > 1 ? short(name) : "", kind].filter(Boolean).join(" ") || short(name),
      colour: shown.get(name),
      points: rows.map((row) => [row.epoch, row[y]]),
      ...more,
    }));
  const scores = [...new Set(found.flatMap(({ rows }) => Object.keys(rows[0] ?? {})))].filter(
    (name) => name.startsWith("val_") && name !== "val_loss",
  );
  const figures = [
    chart("Loss", [...lines("training", "train_loss", { faint: true }), ...lines("validation", "val_loss")]),
    ...scores.map((score) => {
      const own = lines("", score);
      const shares = own.every(({ points }) => points.every(([, y]) => y === null || (y >= 0 && y <= 1)));
      const title = called(score);
      return chart(title[0].toUpperCase() + title.slice(1), own, { shares });
    }),
    chart(
      "Training loss by step",
      found.map(({ name, steps }) => ({ name: short(name), colour: shown.get(name), points: steps })),
      { along: "step" },
    ),
    chart("Learning rate", lines("", "lr")),
  ];
  $("charts").replaceChildren(...figures);
}

async function look() {
  try {
    const runs = await ask("/runs");
    if (!shown.size && runs.length) shown.set(runs[0].name, COLOURS[0]);
    const names = runs.map((run) => run.name).filter((name) => shown.has(name));
    const found = await Promise.all(
      names.map((name) => ask(`/runs/${name.split("/").map(encodeURIComponent).join("/")}/curves`)),
    );
    const training = runs.filter((run) => run.state === "training");
    $("state").textContent = training.length ? `${training.length} in training` : "nothing in training";
    $("trouble").hidden = true;
    $("gallery-section").hidden = !runs.length;
    if (runs.length) $("lead").textContent = names.length ? names.join(", ") : "Choose runs below.";
    const now = JSON.stringify([runs, found]);
    if (now !== before && !$("charts").matches(":hover")) {
      draw(found);
      const focus = [...$("gallery").querySelectorAll("button")].indexOf(document.activeElement);
      $("gallery").replaceChildren(...runs.map(card));
      $("gallery").querySelectorAll("button")[focus]?.focus();
      before = now;
    }
  } catch (error) {
    $("trouble").textContent = error.message;
    $("trouble").hidden = false;
  }
}

for (;;) {
  if (!document.hidden) await look();
  await new Promise((next) => setTimeout(next, EVERY));
}
