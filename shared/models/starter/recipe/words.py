"""What the text tower learns from before it sees pictures: pairs of texts that mean the same. Captions of one photograph; names, synonyms,
kinds and glosses of WordNet; product titles and their attributes; names of sounds."""

from sources import TEMPLATES, ClassTexts, caption_groups, nonsense, with_article

SHARES = {"captions": 0.52, "wordnet": 0.28, "classes": 0.08, "products": 0.10, "sounds": 0.02}
SAME_WORDS = [["dog", "puppy", "hound"], ["cat", "kitten", "kitty"], ["sofa", "couch", "settee"], ["car", "automobile", "auto"], ["bike", "bicycle"], ["motorbike", "motorcycle"],
              ["child", "kid", "little boy or girl"], ["man", "guy", "gentleman"], ["woman", "lady"], ["photo", "picture", "photograph"], ["airplane", "plane", "aeroplane", "jet"],
              ["ship", "boat", "vessel"], ["truck", "lorry"], ["sea", "ocean"], ["shoes", "footwear"], ["trousers", "pants"], ["t-shirt", "tee shirt", "tshirts", "tee"], ["grass", "lawn", "meadow"],
              ["street", "road"], ["gray", "grey"], ["color", "colour"], ["baby", "infant"], ["phone", "cell phone", "mobile phone", "smartphone"], ["television", "tv"], ["purse", "handbag"],
              ["sneakers", "trainers", "running shoes"], ["soccer", "football"], ["mountain", "hill"], ["jumping", "leaping"], ["running", "sprinting"], ["stone", "rock"], ["woods", "forest"],
              ["bunny", "rabbit"], ["watch", "wristwatch"], ["sunglasses", "shades"], ["photo of people", "a group of people"], ["rooster", "cock", "cockerel"], ["sea waves", "ocean waves"]]


class TextPairs:
    def __init__(self, arguments, wordnet, facts):
        self.wordnet, self.classes = wordnet, ClassTexts(wordnet)
        self.captions = caption_groups(arguments.mirrors, arguments.data)
        self.products = [fact["texts"] for source, fact in facts if "row" in fact]
        self.synsets = sorted({fact["synset"] for _, fact in facts if "synset" in fact})
        from sound import SOUND_TEXTS
        self.sounds = list(SOUND_TEXTS.values())
        seen = {w for group in self.captions for c in group for w in c.lower().replace(".", "").replace(",", "").split()}
        physical = {s for s in wordnet.hypernyms if 1930 in wordnet.ancestors(s)} if wordnet.lemmas else set()
        common = [lemma for lemma, synset in wordnet.first.items()
                  if (lemma in seen or wordnet.count[lemma] > 0 or (" " in lemma and all(w in seen for w in lemma.split()))) and lemma.isascii()]
        self.nouns = sorted(l for l in common if wordnet.first[l] in physical) + sorted(l for l in common if l in seen)
        inside = {a for s in self.synsets for a in wordnet.ancestors(s)}
        self.nouns += sorted(l.lower() for s in inside for l in wordnet.lemmas.get(s, []))

    def corpus(self):
        """Every text once, for the tokenizer."""
        for group in self.captions:
            yield from group
        for texts in self.products:
            yield texts[0]
            yield texts[4]
        for lemma in self.nouns:
            yield lemma
            yield self.wordnet.gloss.get(self.wordnet.first.get(lemma, -1), "")
        for texts in self.sounds:
            yield from texts * 20
        for words in SAME_WORDS:
            yield from words * 20
        for template in TEMPLATES:
            yield from [template.replace("{}", " ")] * 20

    def noun_pair(self, rng):
        lemma = rng.choice(self.nouns)
        synset = self.wordnet.first.get(lemma)
        if synset is None:
            synset = next((s for s in self.synsets if lemma in (n.lower() for n in self.wordnet.lemmas.get(s, []))), None)
            if synset is None:
                return lemma, "a photo of a " + lemma
        others = [n.lower() for n in self.wordnet.lemmas[synset] if n.lower() != lemma]
        above = self.wordnet.hypernyms.get(synset, [])
        kind = self.wordnet.lemmas[rng.choice(above)][0].lower() if above else ""
        dice = rng.random()
        if others and dice < 0.4:
            other = rng.choice(others)
        elif dice < 0.7 or not kind:
            other = self.wordnet.gloss[synset].lower()
        elif dice < 0.85:
            other = kind
        else:
            other = f"{rng.choice(others) if others else lemma}, a kind of {kind}"
        lemma = with_article(rng.choice(TEMPLATES).format(lemma)) if rng.random() < 0.4 else lemma
        return lemma, other

    def pair(self, rng):
        dice = rng.random()
        for kind, share in SHARES.items():
            dice -= share
            if dice < 0:
                break
        if kind == "wordnet" and self.nouns and rng.random() < 0.94:
            return self.noun_pair(rng)
        if kind == "classes" and self.synsets:
            synset = rng.choice(self.synsets)
            return self.classes.draw(synset, rng)[0], self.classes.draw(synset, rng)[0]
        if kind == "products" and self.products:
            return tuple(rng.sample(rng.choice(self.products), 2))
        if kind == "sounds":
            return tuple(rng.sample(rng.choice(self.sounds), 2))
        if kind == "wordnet":
            a, b = rng.sample(rng.choice(SAME_WORDS), 2)
            template = rng.choice(TEMPLATES)
            return with_article(template.format(a)), with_article(rng.choice([template, rng.choice(TEMPLATES)]).format(b))
        group = rng.choice(self.captions)
        return tuple(rng.sample(group, 2)) if len(group) > 1 else (group[0], group[0])

    def batch(self, size, rng, strange=16):
        pairs = [self.pair(rng) for _ in range(size)]
        return [a for a, _ in pairs], [b for _, b in pairs], [nonsense(rng) for _ in range(strange)]
