from __future__ import annotations

import onnx
import pytest
from onnx.external_data_helper import convert_model_to_external_data

from hubel.runtime import load
from hubel.runtime.bundle import BundleError


def test_a_graph_that_reads_other_files_is_refused(bundle, reseal):
    model = onnx.load(bundle / "model.onnx")
    convert_model_to_external_data(model, location="secret", size_threshold=64)
    onnx.save(model, bundle / "model.onnx")
    reseal(bundle)
    with pytest.raises(BundleError, match=r"model.onnx cannot be run: it keeps tensors in other"):
        load(bundle)


def test_bytes_that_are_no_graph(bundle, reseal):
    (bundle / "model.onnx").write_bytes(b"not a graph")
    reseal(bundle)
    with pytest.raises(BundleError, match=r"model.onnx cannot be run: the file is not ONNX"):
        load(bundle)


def test_an_operation_of_nobody(bundle, reseal, capfd):
    model = onnx.load(bundle / "model.onnx")
    model.graph.node[0].op_type = "RunThis"
    onnx.save(model, bundle / "model.onnx")
    reseal(bundle)
    with pytest.raises(BundleError, match=r"model.onnx cannot be run: .*RunThis"):
        load(bundle)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("field", "name"), [("input", "pictures"), ("output", "logits")])
def test_a_graph_of_another_form(bundle, reseal, field, name):
    model = onnx.load(bundle / "model.onnx")
    getattr(model.graph, field)[0].name = "other"
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = ["other" if n == name else n for n in names]
    onnx.save(model, bundle / "model.onnx")
    reseal(bundle)
    with pytest.raises(BundleError, match=r"has inputs and outputs .*other"):
        load(bundle)
