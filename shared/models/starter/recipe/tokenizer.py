"""A small WordPiece tokenizer: lower case, accents stripped, split at spaces and punctuation, longest piece first. Gives the same ids
as the Hugging Face `tokenizer.json` that `save` writes (checked by test_tokenizer in smoke.py where that library is installed)."""
import json
import unicodedata
from collections import Counter

import numpy as np
import torch

SPECIAL = ["[PAD]", "[UNK]"]
LONGEST = 32


def is_punctuation(character):
    code = ord(character)
    return 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126 or unicodedata.category(character).startswith("P")


def is_chinese(code):
    return (0x4E00 <= code <= 0x9FFF or 0x3400 <= code <= 0x4DBF or 0x20000 <= code <= 0x2A6DF or 0x2A700 <= code <= 0x2B73F or 0x2B740 <= code <= 0x2B81F
            or 0x2B920 <= code <= 0x2CEAF or 0xF900 <= code <= 0xFAFF or 0x2F800 <= code <= 0x2FA1F)


def words_of(text):
    if text.isascii():
        out, word = [], []
        for c in text.lower():
            if c.isalnum():
                word.append(c)
                continue
            if word:
                out.append("".join(word))
                word = []
            if 33 <= ord(c) <= 126:
                out.append(c)
        if word:
            out.append("".join(word))
        return out
    cleaned = []
    for c in text:
        code = ord(c)
        if code in (0, 0xFFFD) or (unicodedata.category(c) in ("Cc", "Cf", "Cn", "Co") and c not in "\t\n\r"):
            continue
        cleaned.append(f" {c} " if is_chinese(code) else " " if c.isspace() else c)
    text = "".join(c for c in unicodedata.normalize("NFD", "".join(cleaned)) if unicodedata.category(c) != "Mn").lower()
    spaced = "".join(f" {c} " if is_punctuation(c) else c for c in text)
    return spaced.split()


class Tokenizer:
    def __init__(self, vocabulary):
        self.vocabulary, self.ids, self.cache = vocabulary, {piece: n for n, piece in enumerate(vocabulary)}, {}

    def pieces(self, word):
        if word in self.cache:
            return self.cache[word]
        found, start = [], 0
        if len(word) > 100:
            return [1]
        while start < len(word):
            end = len(word)
            while end > start and ("##" if start else "") + word[start:end] not in self.ids:
                end -= 1
            if end == start:
                found = [1]
                break
            found.append(self.ids[("##" if start else "") + word[start:end]])
            start = end
        self.cache[word] = found
        return found

    def encode(self, text):
        return [i for word in words_of(text) for i in self.pieces(word)][:LONGEST]

    def batch(self, texts):
        """-> int64 [B, T], padded with 0 to the longest."""
        rows = [self.encode(t) for t in texts]
        out = np.zeros((len(rows), max(1, max(map(len, rows)))), np.int64)
        for n, row in enumerate(rows):
            out[n, : len(row)] = row
        return out

    def encode_with(self, tower, texts, device, buckets=4):
        """Embeddings of many texts, short ones together with short ones (padding costs as much as words do)."""
        order = sorted(range(len(texts)), key=lambda n: len(self.encode(texts[n])))
        size = -(-len(order) // buckets)
        parts = [order[n:n + size] for n in range(0, len(order), size)]
        z = torch.cat([tower(torch.from_numpy(self.batch([texts[n] for n in part])).to(device)) for part in parts])
        back = torch.empty(len(order), dtype=torch.long, device=z.device)
        back[torch.tensor([n for part in parts for n in part], device=z.device)] = torch.arange(len(order), device=z.device)
        return z[back]

    def save(self, folder):
        special = [{"id": n, "content": s, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True} for n, s in enumerate(SPECIAL)]
        model = {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": self.ids}
        table = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": special,
                 "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
                 "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": None, "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True}, "model": model}
        (folder / "tokenizer.json").write_text(json.dumps(table, ensure_ascii=False, indent=0) + "\n", encoding="utf8")
        config = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": LONGEST, "pad_token": "[PAD]", "unk_token": "[UNK]", "do_lower_case": True, "clean_up_tokenization_spaces": True}
        (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")


def train_tokenizer(counts, size=12000, whole=9500):
    """Vocabulary: single characters, the `whole` most frequent words, then the most frequent parts of all other words."""
    letters = [chr(c) for c in range(33, 127) if not chr(c).isupper()]
    chosen = list(SPECIAL) + letters + ["##" + c for c in letters]
    known = set(chosen)

    def add(piece):
        if piece not in known:
            known.add(piece)
            chosen.append(piece)

    ordered = [w for w, _ in sorted(counts.items(), key=lambda kv: (-kv[1], kv[0])) if w.isascii()]
    for word in ordered[:whole]:
        add(word)
    parts = Counter()
    for word in ordered:
        if not word.isalpha() or len(word) < 3:
            continue
        weight = min(counts[word], 50) ** 0.5
        for length in range(2, min(len(word), 9)):
            parts[word[:length]] += weight * (length - 1)
            parts["##" + word[-length:]] += weight * (length - 1)
            for start in range(1, len(word) - length):
                parts["##" + word[start:start + length]] += 0.5 * weight * (length - 1)
    for piece, _ in sorted(parts.items(), key=lambda kv: (-kv[1], kv[0])):
        if len(chosen) >= size:
            break
        add(piece)
    return Tokenizer(chosen)


def count_words(texts):
    counts = Counter()
    for text in texts:
        counts.update(words_of(text))
    return counts
