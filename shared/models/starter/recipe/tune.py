"""The text tower once more, alone, against the finished picture tower: texts as short as people type them (`asked.py`) beside the captions, titles and classes
of before. Loss = contrast picture-text as in the joint stage + one yes or no for every pair of a captioned photograph and an asked word + what keeps
paraphrases together, the texts of sounds where the sound tower looks for them, and the names of classes where the picture tower does."""
import math
import random
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as nf

from asked import AskedWords
from joint import ZERO_SHOT, Material, finished, quick_scores, said, validation_sets
from sound import SOUND_TEXTS
from sources import TEMPLATES, with_article
from towers import DIMENSIONS
from words import TextPairs

CAPTIONED = ("flickr", "flickr8k", "coco")
ASKED, PHOTOGRAPHS, KEPT = 96, 384, 64  # of a step
ASKED_SHARE, HELD_SHARE = 0.3, 25.0  # of the loss
NEW = 0.75  # of the weights in the end; the rest stays as it was (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models")
UNSAID = 0.5  # weight of "no": a caption does not mention all that is to be seen


def embedded(vision, pixels, rows, arguments, log):
    """-> float16 [N, D]: the pictures of `rows` as the shipped graph sees them; the other rows stay zero."""
    out, told = torch.zeros(len(pixels), DIMENSIONS, dtype=torch.float16), time.time()
    vision = vision.to(memory_format=torch.channels_last)
    vision.blocked = arguments.blocked
    for n in range(0, len(rows), 256):
        some = rows[n:n + 256]
        x = torch.from_numpy(pixels[some]).to(arguments.device).permute(0, 3, 1, 2).float() / 127.5 - 1.0
        with torch.no_grad(), torch.autocast(torch.device(arguments.device).type, torch.bfloat16, enabled=arguments.half):
            out[some] = vision(x.contiguous(memory_format=torch.channels_last))[0].half().cpu()
        if time.time() - told > 30:
            told = time.time()
            log(f"tune: {n} of {len(rows)} pictures embedded")
    return out


def yes_or_no(logits, true):
    """Sum over pairs of the cross-entropy, for each "yes"."""
    loss = nf.binary_cross_entropy_with_logits(logits, true, reduction="none")
    return (loss * (true + UNSAID * (1 - true))).sum() / true.sum().clamp(min=1)


def tune_stage(arguments, wordnet):
    from train import contrast, log, rate, save
    work, device = Path(arguments.work), arguments.device
    if (work / "tune.pt").exists():
        return
    vision, text, tokenizer = finished(arguments)
    material = Material(arguments, wordnet)
    rng = random.Random(arguments.seed)
    rows = sorted(rng.sample(range(len(material.facts)), min(arguments.tune_pictures, len(material.facts))))
    material.keep(set(rows))
    if not (work / "embedded.pt").exists():
        save(work / "embedded.pt", z=embedded(vision, material.pixels, rows, arguments, log))
    z, pairs = torch.load(work / "embedded.pt")["z"].float().to(device), TextPairs(arguments, wordnet, material.facts)
    photographs = [n for s in CAPTIONED for n in material.places.get(s, [])]
    captions = {material.facts[n][1]["group"]: material.facts[n][1]["texts"] for n in photographs}
    asked = AskedWords(list(captions.values()), wordnet)
    shown = {group: asked.shown(texts) for group, texts in captions.items()}
    often = [math.sqrt(asked.counts[t]) for t in asked.terms]
    log(f"tune: {len(asked.terms)} words and phrases, {len(photographs)} pictures of photographs with captions")
    sounds = [form.format(t) for texts in SOUND_TEXTS.values() for t in texts for form in ("{}", "the sound of {}")]
    synsets = sorted({fact["synset"] for _, fact in material.facts if "synset" in fact})
    names = [with_article(form.format(n)) for s in synsets for n in material.texts.of(s)[0][:2] for form in ZERO_SHOT]
    with torch.no_grad():
        held = dict(zip(sounds + names, tokenizer.encode_with(text, sounds + names, device)))
    sets = validation_sets(arguments)
    log(f"tune: before: {said(quick_scores(vision, text, tokenizer, sets, wordnet, device))}")
    sharp, slope = nn.Parameter(torch.tensor(math.log(20.0), device=device)), nn.Parameter(torch.tensor([25.0, -14.0], device=device))
    optimiser = torch.optim.AdamW([{"params": text.parameters(), "top": arguments.tune_rate}, {"params": [sharp, slope], "top": 10 * arguments.tune_rate, "weight_decay": 0.0}],
                                  arguments.tune_rate, weight_decay=0.01)
    before = {k: v.clone() for k, v in text.state_dict().items()}
    mean = {k: v.clone() for k, v in before.items()}
    text.train()
    text.word_dropout, n, spent, last, told = 0.05, 0, 0.0, time.thread_time(), time.time()
    while n < arguments.tune_steps and spent < arguments.tune_minutes * 60:
        rate(optimiser, max(n / arguments.tune_steps, spent / (arguments.tune_minutes * 60)), n)
        rows, texts, positive, _ = material.draw(arguments.tune_batch, rng)
        first, second, strange = pairs.batch(arguments.tune_batch // 8, rng, 8)
        terms = sorted(set(rng.choices(range(len(asked.terms)), often, k=ASKED))) if asked.terms else []
        words = [with_article(rng.choice(TEMPLATES).format(f)) if rng.random() < 0.4 else f for f in (asked.form(t, rng) for t in terms)]
        still = [t for texts in (sounds, names) for t in rng.sample(texts, min(KEPT, len(texts)))]
        with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=arguments.half):
            t = tokenizer.encode_with(text, texts + strange + first + second + words + still, device).float()
        a, b, half = len(texts), len(texts) + len(strange), len(first)
        c, d = b + 2 * half, b + 2 * half + len(words)
        pictures, scale, positive = z[rows], sharp.exp().clamp(max=50), positive.to(device)
        loss = 0.5 * contrast(pictures, t[:b], nf.pad(positive, (0, b - a)), scale) + 0.5 * contrast(t[:a], pictures, positive.T, scale)
        loss = loss + 0.2 * contrast(t[b:b + half], torch.cat([t[b + half:c], t[a:b]]), torch.eye(half, half + b - a, device=device), scale)
        loss = loss + HELD_SHARE * (1 - (t[d:] * torch.stack([held[one] for one in still])).sum(1)).mean()
        if photographs and terms:
            chosen = rng.sample(photographs, min(PHOTOGRAPHS, len(photographs)))
            true = torch.tensor([[float(k in shown[material.facts[p][1]["group"]]) for k in terms] for p in chosen], device=device)
            loss = loss + ASKED_SHARE * yes_or_no(slope[0] * (z[chosen] @ t[c:d].T) + slope[1], true)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(text.parameters(), 1.0)
        optimiser.step()
        n += 1
        keep = min(0.998, n / (10 + n))
        for k, v in text.state_dict().items():
            mean[k].mul_(keep).add_(v, alpha=1 - keep)
        busy = time.thread_time()
        spent, last = spent + busy - last, busy
        if time.time() - told > 30:
            told = time.time()
            log(f"tune: step {n}, loss {loss.item():.3f}, {max(0, arguments.tune_minutes - spent / 60):.1f} minutes left")
    text.load_state_dict({k: (1 - NEW) * before[k] + NEW * v for k, v in mean.items()})
    text.word_dropout = 0.0
    text.eval()
    log(f"tune: after {n} steps: {said(quick_scores(vision, text, tokenizer, sets, wordnet, device))}")
    save(work / "tune.pt", tower=text.state_dict())
