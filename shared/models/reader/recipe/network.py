"""The reader: a picture and a question -> logits over a list of answers. The picture tower and the word vectors are the starter's, taken out of its ONNX files.
Shapes: B batch, T tokens, P = 52 cells of the picture, C = 256 channels, A answers, W width of the fusion."""
import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as nf

SIDE = 192  # of the pictures that the model takes
SEEN = 64  # of what the picture tower looks at: the whole picture reduced, and its nine parts
WHOLE = 16  # cells of the whole picture, 4 x 4
CELLS = WHOLE + 9 * 4  # 2 x 2 of each part
LONGEST = 32  # tokens of a question
PAIRS = 2560  # rows of the table of word pairs
NAME_PACE = 10.0  # the weight of answers' names is learned that much faster than other parameters
MATCHES = 16  # ways in which a place can match what is asked for


def starter_weights(path):
    """{name without ".half": float32 array} of an ONNX file, in the order of the file."""
    import onnx
    from onnx import numpy_helper
    return {t.name[:-5] if t.name.endswith(".half") else t.name: numpy_helper.to_array(t).astype(np.float32) for t in onnx.load(str(path)).graph.initializer}


def narrowed(weight):
    """[N, ...] -> (int8 of the same shape, scale [N, 1, ...]): the nearest multiples of a scale for each row."""
    scale = (weight.abs().flatten(1).amax(1).reshape(-1, *[1] * (weight.dim() - 1)) / 127.0).clamp(min=1e-8)
    return (weight / scale).round().to(torch.int8), scale


class PictureTower(nn.Module):
    """The starter's trunk with batch normalisation folded in and weights of one byte, as they ship: two strided convolutions, then residual blocks at 1/4,
    1/8, 1/16."""

    def __init__(self, widths, blocks):
        super().__init__()
        self.stem = nn.ModuleList([nn.Conv2d(3, 32, 3, 2, 1), nn.Conv2d(32, widths[0], 3, 2, 1)])
        self.blocks, inputs = nn.ModuleList(), widths[0]
        for stage, place, width in ((n, k, width) for n, (width, count) in enumerate(zip(widths, blocks)) for k in range(count)):
            stride = 2 if stage and place == 0 else 1
            layers = [nn.Conv2d(inputs, width, 3, stride, 1), nn.Conv2d(width, width, 3, 1, 1)]
            if stride > 1 or inputs != width:
                layers.append(nn.Conv2d(inputs, width, 1, stride))
            self.blocks.append(nn.ModuleList(layers))
            inputs = width
        self.channels = inputs

    def load_starter(self, path):
        values = [v for k, v in starter_weights(path).items() if k.startswith("onnx::Conv")]
        layers = [m for m in self.modules() if isinstance(m, nn.Conv2d)]
        assert [tuple(v.shape) for v in values[::2]] == [tuple(m.weight.shape) for m in layers], "the starter's picture tower has other layers"
        for layer, weight, bias in zip(layers, values[::2], values[1::2]):
            values, scale = narrowed(torch.tensor(weight))
            layer.weight.data, layer.bias.data = values * scale, torch.tensor(bias)

    def trunk(self, x):
        for layer in self.stem:
            x = torch.relu(layer(x))
        for first, second, *shortcut in self.blocks:
            x = torch.relu(second(torch.relu(first(x))) + (shortcut[0](x) if shortcut else x))
        return x

    def forward(self, pixel_values):
        """[B, 3, SIDE, SIDE] in -1 .. 1 -> [B, P, C]: what is seen at each place, first of the whole picture, then of its parts."""
        whole, starts = self.trunk(nf.avg_pool2d(pixel_values, SIDE // SEEN)).flatten(2), range(0, SIDE, SEEN)
        parts = [nf.avg_pool2d(self.trunk(pixel_values[:, :, top:top + SEEN, left:left + SEEN]), 2).flatten(2) for top in starts for left in starts]
        return torch.cat([whole, *parts], 2).transpose(1, 2)


class Fusion(nn.Module):
    """Question and cells -> logits. Words: sum of word vectors, sum of hashed pairs of neighbours, maximum over a convolution. Fusion: `attention` over the cells,
    asked by the question, and `concatenation` of question, whole picture and their products; then one hidden layer. An answer's logit is a linear map of that
    layer, how near another one of it comes to the answer's name as the starter's text tower reads it (`names` [A, 256]), and, where the question is of that kind,
    whether the thing of this name is in the picture at all."""

    def __init__(self, vocabulary, names, width=128, hidden=448, fusion="both"):
        super().__init__()
        self.fusion, self.width, self.heads = fusion, width, 4
        self.words, self.pairs = nn.Embedding(vocabulary, 128), nn.Embedding(PAIRS, 128)
        nn.init.normal_(self.pairs.weight, std=0.05)
        self.window = nn.Conv1d(128, 256, 3, padding=1)
        self.register_buffer("mean", torch.zeros(256)), self.register_buffer("deviation", torch.ones(256))
        self.query, self.key, self.value = nn.Linear(512, width), nn.Linear(256, width), nn.Linear(256, width)
        self.places, self.sought = nn.Parameter(torch.randn(CELLS, width) * 0.02), nn.Linear(512, width)
        self.whole, self.gate = nn.Linear(512, width), nn.Linear(512, width)
        self.mix, self.output = nn.Linear(512 + 4 * width + MATCHES, hidden), nn.Linear(hidden, len(names))
        self.register_buffer("names", names)
        self.named, self.name_scale = nn.Linear(hidden, names.shape[1]), nn.Parameter(torch.tensor(1.0 / NAME_PACE))
        self.things = nn.Sequential(nn.Linear(512, 128), nn.ReLU(), nn.Linear(128, len(names)))
        self.trust = nn.Linear(512, 1)
        nn.init.zeros_(self.trust.weight)
        self.dropout, self.cell_dropout = 0.5, 0.4

    def drop(self, x, rate, shaky):
        """Dropout in the rows that are `shaky` [B]: a few photographs are learned by heart otherwise, while a drawing's yes or no turns on one number."""
        if not self.training or shaky is None:
            return x
        kept = (torch.rand_like(x) >= rate).float() / (1.0 - rate)
        return torch.where(shaky.reshape(-1, *[1] * (x.dim() - 1)), x * kept, x)

    def question(self, ids):
        seen = (ids != 0).float()[:, :, None]
        root = seen.sum(1).clamp(min=1.0).sqrt()
        words = self.words(ids) * seen
        following = torch.cat([ids[:, 1:], torch.zeros_like(ids[:, :1])], 1)
        pairs = self.pairs((ids * 7919 + following * 104729) % PAIRS) * seen
        windows = torch.relu(self.window(words.transpose(1, 2))) * seen.transpose(1, 2)
        return torch.cat([words.sum(1) / root, pairs.sum(1) / root, windows.amax(2)], 1)

    def forward(self, ids, cells, shaky=None):
        """int64 [B, T], [B, P, C] -> logits [B, A]."""
        return self.logits_and_things(ids, cells, shaky)[0]

    def logits_and_things(self, ids, cells, shaky=None):
        """-> (logits [B, A], log-probabilities [B, A] of what is in the picture, whatever is asked)."""
        t, b = self.question(ids), ids.shape[0]
        cells = self.drop((cells - self.mean) / self.deviation, self.cell_dropout, shaky)
        size = (b, -1, self.heads, self.width // self.heads)
        q, k, v = self.query(t), (self.key(cells) + self.places).reshape(size), (self.value(cells) + self.places).reshape(size)
        weights = ((q.reshape(size) * k).sum(3) / math.sqrt(size[3])).softmax(1)
        found = (weights[:, :, :, None] * v).sum(1).flatten(1)
        seen = torch.cat([cells[:, :WHOLE].mean(1), cells[:, WHOLE:].amax(1)], 1)
        whole, things = torch.relu(self.whole(seen)), self.things(seen).log_softmax(1)
        if self.fusion == "concatenation":
            found = found * 0
        if self.fusion == "attention":
            whole = whole * 0
        # how well the best place matches what is asked for: what "is there a ..." turns on
        halves = (b, -1, MATCHES, self.width // MATCHES)
        match = (self.sought(t).reshape(halves) * k.reshape(halves)).sum(3).amax(1)
        if self.fusion == "concatenation":
            match = match * 0
        z = self.drop(torch.cat([t, found, whole, found * q, whole * self.gate(t)], 1), self.dropout / 2, shaky)
        hidden = torch.relu(self.mix(torch.cat([z, match], 1)))
        hidden = self.drop(hidden, self.dropout, shaky)
        logits = self.output(hidden) + self.trust(t) * things
        if self.names is not None:
            logits = logits + NAME_PACE * self.name_scale * self.named(hidden) @ self.names.T
        return logits, things

    def fold(self):
        """Puts the way over the names into `output`, which leaves the function as it is."""
        factor = NAME_PACE * self.name_scale.data
        self.output.weight.data += factor * self.names @ self.named.weight.data
        self.output.bias.data += factor * self.names @ self.named.bias.data
        self.names = self.named = self.name_scale = None
