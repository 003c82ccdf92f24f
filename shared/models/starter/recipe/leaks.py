"""Pictures of ImageNet that lie in several sets: what one keeps for validation must not be trained on from another. Tiny-ImageNet's validation pictures come from
ImageNet's training part, as mini-ImageNet's pictures do: of ten classes in both, 45 % of the one are found among the other, cut or squashed differently."""
import io
import multiprocessing
from collections import defaultdict

import numpy as np
from PIL import Image

from sources import Mirror

SAME = 0.9  # correlation; of 100 pictures of such classes, 2 come as near as 0.90 to 0.94 to another one, 3 as 0.85 to 0.90, 47 nearer than 0.94
GRID = 12
PARTS = [(0, 0, 1, 1)] + [box for f in (0.66, 0.7, 0.75, 0.8, 0.9) for box in (((1 - f) / 2, 0, (1 + f) / 2, 1), (0, (1 - f) / 2, 1, (1 + f) / 2))]  # left, top, right, bottom


def signature(picture):
    """-> float32 [PARTS, 3 GRID^2]: the whole picture and its middles, small, without their mean, of length one."""
    w, h = picture.size
    small = [picture.resize((GRID, GRID), Image.BOX, box=(a * w, b * h, c * w, d * h)) for a, b, c, d in PARTS]
    x = np.stack([np.asarray(s, np.float32).ravel() for s in small])
    x -= x.mean(1, keepdims=True)
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-6)


def signatures(chunk):
    """One piece of work of a process: -> [n, PARTS, 3 GRID^2]."""
    (mirrors, repository), names = chunk
    mirror = Mirror(mirrors, repository)
    found = np.stack([signature(Image.open(io.BytesIO(mirror.read(name))).convert("RGB")) for name in names])
    mirror.close()
    return found


def same(a, b):
    """a [n, PARTS, D], b [m, PARTS, D] -> bool [n]: whether each picture of a is one of b, one of the two perhaps cut."""
    closest = lambda whole, parts: np.einsum("nd,mpd->nmp", whole, parts).max(2)
    return np.maximum(closest(a[:, 0], b), closest(b[:, 0], a).T).max(1) > SAME


def kept_for_validation(mirrors):
    """-> {synset: [(repository, name)]} of Tiny-ImageNet and Imagenette."""
    kept, tiny, nette = defaultdict(list), "rangeetpan/IMagenet", "thunderInfy/imagenette"
    for line in Mirror(mirrors, tiny).text("tiny-imagenet-200/val/val_annotations.txt").splitlines():
        name, synset = line.split("\t")[:2]
        kept[int(synset[1:])].append((tiny, f"tiny-imagenet-200/val/images/{name}"))
    for name in Mirror(mirrors, nette).names("val/"):
        if name.endswith(".JPEG"):
            kept[int(name.split("/")[1][1:])].append((nette, name))
    return kept


def leaks(mirrors, pictures, processes):
    """pictures: [(repository, name, synset)] to be trained on -> the set of (repository, name) that another set keeps for validation."""
    kept, alike = kept_for_validation(mirrors), defaultdict(lambda: defaultdict(list))
    for repository, name, synset in pictures:
        for other in {r for r, _ in kept.get(synset, [])} - {repository}:
            alike[synset, other][repository].append(name)
    found = set()
    with multiprocessing.Pool(processes) as pool:
        for (synset, other), among in alike.items():
            read = lambda repository, names: np.concatenate(pool.map(signatures, [((mirrors, repository), names[n:n + 100]) for n in range(0, len(names), 100)]))
            hidden = read(other, [n for r, n in kept[synset] if r == other])
            for repository, names in among.items():
                found |= {(repository, n) for n, is_same in zip(names, same(read(repository, names), hidden)) if is_same}
    return found
