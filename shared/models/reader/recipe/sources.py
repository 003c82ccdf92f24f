"""Pictures and questions to train on. Every held-out list is applied here: easy-VQA's test part, the test questions of DAQUAR's split and all questions about
its held-out pictures, Flickr8k's test part and the held-out products never leave this file."""
import csv
import importlib.util
import io
import json
import random
from itertools import islice
from pathlib import Path

from PIL import Image

from questions import about_captions, about_product, scene

EASY = "vzhou842/easy-VQA"
DAQUAR = "tezansahu/VQA-With-Multimodal-Transformers"


def starter_sources():
    """The module of the starter's recipe that has this module's name."""
    spec = importlib.util.spec_from_file_location("starter_sources", Path(__file__).parent.parent.parent / "starter" / "recipe" / "sources.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


STARTER = starter_sources()


def opened(data):
    return Image.open(io.BytesIO(data)).convert("RGB")


def easy_vqa(mirrors):
    """Yields (picture, [(question, answer)]) of the train part."""
    mirror = STARTER.Mirror(mirrors, EASY)
    if not mirror.there:
        return
    groups = {}
    for question, answer, number in json.loads(mirror.text("easy_vqa/data/train/questions.json")):
        groups.setdefault(number, []).append((question, answer))
    for number, pairs in groups.items():
        yield opened(mirror.read(f"easy_vqa/data/train/images/{number}.png")), pairs


def daquar(mirrors, data):
    """Yields (picture, [(question, answer)]) of the train part without the held-out pictures. Answers as they are written: `iron_box, lamp`."""
    mirror = STARTER.Mirror(mirrors, DAQUAR)
    if not mirror.there:
        return
    held = {Path(line.strip()).stem for line in (Path(data) / "daquar" / "held-out-images.txt").read_text().split("\n") if line.strip()}
    groups = {}
    for row in csv.DictReader(io.StringIO(mirror.text("dataset/data_train.csv"))):
        if row["image_id"] not in held:
            groups.setdefault(row["image_id"], []).append((row["question"], row["answer"]))
    for name, pairs in groups.items():
        yield opened(mirror.read(f"dataset/images/{name}.png")), pairs


def rows_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf8").split("\n") if line.strip()] if path.exists() else []


def larger(mirrors, data, wanted):
    """Yields (picture, fact) of one source that the starter was trained on; a fact has `texts` or, of a product, its `row`."""
    for source, mirror, name, fact in STARTER.larger_pictures(mirrors, data, None):
        if source == wanted:
            yield opened(mirror.read(name)), fact


def photographs(mirrors, data, rng):
    folder = Path(data) / "flickr"
    for row in rows_of(folder / "captions.jsonl"):
        if row["split"] != "test":
            yield Image.open(folder / row["image"]).convert("RGB"), about_captions(row["captions"], rng)
    for picture, fact in larger(mirrors, data, "flickr8k"):
        yield picture, about_captions(fact["texts"], rng)


def products(mirrors, data, rng):
    folder = Path(data) / "fashion"
    held = set((folder / "held-out-ids.txt").read_text().split()) if (folder / "held-out-ids.txt").exists() else set()
    for row in rows_of(folder / "items.jsonl"):
        if Path(row["image"]).stem not in held:
            yield Image.open(folder / row["image"]).convert("RGB"), about_product(row, rng)
    for picture, fact in larger(mirrors, data, "fashion"):
        yield picture, about_product(fact["row"], rng)


def everything(arguments):
    """Yields (source, picture, [(question, answer)])."""
    rng = random.Random(arguments.seed)
    for picture, pairs in daquar(arguments.mirrors, arguments.data):
        yield "daquar", picture, pairs
    for picture, pairs in islice(easy_vqa(arguments.mirrors), arguments.easy):
        yield "easy", picture, pairs
    for picture, pairs in islice(photographs(arguments.mirrors, arguments.data, rng), arguments.photographs):
        yield "photographs", picture, pairs
    for picture, pairs in islice(products(arguments.mirrors, arguments.data, rng), arguments.products):
        yield "products", picture, pairs
    for _ in range(arguments.scenes):
        yield ("scenes", *scene(rng))
