"""What a network of others says of the training pictures: the pooled features of MobileNetV2 (trained on ImageNet; Apache-2.0; read from its TensorFlow Lite file
in a mirror) as targets of the joint stage. Its weights do not become part of the model. Written: `taught.npy`, float16 [N, TAUGHT], rows of length one in
the order of the packed pictures. Needs Debian's `python3-flatbuffers`."""
import multiprocessing
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as nf

from pack import open_store
from sources import Mirror

MIRROR, FILE = "google-coral/test_data", "tf2_mobilenet_v2_1.0_224_ptq.tflite"
PHOTOGRAPHS = ("tiny", "mini", "imagenette", "sample", "flickr", "flickr8k", "coco")  # what the teacher, which has seen ImageNet, knows
SIDE = 128  # smaller pictures are enlarged to this: 0.49 of Tiny-ImageNet's 200 classes, 0.44 at 112, 0.46 at 144
TAUGHT = 256  # principal components kept of 1,280 features
CHUNK = 1024
CONVOLUTION, DEPTHWISE, ADD, POOLS = 3, 4, 0, (1, 40)  # operators of the TensorFlow Lite schema
RELU6 = 3
TYPES = {2: np.int32, 3: np.uint8, 9: np.int8}


class Table:
    """One table of a flatbuffer; fields go by their number in the schema."""

    def __init__(self, data, place):
        from flatbuffers.table import Table as Plain
        self.plain = Plain(data, place)

    @classmethod
    def root(cls, data):
        return cls(data, int.from_bytes(data[:4], "little"))

    def place(self, field):
        offset = self.plain.Offset(4 + 2 * field)
        return offset + self.plain.Pos if offset else None

    def number(self, field, kind, default=0):
        from flatbuffers import number_types
        place = self.place(field)
        return default if place is None else self.plain.Get(getattr(number_types, kind + "Flags"), place)

    def array(self, field, dtype):
        offset = self.plain.Offset(4 + 2 * field)
        return np.frombuffer(self.plain.Bytes, dtype, self.plain.VectorLen(offset), self.plain.Vector(offset)) if offset else np.zeros(0, dtype)

    def table(self, field):
        place = self.place(field)
        return None if place is None else Table(self.plain.Bytes, self.plain.Indirect(place))

    def tables(self, field):
        offset = self.plain.Offset(4 + 2 * field)
        start = self.plain.Vector(offset)
        return [Table(self.plain.Bytes, self.plain.Indirect(start + 4 * n)) for n in range(self.plain.VectorLen(offset))]


class Teacher(nn.Module):
    """The file's network in floating point: [B, 3, H, W] in -1 .. 1 -> pooled features [B, 1280]."""

    def __init__(self, data):
        super().__init__()
        model = Table.root(bytearray(data))
        codes = [c.number(0, "Int8") or c.number(3, "Int32") for c in model.tables(1)]
        graph, buffers = model.tables(2)[0], model.tables(4)
        tensors = graph.tables(0)

        def values(n):
            tensor, steps = tensors[n], tensors[n].table(4)
            raw = buffers[tensor.number(2, "Uint32")].array(0, np.uint8).tobytes()
            plain = np.frombuffer(raw, TYPES[tensor.number(1, "Int8")]).reshape(tensor.array(0, np.int32))
            scale, zero = steps.array(2, np.float32), steps.array(3, np.int64)
            shape = [1] * plain.ndim
            shape[steps.number(6, "Int32")] = len(scale)
            return torch.from_numpy(((plain - zero.reshape(shape)) * scale.reshape(shape)).astype(np.float32))

        self.steps, self.layers = [], nn.ModuleList()
        for step in graph.tables(3):
            code, inputs, output = codes[step.number(0, "Uint32")], step.array(1, np.int32).tolist(), int(step.array(2, np.int32)[0])
            if code in (CONVOLUTION, DEPTHWISE):
                weight, options = values(inputs[1]).permute((0, 3, 1, 2) if code == CONVOLUTION else (3, 0, 1, 2)).contiguous(), step.table(4)
                groups = 1 if code == CONVOLUTION else weight.shape[0]
                layer = nn.Conv2d(weight.shape[1] * groups, weight.shape[0], weight.shape[2], options.number(1, "Int32"), groups=groups)
                layer.weight, layer.bias = nn.Parameter(weight, False), nn.Parameter(values(inputs[2]), False)
                layer.clipped = options.number(3 if code == CONVOLUTION else 4, "Int8") == RELU6
                self.layers.append(layer)
                self.steps.append((layer, inputs[:1], output))
            elif code == ADD:
                self.steps.append((None, inputs, output))
            elif code in POOLS:
                break

    def forward(self, pictures):
        known = {self.steps[0][1][0]: pictures}
        for layer, inputs, output in self.steps:
            if layer is None:
                known[output] = known[inputs[0]] + known[inputs[1]]
                continue
            x = known[inputs[0]]
            if layer.kernel_size[0] == 3:
                x = nf.pad(x, (0, 1, 0, 1) if layer.stride[0] == 2 and x.shape[2] % 2 == 0 else (1, 1, 1, 1))
            x = layer(x)
            known[output] = x.clamp_(0, 6) if layer.clipped else x
        return known[self.steps[-1][2]].mean((2, 3))


def features_of(chunk):
    """One piece of work of a process: -> (rows, float16 [n, 1280])."""
    data, work, rows, half = chunk
    torch.set_num_threads(1)
    pixels, _ = open_store(work)
    network, out = Teacher(data).eval(), []
    for n in range(0, len(rows), 64):
        x = torch.from_numpy(pixels[rows[n:n + 64]]).permute(0, 3, 1, 2).float() / 127.5 - 1.0
        x = nf.interpolate(x, (SIDE, SIDE), mode="bilinear").contiguous(memory_format=torch.channels_last)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=half):
            out.append(network(x).half().numpy())
    return rows, np.concatenate(out)


def targets(features):
    """float16 [N, 1280] -> float16 [N, TAUGHT]: centred, principal components, each divided by the root of its spread, rows of length one."""
    some = features[np.random.RandomState(1).permutation(len(features))[:20000]].astype(np.float32)
    centre = some.mean(0)
    spread, axes = np.linalg.eigh(np.cov((some - centre).T))
    axes = axes[:, ::-1][:, :TAUGHT] / np.maximum(spread[::-1][:TAUGHT], 1e-9) ** 0.25
    out = np.zeros((len(features), TAUGHT), np.float16)
    for n in range(0, len(features), 8192):
        z = (features[n:n + 8192].astype(np.float32) - centre) @ axes.astype(np.float32)
        out[n:n + 8192] = z / np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-6)
    return out


def teach_stage(arguments):
    from train import log
    work, mirror = Path(arguments.work), Mirror(arguments.mirrors, MIRROR)
    if (work / "taught.npy").exists():
        return
    if not mirror.there:
        log(f"teach: left out, {MIRROR} is not among the mirrors")
        return
    data, facts, started, told, done = mirror.read(FILE), open_store(work)[1], time.time(), time.time(), 0
    photographs = np.array([n for n, (source, _) in enumerate(facts) if source in PHOTOGRAPHS])
    features = np.zeros((len(facts), 1280), np.float16)
    with multiprocessing.Pool(arguments.threads) as pool:
        for rows, found in pool.imap_unordered(features_of, [(data, work, photographs[n:n + CHUNK], arguments.half) for n in range(0, len(photographs), CHUNK)]):
            features[rows] = found
            done += len(found)
            if time.time() - told > 30:
                told = time.time()
                log(f"teach: {done} of {len(photographs)} pictures, {done / (told - started):.0f}/s")
    out = np.zeros((len(facts), TAUGHT), np.float16)
    out[photographs] = targets(features[photographs])
    np.save(work / "taught.part.npy", out)
    (work / "taught.part.npy").rename(work / "taught.npy")


def taught(work):
    """-> float16 [N, TAUGHT] mapped from the file, or None where no teacher was at hand."""
    path = Path(work) / "taught.npy"
    return np.load(path, mmap_mode="r") if path.exists() else None
