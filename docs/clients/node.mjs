// node node.mjs EXPORT PICTURE...: a line of JSON for each picture.
import { readFile } from "node:fs/promises";
import sharp from "sharp";
import { open } from "./answer.mjs";

const [folder, ...files] = process.argv.slice(2);
const facts = JSON.parse(await readFile(`${folder}/hubel.json`, "utf8"));
const answer = await open(await readFile(`${folder}/model.onnx`), facts);
const grey = JSON.parse(facts.preprocess).background; // behind transparent pixels

for (const file of files) {
  const { data, info } = await sharp(file)
    .rotate() // upright, as its EXIF says
    .flatten({ background: { r: grey, g: grey, b: grey } })
    .toColourspace("srgb")
    .raw()
    .toBuffer({ resolveWithObject: true });
  const found = await answer(new Uint8Array(data), info.height, info.width);
  console.log(JSON.stringify({ file, ...found }));
}
