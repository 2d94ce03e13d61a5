"""A bundle's graph with its own resizing in front and probabilities at its end.

For clients in other languages: what they decode goes in, at any size, and what they show comes out.
The front does what `Preprocess` does, in 8-bit numbers as Pillow: grey, resized along one side and
then the other, cut or filled up. Only the operator that resizes is each runtime's own.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import PIL

from hubel.export.targets import need_openvino, save_openvino, words_of
from hubel.ops.normalize import LUMA
from hubel.pictures.preprocess import Preprocess
from hubel.pictures.read import read_picture
from hubel.runtime.bundle import Bundle
from hubel.runtime.engines import Session, open_graph
from hubel.runtime.golden import Replay, golden_files
from hubel.runtime.predictor import Predictor

TOLERANCE = 0.01
"""Of a probability: a runtime rounds some pixels of a resized picture to the next grey level."""

MODES = {"bilinear": "linear", "bicubic": "cubic"}
"""Filters that ONNX and OpenVINO have as Pillow has them -> their names in ONNX."""

ENDS = {"classify": "Softmax<axis=-1>", "tags": "Sigmoid"}
"""Task -> what makes probabilities of its logits."""

MARK = "resize/"
"""In front of the names of all new values, so that none is the network's."""

WORDS = {
    "takes": "one upright picture of any size: uint8 (1, H, W, 3), RGB",
    "gives": "probabilities (1, classes): preprocess and temperature are in the graph",
    "tolerance": repr(TOLERANCE),
}
"""How to use the file, beside the words of every export."""

SHARES = ((2.3, 1.7), (0.6, 2.9), (3.1, 0.8), (0.45, 0.55))
"""Height and width of the pictures that prove an export, as shares of the network's input."""


def baked(bundle: Bundle) -> Any:
    """The ONNX model: `pictures` uint8 (1, H, W, 3), any H and W -> `probabilities` (1, classes).

    ValueError for a task whose answer is not classes, and for a filter that runtimes lack.
    """
    import onnx

    _check(bundle)
    model = onnx.load(bundle.model)
    graph, opset = model.graph, next(x.version for x in model.opset_import if not x.domain)
    front, end = _front(bundle.preprocess, opset), _end(bundle, opset)
    for node in graph.node:
        node.input[:] = [front.output[0].name if x == "pictures" else x for x in node.input]
    nodes = [*front.node, *graph.node, *end.node]
    del graph.node[:], graph.input[:], graph.output[:]
    del graph.value_info[:]  # shapes of any number of pictures; here it is one
    graph.node.extend(nodes)
    graph.input.extend(front.input)
    graph.output.extend(end.output)
    graph.initializer.extend([*front.initializer, *end.initializer])
    onnx.helper.set_model_props(model, {**words_of(bundle), **WORDS})
    onnx.checker.check_model(model)
    return model


def write_baked_onnx(bundle: Bundle, folder: Path, threads: int) -> Session:
    """model.onnx, resized by ONNX's antialiased operator; for ONNX Runtime."""
    import onnx

    onnx.save(baked(bundle), folder / "model.onnx")
    return open_graph("onnxruntime", folder / "model.onnx", threads)


def write_baked_openvino(bundle: Bundle, folder: Path, threads: int) -> Session:
    """model.xml and model.bin, resized by OpenVINO's own operator after Pillow.

    ONNX's antialiased one means something else to OpenVINO, by up to a hundred grey levels.
    """
    need_openvino()
    import openvino

    model = openvino.Core().read_model(io.BytesIO(baked(bundle).SerializeToString()))
    for node in model.get_ops():
        if node.get_type_name() == "Interpolate" and node.get_friendly_name().startswith(MARK):
            _after_pillow(node, f"{bundle.preprocess.filter}_pillow")
    path = folder / "model.xml"
    save_openvino(model, bundle, path, **WORDS)
    return open_graph("openvino", path, threads)


def _after_pillow(node: Any, mode: str) -> None:
    """Put OpenVINO's own operator in the place of the one that came from ONNX, (1, H, W, 3).

    Over three axes: with a fourth it compiles code anew for every size of picture, which takes it
    a second for 640 x 480 and half a minute for 3000 x 4000. Rounded here: by itself it passes what
    is below 0 or above 255 on to the next operator.
    """
    from openvino import opset11 as op

    pictures, lengths = node.input_value(0), node.input_value(1)
    planes = op.transpose(op.squeeze(op.convert(pictures, "f32"), [0]), [2, 0, 1])  # (3, H, W)
    resized = op.interpolate(planes, lengths, mode, "sizes", axes=[1, 2], cube_coeff=-0.5)
    levels = op.round(op.clamp(resized, 0, 255), "half_away_from_zero")
    own = op.unsqueeze(op.transpose(op.convert(levels, "u8"), [1, 2, 0]), [0])
    node.output(0).replace(own.output(0))


BAKES: Mapping[str, Callable[[Bundle, Path, int], Session]] = {
    "onnx": write_baked_onnx,
    "openvino": write_baked_openvino,
}
"""The targets that can resize, by the words of `hubel export --to`."""


def replay_baked(predictor: Predictor, session: Session) -> Replay:
    """Real pictures of several sizes through the graph, against the bundle with Pillow."""
    pictures = proving_pictures(predictor.bundle)
    prepared = [predictor.bundle.preprocess(picture) for picture in pictures]
    expected = predictor.probabilities(predictor.scores(prepared))
    found = np.concatenate([session.run(picture[None])[0] for picture in pictures])
    difference = float(np.abs(found - expected).max())
    return Replay(len(pictures), {"probabilities": (difference, TOLERANCE)}, ())


def proving_pictures(bundle: Bundle) -> list[np.ndarray]:
    """The golden pictures as they are, and cut or repeated to four sizes each: as sharp as they
    came, which enlarged ones would not be.
    """
    height, width = bundle.preprocess.input_size
    pictures = [read_picture(file) for file in golden_files(bundle)]
    made = [
        picture[np.arange(rows)[:, None] % len(picture), np.arange(columns) % picture.shape[1]]
        for picture in pictures
        for rows, columns in ((round(height * h), round(width * w)) for h, w in SHARES)
    ]
    return pictures + made


def _check(bundle: Bundle) -> None:
    """ValueError where a bundle's answers or its preprocessing cannot be in the graph."""
    if bundle.task not in ENDS:
        raise ValueError(
            f"{bundle.folder} is for the task {bundle.task}; --bake-resize is for "
            f"{' and '.join(ENDS)}, as what others answer is worked out behind the graph: export "
            "without it and prepare pictures in the client"
        )
    if bundle.preprocess.filter not in MODES:
        raise ValueError(
            f"filter={bundle.preprocess.filter!r} of {bundle.folder}; runtimes resize as Pillow "
            f"does with {' and '.join(MODES)} only: export without --bake-resize and prepare "
            "pictures in the client"
        )


def _front(preprocess: Preprocess, opset: int) -> Any:
    """The graph from `pictures` uint8 (1, H, W, 3) to those of the network's input size."""
    p, (height, width) = preprocess, preprocess.size
    least = (height, width)  # of the picture when it is resized, one of its sides exactly
    if p.fit == "crop":
        least = round(height / p.crop), round(width / p.crop)
    operator = (
        f'Resize<mode="{MODES[p.filter]}", antialias=1, axes=[1, 2], cubic_coeff_a=-0.5, '
        "exclude_outside=1>"
    )
    constants = f"""
        int64[1] zero = {{0}}, int64[1] one = {{1}}, int64[1] two = {{2}}, int64[1] last = {{-1}},
        float[3] luma = {{{", ".join(map(str, LUMA))}}}, float[1] half = {{0.5}},
        int64[1] least_h = {{{least[0]}}}, int64[1] least_w = {{{least[1]}}},
        int64[2] size = {{{height}, {width}}}, int64[2] axes = {{1, 2}},
        int64[2] pad = {{{p.pad}, {p.pad}}}, uint8 fill = {{{p.fill}}},
        int64[4] input = {{1, {p.input_size[0]}, {p.input_size[1]}, 3}}"""
    steps = [
        "H = Shape<start=1, end=2>(pictures)",
        "W = Shape<start=2, end=3>(pictures)",
        *(GREY if p.channels == 1 else ["colours = Identity(pictures)"]),
        *LENGTHS[p.fit],
        *(ROWS_FIRST if int(PIL.__version__.split(".")[0]) >= 13 else COLUMNS_FIRST),
        f"along = {operator}(colours, , , first)",
        "lengths = Concat<axis=0>(h, w)",
        f"resized = {operator}(along, , , lengths)",
        *FITTED[p.fit],
        "around = Concat<axis=0>(zero, before, zero, zero, after, zero)",
        "bordered = Pad(fitted, around, fill)",
        "prepared = Reshape(bordered, input)",  # so that their size is known
    ]
    header = f"(uint8[1, height, width, 3] pictures) => (uint8[1, a, b, 3] prepared) <{constants}>"
    return _graph(f"front {header} {{ {' '.join(steps)} }}", opset, rename_outputs=True)


GREY = [  # as Pillow, rounded; float32 holds all of these numbers
    "levels = Cast<to=1>(pictures)",
    "weighted = Mul(levels, luma)",
    "summed = ReduceSum<keepdims=1>(weighted, last)",
    "raised = Add(summed, half)",
    "lowered = Floor(raised)",
    "grey = Cast<to=2>(lowered)",
    "colours = Concat<axis=3>(grey, grey, grey)",
]

_ONE_SIDE = [
    "by_w = Div(across, H)",
    "at_w = Max(by_w, one)",
    "w = Where(by_height, at_w, least_w)",
    "by_h = Div(along_w, W)",
    "at_h = Max(by_h, one)",
    "h = Where(by_height, least_h, at_h)",
]
_PRODUCTS = ["across = Mul(W, least_h)", "along_w = Mul(H, least_w)"]
LENGTHS = {  # what Preprocess.placement says of height and width, as whole numbers
    "squash": ["h = Identity(least_h)", "w = Identity(least_w)"],
    "crop": [*_PRODUCTS, "by_height = GreaterOrEqual(across, along_w)", *_ONE_SIDE],
    "pad": [*_PRODUCTS, "by_height = LessOrEqual(across, along_w)", *_ONE_SIDE],
}

COLUMNS_FIRST = ["first = Concat<axis=0>(H, w)"]
ROWS_FIRST = [  # Pillow 13: where the height loses more than twice as many pixels as the width
    "lost_h = Sub(H, h)",
    "lost_w = Sub(W, w)",
    "twice = Add(lost_w, lost_w)",
    "much = Greater(lost_h, twice)",
    "any = Greater(lost_h, zero)",
    "by_rows = And(much, any)",
    "to_h = Concat<axis=0>(h, W)",
    "to_w = Concat<axis=0>(H, w)",
    "first = Where(by_rows, to_h, to_w)",
]

_PADDED = ["before = Identity(pad)", "after = Identity(pad)"]
FITTED = {
    "squash": ["fitted = Identity(resized)", *_PADDED],
    "crop": [
        "over = Sub(lengths, size)",
        # Half of it, rounded to the even number as Python does.
        "least_cut = Div(over, two)",
        "odd = Mod(over, two)",
        "uneven = Mod(least_cut, two)",
        "more = Mul(odd, uneven)",
        "start = Add(least_cut, more)",
        "end = Add(start, size)",
        "fitted = Slice(resized, start, end, axes)",
        *_PADDED,
    ],
    "pad": [
        "fitted = Identity(resized)",
        "free = Sub(size, lengths)",
        "free_before = Div(free, two)",
        "free_after = Sub(free, free_before)",
        "before = Add(free_before, pad)",
        "after = Add(free_after, pad)",
    ],
}


def _end(bundle: Bundle, opset: int) -> Any:
    """The graph from `logits` to `probabilities`."""
    header = "(float[1, classes] logits) => (float[1, classes] probabilities)"
    constants = f"<float temperature = {{{bundle.temperature!r}}}>"
    steps = f"warm = Div(logits, temperature) probabilities = {ENDS[bundle.task]}(warm)"
    return _graph(f"end {header} {constants} {{ {steps} }}", opset, rename_outputs=False)


def _graph(text: str, opset: int, **words: bool) -> Any:
    """ONNX's own text -> a graph whose values have MARK in front of their names."""
    import onnx

    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": {opset}]> {text}')
    graph = onnx.compose.add_prefix(model, MARK, rename_inputs=False, **words).graph
    used = {name for node in graph.node for name in node.input}
    constants = [constant for constant in graph.initializer if constant.name in used]
    del graph.initializer[:]
    graph.initializer.extend(constants)
    return graph
