"""Every operation against its loops, on shapes drawn by chance, and the textbook's numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hubel.ops import convolution as conv
from hubel.ops import loops, pool, transposed
from hubel.ops.norms import local_response_norm
from hubel.ops.shuffle import channel_shuffle

settings.register_profile("quick", max_examples=15, deadline=None, derandomize=True)
settings.load_profile("quick")


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


small = st.integers(1, 3)


@given(
    directions=small, groups=small, per_in=st.integers(1, 2), per_out=st.integers(1, 2),
    kernel=st.tuples(small, small, small), extra=st.tuples(*[st.integers(0, 3)] * 3),
    stride=st.tuples(small, small, small), dilation=st.tuples(*[st.integers(1, 2)] * 3),
    padding=st.one_of(st.just("valid"), st.just("same"), st.integers(0, 2)), bias=st.booleans(),
)  # fmt: skip
def test_convolution(
    directions, groups, per_in, per_out, kernel, extra, stride, dilation, padding, bias
):
    kernel, stride, dilation = kernel[:directions], stride[:directions], dilation[:directions]
    sizes = [d * (k - 1) + 1 + e for k, d, e in zip(kernel, dilation, extra)]
    x = draw(2, groups * per_in, *sizes)
    w = draw(groups * per_out, per_in, *kernel, seed=1)
    b = draw(groups * per_out, seed=2) if bias else None
    y = conv.convolution(x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups)
    around = conv.pads(padding, sizes, kernel, stride, dilation)
    expected = loops.convolution(
        x.numpy(), w.numpy(), None if b is None else b.numpy(),
        stride=stride, padding=around, dilation=dilation, groups=groups,
    )  # fmt: skip
    np.testing.assert_allclose(y.numpy(), expected, atol=1e-12)
    for n, k, s, p, d, out in zip(sizes, kernel, stride, around, dilation, y.shape[2:]):
        assert conv.output_size(n, k, s, sum(p), d) == out
        if padding == "same":
            assert out == -(-n // s)


@given(kh=small, kw=small, channels=small, c_out=small, padding=st.sampled_from(["valid", "same"]))
def test_separable_forms(kh, kw, channels, c_out, padding):
    x = draw(2, channels, 6, 7)
    column, row = draw(channels, kh, seed=1), draw(channels, kw, seed=2)
    product = column[:, :, None] * row[:, None, :]
    full = conv.depthwise(x, product, padding=padding)
    torch.testing.assert_close(conv.spatially_separable(x, column, row, padding), full)
    mix = draw(c_out, channels, seed=3)
    dense = conv.convolution(x, mix[:, :, None, None] * product, padding=padding)
    torch.testing.assert_close(conv.depthwise_separable(x, product, mix, padding=padding), dense)
    column, row = draw(c_out, kh, seed=4), draw(c_out, kw, seed=5)
    dense = torch.einsum("oc,ou,ov->ocuv", mix, column, row)
    torch.testing.assert_close(
        conv.flattened(x, mix, column, row, padding), conv.convolution(x, dense, padding=padding)
    )


@given(
    height=st.integers(1, 4), width=st.integers(1, 4), kh=st.integers(1, 4), kw=st.integers(1, 4),
    stride=small, data=st.data(),
)  # fmt: skip
def test_transposed_convolution_in_three_forms(height, width, kh, kw, stride, data):
    padding = data.draw(st.integers(0, (min(kh, kw) - 1) // 2))
    y, w = draw(2, 3, height, width), draw(3, 2, kh, kw, seed=1)
    x = transposed.transposed(y, w, stride, padding)
    assert x.shape[2] == transposed.transposed_size(height, kh, stride, padding)
    torch.testing.assert_close(transposed.zeros_between(y, w, stride, padding), x)
    np.testing.assert_allclose(
        loops.transposed(y.numpy(), w.numpy(), stride, padding), x, atol=1e-12
    )
    size = (x.shape[2], x.shape[3])
    c = transposed.matrix(size, w[0, 0], stride, padding)
    single = transposed.transposed(y[:1, :1], w[:1, :1], stride, padding)
    torch.testing.assert_close(c.t() @ y[0, 0].reshape(-1), single.reshape(-1))
    z = draw(*size, seed=2).requires_grad_()
    out = conv.convolution(z[None, None], w[:1, :1], stride=stride, padding=padding)
    torch.testing.assert_close(c @ z.detach().reshape(-1), out.detach().reshape(-1))
    (gradient,) = torch.autograd.grad(out, z, y[:1, :1])
    torch.testing.assert_close(gradient, single[0, 0])


def test_the_matrix_of_a_3x3_over_4x4():
    """Columns of C^T start at rows 0, 1, 4 and 5; some lecture notes print 0, 1, 2, 3."""
    c = transposed.matrix((4, 4), torch.arange(1.0, 10).view(3, 3)).to_dense()
    assert c.shape == (4, 16)
    assert [int(row.nonzero()[0]) for row in c] == [0, 1, 4, 5]


@given(kernel=st.tuples(small, small), stride=st.tuples(small, small), padding=st.integers(0, 1))
def test_pooling(kernel, stride, padding):
    padding = min(padding, min(kernel) // 2)
    x = draw(2, 2, 5, 6)
    for function, fill, reduce in (
        (pool.max_pool, -np.inf, np.max),
        (pool.average_pool, 0.0, np.mean),
    ):
        y = function(x, kernel, stride, padding)
        expected = loops.pool(x.numpy(), kernel, stride, padding, fill, reduce)
        np.testing.assert_allclose(y.numpy(), expected, atol=1e-12)


def test_pooling_over_everything_and_over_channels():
    x = draw(2, 6, 4, 3)
    torch.testing.assert_close(pool.global_average_pool(x), x.sum((2, 3)) / 12)
    deep = pool.depth_max_pool(x, 3)
    assert torch.equal(deep[:, 1], torch.maximum(torch.maximum(x[:, 3], x[:, 4]), x[:, 5]))
    with pytest.raises(ValueError, match="divisor of 6"):
        pool.depth_max_pool(x, 4)


def test_trainable_subsampling():
    x, w, b = draw(1, 3, 4, 6), draw(3, seed=1), draw(3, seed=2)
    sums = loops.pool(x.numpy(), (2, 2), (2, 2), 0, 0.0, np.sum)
    expected = sums * w.numpy()[:, None, None] + b.numpy()[:, None, None]
    np.testing.assert_allclose(pool.subsample(x, w, b), expected, atol=1e-12)


@given(channels=st.integers(1, 7), size=st.integers(1, 6))
def test_local_response_norm(channels, size):
    a = draw(1, channels, 2, 3)
    options = {"size": size, "alpha": 0.3, "beta": 0.75, "k": 2.0}
    expected = loops.local_response_norm(a.numpy(), *options.values())
    np.testing.assert_allclose(local_response_norm(a, **options), expected, atol=1e-12)


@given(groups=st.integers(1, 4), per_group=st.integers(1, 4))
def test_channel_shuffle(groups, per_group):
    x = draw(2, groups * per_group, 2, 2)
    y = channel_shuffle(x, groups)
    np.testing.assert_array_equal(y, loops.channel_shuffle(x.numpy(), groups))
    assert torch.equal(channel_shuffle(y, per_group), x)


def test_shuffled_groups_see_all_channels():
    x = draw(1, 6, 3, 3).requires_grad_()
    y = conv.shuffled_grouped(x, draw(6, 2, 1, 1, seed=1), 3)
    y = conv.convolution(y, draw(6, 2, 1, 1, seed=2), groups=3)
    (gradient,) = torch.autograd.grad(y[:, 0].sum(), x)
    seen = gradient.abs().sum((0, 2, 3)) > 0
    assert int(seen.sum()) == 4  # two of three groups; without the shuffle one
    with pytest.raises(ValueError, match="5 channels"):
        channel_shuffle(draw(1, 5, 2, 2), 2)


def test_the_textbook_convolution():
    picture = [[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]]
    kernel = [[0, 1, 2], [2, 2, 0], [0, 1, 2]]
    y = conv.convolution(torch.tensor([[picture]]).double(), torch.tensor([[kernel]]).double())
    assert y[0, 0].tolist() == [[12, 12, 17], [10, 17, 19], [9, 6, 14]]


def test_factors():
    sobel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    column, row = conv.factors(sobel)
    assert (column.tolist(), row.tolist()) == ([1, 2, 1], [-1, 0, 1])
    with pytest.raises(ValueError, match="rank 2"):
        conv.factors(torch.tensor([[1.0, 0], [0, 1]]))
    with pytest.raises(ValueError, match="rank 0"):
        conv.factors(torch.zeros(3, 3))


def test_costs():
    assert conv.cost(64, 128, (1, 1), (1, 1))[0] == 8_192
    assert conv.cost(10, 6, (5, 5), (1, 1))[0] == 1_500
    assert conv.cost(3, 64, (3, 3), (32, 32))[0] + 64 == 1_792
    assert (conv.output_size(32, 3, padding=2), conv.output_size(32, 3)) == (32, 30)
    full, (deep, point) = (
        conv.cost(16, 24, (3, 3), (8, 8))[1],
        (
            conv.cost(16, 16, (3, 3), (8, 8), groups=16)[1],
            conv.cost(16, 24, (1, 1), (8, 8))[1],
        ),
    )
    assert (deep + point) / full == pytest.approx(1 / 24 + 1 / 9)
    assert 2 * 3 * 3 / (5 * 5) == 18 / 25


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: conv.convolution(draw(1, 3, 4, 4), draw(2, 2, 3, 3)), "do not go with kernels"),
        (lambda: conv.convolution(draw(1, 2, 2, 4), draw(2, 2, 3, 3)), "does not fit in 2"),
        (
            lambda: conv.convolution(draw(1, 2, 4, 4), draw(2, 2, 3, 3), padding="full"),
            "may be valid",
        ),
        (lambda: transposed.zeros_between(draw(1, 1, 2, 2), draw(1, 1, 2, 2), 1, 2), "padding=2"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
