"""After a training: batch norms are read anew, as pictures are shown to the finished model; where it went on from shipped files, a share of what they hold
can stay (means of weights; Wortsman et al. 2022, "Model soups")."""
import random
from pathlib import Path

import numpy as np
import torch

from joint import Material, with_mean
from shipped import shipped_vision
from towers import MARGIN, SIDE

LOOKS = 3072  # that the batch norms are read from


def blended(before, after, kept):
    """before, after: {name: tensor} -> kept * before + (1 - kept) * after; whole numbers as after."""
    return {k: kept * before[k] + (1 - kept) * v if v.is_floating_point() else v for k, v in after.items()}


def read_norms(vision, material):
    """Sets the running statistics to those of whole training pictures and of their middles."""
    rows, _, _, _ = material.draw(LOOKS // 2, random.Random(5))
    whole = torch.from_numpy(material.pixels[np.asarray(rows)]).permute(0, 3, 1, 2).float() / 127.5 - 1.0
    looks = torch.cat([vision.reduced(whole), vision.reduced(whole[:, :, MARGIN:SIDE - MARGIN, MARGIN:SIDE - MARGIN])])
    for norm in (m for m in vision.modules() if isinstance(m, torch.nn.BatchNorm2d)):
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
    vision.train()
    with torch.no_grad():
        for part in looks[torch.randperm(len(looks), generator=torch.Generator().manual_seed(1))].split(512):
            vision.features(part)
    return vision.eval()


def blend_stage(arguments, wordnet):
    from train import log, save
    path, kept = Path(arguments.work) / "joint.pt", arguments.keep_pictures
    if not path.exists():
        return
    state = torch.load(path, map_location="cpu")
    if state.get("kept") == kept:
        return
    material, vision = Material(arguments, wordnet), with_mean(state, "cpu")[0]
    if kept:
        before = shipped_vision(arguments.begin, state["shape"], material.sample(512)).state_dict()
        vision.load_state_dict(blended(before, vision.state_dict(), kept))
    read_norms(vision, material)
    save(path, **{**state, "kept": kept, "mean": {**state["mean"], **{f"vision.{k}": v for k, v in vision.state_dict().items()}}})
    log("blend: norms of the picture tower read anew" + (f", {kept:.2f} of its weights as {arguments.begin} has them" if kept else ""))


def blend_files(before, path, kept):
    """Puts the share `kept` of the weights of one ONNX file into another one of the same shape, in place."""
    import onnx
    from onnx import numpy_helper
    model, former = onnx.load(str(path)), {t.name: numpy_helper.to_array(t) for t in onnx.load(str(before)).graph.initializer}
    for tensor in model.graph.initializer:
        if (after := numpy_helper.to_array(tensor)).dtype.kind == "f":
            mean = kept * former[tensor.name].astype(np.float32) + (1 - kept) * after.astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(mean.astype(after.dtype), tensor.name))
    onnx.save(model, str(path))
