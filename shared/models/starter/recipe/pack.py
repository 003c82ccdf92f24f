"""Decodes every training picture once: the whole picture squashed to SIDE x SIDE (photographs also as a few random parts of it), uint8 in one file.
No network takes part. Random parts, mirroring and light come later, while training."""
import io
import multiprocessing
import pickle
import random
import time
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from drawings import drawing
from leaks import leaks
from scenes import scene
from sources import FASHION_VALIDATION, Mirror, WordNet, fashion_rows, flickr_photos, larger_pictures, product_texts
from towers import SIDE

IMAGENET = ("tiny", "imagenette", "sample", "mini", "woof")  # sources whose pictures are ImageNet's
CROPS = {"flickr": 4, "flickr8k": 4, "coco": 6, "sample": 5, "imagenette": 2, "products": 2}  # stored pictures for each photograph: the whole one, then random parts

DRAWN = {"scenes": scene, "drawings": drawing}


def square(picture, side, rng=None):
    """-> uint8 [side, side, 3]: the whole picture squashed (bilinear), or with `rng` a random part of it."""
    box = None
    if rng is not None:
        w, h = picture.size
        share, form = rng.uniform(0.4, 1.0), rng.uniform(0.8, 1.25)
        cw, ch = min(w, w * (share * form) ** 0.5), min(h, h * (share / form) ** 0.5)
        x, y = rng.uniform(0, w - cw), rng.uniform(0, h - ch)
        box = (x, y, x + cw, y + ch)
    return np.asarray(picture.resize((side, side), Image.BILINEAR, box=box))


def opened(data, side=2 * SIDE):
    picture = Image.open(io.BytesIO(data))
    picture.draft("RGB", (side, side))
    return picture.convert("RGB")


def training_items(arguments, wordnet):
    """-> [(source, place, fact)]; place = a path, or (mirror, name) in a bare git mirror, or the seed of a drawn scene."""
    items = [(source, n, None) for source in DRAWN for n in range(arguments.scenes)]
    items += [("flickr", path, {"texts": captions, "group": "flickr " + path.stem}) for path, captions in flickr_photos(arguments.data)[0]]
    rows = fashion_rows(arguments.data)
    for row in rows[FASHION_VALIDATION:]:
        items.append(("products", Path(row["folder"]) / row["image"], {"texts": product_texts(row), "group": "title " + row["title"].lower(), "row": row}))
    known, larger, rng = {Path(r["image"]).stem for r in rows}, {}, random.Random(arguments.seed)
    for source, mirror, name, fact in larger_pictures(arguments.mirrors, arguments.data, wordnet):
        if not (source == "fashion" and Path(name).stem in known):
            kind = fact.get("synset", "") if source in ("tiny", "cifar") else ""
            larger.setdefault((source, kind), []).append((source, (mirror.name, name), fact))
    most = {"tiny": arguments.tiny_per_class, "cifar": arguments.cifar_per_class, "fashion": arguments.fashion}
    elsewhere = leaks(arguments.mirrors, [(*place, fact["synset"]) for found in larger.values() for source, place, fact in found if source in IMAGENET], arguments.threads)
    print(f"pack: {len(elsewhere)} pictures left out that another set keeps for validation", flush=True)
    for (source, _), found in larger.items():
        found = [item for item in found if item[1] not in elsewhere]
        rng.shuffle(found)
        items += found[: most.get(source, len(found))]
    return items


def prepare(chunk):
    """One piece of work of a process: -> (pictures uint8 [n, SIDE, SIDE, 3], [(source, fact)])."""
    mirrors, items, pictures, facts = *chunk, [], []
    opened_mirrors = {}
    for source, place, fact in items:
        if source in DRAWN:
            picture, texts = DRAWN[source](random.Random(place))
            fact = {"texts": texts, "group": f"{source} {texts[0]}"}
        elif isinstance(place, tuple):
            mirror = opened_mirrors.setdefault(place[0], Mirror(mirrors, place[0]))
            data = mirror.read(place[1])
            if data is None or len(data) < 100:
                continue
            picture = opened(data)
        else:
            picture = Image.open(place).convert("RGB")
        for k in range(CROPS.get(source, 1)):
            pictures.append(square(picture, SIDE, random.Random(zlib.crc32(f"{place} {k}".encode())) if k else None))
            facts.append((source, fact))
    for mirror in opened_mirrors.values():
        mirror.close()
    return np.stack(pictures) if pictures else np.zeros((0, SIDE, SIDE, 3), np.uint8), facts


def pack(arguments):
    out = Path(arguments.work)
    if (out / "train.pickle").exists():
        return
    items, facts, started, told = training_items(arguments, WordNet(arguments.wordnet)), [], time.time(), 0
    chunks = [(arguments.mirrors, items[n:n + 400]) for n in range(0, len(items), 400)]
    with multiprocessing.Pool(min(arguments.threads, 8)) as pool, open(out / "train.pixels", "wb") as file:
        for pictures, known in pool.imap(prepare, chunks):
            file.write(pictures.tobytes())
            facts += known
            if time.time() - told > 20:
                told = time.time()
                print(f"pack: {len(facts)} pictures, {len(facts) / (told - started):.0f}/s", flush=True)
    pickle.dump(facts, open(out / "train.pickle", "wb"))
    print(f"pack: {len(facts)} pictures in {time.time() - started:.0f} s", flush=True)


def open_store(work):
    """-> (pixels uint8 [N, SIDE, SIDE, 3] mapped from the file, [(source, fact)])."""
    facts = pickle.load(open(Path(work) / "train.pickle", "rb"))
    return np.memmap(Path(work) / "train.pixels", np.uint8, "r", shape=(len(facts), SIDE, SIDE, 3)), facts
