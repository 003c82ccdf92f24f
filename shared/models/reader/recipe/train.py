"""From the data to the files that ship. Stages: pack (every picture once through the picture tower), fuse (trains the fusion), ship (ONNX, tokenizer, card).
A stage whose file lies in --work is skipped; `fuse` goes on from its last checkpoint. Seeded; a line of progress every epoch.

    python3 train.py --data DIR --mirrors DIR --work DIR --starter shared/models/starter --out shared/models/reader
    python3 train.py --smoke --work DIR --starter ... --out DIR      # all stages on drawn scenes, half a minute
"""
import argparse
import json
import math
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as nf

from network import SIDE, Fusion, PictureTower, starter_weights
from questions import names_in

sys.path.append(str(Path(__file__).parent.parent.parent / "starter" / "recipe"))
from shipped import shipped_text  # noqa: E402

# questions of each source in a batch
SHARES = {"daquar": 0.36, "easy": 0.26, "photographs": 0.18, "products": 0.08, "scenes": 0.12}
SHAKY = ("daquar", "photographs", "products")  # sources with few pictures: dropout in their rows
RATE, BATCH, SMOOTHING = 2e-3, 192, 0.1
THINGS = 0.7  # weight of the loss that tells what is in a picture


def log(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def save(path, **state):
    torch.save(state, str(path) + ".part")
    os.replace(str(path) + ".part", path)


def picture_tower(arguments):
    starter = Path(arguments.starter)
    config = json.loads((starter / "config.json").read_text(encoding="utf8"))["vision_config"]
    tower = PictureTower(config["widths"], config["blocks"])
    tower.load_starter(starter / "onnx" / "vision_model.onnx")
    return tower.eval()


def pack(arguments):
    """-> cells.npy float16 [N, P, C] and questions.json [[source, picture, question, answer]]."""
    work = Path(arguments.work)
    if (work / "questions.json").exists():
        return
    from sources import everything
    tower, batch, cells, rows = picture_tower(arguments).to(memory_format=torch.channels_last), [], [], []

    def flush():
        if batch:
            with torch.no_grad():
                x = torch.from_numpy(np.stack(batch)).permute(0, 3, 1, 2).float() / 127.5 - 1.0
                cells.append(tower(x.contiguous(memory_format=torch.channels_last)).half().numpy())
            batch.clear()

    for number, (source, picture, pairs) in enumerate(everything(arguments)):
        batch.append(np.asarray(picture.resize((SIDE, SIDE), Image.BILINEAR)))
        rows += [[source, number, question, answer] for question, answer in pairs]
        if len(batch) == 64:
            flush()
        if number % 500 == 499:
            log(f"pack: {number + 1} pictures")
    flush()
    np.save(work / "cells.npy", np.concatenate(cells))
    (work / "questions.json").write_text(json.dumps(rows))
    log(f"pack: {sum(map(len, cells))} pictures, {len(rows)} questions: {dict(Counter(r[0] for r in rows))}")


@torch.no_grad()
def names_of(answers, text, tokenizer):
    """-> [A, 256], of length one: what the starter's text tower makes of each answer."""
    names = [a.replace("_", " ").replace(",", " and") for a in answers]
    forms = (names, [f"a photo of a {n}" for n in names])
    return nf.normalize(sum(text(torch.from_numpy(tokenizer.batch(form))) for form in forms), dim=1)


class Material:
    """Questions by source, a part of them put aside for validation; the list of answers."""

    def __init__(self, arguments):
        work = Path(arguments.work)
        self.cells = torch.from_numpy(np.load(work / "cells.npy"))
        rows, rng = json.loads((work / "questions.json").read_text()), random.Random(7)
        self.train, self.validation = {}, {}
        for source in sorted({r[0] for r in rows}):
            own = [r for r in rows if r[0] == source]
            rng.shuffle(own)
            count = min(800, len(own) // 10)
            self.validation[source], self.train[source] = own[:count], own[count:]
        counts = Counter(r[3] for part in self.train.values() for r in part)
        self.answers = sorted(a for a, n in counts.items() if n >= arguments.answer_count)
        self.ids = {a: n for n, a in enumerate(self.answers)}
        self.train = {s: [r for r in part if r[3] in self.ids] for s, part in self.train.items()}
        self.mentioned = {}  # by picture: the things that questions about it speak of
        for _, picture, question, _ in self.train.get("daquar", []):
            self.mentioned.setdefault(picture, set()).update(names_in(question, self.ids))
        text, self.tokenizer = shipped_text(arguments.starter)
        self.names = names_of(self.answers, text.eval(), self.tokenizer)

    def batch(self, rows):
        return (torch.from_numpy(self.tokenizer.batch([r[2] for r in rows])), self.cells[[r[1] for r in rows]].float()), torch.tensor([self.ids.get(r[3], -1) for r in rows])

    def things_loss(self, rows, things):
        """Cross entropy with the things that questions about each picture mention, equal shares of each; `things` log-probabilities [B, A]."""
        wanted = torch.zeros_like(things)
        for place, row in enumerate(rows):
            for name in self.mentioned.get(row[1], ()):
                wanted[place, self.ids[name]] = 1.0
        shares = wanted / wanted.sum(1, keepdim=True).clamp(min=1.0)
        return -(shares * things).sum() / wanted.amax(1).sum().clamp(min=1.0)


def start(material, arguments, member):
    torch.manual_seed(arguments.seed + member)
    fusion = Fusion(len(material.tokenizer.vocabulary), material.names, fusion=arguments.fusion)
    words = starter_weights(Path(arguments.starter) / "onnx" / "text_model.onnx")["tokens.weight"]
    fusion.words.weight.data = torch.tensor(words)
    fusion.dropout, fusion.cell_dropout = arguments.dropout, arguments.cell_dropout
    sample = material.cells[:: max(1, len(material.cells) // 2000)].float()
    fusion.mean.copy_(sample.mean((0, 1))), fusion.deviation.copy_(sample.std((0, 1)) + 0.1)
    return fusion


@torch.no_grad()
def logits_of(fusion, material, rows):
    fusion.eval()
    out = [fusion(*material.batch(rows[n:n + 256])[0]) for n in range(0, len(rows), 256)]
    fusion.train()
    return torch.cat(out) if out else torch.zeros(0, len(material.answers))


def shares_right(fusion, material):
    return {s: logits_of(fusion, material, rows).argmax(1).eq(material.batch(rows)[1]).float().mean().item()
            for s, rows in material.validation.items() if rows}


def fuse(arguments, member):
    """One member of the ensemble; the best epoch by DAQUAR's and easy-VQA's validation parts is kept (by all where they are absent)."""
    path = Path(arguments.work) / f"fusion-{member}.pt"
    material = Material(arguments)
    fusion = start(material, arguments, member)
    tables = [fusion.words.weight, fusion.pairs.weight]
    rest = [p for p in fusion.parameters() if all(p is not t for t in tables)]
    optimiser = torch.optim.AdamW([{"params": rest, "top": RATE}, {"params": tables, "top": RATE / 2}], RATE, weight_decay=arguments.decay)
    first, best, kept = 0, -1.0, None
    if path.exists():
        state = torch.load(path)
        first, best, kept = state["epoch"], state["best"], state["kept"]
        if first >= arguments.epochs:
            return
        fusion.load_state_dict(state["fusion"]), optimiser.load_state_dict(state["optimiser"])
    sources = [s for s in SHARES if material.train.get(s)]
    steps = max(1, arguments.steps or round(len(material.train[sources[0]]) / (SHARES[sources[0]] / sum(SHARES[s] for s in sources)) / BATCH))
    for epoch in range(first, arguments.epochs):
        rng, started, total = random.Random(arguments.seed * 1000 + member * 100 + epoch), time.time(), 0.0
        torch.manual_seed(rng.randrange(2 ** 31))
        decks = {s: rng.sample(material.train[s], len(material.train[s])) for s in sources}
        for step in range(steps):
            rows = []
            for source in rng.choices(sources, [SHARES[s] for s in sources], k=BATCH):
                if not decks[source]:
                    decks[source] = rng.sample(material.train[source], len(material.train[source]))
                rows.append(decks[source].pop())
            done = (epoch * steps + step) / (arguments.epochs * steps)
            for group in optimiser.param_groups:
                group["lr"] = group["top"] * min(1.0, (epoch * steps + step + 1) / 40) * (0.01 + 0.99 * (0.5 + 0.5 * math.cos(math.pi * done)))
            seen, wanted = material.batch(rows)
            logits, things = fusion.logits_and_things(*seen, torch.tensor([r[0] in SHAKY for r in rows]))
            loss = nf.cross_entropy(logits, wanted, label_smoothing=SMOOTHING) + THINGS * material.things_loss(rows, things)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(fusion.parameters(), 1.0)
            optimiser.step()
            total += loss.item()
        right = shares_right(fusion, material)
        score = right["daquar"] + right["easy"] if "daquar" in right and "easy" in right else sum(right.values())
        if score >= best:
            best, kept = score, {k: v.clone() for k, v in fusion.state_dict().items()}
        log(f"fuse {member}: epoch {epoch + 1}/{arguments.epochs}, loss {total / steps:.3f}, validation {({k: round(v, 3) for k, v in right.items()})}, {steps / (time.time() - started):.1f} steps/s")
        save(path, fusion=fusion.state_dict(), optimiser=optimiser.state_dict(), epoch=epoch + 1, best=best, kept=kept)


def parser():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", default="-", help="folder with flickr/, fashion/, daquar/held-out-images.txt")
    p.add_argument("--mirrors", default="-", help="folder of bare git mirrors, <owner>+<name>/repo")
    p.add_argument("--starter", default=str(Path(__file__).parent.parent.parent / "starter"))
    p.add_argument("--work", default="reader-work")
    p.add_argument("--out", default=str(Path(__file__).parent.parent))
    p.add_argument("--stages", default="pack,fuse,ship")
    p.add_argument("--member", type=int, help="train only this member of the ensemble")
    p.add_argument("--members", type=int, default=3)
    p.add_argument("--shipped", type=lambda text: [int(n) for n in text.split(",")], help="the members that ship; all when absent")
    p.add_argument("--fusion", default="both", choices=["both", "attention", "concatenation"])
    p.add_argument("--epochs", type=int, default=20)
    p.add_argument("--steps", type=int, default=0, help="of an epoch; 0: DAQUAR's questions once")
    p.add_argument("--decay", type=float, default=0.05)
    p.add_argument("--easy", type=int, default=2200, help="pictures of easy-VQA")
    p.add_argument("--photographs", type=int, default=6000)
    p.add_argument("--products", type=int, default=3000)
    p.add_argument("--dropout", type=float, default=0.5)
    p.add_argument("--cell-dropout", type=float, default=0.4)
    p.add_argument("--scenes", type=int, default=1500)
    p.add_argument("--answer-count", type=int, default=2, help="answers that occur less often are left out")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--smoke", action="store_true")
    return p


def main():
    arguments = parser().parse_args()
    if arguments.smoke:
        arguments.scenes, arguments.epochs, arguments.steps, arguments.members = 40, 2, 3, 1
    torch.set_num_threads(arguments.threads)
    Path(arguments.work).mkdir(parents=True, exist_ok=True)
    stages = arguments.stages.split(",")
    if "pack" in stages:
        pack(arguments)
    if "fuse" in stages:
        for member in range(arguments.members) if arguments.member is None else [arguments.member]:
            fuse(arguments, member)
    if "ship" in stages:
        from ship import ship
        ship(arguments)


if __name__ == "__main__":
    main()
