// What is drawn over a picture: heat, a feature map, boxes and masks, a map of classes, a receptive
// field. All places are in the picture's own pixels; `seen` is the part of it that the network saw.

import { colour } from "./said.js";

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function clear(canvas, img) {
  const ratio = devicePixelRatio || 1;
  canvas.style.left = `${img.offsetLeft}px`;
  canvas.style.top = `${img.offsetTop}px`;
  canvas.style.width = `${img.clientWidth}px`;
  canvas.style.height = `${img.clientHeight}px`;
  canvas.width = Math.round(img.clientWidth * ratio);
  canvas.height = Math.round(img.clientHeight * ratio);
  return canvas.getContext("2d");
}

// From here on one unit is a pixel of the picture.
export function inPixels(context, picture) {
  const { width, height } = context.canvas;
  context.setTransform(width / picture.width, 0, 0, height / picture.height, 0, 0);
  return picture.width / width; // the size of a pixel of the screen
}

export function heat(context, image, seen, strength) {
  context.globalAlpha = strength;
  context.drawImage(image, ...seen);
  context.globalAlpha = 1;
}

export function map(context, strip, index, cells, seen) {
  const [h, w] = cells;
  context.imageSmoothingEnabled = false;
  context.globalAlpha = 0.85;
  context.drawImage(strip, index * w, 0, w, h, ...seen);
  context.globalAlpha = 1;
  context.imageSmoothingEnabled = true;
}

// The cell of a layer nearest to a place (x, y in the picture), and what it sees.
export function cellAt(layer, seen, input, place) {
  const [left, top, width, height] = seen;
  const scale = [height / input[0], width / input[1]];
  const at = [(place[1] - top) / scale[0], (place[0] - left) / scale[1]];
  const cell = at.map((value, axis) => {
    const count = layer.shape[layer.shape.length - 2 + axis];
    const near = Math.round((value - 0.5 - layer.offset[axis]) / layer.jump[axis]);
    return Math.min(count - 1, Math.max(0, near));
  });
  const box = (axis, size) => {
    const middle = layer.offset[axis] + cell[axis] * layer.jump[axis] + 0.5;
    const start = [top, left][axis];
    return [start + (middle - size / 2) * scale[axis], size * scale[axis]];
  };
  const rect = (sizes) => {
    const [y, h] = box(0, sizes[0]);
    const [x, w] = box(1, sizes[1]);
    return [x, y, w, h];
  };
  return { cell, field: rect(layer.field), step: rect(layer.jump) };
}

export function field(context, found, picture, unit) {
  const [x, y, w, h] = found.field;
  context.fillStyle = style("--ground");
  context.globalAlpha = 0.6;
  context.beginPath();
  context.rect(0, 0, picture.width, picture.height);
  context.rect(x, y, w, h);
  context.fill("evenodd");
  context.globalAlpha = 1;
  context.strokeStyle = `rgb(${style("--hit")})`;
  context.lineWidth = 2 * unit;
  context.strokeRect(x, y, w, h);
  context.strokeStyle = `rgb(${style("--miss")})`;
  context.strokeRect(...found.step);
}

// Objects in the colours of their classes. Of one that is `lit` the others step back.
export function objects(context, found, classes, unit, lit) {
  const lines = found.map((one, i) => ({ one, i, rgb: colour(classes.indexOf(one.class)) }));
  lines.sort((a, b) => (a.i === lit) - (b.i === lit) || b.i - a.i); // the surest, and the lit one, on top
  for (const { one, i, rgb } of lines) {
    const [x1, y1, x2, y2] = one.box;
    context.globalAlpha = lit === null || i === lit ? 1 : 0.25;
    if (one.mask) context.drawImage(outlined(one.mask, rgb), 0, 0);
    context.strokeStyle = context.fillStyle = `rgb(${rgb})`;
    context.lineWidth = (i === lit ? 3.5 : 2) * unit;
    context.strokeRect(x1, y1, x2 - x1, y2 - y1);
    context.font = `600 ${12 * unit}px system-ui, sans-serif`;
    const words = `${one.class} ${Math.round(100 * one.score)} %`;
    const wide = context.measureText(words).width + 8 * unit;
    const up = y1 > 18 * unit ? y1 - 18 * unit : y1;
    context.fillRect(x1 - unit, up, wide, 18 * unit);
    context.fillStyle = "#000";
    context.fillText(words, x1 + 3 * unit, up + 13.5 * unit);
  }
  context.globalAlpha = 1;
}

// The smallest object there: its place in the list, or null.
export function objectAt(found, [x, y]) {
  const size = ({ box: [x1, y1, x2, y2] }) => (x2 - x1) * (y2 - y1);
  const there = found.filter(({ box: [x1, y1, x2, y2] }) => x1 <= x && x <= x2 && y1 <= y && y <= y2);
  return there.length ? found.indexOf(there.reduce((a, b) => (size(b) < size(a) ? b : a))) : null;
}

// COCO's run lengths {size: [h, w], counts}, column by column, as a half transparent picture.
const masks = new WeakMap();

function outlined(mask, rgb) {
  if (!masks.has(mask)) {
    const [h, w] = mask.size;
    const pixels = new ImageData(w, h);
    let at = 0;
    runs(mask.counts).forEach((run, i) => {
      for (const end = at + run; at < end; at++) {
        if (i % 2) pixels.data.set([...rgb, 120], 4 * ((at % h) * w + Math.floor(at / h)));
      }
    });
    masks.set(mask, canvas(pixels));
  }
  return masks.get(mask);
}

// The text of a COCO file: groups of five bits, the lowest first; from the fourth number on each is
// the difference from the one two before.
export function runs(text) {
  const found = [];
  let [value, shift] = [0, 0];
  for (const letter of text) {
    const bits = letter.charCodeAt(0) - 48;
    value |= (bits & 31) << shift;
    shift += 5;
    if (bits & 32) continue;
    if (bits & 16) value |= -1 << shift;
    found.push(value + (found.length > 2 ? found[found.length - 2] : 0));
    [value, shift] = [0, 0];
  }
  return found;
}

function canvas(pixels) {
  const made = new OffscreenCanvas(pixels.width, pixels.height);
  made.getContext("2d").putImageData(pixels, 0, 0);
  return made;
}

const FINE = 1024; // pixels of a side of a map of classes that are drawn

// The numbers of classes that an image has as grey values, as many of them as are drawn.
export function numbers(image) {
  const share = Math.min(1, FINE / Math.max(image.naturalWidth, image.naturalHeight));
  const [wide, tall] = [image.naturalWidth, image.naturalHeight].map((side) => Math.max(1, Math.round(share * side)));
  const context = new OffscreenCanvas(wide, tall).getContext("2d", { willReadFrequently: true });
  context.imageSmoothingEnabled = false; // classes have no mean
  context.drawImage(image, 0, 0, wide, tall);
  return { wide, tall, of: context.getImageData(0, 0, wide, tall).data.filter((_, i) => i % 4 === 0) };
}

// Every class in its colour; of one that is `lit` the others step back.
export function classes(context, map, count, picture, lit) {
  const pixels = new ImageData(map.wide, map.tall);
  const solid = (k) => (lit === null ? 140 : k === lit ? 190 : 40);
  const colours = Array.from({ length: count }, (_, k) => [...colour(k), solid(k)]);
  map.of.forEach((k, at) => k < count && pixels.data.set(colours[k], 4 * at));
  context.imageSmoothingEnabled = false;
  context.drawImage(canvas(pixels), 0, 0, picture.width, picture.height);
  context.imageSmoothingEnabled = true;
}

export function classAt(map, picture, [x, y]) {
  const cell = (at, size, cells) => Math.min(cells - 1, Math.max(0, Math.floor((at / size) * cells)));
  return map.of[cell(y, picture.height, map.tall) * map.wide + cell(x, picture.width, map.wide)];
}

// The picture as it came, left of x.
export function before(context, image, picture, x, unit) {
  context.save();
  context.beginPath();
  context.rect(0, 0, x, picture.height);
  context.clip();
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, picture.width, picture.height);
  context.restore();
  context.fillStyle = "#fff";
  context.fillRect(x - unit, 0, 2 * unit, picture.height);
}
