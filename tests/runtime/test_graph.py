from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from hubel.runtime.graph import has_external_tensors


def tensor(external: bool) -> TensorProto:
    made = numpy_helper.from_array(np.zeros(4, np.float32), "w")
    if external:
        made.ClearField("raw_data")
        made.data_location = TensorProto.EXTERNAL
        entry = made.external_data.add()
        entry.key, entry.value = "location", "../secret"
    return made


def graph(nodes=(), initializers=()) -> onnx.GraphProto:
    return helper.make_graph(list(nodes), "g", [], [], initializer=list(initializers))


def in_initializer(t):
    return helper.make_model(graph(initializers=[t]))


def in_constant(t):
    return helper.make_model(graph([helper.make_node("Constant", [], ["c"], value=t)]))


def in_branch(t):
    inner = graph(initializers=[t])
    return helper.make_model(
        graph([helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=graph())])
    )


def in_function(t):
    node = helper.make_node("Constant", [], ["c"], value=t)
    function = helper.make_function("d", "f", [], ["c"], [node], [helper.make_opsetid("", 18)])
    return helper.make_model(graph(), functions=[function])


def in_sparse(t):
    model = helper.make_model(graph())
    model.graph.sparse_initializer.add().values.CopyFrom(t)
    return model


@pytest.mark.parametrize("place", [in_initializer, in_constant, in_branch, in_function, in_sparse])
@pytest.mark.parametrize("external", [True, False])
def test_external_tensors_are_found_wherever_they_are(tmp_path, place, external):
    path = tmp_path / "model.onnx"
    onnx.save(place(tensor(external)), path)
    assert has_external_tensors(path) is external


def test_a_location_without_the_flag_counts_too(tmp_path):
    made = tensor(external=True)
    made.ClearField("data_location")
    path = tmp_path / "model.onnx"
    onnx.save(in_initializer(made), path)
    assert has_external_tensors(path)


def test_the_bundle_s_own_graph_has_none(made_bundle):
    assert not has_external_tensors(made_bundle / "model.onnx")


@pytest.mark.parametrize("share", [0, 0.3, 0.9])
def test_a_file_cut_short(tmp_path, made_bundle, share):
    content = (made_bundle / "model.onnx").read_bytes()
    path = tmp_path / "model.onnx"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ValueError, match=r"cut short|empty"):
        has_external_tensors(path)


@given(content=st.binary(min_size=1, max_size=200))
def test_any_bytes_give_an_answer_or_a_value_error(tmp_path_factory, content):
    path: Path = tmp_path_factory.getbasetemp() / "any.onnx"
    path.write_bytes(content)
    with contextlib.suppress(ValueError):
        assert has_external_tensors(path) in (True, False)


def test_deep_nesting_needs_no_recursion(tmp_path):
    content = b""
    for _ in range(5_000):  # graph -> node -> attribute -> graph ...
        for field in (6, 5, 1):
            content = bytes([field << 3 | 2]) + varint(len(content)) + content
    path = tmp_path / "model.onnx"
    path.write_bytes(b"\x3a" + varint(len(content)) + content)
    assert not has_external_tensors(path)


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])
