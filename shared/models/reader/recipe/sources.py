"""Pictures and questions to train on. Every held-out list is applied here: easy-VQA's test part, the test questions of DAQUAR's split and all questions about
its held-out pictures, Flickr8k's test part and the held-out products never leave this file."""
import csv
import io
import json
import random
import subprocess
from itertools import islice
from pathlib import Path

from PIL import Image

from questions import about_captions, about_product, scene

EASY = "vzhou842+easy-VQA"
DAQUAR = "tezansahu+VQA-With-Multimodal-Transformers"


class Mirror:
    """A bare git repository, read with one `git cat-file --batch`."""

    def __init__(self, mirrors, name):
        self.path = Path(mirrors or "-") / name / "repo"
        self.reader = None

    def there(self):
        return self.path.exists()

    def read(self, path):
        if self.reader is None:
            self.reader = subprocess.Popen(["git", "-C", str(self.path), "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.reader.stdin.write(f"HEAD:{path}\n".encode())
        self.reader.stdin.flush()
        header = self.reader.stdout.readline().split()
        if header[-1] == b"missing":
            raise FileNotFoundError(path)
        data = self.reader.stdout.read(int(header[2]))
        self.reader.stdout.read(1)
        return data


def opened(data):
    return Image.open(io.BytesIO(data)).convert("RGB")


def easy_vqa(mirrors):
    """Yields (picture, [(question, answer)]) of the train part."""
    mirror = Mirror(mirrors, EASY)
    if not mirror.there():
        return
    groups = {}
    for question, answer, number in json.loads(mirror.read("easy_vqa/data/train/questions.json")):
        groups.setdefault(number, []).append((question, answer))
    for number, pairs in groups.items():
        yield opened(mirror.read(f"easy_vqa/data/train/images/{number}.png")), pairs


def daquar(mirrors, data):
    """Yields (picture, [(question, answer)]) of the train part without the held-out pictures. Answers as they are written: `iron_box, lamp`."""
    mirror = Mirror(mirrors, DAQUAR)
    if not mirror.there():
        return
    held = {Path(line.strip()).stem for line in (Path(data) / "daquar" / "held-out-images.txt").read_text().split("\n") if line.strip()}
    groups = {}
    for row in csv.DictReader(io.StringIO(mirror.read("dataset/data_train.csv").decode())):
        if row["image_id"] not in held:
            groups.setdefault(row["image_id"], []).append((row["question"], row["answer"]))
    for name, pairs in groups.items():
        yield opened(mirror.read(f"dataset/images/{name}.png")), pairs


def rows_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf8").split("\n") if line.strip()] if path.exists() else []


def photographs(data, rng):
    folder = Path(data) / "flickr"
    for row in rows_of(folder / "captions.jsonl"):
        if row["split"] != "test":
            yield Image.open(folder / row["image"]).convert("RGB"), about_captions(row["captions"], rng)


def products(data, rng):
    folder = Path(data) / "fashion"
    held = set((folder / "held-out-ids.txt").read_text().split()) if (folder / "held-out-ids.txt").exists() else set()
    for row in rows_of(folder / "items.jsonl"):
        if Path(row["image"]).stem not in held:
            yield Image.open(folder / row["image"]).convert("RGB"), about_product(row, rng)


def everything(arguments):
    """Yields (source, picture, [(question, answer)])."""
    rng = random.Random(arguments.seed)
    for picture, pairs in daquar(arguments.mirrors, arguments.data):
        yield "daquar", picture, pairs
    for picture, pairs in islice(easy_vqa(arguments.mirrors), arguments.easy):
        yield "easy", picture, pairs
    for picture, pairs in photographs(arguments.data, rng):
        yield "photographs", picture, pairs
    for picture, pairs in islice(products(arguments.data, rng), arguments.products):
        yield "products", picture, pairs
    for _ in range(arguments.scenes):
        yield ("scenes", *scene(rng))
