// node web.mjs MODEL PICTURES N,H,W,3: a graph on onnxruntime-web, its first output as JSON.
import { readFile } from "node:fs/promises";
import * as ort from "../../docs/clients/node_modules/onnxruntime-web/dist/ort.node.min.mjs";

const [model, pictures, shape] = process.argv.slice(2);
ort.env.wasm.numThreads = 1;
const session = await ort.InferenceSession.create(await readFile(model), {
  executionProviders: ["wasm"],
});
const numbers = new Uint8Array(await readFile(pictures));
const tensor = new ort.Tensor("uint8", numbers, shape.split(",").map(Number));
const found = await session.run({ [session.inputNames[0]]: tensor });
console.log(JSON.stringify([...found[session.outputNames[0]].data]));
