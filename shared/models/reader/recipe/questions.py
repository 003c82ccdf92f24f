"""Questions made from what is known of a picture: captions, product attributes, drawn scenes. Each is a list of (question, answer)."""
import re
import sys
from pathlib import Path

from PIL import Image, ImageDraw

sys.path.append(str(Path(__file__).parent.parent.parent / "starter" / "recipe"))
from scenes import COLOURS, PLACES, SHAPES, outline, plural  # noqa: E402

# name -> words in captions that mean it
THINGS = {
    "dog": "dog dogs puppy puppies", "cat": "cat cats kitten", "horse": "horse horses", "bird": "bird birds", "man": "man men guy guys", "woman": "woman women lady ladies",
    "boy": "boy boys", "girl": "girl girls", "child": "child children kid kids boy boys girl girls toddler baby", "baby": "baby infant", "person":
    "person people man men woman women boy boys girl girls child children guy lady", "car": "car cars automobile", "bicycle": "bicycle bicycles bike bikes bicyclist cyclist biker",
    "motorcycle": "motorcycle motorbike motorcyclist", "ball": "ball balls football basketball soccer tennis baseball", "water": "water ocean sea lake pool river waves wave", "beach": "beach shore",
    "snow": "snow snowy snowboarder skier", "grass": "grass grassy lawn field", "mountain": "mountain mountains", "tree": "tree trees woods forest", "street": "street road sidewalk",
    "rock": "rock rocks rocky cliff", "hat": "hat hats cap helmet", "building": "building buildings house", "boat": "boat boats canoe kayak raft surfboard", "swimming pool": "pool",
    "bench": "bench", "fence": "fence", "skateboard": "skateboard skateboarder skateboarding", "swing": "swing swings", "stick": "stick", "frisbee": "frisbee", "flower": "flower flowers", "sand": "sand sandy",
    "sunglasses": "sunglasses glasses", "crowd": "crowd"}
ANIMALS = ["dog", "cat", "horse", "bird"]
PLACES_OF = {"beach": "beach shore sand", "snow": "snow snowy", "water": "pool ocean sea lake river", "grass": "grass grassy lawn", "street": "street road sidewalk", "mountain": "mountain mountains cliff"}
NUMBERS = {"two": "2", "three": "3", "four": "4", "five": "5", "six": "6"}
PLAIN = ["red", "green", "blue", "yellow", "orange", "purple", "pink", "brown", "black", "white", "gray"]
DOING = {"running": "running", "jumping": "jumping", "swimming": "swimming", "climbing": "climbing", "riding": "riding", "playing": "playing", "sitting": "sitting", "standing": "standing",
         "walking": "walking", "surfing": "surfing", "sliding": "sliding", "sleeping": "sleeping"}


def names_in(text, names):
    """The names (`night_stand`) that occur in a question."""
    words = text.strip(" ?").split()
    runs = {"_".join(words[n:n + length]) for length in (1, 2, 3) for n in range(len(words) - length + 1)}
    return runs & names.keys()


def article(word):
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def there(rng, what, answer, place="picture"):
    one = what if what in ("water", "snow", "grass", "sand", "sunglasses") else article(what)
    plain = [f"is there {one}?", f"is there {one} in the {place}?", f"does the {place} show {one}?", f"can you see {one}?", f"does the image contain {one}?", f"is {one} in this {place}?"]
    return rng.choice(plain), answer


def about_captions(captions, rng):
    said = [set(re.findall(r"[a-z]+", c.lower())) for c in captions]
    words, pairs = set().union(*said), []
    votes = {thing: sum(bool(set(names.split()) & s) for s in said) for thing, names in THINGS.items()}
    present = [t for t, n in votes.items() if n >= 2]
    absent = [t for t, n in votes.items() if n == 0]
    for thing in present:
        pairs.append(there(rng, thing, "yes"))
    for thing in rng.sample(absent, min(len(absent), max(1, len(present)))):
        pairs.append(there(rng, thing, "no"))
    animals = [a for a in ANIMALS if a in present]
    if len(animals) == 1:
        pairs.append((rng.choice(["what animal is this?", "which animal is it?", "what animal is in the picture?", "what kind of animal is shown?"]), animals[0]))
    people = [p for p in ("man", "woman", "boy", "girl") if votes[p] >= 3]
    if len(people) == 1:
        pairs.append((rng.choice(["who is in the picture?", "who is this?", "who can be seen?"]), people[0]))
    for place, names in PLACES_OF.items():
        if sum(bool(set(names.split()) & s) for s in said) >= 3:
            pairs.append((rng.choice(["where is this?", "where was the picture taken?", "where is it?"]), place))
            break
    doing = [d for d in DOING if sum(d in s or d.replace("ning", "n") in s for s in said) >= 3]
    if len(doing) == 1:
        pairs.append((rng.choice(["what are they doing?", "what is happening?", "what is going on?", "what is it doing?"]), doing[0]))
    text = " . ".join(c.lower() for c in captions)
    for thing in ("dog", "shirt", "hat", "ball", "car", "jacket", "dress", "horse", "bike"):
        for colour in PLAIN:
            if len(re.findall(rf"\b(?:{colour}|{'grey' if colour == 'gray' else colour})\b (?:\w+ )?{thing}\b", text)) >= 2:
                pairs.append((rng.choice([f"what colour is the {thing}?", f"what color is the {thing}?", f"what is the colour of the {thing}?"]), colour))
    for word, number in NUMBERS.items():
        for thing in ("dogs", "people", "men", "women", "children", "boys", "girls"):
            if len(re.findall(rf"\b{word} (?:\w+ )?{thing}\b", text)) >= 2:
                pairs.append((rng.choice([f"how many {thing} are there?", f"how many {thing} are in the picture?", f"how many {thing} can you see?"]), number))
    return pairs


def about_product(row, rng):
    kind, colour = row.get("articleType", "").lower(), row.get("baseColour", "").lower().replace("grey", "gray")
    pairs = []
    if kind:
        pairs.append((rng.choice(["what is this?", "what product is this?", "what is shown?", "what kind of article is it?", "what is it?"]), kind))
        pairs.append((rng.choice([f"is this {kind}?", f"does the picture show {kind}?", f"is it {kind}?"]), "yes"))
        other = rng.choice([k for k in ("shirts", "watches", "handbags", "casual shoes", "jeans", "sunglasses", "sandals", "belts", "tops", "wallets") if k != kind])
        pairs.append((rng.choice([f"is this {other}?", f"does the picture show {other}?", f"is it {other}?"]), "no"))
    if colour in PLAIN:
        pairs.append((rng.choice(["what colour is it?", "what color is it?", "what colour is this?", f"what colour are the {kind}?", "what is the colour of the product?"]), colour))
        other = rng.choice([c for c in PLAIN if c != colour])
        pairs += [(f"is it {colour}?", "yes"), (f"is it {other}?", "no")] if rng.random() < 0.5 else [(f"is this {other}?", "no")]
    if row.get("gender") in ("Men", "Women"):
        pairs.append((rng.choice(["who is it for?", "is it for men or women?", "who would wear this?"]), row["gender"].lower()))
    return pairs


def scene(rng, side=128):
    """-> (picture, pairs): one to five shapes of one or two kinds on a plain ground."""
    ground, *colours = rng.sample(list(COLOURS), 3)
    kinds = [(colours[n], shape) for n, shape in enumerate(rng.sample(SHAPES, 1 if rng.random() < 0.5 else 2))]
    picture = Image.new("RGB", (side, side), tuple(min(255, max(0, c + rng.randint(-18, 18))) for c in COLOURS[ground]))
    draw, cells, placed, pairs = ImageDraw.Draw(picture), rng.sample(list(PLACES), 9), [], []
    for colour, shape in kinds:
        count = rng.choice([1, 1, 2, 3, 4, 5]) if len(kinds) == 1 else rng.choice([1, 1, 2, 3])
        for _ in range(count):
            column, row = cells.pop()
            r = side * rng.uniform(0.08, 0.15 if count > 1 else 0.2)
            x, y = (min(max((2 * v + 1) / 6 * side, r), side - r) for v in (column, row))
            draw.polygon(outline(shape, x, y, r), fill=tuple(min(255, max(0, c + rng.randint(-14, 14))) for c in COLOURS[colour]))
            placed.append((colour, shape, column, row))
        many, one = plural(shape, 2), article(f"{colour} {shape}")
        pairs.append((rng.choice([f"how many {many} are there?", f"how many {many} are in the picture?", f"how many {colour} {many} are there?", f"how many {many} can you see?"]), str(count)))
        pairs.append((rng.choice([f"what colour {'is' if count == 1 else 'are'} the {shape if count == 1 else many}?", f"what color is the {shape}?", f"what is the colour of the {shape}?"]), colour))
        pairs.append((rng.choice([f"what shape is {colour}?", f"what is the {colour} shape?", f"what is the {colour} thing?"]), shape))
        pairs.append(there(rng, one.split(" ", 1)[1], "yes"))
        if count == 1:
            where = PLACES[(column, row)].split("the ")[1]
            pairs.append((rng.choice([f"where is the {shape}?", f"where is the {colour} {shape}?", f"where in the picture is the {shape}?"]), where))
    if len(kinds) == 1:
        pairs.append((rng.choice(["what shape is in the picture?", "what shape is it?", "what is this?"]), kinds[0][1]))
    pairs.append((rng.choice(["how many shapes are there?", "how many shapes are in the picture?", "how many things are there?"]), str(len(placed))))
    pairs.append((rng.choice(["what colour is the background?", "what is the colour of the background?", "what color is the ground?"]), ground))
    wrong = rng.choice([s for s in SHAPES if s not in [k[1] for k in kinds]])
    pairs.append(there(rng, wrong, "no"))
    pairs.append(there(rng, f"{rng.choice([c for c in COLOURS if c not in [k[0] for k in kinds] + [ground]])} {kinds[0][1]}", "no"))
    if len(placed) == 2 and len(kinds) == 2 and placed[0][2] != placed[1][2]:
        left, right = sorted(placed, key=lambda p: p[2])
        pairs.append((rng.choice([f"what is on the left side of the {right[1]}?", f"what is to the left of the {right[1]}?"]), left[1]))
        pairs.append((rng.choice([f"what is on the right side of the {left[1]}?", f"is the {left[1]} left of the {right[1]}?"]), None))
        pairs[-1] = (pairs[-1][0], "yes" if pairs[-1][0].startswith("is") else right[1])
    return picture, pairs
