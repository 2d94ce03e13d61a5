// A model's answer beside the picture it is about, and over it.

import { asking } from "./ask.js";
import { percent } from "./layers.js";
import * as over from "./over.js";
import { colour, objects, rows, spoken } from "./said.js";
import { loaded } from "./stages.js";

export const page = {
  models: new Map(), // name -> summary
  current: null, // the picture {file, url, answers: Map(model -> promise), maps: Map(model label -> promise)}
  panes: [],
  looking: { map: null, layer: null, place: null }, // what lies over the picture in the first pane
};

export function answer(item, model) {
  if (!item.answers.has(model)) {
    const begun = performance.now();
    const said = asking("/predict", item.file, { model, top: 5, pixels: true }).then((words) => {
      return { ...words, whole: performance.now() - begun };
    });
    item.answers.set(model, said);
    said.catch(() => item.answers.delete(model)); // so that it can be asked again
  }
  return item.answers.get(model);
}

export class Pane {
  constructor(model) {
    this.model = model;
    this.root = document.querySelector("#pane").content.cloneNode(true).firstElementChild;
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
    this.said = this.heat = this.map = this.before = this.lit = this.at = null;
    this.caption.textContent = "";
    this.img.src = item.url;
    this.root.classList.add("waiting");
    try {
      const said = await answer(item, this.model);
      const pixels = said.pixels && (await loaded(said.pixels));
      const small = pixels && !said.found.shares && (await loaded(item.url).catch(() => null));
      if (item !== page.current) return;
      this.said = said;
      if (said.found?.shares) this.map = over.numbers(pixels);
      else if (pixels) this.enlarge(said, small);
      this.img.alt = `The picture; ${this.model} says ${spoken(said)}`;
      this.tell(said);
    } catch (error) {
      if (item === page.current) this.fail(error);
    }
    this.root.classList.remove("waiting");
    this.draw();
  }

  enlarge(said, small) {
    this.before = small;
    this.img.src = said.pixels;
    this.caption.textContent = "Left of the pointer it is as it came.";
  }

  tell(said) {
    const box = this.root.querySelector(".said");
    box.classList.remove("error");
    box.classList.toggle("unsure", Boolean(said.unsure));
    const title = box.querySelector("h2");
    title.textContent = spoken(said);
    if (said.unsure) {
      const why = title.appendChild(document.createElement("small"));
      const { threshold } = page.models.get(this.model);
      why.textContent = `Its best guess is below the ${percent(threshold)} that it asks of itself.`;
    }
    this.list(said);
    const save = box.querySelector(".save");
    save.hidden = !said.pixels;
    save.firstElementChild.href = said.pixels ?? "";
    save.firstElementChild.textContent = said.found?.shares ? "Save the map: a grey value for each class" : "Save the picture";
    const ms = (seconds) => `${(1000 * seconds).toFixed(seconds < 0.1 ? 1 : 0)} ms`;
    const time = [`${ms(said.seconds.compute)} on ${page.models.get(this.model).engine}`, `${ms(said.whole / 1000)} in all`];
    if (said.batch > 1) time.splice(1, 0, `with ${said.batch - 1} more`);
    box.querySelector(".time").textContent = time.join(" · ");
  }

  list(said) {
    const there = new Set(said.labels ?? [said.top?.[0]?.label]);
    const list = this.root.querySelector(".bars");
    const told = rows(said, page.models.get(this.model).classes);
    told.forEach(({ label, share, k }, i) => {
      const row = list.children[i] ?? list.appendChild(bar());
      row.querySelector("span").textContent = row.title = label;
      row.querySelector("i").textContent = percent(share);
      row.querySelector("b").style.setProperty("--share", share);
      row.classList.toggle("best", there.has(label) || k >= 0);
      if (!said.found) return;
      row.style.setProperty("--own", colour(k).join(" "));
      row.tabIndex = 0;
      const light = (lit) => () => this.light(lit);
      row.onpointerenter = row.onfocus = light(i);
      row.onpointerleave = row.onblur = light(null);
    });
    [...list.children].slice(told.length).forEach((row) => row.remove());
  }

  // One row of what was found, and what it stands for in the picture, before all others.
  light(lit) {
    if (lit === this.lit) return;
    this.lit = lit;
    [...this.root.querySelector(".bars").children].forEach((row, i) => row.classList.toggle("lit", i === lit));
    this.draw();
  }

  fail(error) {
    const box = this.root.querySelector(".said");
    box.className = "said error";
    box.querySelector("h2").textContent = error.message;
    box.querySelector(".bars").replaceChildren();
    box.querySelector(".time").textContent = "";
    box.querySelector(".save").hidden = true;
  }

  point(event) {
    if (!this.said) return;
    const { picture, found } = this.said;
    const { classes } = page.models.get(this.model);
    this.at = event && [
      (event.offsetX / this.img.clientWidth) * picture.width,
      (event.offsetY / this.img.clientHeight) * picture.height,
    ];
    if (page.looking.layer) {
      page.looking.place = this.at;
      page.panes.forEach((pane) => pane.draw());
    } else if (this.before) {
      this.draw();
    } else if (this.map) {
      const k = this.at && over.classAt(this.map, picture, this.at);
      const lit = rows(this.said, classes).findIndex((row) => row.k === k);
      this.light(lit < 0 ? null : lit);
    } else if (found) {
      this.light(this.at && over.objectAt(objects(this.said), this.at));
    }
  }

  draw() {
    const context = over.clear(this.canvas, this.img);
    const { said } = this;
    if (!said || !this.img.naturalWidth) return;
    const unit = over.inPixels(context, said.picture);
    const strength = document.querySelector("#strength").value / 100;
    const { classes } = page.models.get(this.model);
    if (this.map) {
      const lit = this.lit === null ? null : rows(said, classes)[this.lit].k;
      over.classes(context, this.map, classes.length, said.picture, lit);
    }
    if (this.heat && strength) over.heat(context, this.heat, said.seen, strength);
    over.objects(context, objects(said), classes, unit, this.lit);
    if (this.before && this.at) over.before(context, this.before, said.picture, this.at[0], unit);
    if (this !== page.panes[0]) return;
    if (page.looking.map) over.map(context, page.looking.map.strip, page.looking.map.index, page.looking.map.cells, said.seen);
    const { layer } = page.looking;
    if (layer) {
      const place = page.looking.place ?? [said.picture.width / 2, said.picture.height / 2];
      const found = over.cellAt(layer, said.seen, page.models.get(this.model).input, place);
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
