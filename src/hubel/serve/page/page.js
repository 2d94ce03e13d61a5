// The page: pictures come in, each is asked about, and what is known of the current one is shown.

import { ask, asking } from "./ask.js";
import * as over from "./over.js";
import { amount, percent, showLayers } from "./layers.js";

const $ = (id) => document.getElementById(id);
const models = new Map(); // name -> summary
const items = []; // {file, url, answers: Map(model -> promise), maps: Map(model label -> promise)}
let current = null;
let staged = null; // whose stages are shown
let panes = [];
const looking = { map: null, layer: null, place: null }; // what lies over the picture

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

function answer(item, model) {
  if (!item.answers.has(model)) {
    const begun = performance.now();
    const said = asking("/predict", item.file, { model, top: 5 }).then((words) => {
      return { ...words, whole: performance.now() - begun };
    });
    item.answers.set(model, said);
    said.catch(() => item.answers.delete(model)); // so that it can be asked again
  }
  return item.answers.get(model);
}

function spoken(said) {
  if (said.labels) return said.labels.join(", ") || "None of them";
  if (said.objects) return said.objects.length ? `${said.objects.length} found` : "Nothing found";
  return said.unsure ? "I don’t know" : said.label;
}

/* what is known of a picture is shown */

function select(item) {
  current = item;
  for (const one of items) one.button.setAttribute("aria-current", one === item);
  looking.map = looking.place = null;
  $("label").value = "";
  panes.forEach((pane) => pane.show(item));
  evidence();
}

class Pane {
  constructor(model) {
    this.model = model;
    this.root = $("pane").content.cloneNode(true).firstElementChild;
    [this.img, this.canvas, this.caption] = this.root.querySelector("figure").children;
    this.said = null;
    this.root.querySelector(".name").textContent = model;
    this.img.addEventListener("load", () => {
      const { naturalWidth: wide, naturalHeight: tall } = this.img;
      this.img.style.setProperty("--ratio", wide / tall);
      this.img.classList.toggle("tiny", Math.max(wide, tall) <= 96);
      this.draw();
    });
    this.img.addEventListener("error", () => {
      this.caption.textContent = "This browser cannot show the format; the answer stands.";
    });
    new ResizeObserver(() => this.draw()).observe(this.img);
    this.img.addEventListener("pointermove", (event) => this.point(event));
    this.img.addEventListener("pointerleave", () => this.point(null));
  }

  async show(item) {
    this.said = this.heat = null;
    this.caption.textContent = "";
    this.img.src = item.url;
    this.root.classList.add("waiting");
    try {
      const said = await answer(item, this.model);
      if (item !== current) return;
      this.said = said;
      this.img.alt = `The picture; ${this.model} says ${spoken(said)}`;
      this.tell(said);
    } catch (error) {
      if (item === current) this.fail(error);
    }
    this.root.classList.remove("waiting");
    this.draw();
  }

  tell(said) {
    const box = this.root.querySelector(".said");
    box.classList.remove("error");
    box.classList.toggle("unsure", Boolean(said.unsure));
    const title = box.querySelector("h2");
    title.textContent = spoken(said);
    if (said.unsure) {
      const why = title.appendChild(document.createElement("small"));
      const { threshold } = models.get(this.model);
      why.textContent = `Its best guess is below the ${percent(threshold)} that it asks of itself.`;
    }
    const there = new Set(said.labels ?? [said.top?.[0]?.label]);
    const rows = [...box.querySelectorAll(".bars li")];
    (said.top ?? []).forEach(({ label, confidence }, i) => {
      const row = rows[i] ?? box.querySelector(".bars").appendChild(bar());
      row.querySelector("span").textContent = row.title = label;
      row.querySelector("i").textContent = percent(confidence);
      row.querySelector("b").style.setProperty("--share", confidence);
      row.classList.toggle("best", there.has(label));
    });
    rows.slice(said.top?.length ?? 0).forEach((row) => row.remove());
    const ms = (seconds) => `${(1000 * seconds).toFixed(seconds < 0.1 ? 1 : 0)} ms`;
    const time = [`${ms(said.seconds.compute)} to compute`, `${ms(said.whole / 1000)} in all`];
    if (said.batch > 1) time.splice(1, 0, `with ${said.batch - 1} more`);
    box.querySelector(".time").textContent = time.join(" · ");
  }

  fail(error) {
    const box = this.root.querySelector(".said");
    box.className = "said error";
    box.querySelector("h2").textContent = error.message;
    box.querySelector(".bars").replaceChildren();
    box.querySelector(".time").textContent = "";
  }

  point(event) {
    if (!looking.layer || !this.said) return;
    const { picture } = this.said;
    looking.place = event && [
      (event.offsetX / this.img.clientWidth) * picture.width,
      (event.offsetY / this.img.clientHeight) * picture.height,
    ];
    panes.forEach((pane) => pane.draw());
  }

  draw() {
    const context = over.clear(this.canvas, this.img);
    const { said } = this;
    if (!said || !this.img.naturalWidth) return;
    const unit = over.inPixels(context, said.picture);
    const strength = $("strength").value / 100;
    if (this.heat && strength) over.heat(context, this.heat, said.seen, strength);
    if (said.objects) over.objects(context, said.objects, models.get(this.model).classes, unit);
    if (this !== panes[0]) return;
    if (looking.map) over.map(context, looking.map.strip, looking.map.index, looking.map.cells, said.seen);
    const { layer } = looking;
    if (layer) {
      const place = looking.place ?? [said.picture.width / 2, said.picture.height / 2];
      const found = over.cellAt(layer, said.seen, models.get(this.model).input, place);
      over.field(context, found, said.picture, unit);
      const [tall, wide] = layer.field;
      this.caption.textContent =
        `Cell ${found.cell[1]}, ${found.cell[0]} of ${layer.name} sees ${wide} × ${tall} pixels of the network’s input; ` +
        `cells stand ${layer.jump[1]} apart.`;
    } else if (this.caption.textContent.startsWith("Cell")) {
      this.caption.textContent = "";
    }
  }
}

function bar() {
  const row = document.createElement("li");
  for (const part of ["span", "i", "b"]) row.append(document.createElement(part));
  return row;
}

/* evidence and stages: asked for when they are looked at */

const seen = new IntersectionObserver((entries) => {
  if (entries.some((entry) => entry.isIntersecting)) evidence();
});
seen.observe($("stages"));

async function evidence() {
  const item = current;
  const wanted = Number($("strength").value) > 0 || isNear($("stages"));
  if (!item || $("evidence").hidden || !wanted) return;
  const label = $("label").value;
  $("waiting").textContent = "looking …";
  let trouble = "";
  await Promise.all(
    panes.map(async (pane, i) => {
      const { classes, explains } = models.get(pane.model);
      if (!explains || (label && !classes.includes(label))) return;
      try {
        const found = await maps(item, pane.model, label);
        if (item !== current) return;
        pane.heat = await loaded(found.heats[$("method").value]);
        if (i === 0) await showStages(found);
      } catch (error) {
        trouble = error.message;
      }
      pane.draw();
    }),
  );
  if (item === current) $("waiting").textContent = trouble;
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

async function loaded(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}

async function showStages(found) {
  if (found === staged) return;
  staged = found;
  const parts = await Promise.all(
    found.stages.map(async (stage) => {
      const [h, w] = stage.cells;
      const title = document.createElement("h3");
      title.textContent = stage.layer;
      title.appendChild(document.createElement("small")).textContent = `${stage.width} maps of ${h} × ${w} cells`;
      const list = document.createElement("ul");
      const strip = await loaded(stage.maps);
      stage.channels.forEach((channel, index) => {
        const button = document.createElement("button");
        button.type = "button";
        button.setAttribute("aria-label", `Map ${channel} of ${stage.layer} over the picture`);
        const canvas = button.appendChild(document.createElement("canvas"));
        [canvas.width, canvas.height] = [w, h];
        canvas.getContext("2d").drawImage(strip, -index * w, 0);
        const lay = (map) => () => {
          looking.map = map;
          panes[0].draw();
        };
        const [on, off] = [lay({ strip, index, cells: stage.cells }), lay(null)];
        for (const kind of ["pointerenter", "focus"]) button.addEventListener(kind, on);
        for (const kind of ["pointerleave", "blur"]) button.addEventListener(kind, off);
        list.appendChild(document.createElement("li")).append(button);
      });
      return [title, list];
    }),
  );
  $("maps").replaceChildren(...parts.flat());
}

/* models */

async function arrange() {
  const names = chosen();
  panes = names.map((name) => new Pane(name));
  $("panes").className = `panes ${names.length > 1 ? "two" : "one"}`;
  $("panes").replaceChildren(...panes.map((pane) => pane.root));
  const summary = models.get(names[0]);
  $("about").textContent = about(summary);
  $("evidence").hidden = !names.some((name) => models.get(name).explains);
  $("stages").hidden = !summary.explains;
  $("maps").replaceChildren();
  staged = null;
  $("label").replaceChildren(new Option("its answer", ""), ...summary.classes.map((label) => new Option(label)));
  looking.layer = looking.map = null;
  if (current) {
    panes.forEach((pane) => pane.show(current));
    evidence();
  }
  $("network").hidden = true;
  if (!summary.network.includes(":")) {
    await showLayers(names[0], (layer) => {
      looking.layer = layer;
      panes[0].draw();
    });
  }
}

function about({ network, classes, input }) {
  const few = classes.slice(0, 6).join(", ");
  const told = classes.length > 6 ? `${amount(classes.length)} classes, among them ${few}` : few;
  return `${network} looks at ${input[0]} × ${input[1]} pixels and tells ${told}.`;
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
  panes.forEach((pane) => pane.draw());
  evidence();
});
for (const id of ["label", "method"]) $(id).addEventListener("change", evidence);

function fail(error) {
  $("trouble").textContent = error.message;
  $("trouble").hidden = false;
}

begin().catch(fail);
