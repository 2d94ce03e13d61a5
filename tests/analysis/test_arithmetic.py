"""The arithmetic of layers against numbers of the literature and against the framework."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from hubel.analysis.arithmetic import arithmetic

SIZES = (64, 32, 32)


def one(text: str, size=SIZES):
    (count,) = arithmetic(text, size).layers
    return count


def test_one_by_one():
    count = one("Conv2d(64, 128, 1)")
    assert (count.weights, count.biases, count.output) == (8_192, 128, (128, 32, 32))
    assert count.macs == 8_192 * 32 * 32
    assert count.flops == 2 * count.macs


def test_kernels_of_the_exercises():
    assert one("Conv2d(10, 6, 5)", (10, 32, 32)).weights == 1_500
    padded = one("Conv2d(3, 64, 3, padding=1)", (3, 32, 32))
    assert (padded.params, padded.output) == (1_792, (64, 32, 32))
    assert one("Conv2d(3, 64, 3)", (3, 32, 32)).output == (64, 30, 30)


def test_dilation_widens_what_is_seen():
    found = arithmetic(
        "Conv2d(4, 4, 3) | Conv2d(4, 4, 3, dilation=2) | Conv2d(4, 4, 3, dilation=4)", (4, 32, 32)
    )
    assert [count.axes[0].field for count in found.layers] == [3, 7, 15]


@pytest.mark.parametrize(("depth", "side", "weights"), [(2, 5, 18), (3, 7, 27)])
def test_small_kernels_instead_of_a_large_one(depth, side, weights):
    found = arithmetic(" | ".join(["Conv2d(64, 64, 3, padding='same')"] * depth), SIZES)
    assert found.layers[-1].axes[1].field == side
    assert found.notes == (
        f"Together they see {side}x{side}, as one {side}x{side} convolution does, with {weights} "
        f"instead of {side * side} weights a channel pair.",
    )


def test_separable_costs_a_fraction():
    full, cheap = one("Conv2d(64, 128, 3)"), one("SeparableConv2d(64, 128, 3)")
    assert cheap.macs / full.macs == pytest.approx(1 / 128 + 1 / 9)
    assert cheap.weights / full.weights == pytest.approx(1 / 128 + 1 / 9)
    assert "11.89% of the full 3x3" in cheap.note
    assert cheap.output == full.output
    assert cheap.axes == full.axes
    assert one("DepthwiseConv2d(64, 3)").weights == 64 * 9


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("Conv1d(4, 6, 5, 2, 1)", (4, 30)),
        ("Conv3d(2, 4, (1, 3, 3), stride=(2, 1, 1), bias=False)", (2, 8, 9, 10)),
        ("Conv2d(4, 8, (3, 5), stride=(1, 2), padding=(1, 0), dilation=2, groups=2)", (4, 21, 30)),
        ("Conv2d(4, 8, (3, 5), padding='same')", (4, 21, 30)),
        ("Conv2d(4, 8, 3, padding='valid')", (4, 21, 30)),
        ("ConvTranspose1d(4, 6, 3)", (4, 11)),
        ("ConvTranspose2d(4, 6, 4, 2, 1, output_padding=1, groups=2)", (4, 7, 9)),
        ("ConvTranspose3d(2, 3, 3, dilation=2)", (2, 4, 5, 6)),
        ("MaxPool2d(3, 2, 1, ceil_mode=True)", (4, 21, 30)),
        ("MaxPool1d(3, dilation=2)", (4, 21)),
        ("AvgPool2d((2, 3))", (4, 21, 30)),
        ("AvgPool3d(2)", (4, 8, 9, 10)),
        ("Flatten()", (4, 21, 30)),
        ("Linear(12, 7)", (12,)),
    ],
)
def test_as_the_framework_does_it(text, size):
    module = eval(text, vars(nn))
    count = one(text, size)
    assert count.output == tuple(module(torch.zeros(1, *size)).shape[1:])
    assert count.params == sum(p.numel() for p in module.parameters())
    biases = [p.numel() for name, p in module.named_parameters() if name == "bias"]
    assert count.biases == sum(biases)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_sizes_of_any_window(data):
    whole = st.integers(1, 4)
    kernel, stride, dilation = (data.draw(st.tuples(whole, whole)) for _ in range(3))
    padding = data.draw(st.tuples(*[st.integers(0, 3)] * 2))
    height, width = data.draw(st.tuples(*[st.integers(14, 40)] * 2))
    text = f"(2, 3, {kernel}, stride={stride}, padding={padding}, dilation={dilation})"
    module = eval(f"Conv2d{text}", vars(nn))
    count = one(f"Conv2d{text}", (2, height, width))
    y = module(torch.zeros(1, 2, height, width))
    assert count.output == tuple(y.shape[1:])
    assert count.macs == y[0].numel() * math.prod(module.weight.shape[1:])
    back = one(f"ConvTranspose2d{text}", (2, height, width))
    module = eval(f"ConvTranspose2d{text}", vars(nn))
    assert back.output == tuple(module(torch.zeros(1, 2, height, width)).shape[1:])


def test_same_padding_with_a_stride_rounds_up():
    count = one("Conv2d(64, 8, 3, stride=2, padding='same')", (64, 15, 16))
    assert count.output == (8, 8, 8)


def test_a_chain_into_a_dense_layer():
    text = "nn.Conv2d(1, 6, 5, padding=2), MaxPool2d(2), Flatten(), Linear(1176, 10)"
    found = arithmetic(text, (1, 28, 28))
    assert [count.output for count in found.layers] == [(6, 28, 28), (6, 14, 14), (1176,), (10,)]
    assert found.params == 156 + 11_770
    assert found.layers[1].axes[0].field == 6
    assert found.layers[1].axes[0].jump == 2
    assert found.layers[3].axes is None
    assert found.notes == ()


@pytest.mark.parametrize(
    ("text", "size", "says"),
    [
        ("Conv2d(64, 128, 1)", (3, 32, 32), "64 channels and the input has 3; c_in equals"),
        ("Conv2(64, 128, 1)", SIZES, "unknown layer 'Conv2'; did you mean 'Conv2d'"),
        ("Conv2d(64, 128, 1, pading=1)", SIZES, "did you mean 'padding'"),
        ("Conv2d(64, 128)", SIZES, "'kernel'; it takes c_in, c_out, kernel"),
        ("Conv2d(64, 128, 1, 1, 0, 1, 1, True, 9)", SIZES, "takes 8 arguments"),
        ("Conv2d(64, 128, 1, kernel_size=3)", SIZES, "given kernel twice"),
        ("Conv2d(64, 128, 1.5)", SIZES, "kernel=1.5: it takes a whole number of at least 1"),
        ("Conv2d(64, 128, True)", SIZES, "kernel=True: it takes a whole number"),
        ("Conv2d(64, 128, (1, 2, 3))", SIZES, "one number, or 2 of them"),
        ("Conv2d(64, 128, 3, stride=0)", SIZES, "stride=0"),
        ("Conv2d(64, 128, 3, padding='full')", SIZES, "a number, 'same' or 'valid'"),
        ("Conv2d(64, 128, 35)", SIZES, "a kernel of 35 does not fit in 32 cells"),
        ("Conv2d(64, 100, 3, groups=8)", SIZES, "divides both c_in=64 and c_out=100"),
        ("Conv1d(64, 128, 3)", SIZES, "an input of CxL"),
        ("ConvTranspose2d(64, 8, 1, padding=20)", SIZES, "nothing is left"),
        ("ConvTranspose2d(64, 8, 3, output_padding=1)", SIZES, "smaller than the stride"),
        ("Linear(64, 10)", SIZES, r"Flatten\(\) \| Linear\(64, 10\)"),
        ("Linear(64, 10)", (65,), "takes 64 numbers and the input has 65"),
        ("Conv2d(64", SIZES, "cannot be read .*never closed"),
        ("", SIZES, "cannot be read"),
        ("3 + 4", SIZES, r"'3 \+ 4' is no layer"),
        ("Conv2d(x, 128, 1)", SIZES, "c_in=x is no number"),
        ("Conv2d(*[64, 128, 1])", SIZES, "no number"),
        ("Conv2d(**{'c_in': 64})", SIZES, "unknown argument"),
        ("Conv2d(open('x'), 1, 1)", SIZES, "is no number"),
        ("(" * 5000, SIZES, "cannot be read"),
        ("Flatten()", (0, 3), "whole numbers of at least 1"),
    ],
)
def test_what_cannot_be(text, size, says):
    with pytest.raises(ValueError, match=says):
        arithmetic(text, size)


def test_nothing_is_run(tmp_path):
    mark = tmp_path / "mark"
    with pytest.raises(ValueError, match="unknown layer"):
        arithmetic(f"__import__('pathlib').Path({str(mark)!r}).touch()", SIZES)
    assert not mark.exists()
