"""Rendered scenes: colour, shape, number, position and size, each with the sentences that are true of it."""
import math

from PIL import Image, ImageDraw

COLOURS = {"red": (214, 40, 40), "green": (46, 140, 60), "blue": (38, 84, 200), "yellow": (242, 208, 30), "orange": (240, 130, 30), "purple": (128, 50, 160),
           "pink": (244, 130, 180), "brown": (120, 72, 36), "black": (16, 16, 16), "white": (246, 246, 246), "gray": (128, 128, 128), "teal": (20, 150, 150)}
SHAPES = ["circle", "square", "triangle", "rectangle", "star", "heart", "diamond", "cross"]
NUMBERS = ["no", "one", "two", "three", "four", "five"]
PLACES = {(0, 0): "in the top left", (1, 0): "at the top", (2, 0): "in the top right", (0, 1): "on the left", (1, 1): "in the middle", (2, 1): "on the right",
          (0, 2): "in the bottom left", (1, 2): "at the bottom", (2, 2): "in the bottom right"}


def outline(shape, x, y, r):
    if shape == "square":
        return [(x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r)]
    if shape == "rectangle":
        return [(x - 1.3 * r, y - 0.65 * r), (x + 1.3 * r, y - 0.65 * r), (x + 1.3 * r, y + 0.65 * r), (x - 1.3 * r, y + 0.65 * r)]
    if shape == "triangle":
        return [(x, y - r), (x + r, y + 0.8 * r), (x - r, y + 0.8 * r)]
    if shape == "diamond":
        return [(x, y - 1.2 * r), (x + 0.8 * r, y), (x, y + 1.2 * r), (x - 0.8 * r, y)]
    if shape == "star":
        return [(x + (r if n % 2 == 0 else 0.42 * r) * math.sin(n * math.pi / 5), y - (r if n % 2 == 0 else 0.42 * r) * math.cos(n * math.pi / 5)) for n in range(10)]
    if shape == "cross":
        a, b = r, 0.35 * r
        return [(x - b, y - a), (x + b, y - a), (x + b, y - b), (x + a, y - b), (x + a, y + b), (x + b, y + b), (x + b, y + a), (x - b, y + a), (x - b, y + b),
                (x - a, y + b), (x - a, y - b), (x - b, y - b)]
    if shape == "heart":
        turn = [2 * math.pi * n / 40 for n in range(40)]
        return [(x + r * math.sin(t) ** 3, y - r * (13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 16) for t in turn]
    return [(x + r * math.cos(2 * math.pi * n / 36), y + r * math.sin(2 * math.pi * n / 36)) for n in range(36)]


def plural(shape, count):
    return shape if count == 1 else shape + ("es" if shape == "cross" else "s")


def scene(rng, side=160):
    """-> (picture, true sentences). One or two kinds of shape on a plain or graded ground."""
    names = list(COLOURS)
    ground = rng.choice(names)
    shade = tuple(min(255, max(0, c + rng.randint(-18, 18))) for c in COLOURS[ground])
    picture = Image.new("RGB", (side, side), shade)
    draw = ImageDraw.Draw(picture)
    cells = rng.sample(list(PLACES), 9)
    kinds = rng.sample([(c, s) for c in names if c != ground for s in SHAPES], 1 if rng.random() < 0.65 else 2)
    facts, said = [], []
    for colour, shape in kinds:
        count = rng.choice([1, 1, 1, 2, 3, 4]) if len(kinds) == 1 else rng.choice([1, 1, 2])
        for n in range(count):
            cell = cells.pop()
            r = side * (rng.uniform(0.09, 0.15) if count * len(kinds) > 1 else rng.uniform(0.1, 0.3))
            x, y = ((cell[0] * 2 + 1) / 6 * side, (cell[1] * 2 + 1) / 6 * side)
            x, y = (min(max(v, r), side - r) for v in (x, y))
            fill = tuple(min(255, max(0, c + rng.randint(-14, 14))) for c in COLOURS[colour])
            draw.polygon(outline(shape, x, y, r), fill=fill)
            if count == 1:
                facts.append((f"{colour} {shape}", PLACES[cell]))
        said.append(f"{NUMBERS[count]} {colour} {plural(shape, count)}" if count > 1 or rng.random() < 0.3 else f"a {colour} {shape}")
    texts = [" and ".join(said), f"{' and '.join(said)} on a {ground} background", " and ".join(said)]
    if len(kinds) == 1:
        texts += [f"the picture shows {said[0]}"]
    texts += [f"a {what} {place}" for what, place in facts]
    return picture, texts
