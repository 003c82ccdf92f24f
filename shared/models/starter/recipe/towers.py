"""The three towers, all from random initialisation. Picture: a small residual network. Text: a two-layer transformer. Sound: log-mel front end and a
small convolutional network. Shapes: B batch, T tokens or frames, F mel bins, C H W, S samples, D = 256."""
import math

import torch
from torch import nn
from torch.nn import functional as nf

DIMENSIONS = 256
SIDE = 112  # of the pictures that the model takes, and of those that training cuts its pieces from
SEEN = 96  # of what the network looks at: a sharper picture than any it was trained on would mislead it, so the graph itself reduces 112 to 96
MARGIN = 8  # what the second look leaves out on every side: training shows parts of pictures, in which things are larger


class WeightGradientByProduct(torch.autograd.Function):
    """A convolution whose weight gradient is one matrix product, G^T [O, B h w] times the pieces under the kernel [B h w, k k I]: where channels are many and
    places few, oneDNN's own (2.6, bfloat16) takes three times as long."""

    @staticmethod
    def forward(ctx, x, weight, stride):
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return nf.conv2d(x, weight, None, stride, weight.shape[2] // 2)

    @staticmethod
    def backward(ctx, gradient):
        (x, weight), stride = ctx.saved_tensors, ctx.stride
        outputs, inputs, kernel, _ = weight.shape
        around, (h, w) = kernel // 2, gradient.shape[2:]
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        by_input, _, _ = torch.ops.aten.convolution_backward(gradient, x, weight, None, [stride] * 2, [around] * 2, [1, 1], False, [0, 0], 1, [True, False, False])
        padded = nf.pad(x.permute(0, 2, 3, 1), (0, 0, around, around, around, around))
        pieces = torch.stack([padded[:, i:i + stride * (h - 1) + 1:stride, j:j + stride * (w - 1) + 1:stride] for i in range(kernel) for j in range(kernel)], 3)
        by_weight = gradient.permute(0, 2, 3, 1).reshape(-1, outputs).T @ pieces.reshape(-1, kernel * kernel * inputs)
        return by_input, by_weight.view(outputs, kernel, kernel, inputs).permute(0, 3, 1, 2), None


class Convolution(nn.Conv2d):
    """nn.Conv2d that trains by `WeightGradientByProduct` in bfloat16 on a CPU, where that is faster: at 256 channels, and where it halves 64 or more."""

    def forward(self, x):
        many = self.in_channels >= 256 or self.stride[0] > 1 and self.in_channels >= 64
        if many and self.training and torch.is_autocast_cpu_enabled():
            return WeightGradientByProduct.apply(x.bfloat16(), self.weight.bfloat16(), self.stride[0])
        return super().forward(x)


def convolution(inputs, outputs, stride=1, kernel=3):
    return [Convolution(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs)]


class Residual(nn.Module):
    """relu(BN(conv(relu(BN(conv(x))))) + shortcut(x)), He et al. 2015, figure 2."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.layers = nn.Sequential(*convolution(inputs, outputs, stride), nn.ReLU(), *convolution(outputs, outputs))
        self.shortcut = nn.Sequential(*convolution(inputs, outputs, stride, 1)) if stride > 1 or inputs != outputs else nn.Identity()

    def forward(self, x):
        return torch.relu(self.layers(x) + self.shortcut(x))


class VisionTower(nn.Module):
    """Two strided convolutions, then stages of residual blocks at 1/4, 1/8, 1/16 ..., mean over places, linear to D."""

    blocked = False  # whether its convolutions are computed by `blocked.py`

    def __init__(self, widths=(64, 128, 256), blocks=(1, 2, 2)):
        super().__init__()
        self.shape = dict(widths=tuple(widths), blocks=tuple(blocks))
        layers, inputs = [*convolution(3, 32, 2), nn.ReLU(), *convolution(32, widths[0], 2), nn.ReLU()], widths[0]
        for stage, (width, count) in enumerate(zip(widths, blocks)):
            for n in range(count):
                layers.append(Residual(inputs, width, 2 if n == 0 and stage > 0 else 1))
                inputs = width
        self.trunk, self.project = nn.Sequential(*layers), nn.Linear(inputs, DIMENSIONS)
        self.channels, self.step = inputs, 4 * 2 ** (len(widths) - 1)

    def features(self, pixel_values):
        """-> (embedding [B, D] of length one, pooled features [B, C], feature map [B, C, H / step, W / step], in blocks of 16 channels if `blocked`)."""
        if self.blocked:
            from blocked import through
            feature_map = through(self.trunk, pixel_values.contiguous())
            pooled = feature_map.mean((2, 3)).flatten(1)
        else:
            feature_map = self.trunk(pixel_values)
            pooled = feature_map.mean((2, 3))
        return nf.normalize(self.project(pooled), dim=1), pooled, feature_map

    def forward(self, pixel_values):
        """Two looks, at the whole picture and at its middle: -> (the normalised mean of their embeddings [B, D], feature map of the whole)."""
        whole, _, feature_map = self.features(self.reduced(pixel_values))
        middle, _, _ = self.features(self.reduced(pixel_values[:, :, MARGIN:SIDE - MARGIN, MARGIN:SIDE - MARGIN]))
        return nf.normalize(whole + middle, dim=1), feature_map

    @staticmethod
    def reduced(pixel_values):
        return nf.interpolate(pixel_values, (SEEN, SEEN), mode="bilinear", align_corners=False)


class Attention(nn.Module):
    """softmax(q k^T / sqrt(d) + mask) v, written out so that it exports as plain matrix products."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.inputs, self.output = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x, mask):
        b, t, w = x.shape
        d = w // self.heads
        q, k, v = self.inputs(x).reshape(b, t, 3, self.heads, d).permute(2, 0, 3, 1, 4).unbind(0)
        weights = (q @ k.transpose(2, 3) / math.sqrt(d) + mask).softmax(-1)
        return self.output((weights @ v).transpose(1, 2).reshape(b, t, w))


class TextLayer(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.first, self.attention = nn.LayerNorm(width), Attention(width, heads)
        self.second, self.up, self.down = nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x, mask):
        x = x + self.attention(self.first(x), mask)
        return x + self.down(nf.gelu(self.up(self.second(x))))


class TextTower(nn.Module):
    """Tokens -> masked mean of a small pre-norm transformer, joined with the masked mean of the bare token embeddings."""

    def __init__(self, vocabulary, width=128, layers=2, heads=4, longest=32, pad=0):
        super().__init__()
        self.pad = pad
        self.tokens, self.places = nn.Embedding(vocabulary, width), nn.Parameter(torch.randn(longest, width) * 0.02)
        self.layers = nn.ModuleList([TextLayer(width, heads) for _ in range(layers)])
        self.norm, self.project, self.direct = nn.LayerNorm(width), nn.Linear(width, DIMENSIONS), nn.Linear(width, DIMENSIONS, bias=False)
        nn.init.normal_(self.tokens.weight, std=0.05)
        self.word_dropout = 0.0

    def forward(self, input_ids):
        seen = (input_ids != self.pad).float()
        words = self.tokens(input_ids)
        x = words + self.places[: input_ids.shape[1]]
        if self.training and self.word_dropout:
            keep = (torch.rand_like(seen) > self.word_dropout).float()
            keep[:, 0] = 1.0
            seen = seen * keep
        mask = (seen - 1.0)[:, None, None, :] * 1e4
        for layer in self.layers:
            x = layer(x, mask)
        total = seen.sum(1, keepdim=True).clamp(min=1.0)
        pooled = (self.norm(x) * seen[:, :, None]).sum(1) / total
        bare = (words * seen[:, :, None]).sum(1) / total
        return nf.normalize(self.project(pooled) + self.direct(bare), dim=1)


def mel_bank(bins, fft=512, rate=16000, low=60.0, high=7800.0):
    """Triangles that overlap by half, evenly spaced on the mel scale m = 2595 log10(1 + f / 700): -> [fft / 2 + 1, bins]."""
    def mel(f):
        return 2595.0 * math.log10(1.0 + f / 700.0)

    edges = 700.0 * (10.0 ** (torch.linspace(mel(low), mel(high), bins + 2, dtype=torch.float64) / 2595.0) - 1.0)
    places = torch.arange(fft // 2 + 1, dtype=torch.float64)[:, None] * rate / fft
    rising, falling = (places - edges[:-2]) / (edges[1:-1] - edges[:-2]), (edges[2:] - places) / (edges[2:] - edges[1:-1])
    return torch.minimum(rising, falling).clamp(min=0.0).float()


def fourier_rows(window, fft=512):
    """Cosine and sine rows of the discrete Fourier transform times a Hann window: -> [fft + 2, 1, window], for a strided convolution."""
    n, k = torch.arange(window, dtype=torch.float64), torch.arange(fft // 2 + 1, dtype=torch.float64)
    angle = 2 * math.pi * k[:, None] * n[None, :] / fft
    hann = torch.hann_window(window, dtype=torch.float64)
    return (torch.cat([angle.cos(), -angle.sin()]) * hann).float()[:, None, :]


class AudioTower(nn.Module):
    """Waveform [B, S] at 16 kHz -> log-mel (25 ms windows, 10 ms steps, 64 bins) -> residual convolutions -> mean and maximum over time -> D. What lies beyond
    the last non-zero sample is masked after every layer, so zeros at the end of a batch row do not count."""

    WINDOW, STEP, BINS, OFFSET = 400, 160, 64, 0.01

    def __init__(self, widths=(32, 48, 96, 160)):
        super().__init__()
        self.widths = tuple(widths)
        self.register_buffer("fourier", fourier_rows(self.WINDOW))
        self.register_buffer("mel", mel_bank(self.BINS))
        first, *rest = widths
        layers = [nn.Sequential(*convolution(1, first, 2), nn.ReLU()), nn.Sequential(*convolution(first, rest[0], 2), nn.ReLU()), Residual(rest[0], rest[0], 1)]
        layers += [Residual(i, o, 2) for i, o in zip(rest, rest[1:])]
        self.layers, self.strides = nn.ModuleList(layers), [2, 2, 1] + [2] * (len(rest) - 1)
        self.wide, self.narrow = nn.Linear(2 * widths[-1], 256), nn.Linear(256, DIMENSIONS)
        self.dropout = 0.0

    def log_mel(self, samples):
        """-> (log-mel [B, T, F], zero where nothing is to be heard; T frames that hold sound [B, 1])."""
        places = torch.arange(1, samples.shape[1] + 1, device=samples.device).to(torch.float32)
        length = ((samples != 0).to(torch.float32) * places).amax(1, keepdim=True)
        spectrum = nf.conv1d(samples[:, None, :], self.fourier, stride=self.STEP)
        magnitude = (spectrum[:, :257] ** 2 + spectrum[:, 257:] ** 2 + 1e-12).sqrt()
        mel = (magnitude.transpose(1, 2) @ self.mel + self.OFFSET).log() - math.log(self.OFFSET)
        return mel / 4.0, ((length - self.WINDOW) / self.STEP + 1.0).clamp(min=16.0)

    def from_mel(self, mel, frames):
        x, step = mel[:, None], 1
        inside = self.inside(x, frames, step)
        x = x * inside
        for layer, stride in zip(self.layers, self.strides):
            step *= stride
            x = layer(x)
            inside = self.inside(x, frames, step)
            x = x * inside
        x, inside = x.mean(3), inside[:, :, :, 0]
        pooled = torch.cat([x.sum(2) / inside.sum(2).clamp(min=1.0), x.amax(2)], 1)
        if self.training and self.dropout:
            pooled = nf.dropout(pooled, self.dropout)
        return nf.normalize(self.narrow(nf.relu(self.wide(pooled))), dim=1)

    @staticmethod
    def inside(x, frames, step):
        """1 for the time steps that begin inside the sound: [B, 1, T / step, 1]."""
        places = torch.arange(x.shape[2], device=x.device).to(torch.float32) * step
        return (places[None, :] < frames).to(torch.float32)[:, None, :, None]

    def forward(self, input_values):
        return self.from_mel(*self.log_mel(input_values))
