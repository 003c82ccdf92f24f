"""A picture tower's trunk in oneDNN's own layout, with Winograd's convolutions (`blocked.cpp`, float32): the same function, forward and backward."""
import ctypes
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

import torch
from torch import nn

from towers import Residual

BLOCK = 16  # channels that lie side by side


def processor():
    """What Linux says of the processor."""
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.exists() else ""


@lru_cache
def library():
    """Compiles `blocked.cpp`; -> the library, None without AVX-512, a compiler or oneDNN 2's headers (Debian: libdnnl-dev)."""
    if "avx512f" not in processor():
        return None
    with tempfile.TemporaryDirectory() as folder:
        built = f"{folder}/blocked.so"
        try:
            subprocess.run(["g++", "-O2", "-shared", "-fPIC", str(Path(__file__).parent / "blocked.cpp"), "-ldnnl", "-o", built], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            return None
        loaded = ctypes.CDLL(built)
    loaded.norm_workspace.restype = ctypes.c_size_t
    return loaded


def at(tensor):
    return ctypes.c_void_p(tensor.data_ptr() if tensor is not None else None)


class Convolve(torch.autograd.Function):
    """x: [N, C / 16, H, W, 16], or [N, 3, H, W] of which no gradient is wanted."""

    @staticmethod
    def shape(x, weight, stride):
        o, i, k, _ = weight.shape
        h, w = x.shape[2:4]
        return [x.shape[0], i, o, h, w, k, stride], (x.shape[0], o // BLOCK, (h - 1) // stride + 1, (w - 1) // stride + 1, BLOCK)

    @staticmethod
    def forward(ctx, x, weight, stride):
        numbers, shape = Convolve.shape(x, weight, stride)
        x, weight = x.contiguous(), weight.contiguous()
        y = x.new_empty(shape)
        library().convolve(at(x), at(weight), at(y), *numbers)
        ctx.save_for_backward(x, weight)
        ctx.numbers = numbers
        return y

    @staticmethod
    def backward(ctx, gradient):
        x, weight = ctx.saved_tensors
        gradient = gradient.contiguous()
        by_input, by_weight = torch.empty_like(x) if ctx.needs_input_grad[0] else None, torch.empty_like(weight)
        library().convolve_backward(at(x), at(weight), at(gradient), at(by_input), at(by_weight), *ctx.numbers)
        return by_input, by_weight, None


class Normalise(torch.autograd.Function):
    """A training step of the batch norm `layer`, and a relu if wanted."""

    @staticmethod
    def forward(ctx, x, scale, shift, layer, relu):
        n, blocks, h, w, _ = x.shape
        numbers = [n, blocks * BLOCK, h, w, int(relu), ctypes.c_float(layer.eps)]
        y, affine, mean, variance = torch.empty_like(x), torch.stack([scale, shift]), torch.empty_like(scale), torch.empty_like(scale)
        workspace = torch.empty(library().norm_workspace(*numbers), dtype=torch.uint8)
        library().normalise(at(x), at(y), at(affine), at(mean), at(variance), at(workspace), *numbers)
        ctx.save_for_backward(x, affine, mean, variance, workspace)
        ctx.numbers = numbers
        layer.running_mean.lerp_(mean, layer.momentum)
        layer.running_var.lerp_(variance * (n * h * w / (n * h * w - 1)), layer.momentum)
        layer.num_batches_tracked += 1
        return y

    @staticmethod
    def backward(ctx, gradient):
        x, affine, mean, variance, workspace = ctx.saved_tensors
        gradient = gradient.contiguous()
        by_input, by_affine = torch.empty_like(x), torch.empty_like(affine)
        library().normalise_backward(at(x), at(gradient), at(by_input), at(affine), at(by_affine), at(mean), at(variance), at(workspace), *ctx.numbers)
        return by_input, by_affine[0], by_affine[1], None, None


def with_running_statistics(layer, x, relu):
    scale = layer.weight / (layer.running_var + layer.eps).sqrt()
    y = x * scale.view(1, -1, 1, 1, BLOCK) + (layer.bias - layer.running_mean * scale).view(1, -1, 1, 1, BLOCK)
    return y.relu_() if relu else y


def through(layers, x):
    """Convolutions, norms with or without a relu behind them, and residual blocks, one after another: [B, 3, H, W] -> [B, C / 16, h, w, 16]."""
    layers = list(layers)
    for n, layer in enumerate(layers):
        if isinstance(layer, nn.Conv2d):
            x = Convolve.apply(x, layer.weight, layer.stride[0])
        elif isinstance(layer, nn.BatchNorm2d):
            relu = n + 1 < len(layers) and isinstance(layers[n + 1], nn.ReLU)
            x = Normalise.apply(x, layer.weight, layer.bias, layer, relu) if layer.training else with_running_statistics(layer, x, relu)
        elif isinstance(layer, Residual):
            straight = x if isinstance(layer.shortcut, nn.Identity) else through(layer.shortcut, x)
            x = torch.relu(through(layer.layers, x) + straight)
    return x
