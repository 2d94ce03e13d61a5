// A baked export answers: a decoded picture in, class names with probabilities out.
// The same module in a browser and in Node.
import * as ort from "onnxruntime-web";

ort.env.wasm.numThreads = 1; // more want a page that is cross-origin isolated

// model: the bytes or the address of model.onnx; facts: what hubel.json beside it says.
export async function open(model, facts) {
  if (!facts.gives) throw new Error("this export does not resize: hubel export --bake-resize");
  const session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
  const classes = JSON.parse(facts.classes);

  // rgb: Uint8Array of height x width x 3 numbers. No label means "I don't know".
  return async function answer(rgb, height, width) {
    const pictures = new ort.Tensor("uint8", rgb, [1, height, width, 3]);
    const { probabilities } = await session.run({ pictures });
    const top = classes.map((name, i) => [name, probabilities.data[i]]);
    top.sort((a, b) => b[1] - a[1]);
    const [name, confidence] = top[0];
    return { label: confidence < Number(facts.threshold) ? null : name, top };
  };
}
