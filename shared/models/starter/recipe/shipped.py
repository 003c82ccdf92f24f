"""Reads the shipped ONNX files back into PyTorch towers, so that a training can go on from them (`--begin FOLDER`) where the checkpoints are gone.
Export folds batch norms into the convolutions; here each gets back the mean and variance that it sees on real pictures, with the scale and shift that
leave the function as it was. Blocks that the shipped network does not have begin as the identity (last scale zero: Goyal et al. 2017, section 5.1)."""
import json
from pathlib import Path

import numpy as np
import torch
from torch import nn

from tokenizer import Tokenizer
from towers import AudioTower, Residual, TextTower, VisionTower


def weights_of(path):
    """-> {name: float32 array}, in the order of the file; a name ends as the exporter gave it, without `.half`."""
    import onnx
    from onnx import numpy_helper
    return {t.name.removesuffix(".half"): numpy_helper.to_array(t).astype(np.float32) for t in onnx.load(str(path)).graph.initializer}


def shipped_text(folder):
    """-> (TextTower, Tokenizer). Named parameters keep their names; matrices of linear layers stand transposed, in the order of the graph."""
    vocabulary = json.loads((Path(folder) / "tokenizer.json").read_text(encoding="utf8"))["model"]["vocab"]
    tokenizer = Tokenizer(sorted(vocabulary, key=vocabulary.get))
    found, tower = weights_of(Path(folder) / "onnx" / "text_model.onnx"), TextTower(len(vocabulary))
    matrices = iter(v.T for n, v in sorted(((n, v) for n, v in found.items() if n.startswith("onnx::MatMul_")), key=lambda nv: int(nv[0].split("_")[-1])))
    state = tower.state_dict()
    order = [f"layers.{n}.{part}.weight" for n in range(len(tower.layers)) for part in ("attention.inputs", "attention.output", "up", "down")] + ["direct.weight"]
    state.update({name: torch.from_numpy(np.ascontiguousarray(next(matrices))) for name in order})
    state.update({name: torch.from_numpy(found[name].copy()) for name in state if name in found})
    tower.load_state_dict(state)
    return tower, tokenizer


def new_blocks(tower, shipped):
    """The residual blocks of `tower` that a network with `shipped` blocks in each stage does not have."""
    blocks = (m for m in tower.trunk if isinstance(m, Residual))
    return [block for count, there in zip(tower.shape["blocks"], shipped) for n, block in zip(range(count), blocks) if n >= there]


def fill(tower, found, run, new=()):
    """Puts the convolutions and linear layers of a file into `tower`; `run()` must take real data through all of its batch norms."""
    arrays, handles = iter(v for n, v in found.items() if n.startswith("onnx::Conv_")), []
    inside_new, modules = {id(m) for block in new for m in block.modules()}, list(tower.modules())
    for block in new:
        nn.init.zeros_(block.layers[-1].weight)

    def undo(shift):
        def hook(norm, inputs):
            norm.running_mean.copy_(inputs[0].mean((0, 2, 3)))
            norm.running_var.copy_(inputs[0].var((0, 2, 3), unbiased=False))
            norm.weight.data.copy_((norm.running_var + norm.eps).sqrt())
            norm.bias.data.copy_(shift + norm.running_mean)
        return hook

    for convolution, norm in zip(modules, modules[1:]):
        if isinstance(convolution, nn.Conv2d) and id(convolution) not in inside_new:
            convolution.weight.data.copy_(torch.from_numpy(next(arrays)))
            handles.append(norm.register_forward_pre_hook(undo(torch.from_numpy(next(arrays)))))
    state = tower.state_dict()
    for name in state.keys() & found.keys():
        state[name].copy_(torch.from_numpy(found[name]))
    tower.eval()
    with torch.no_grad():
        run()
    for handle in handles:
        handle.remove()
    return tower


def shipped_vision(folder, shape, pictures):
    """-> VisionTower of `shape` with the shipped function; `pictures` [B, 3, H, W] in -1 .. 1 give the statistics of the batch norms."""
    tower, config = VisionTower(**shape), json.loads((Path(folder) / "config.json").read_text(encoding="utf8"))
    new = new_blocks(tower, config["vision_config"]["blocks"])
    return fill(tower, weights_of(Path(folder) / "onnx" / "vision_model.onnx"), lambda: tower.features(pictures), new)


def shipped_audio(folder, widths, mel, frames):
    """-> AudioTower of `widths` with the shipped function; `mel` [B, T, F] and `frames` [B, 1] give the statistics of the batch norms."""
    tower = AudioTower(widths)
    return fill(tower, weights_of(Path(folder) / "onnx" / "audio_model.onnx"), lambda: tower.from_mel(mel, frames))
