"""The trained fusions -> the model folder. Layers and tables become int8 with a scale for each row, everything else float16; what is left to choose
(temperature, the line below which it is better not to answer) is chosen on the validation part."""
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as nf

from card import write_card, write_json
from network import LONGEST, SIDE, Fusion, narrowed, starter_weights

sys.path.append(str(Path(__file__).parent.parent.parent / "starter" / "recipe"))
KEPT_RIGHT = 0.95  # the line costs one in twenty right answers about photographs


class Narrow(nn.Module):
    """A table [N, ...] as int8 with a scale for each row."""

    def __init__(self, weight):
        super().__init__()
        values, scale = narrowed(weight)
        self.register_buffer("values", values), self.register_buffer("scale", scale)

    def forward(self):
        return self.values.float() * self.scale


class NarrowRows(Narrow):
    def forward(self, ids):
        return self.values[ids].float() * self.scale[ids]


class NarrowLinear(Narrow):
    def __init__(self, linear):
        super().__init__(linear.weight.data)
        self.bias = linear.bias

    def forward(self, x):
        return nf.linear(x, super().forward(), self.bias)


class NarrowConvolution(Narrow):
    """One- or two-dimensional."""

    def __init__(self, layer):
        super().__init__(layer.weight.data)
        self.bias, self.stride, self.padding = layer.bias, layer.stride, layer.padding

    def forward(self, x):
        convolve = nf.conv2d if self.values.dim() == 4 else nf.conv1d
        return convolve(x, super().forward(), self.bias, self.stride, self.padding)


def narrow_layers(module):
    """Puts narrow layers in the places of all linear and convolution layers."""
    for name, layer in module.named_children():
        if isinstance(layer, (nn.Conv1d, nn.Conv2d)):
            setattr(module, name, NarrowConvolution(layer))
        elif isinstance(layer, nn.Linear):
            setattr(module, name, NarrowLinear(layer))
        else:
            narrow_layers(layer)
    return module


class KnownWords(nn.Module):
    """Word vectors of the words that questions had; another word is read as the nearest of them by the starter's vectors."""

    def __init__(self, trained, starter, seen):
        super().__init__()
        known = torch.tensor(sorted(seen))
        unit = nf.normalize(starter, dim=1)
        rows = torch.cat([(unit[n:n + 2000] @ unit[known].T).argmax(1) for n in range(0, len(unit), 2000)])
        rows[known] = torch.arange(len(known))
        self.register_buffer("row", rows.int())
        self.table = NarrowRows(trained[known])

    def forward(self, ids):
        return self.table(self.row[ids].long())


def narrow(fusion, starter, seen):
    fusion.fold()
    fusion.words = KnownWords(fusion.words.weight.data, starter, seen)
    fusion.pairs = NarrowRows(fusion.pairs.weight.data)
    return narrow_layers(fusion).eval()


class Reader(nn.Module):
    def __init__(self, tower, fusions):
        super().__init__()
        self.tower, self.fusions, self.temperature = tower, nn.ModuleList(fusions), 1.0

    def from_cells(self, ids, cells):
        return torch.stack([fusion(ids, cells).log_softmax(1) for fusion in self.fusions]).mean(0) / self.temperature

    def forward(self, input_ids, pixel_values):
        return self.from_cells(input_ids, self.tower(pixel_values))


@torch.no_grad()
def logits_of(reader, material, rows):
    parts = [reader.from_cells(*material.batch(rows[n:n + 128])[0]) for n in range(0, len(rows), 128)]
    return torch.cat(parts)


def assemble(arguments, material, members):
    from train import picture_tower
    starter = torch.tensor(starter_weights(Path(arguments.starter) / "onnx" / "text_model.onnx")["tokens.weight"])
    seen = {0, 1} | {i for part in material.train.values() for r in part for i in material.tokenizer.encode(r[2])}
    fusions = []
    for member in members:
        fusion = Fusion(len(material.tokenizer.vocabulary), material.names, fusion=arguments.fusion)
        fusion.load_state_dict(torch.load(Path(arguments.work) / f"fusion-{member}.pt", map_location="cpu")["kept"])
        fusions.append(narrow(fusion, starter, seen))
    return Reader(narrow_layers(picture_tower(arguments)), fusions).eval()


def choose(reader, material, log):
    """Temperature by the likelihood of all of the validation part, the line by KEPT_RIGHT of its photographs. -> figures."""
    rows = [r for part in material.validation.values() for r in part]
    wanted = {s: material.batch(part)[1] for s, part in material.validation.items() if part}
    logits, target = logits_of(reader, material, rows), material.batch(rows)[1]
    known = target >= 0
    losses = {t: nf.cross_entropy(logits[known] / t, target[known]).item() for t in np.arange(0.5, 1.6, 0.05)}
    reader.temperature = float(min(losses, key=losses.get))
    hard = material.validation.get("daquar") or rows
    confidence, guess = logits_of(reader, material, hard).softmax(1).max(1)
    right = guess.eq(material.batch(hard)[1])
    line = float(confidence[right].quantile(1.0 - KEPT_RIGHT)) if right.any() else 0.0
    figures = {"temperature": reader.temperature, "abstainBelow": round(line, 3), "validation": {}}
    for source, part in material.validation.items():
        if part:
            figures["validation"][source] = round(logits_of(reader, material, part).argmax(1).eq(wanted[source]).float().mean().item(), 4)
    log(f"ship: {figures}")
    return figures


def ship(arguments):
    from train import Material, log
    from export import compact
    material, out = Material(arguments), Path(arguments.out)
    (out / "onnx").mkdir(parents=True, exist_ok=True)
    reader = assemble(arguments, material, arguments.shipped or list(range(arguments.members)))
    figures = choose(reader, material, log)
    path = out / "onnx" / "model.onnx"
    ids = torch.from_numpy(material.tokenizer.batch(["what is on the table?", "is there a dog?"]))
    dynamic = {"input_ids": {0: "B", 1: "T"}, "pixel_values": {0: "B"}, "logits": {0: "B"}}
    # without constant folding: it would store the int8 tables as float32
    torch.onnx.export(reader, (ids, torch.zeros(2, 3, SIDE, SIDE)), str(path), opset_version=14, input_names=["input_ids", "pixel_values"], output_names=["logits"],
                      dynamic_axes=dynamic, do_constant_folding=False)
    compact(str(path))
    material.tokenizer.save(out)
    write_json(out / "config.json", {"model_type": "chiasm-reader", "max_position_embeddings": LONGEST, "pad_token_id": 0, "id2label": {str(n): a for n, a in enumerate(material.answers)}})
    write_json(out / "preprocessor_config.json", {
        "image_processor_type": "CLIPImageProcessor", "do_convert_rgb": True, "do_resize": True, "size": {"height": SIDE, "width": SIDE}, "resample": 2, "do_center_crop": False,
        "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]})
    write_card(out, figures["abstainBelow"])
    log(f"ship: {len(material.answers)} answers, {path.stat().st_size / 1e6:.2f} MB")
