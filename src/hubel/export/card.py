"""The README.md of a bundle: what the model is, how good it is, and how to use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hubel.runtime.decode.catalogue import DECODERS


def model_card(facts: Mapping[str, Any]) -> str:
    """bundle.json -> a card in Markdown: what a stranger needs to use the model or leave it."""
    task = facts["task"]
    alone, of_classes = task == "classify", DECODERS[task].probabilities is not None
    network, prepare, classes = facts["network"], facts["preprocess"], facts["classes"]
    height, width = (side + 2 * prepare["pad"] for side in prepare["size"])
    parts = [
        f"# {network['name']}: " + (f"{len(classes)} classes" if of_classes else task),
        f"{KINDS[task]}, {_words(network)}. "
        f"Written by Hubel {facts['hubel']} on {facts['written'][:10]}.",
        "## Use",
        "```\npip install hubel\nhubel predict FOLDER_OF_THIS_FILE picture.jpg\n```",
        "```python\nimport hubel\n\n"
        'answer = hubel.load("FOLDER_OF_THIS_FILE").predict("picture.jpg")\n'
        + f"print({ANSWERS.get(task, 'answer.seen')})\n```",
        f"`model.onnx` runs in any ONNX engine: input `pictures`, uint8 (N, {height}, {width}, 3) "
        f"RGB, prepared as below but not normalized, which the graph does itself; "
        + (
            f"output `logits`, float32 (N, {len(classes)})."
            if of_classes
            else "outputs " + ", ".join(f"`{n}`" for n in DECODERS[task].outputs) + ", float32; "
            f"`hubel/runtime/decode/{task}.py` says what they mean."
        ),
        "## Preprocessing",
        _table(prepare),
        "## Classes",
        ", ".join(classes) or "None.",
        "## Scores",
        _table(facts["scores"]) if facts["scores"] else "None were recorded.",
        *(_int8(facts["int8"]) if facts.get("int8") else ()),
        "## Data",
        _table(facts["data"]) if facts["data"] else "Nothing was recorded.",
        "## Training",
        _table({k: v for k, v in facts["training"].items() if not isinstance(v, dict)})
        + "\n\nThe whole recipe stands in `bundle.json`."
        if facts["training"]
        else "Nothing was recorded.",
        "## Limits",
        "The model knows what it was trained on and nothing else."
        if not of_classes
        else (
            "The model knows the classes above and nothing else: for a picture of anything else it "
            "names one of them too. Its probabilities are those of a softmax"
            if alone
            else "The model knows the classes above and nothing else. Each has a probability of "
            "its own, by a sigmoid, and is said to be there from 1/2 on"
        )
        + (", not calibrated." if facts["calibration"]["method"] == "none" else ", calibrated.")
        + _silence(facts["thresholds"]),
        "## Licences",
        _table(facts["licences"]),
        "## Verify",
        "`sha256sum -c SHA256SUMS` checks the files; `hubel val FOLDER_OF_THIS_FILE --golden` "
        "checks that this machine gives the outputs this model was written with.",
    ]
    return "\n\n".join(parts) + "\n"


KINDS = {
    "classify": "A picture classifier",
    "tags": "A picture classifier, where a picture may show several classes or none",
    "localize": "A network that tells the one object of a picture and its box",
    "detect": "A detector: boxes and classes of all objects",
    "segment": "A segmenter: a class for every pixel",
    "instances": "A network that tells every object with its mask",
    "upscale": "A network that enlarges pictures",
}
"""What a model is, in words."""
ANSWERS = {"classify": "answer.label, answer.confidence", "tags": "answer.labels"}


def _int8(engines: Mapping[str, Any]) -> tuple[str, str]:
    """What the forms in int8 lost."""
    rows = {
        f"{engine}-int8": f"{each['metric']} {each['int8']:.2%}, in float32 {each['float32']:.2%}, "
        f"on {each['pictures']:,} pictures"
        for engine, each in engines.items()
    }
    return "## In int8", _table(rows)


def _silence(thresholds: Mapping[str, Any]) -> str:
    if "confidence" not in thresholds:
        return ""
    return (
        f' Below a confidence of {thresholds["confidence"]:.3f} it answers "I don\'t know", chosen '
        f"so that {thresholds['precision']:.1%} of its other answers are right."
    )


def _words(network: Mapping[str, Any]) -> str:
    words = ", ".join(f"{key}={value!r}" for key, value in network["words"].items())
    return f"`{network['name']}`" + (f" with {words}" if words else "")


def _table(facts: Mapping[str, Any]) -> str:
    rows = "".join(f"| {_cell(key)} | {_cell(value)} |\n" for key, value in facts.items())
    return "| | |\n|---|---|\n" + rows.rstrip("\n")


def _cell(value: Any) -> str:
    """A value on one line of a table; long ones are cut, bundle.json has them whole."""
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    text = text.replace("|", "\\|").replace("\n", " ")
    return text if len(text) <= 200 else text[:197] + "..."
