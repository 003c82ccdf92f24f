"""What people type is shorter than a caption: single words and phrases of two or three, and which photographs show them, as far as their captions say."""
import re
from collections import Counter

import numpy as np

STOP = set("a an the of in on at with and or is are was be being to from by for as up down out into onto over off near through while there it its his her their them they he she this that "
           "one two three four some other another each very while who which has have had no not".split())
COLOURS = set("white black red green blue brown yellow orange pink purple grey gray tan silver gold".split())
IRREGULAR = {"men": "man", "women": "woman", "children": "child", "people": "person", "kids": "kid", "leaves": "leaf"}
LEAST = 12  # photographs that a phrase must be said of


def stem(word):
    return IRREGULAR.get(word) or (word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word)


def phrases(caption):
    """Runs of one to three words that begin and end with a word that means something."""
    words = re.findall("[a-z]+", caption.lower())
    for size in (1, 2, 3):
        for n in range(len(words) - size + 1):
            run = words[n:n + size]
            if run[0] not in STOP and run[-1] not in STOP and (size > 1 or len(run[0]) > 2):
                yield " ".join(run)


class AskedWords:
    """`terms`: what is asked for; `shown(captions)`: those that a photograph shows - what its captions say, in singular or plural, and the kinds
    above its nouns in WordNet (a puppy is a dog and an animal)."""

    def __init__(self, groups, wordnet, least=LEAST):
        self.wordnet, counts, self.forms = wordnet, Counter(), {}
        for captions in groups:
            said = {p for c in captions for p in phrases(c)}
            for p in said:
                self.forms.setdefault(self.stemmed(p), Counter())[p] += 1
            counts.update({self.stemmed(p) for p in said})
        self.terms = sorted(t for t, n in counts.items() if n >= least)
        self.known, self.counts, self.cache = {t: k for k, t in enumerate(self.terms)}, counts, {}

    @staticmethod
    def stemmed(phrase):
        return " ".join(map(stem, phrase.split()))

    def kinds(self, word):
        """The terms that name what `word` is, of its most frequent sense as a noun."""
        if word not in self.cache:
            synset = None if word in COLOURS else self.wordnet.first.get(word)
            above = self.wordnet.ancestors(synset) if synset is not None else []
            found = {self.stemmed(lemma.lower()) for s in above if len(self.wordnet.ancestors(s)) >= 4 for lemma in self.wordnet.lemmas[s]}
            self.cache[word] = [t for t in found if t in self.known]
        return self.cache[word]

    def shown(self, captions):
        """-> numbers of the terms."""
        said = {self.stemmed(p) for c in captions for p in phrases(c)}
        said |= {kind for p in list(said) if " " not in p for kind in self.kinds(p)}
        return {self.known[t] for t in said if t in self.known}

    def form(self, term, rng):
        """A term as somebody may type it."""
        forms = self.forms[self.terms[term]]
        return rng.choices(list(forms), list(forms.values()))[0]


def asked_of(groups, wordnet, least=4):
    """The words and phrases said of at least `least` of these photographs (and not of all but so many): -> (terms, shown [T, N])."""
    asked = AskedWords(groups, wordnet, least)
    shown = np.zeros((len(asked.terms), len(groups)), bool)
    for n, captions in enumerate(groups):
        shown[list(asked.shown(captions)), n] = True
    keep = (shown.sum(1) >= least) & ((~shown).sum(1) >= least)
    return [t for t, k in zip(asked.terms, keep) if k], shown[keep]


def areas(similarity, shown):
    """Area under the ROC curve of every row: how often a photograph that shows the term is nearer to it than one that does not. -> [T]."""
    out = []
    for row, true in zip(similarity, shown):
        places = row.argsort().argsort()
        out.append((places[true].mean() - (true.sum() - 1) / 2) / (~true).sum())
    return np.array(out)
