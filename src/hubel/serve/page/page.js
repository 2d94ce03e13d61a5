// The page: pictures come in, each is asked about, and what is known of the current one is shown.

import { ask, asking } from "./ask.js";
import { forget, timeEngines } from "./engines.js";
import { showLayers } from "./layers.js";
import { Pane, answer, page } from "./pane.js";
import { about, spoken } from "./said.js";
import { loaded, showStages } from "./stages.js";

const $ = (id) => document.getElementById(id);
const { models, looking } = page;
const items = [];
let staged = null; // whose stages are shown

const chosen = () => [$("first").value, $("second").value].filter(Boolean);

/* pictures come in */

function add(files) {
  const pictures = [...files].filter((file) => file instanceof Blob && file.size);
  if (!pictures.length) return;
  $("trouble").hidden = true;
  for (const file of pictures) {
    const item = { file, url: URL.createObjectURL(file), answers: new Map(), maps: new Map() };
    items.push(item);
    thumbnail(item);
  }
  document.body.classList.add("busy");
  $("work").hidden = false;
  $("strip").hidden = items.length < 2;
  select(items[items.length - pictures.length]);
}

function thumbnail(item) {
  const line = document.createElement("li");
  const button = line.appendChild(document.createElement("button"));
  button.type = "button";
  const image = button.appendChild(new Image());
  image.src = item.url;
  image.alt = "";
  item.said = button.appendChild(document.createElement("span"));
  item.said.textContent = "…";
  item.button = button;
  button.addEventListener("click", () => select(item));
  $("strip").append(line);
  answer(item, chosen()[0]).then(
    (said) => (item.said.textContent = spoken(said)),
    (error) => (item.said.textContent = error.message),
  );
}

/* what is known of a picture is shown */

function select(item) {
  page.current = item;
  for (const one of items) one.button.setAttribute("aria-current", one === item);
  looking.map = looking.place = null;
  $("label").value = "";
  page.panes.forEach((pane) => pane.show(item));
  evidence();
}

/* evidence and stages: asked for when they are looked at */

const seen = new IntersectionObserver((entries) => {
  if (entries.some((entry) => entry.isIntersecting)) evidence();
});
seen.observe($("stages"));

async function evidence() {
  const item = page.current;
  const wanted = Number($("strength").value) > 0 || isNear($("stages"));
  if (!item || $("evidence").hidden || !wanted) return;
  const label = $("label").value;
  $("waiting").textContent = "looking …";
  let trouble = "";
  await Promise.all(
    page.panes.map(async (pane, i) => {
      const { classes, explains } = models.get(pane.model);
      if (!explains || (label && !classes.includes(label))) return;
      try {
        const found = await maps(item, pane.model, label);
        if (item !== page.current) return;
        pane.heat = await loaded(found.heats[$("method").value]);
        if (i === 0 && found !== staged) {
          staged = found;
          await showStages($("maps"), found.stages, (map) => {
            looking.map = map;
            pane.draw();
          });
        }
      } catch (error) {
        trouble = error.message;
      }
      pane.draw();
    }),
  );
  if (item === page.current) $("waiting").textContent = trouble;
}

function maps(item, model, label) {
  const key = `${model} ${label}`;
  if (!item.maps.has(key)) {
    const found = asking("/maps", item.file, label ? { model, label } : { model });
    item.maps.set(key, found);
    found.catch(() => item.maps.delete(key));
  }
  return item.maps.get(key);
}

function isNear(element) {
  const { top } = element.getBoundingClientRect();
  return !element.hidden && top < innerHeight;
}

/* models */

async function arrange() {
  const names = chosen();
  page.panes = names.map((name) => new Pane(name));
  $("panes").className = `panes ${names.length > 1 ? "two" : "one"}`;
  $("panes").replaceChildren(...page.panes.map((pane) => pane.root));
  const summary = models.get(names[0]);
  $("about").textContent = about(summary);
  $("evidence").hidden = !names.some((name) => models.get(name).explains);
  $("stages").hidden = !summary.explains;
  $("maps").replaceChildren();
  staged = null;
  $("label").replaceChildren(new Option("its answer", ""), ...summary.classes.map((label) => new Option(label)));
  looking.layer = looking.map = null;
  if (page.current) {
    page.panes.forEach((pane) => pane.show(page.current));
    evidence();
  }
  $("engines").hidden = false;
  forget();
  $("network").hidden = true;
  if (!summary.network.includes(":") && summary.task !== "upscale") {
    await showLayers(names[0], (layer) => {
      looking.layer = layer;
      page.panes[0].draw();
    });
  }
}

async function begin() {
  for (const summary of await ask("/models")) {
    models.set(summary.name, summary);
    $("first").add(new Option(summary.name));
    $("second").add(new Option(summary.name));
  }
  $("beside").hidden = models.size < 2;
  $("strip").hidden = true;
  await arrange();
}

/* ways in */

$("choose").addEventListener("click", () => $("files").click());
$("files").addEventListener("change", () => {
  add($("files").files);
  $("files").value = "";
});
addEventListener("paste", (event) => add(event.clipboardData.files));
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  addEventListener(kind, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", kind === "dragenter" || kind === "dragover");
    if (kind === "drop") add(event.dataTransfer.files);
  });
}

$("camera").hidden = !navigator.mediaDevices;
$("camera").addEventListener("click", async () => {
  const video = $("lens").querySelector("video");
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    return fail(new Error("There is no camera, or this page may not use it."));
  }
  $("lens").returnValue = "";
  $("lens").showModal();
});
$("lens").addEventListener("close", async () => {
  const video = $("lens").querySelector("video");
  if ($("lens").returnValue === "take") {
    const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
    canvas.getContext("2d").drawImage(video, 0, 0);
    add([await canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 })]);
  }
  for (const track of video.srcObject.getTracks()) track.stop();
});

for (const id of ["first", "second"]) $(id).addEventListener("change", () => arrange().catch(fail));
$("strength").addEventListener("input", () => {
  page.panes.forEach((pane) => pane.draw());
  evidence();
});
$("time").addEventListener("click", () => timeEngines(models.get(chosen()[0])));
for (const id of ["label", "method"]) $(id).addEventListener("change", evidence);

function fail(error) {
  $("trouble").textContent = error.message;
  $("trouble").hidden = false;
}

begin().catch(fail);
