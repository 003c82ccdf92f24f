"""Drawn pictures of plain things (a house, a car, a tree, the sun over the sea ...) with random colours, places and sizes, each with sentences that are true of
it: photographs do not teach what a drawing looks like."""
import math

from PIL import Image, ImageDraw

from scenes import COLOURS

SIDE = 160
GREENS, SKIES = [(60, 150, 60), (40, 110, 50), (90, 170, 70), (50, 130, 90)], [(130, 200, 250), (170, 215, 240), (200, 230, 250), (95, 180, 240), (255, 215, 170)]


class Canvas:
    def __init__(self, rng):
        self.rng, self.picture = rng, Image.new("RGB", (SIDE, SIDE))
        self.draw = ImageDraw.Draw(self.picture)

    def near(self, colour, by=18):
        return tuple(min(255, max(0, c + self.rng.randint(-by, by))) for c in colour)

    def sky(self, top, bottom):
        for y in range(SIDE):
            self.draw.line([(0, y), (SIDE, y)], tuple(int(a + (b - a) * y / SIDE) for a, b in zip(top, bottom)))

    def ground(self, colour, y):
        self.draw.rectangle([0, y, SIDE, SIDE], self.near(colour))

    def disc(self, x, y, r, colour):
        self.draw.ellipse([x - r, y - r, x + r, y + r], colour)

    def shape(self, x, y, size, points, colour):
        self.draw.polygon([(x + a * size, y + b * size) for a, b in points], colour)

    def box(self, x, y, size, left, top, right, bottom, colour):
        self.draw.rectangle([x + left * size, y + top * size, x + right * size, y + bottom * size], colour)


def house(c, x, y, s, colour):
    c.box(x, y, s, -0.5, -0.65, 0.5, 0, colour)
    c.shape(x, y, s, [(-0.62, -0.65), (0, -1.15), (0.62, -0.65)], c.near(c.rng.choice([(120, 60, 40), (90, 40, 30), (70, 70, 80), (160, 80, 50)])))
    c.box(x, y, s, -0.1, -0.35, 0.12, 0, c.near((90, 60, 30)))
    c.box(x, y, s, -0.4, -0.5, -0.2, -0.3, (205, 230, 250))


def tree(c, x, y, s, colour):
    c.box(x, y, s, -0.07, -0.5, 0.07, 0, c.near((120, 75, 35)))
    if c.rng.random() < 0.25:
        c.shape(x, y, s, [(-0.38, -0.3), (0, -1.2), (0.38, -0.3)], colour)
    else:
        for a, b, r in ((0, -0.85, 0.34), (-0.24, -0.62, 0.24), (0.24, -0.62, 0.24)):
            c.disc(x + a * s, y + b * s, r * s, colour)


def car(c, x, y, s, colour):
    c.box(x, y, s, -0.75, -0.42, 0.75, -0.1, colour)
    c.shape(x, y, s, [(-0.48, -0.4), (-0.28, -0.72), (0.25, -0.72), (0.5, -0.4)], colour)
    c.shape(x, y, s, [(-0.36, -0.42), (-0.22, -0.65), (0.2, -0.65), (0.38, -0.42)], (215, 235, 250))
    for a in (-0.42, 0.42):
        c.disc(x + a * s, y - 0.1 * s, 0.16 * s, (30, 30, 30))


def boat(c, x, y, s, colour):
    c.shape(x, y, s, [(-0.6, -0.1), (0.6, -0.1), (0.4, 0.18), (-0.4, 0.18)], c.near((135, 90, 45)))
    c.box(x, y, s, -0.02, -1.0, 0.02, -0.1, (90, 60, 30))
    c.shape(x, y, s, [(0.05, -0.98), (0.55, -0.18), (0.05, -0.18)], colour)
    c.shape(x, y, s, [(-0.06, -0.85), (-0.42, -0.18), (-0.06, -0.18)], colour)


def flower(c, x, y, s, colour):
    c.box(x, y, s, -0.03, -0.6, 0.03, 0, c.near((50, 140, 60)))
    for n in range(6):
        a = n * math.pi / 3
        c.disc(x + 0.2 * s * math.sin(a), y - 0.65 * s + 0.2 * s * math.cos(a), 0.14 * s, colour)
    c.disc(x, y - 0.65 * s, 0.11 * s, (255, 210, 70))


def balloon(c, x, y, s, colour):
    c.disc(x, y - 0.75 * s, 0.42 * s, colour)
    c.shape(x, y, s, [(-0.36, -0.6), (0.36, -0.6), (0.12, -0.2), (-0.12, -0.2)], colour)
    c.box(x, y, s, -0.12, -0.12, 0.12, 0.08, c.near((135, 90, 45)))


def snowman(c, x, y, s, _):
    for b, r in ((-0.3, 0.32), (-0.72, 0.23), (-1.02, 0.15)):
        c.disc(x, y + b * s, r * s + 1, (170, 185, 200))
        c.disc(x, y + b * s, r * s, (255, 255, 255))
    c.box(x, y, s, -0.13, -1.35, 0.13, -1.12, (30, 30, 35))


def fish(c, x, y, s, colour):
    c.draw.ellipse([x - 0.6 * s, y - 0.75 * s, x + 0.35 * s, y - 0.2 * s], colour)
    c.shape(x, y, s, [(0.25, -0.48), (0.7, -0.8), (0.7, -0.15)], colour)
    c.disc(x - 0.38 * s, y - 0.55 * s, 0.05 * s, (20, 20, 20))


def traffic_light(c, x, y, s, _):
    c.box(x, y, s, -0.03, -0.3, 0.03, 0, (70, 70, 70))
    c.box(x, y, s, -0.2, -1.2, 0.2, -0.28, (35, 35, 35))
    for b, colour in ((-1.02, (230, 60, 60)), (-0.74, (245, 200, 70)), (-0.46, (70, 170, 60))):
        c.disc(x, y + b * s, 0.12 * s, colour)


def palm(c, x, y, s, _):
    c.shape(x, y, s, [(-0.06, 0), (0.06, 0), (0.04, -0.9), (-0.02, -0.9)], (140, 95, 50))
    for a, b in ((-0.55, -0.75), (-0.4, -1.15), (0.1, -1.25), (0.45, -1.1), (0.55, -0.7)):
        c.shape(x, y, s, [(0, -0.95), (a, b), (a * 0.8, b + 0.16)], c.near((50, 140, 60)))


THINGS = {"house": (house, True, "grass"), "tree": (tree, False, "grass"), "car": (car, True, "road"), "boat": (boat, True, "sea"), "flower": (flower, True, "grass"),
          "hot air balloon": (balloon, True, "sky"), "snowman": (snowman, False, "snow"), "fish": (fish, True, "sea"), "traffic light": (traffic_light, False, "road"),
          "palm tree": (palm, False, "beach")}
WHERE = {"grass": ["on a meadow", "in the grass", "under a blue sky"], "road": ["on a road", "on the street"], "sea": ["on the water", "in the sea"],
         "sky": ["in the sky"], "snow": ["in the snow"], "beach": ["on the beach", "at the beach"]}
OTHER_NAMES = {"boat": ["boat", "sailing boat", "sailboat"], "car": ["car", "automobile"], "flower": ["flower"]}


def place(c, where):
    """Paints sky and ground; -> height at which things stand."""
    rng, y = c.rng, SIDE * c.rng.uniform(0.55, 0.78)
    top = rng.choice(SKIES)
    c.sky(c.near(top), c.near((240, 245, 250)))
    if rng.random() < 0.3:
        c.disc(rng.uniform(20, 140), rng.uniform(15, 45), rng.uniform(9, 18), (255, 212, 80))
    if where == "grass":
        c.ground(rng.choice(GREENS), y)
    elif where == "road":
        c.ground((130, 170, 120), y - 22)
        c.ground((90, 92, 98), y - 6)
    elif where == "sea":
        c.ground((40, 120, 170), y)
    elif where == "snow":
        c.ground((245, 248, 252), y)
    elif where == "beach":
        c.ground((50, 165, 195), y - 25)
        c.ground((240, 215, 160), y)
    else:
        return SIDE * rng.uniform(0.6, 0.85)
    return y + SIDE * rng.uniform(0.04, 0.16)


def things(c):
    rng = c.rng
    name = rng.choice(list(THINGS))
    paint, coloured, where = THINGS[name]
    colour = rng.choice([n for n in COLOURS if n not in ("gray", "teal")]) if coloured else "green" if name == "tree" else None
    if name == "tree" and rng.random() < 0.25:
        colour = "orange"
    if rng.random() < 0.15 and name in ("flower", "fish", "car", "house", "hot air balloon"):
        c.sky(*[c.near((243, 245, 240), 10)] * 2)
        y, where = SIDE * 0.85, None
    else:
        y = place(c, where)
    count = rng.choice([1, 1, 1, 2, 3]) if name in ("tree", "flower", "fish") else 1
    size = SIDE * (rng.uniform(0.35, 0.6) if count == 1 else rng.uniform(0.25, 0.38))
    other = rng.random() < 0.2 and count == 1 and name in ("house", "car")
    for n in range(count):
        x = SIDE * (n + 1) / (count + 1) + rng.uniform(-8, 8) - (26 if other else 0)
        paint(c, x, y, size, c.near(COLOURS[colour]) if colour else None)
    if other:
        tree(c, SIDE * 0.8, y, size * 0.9, c.near((50, 135, 60)))
    said = rng.choice(OTHER_NAMES.get(name, [name]))
    if count > 1:
        said += "" if said == "fish" else "s"
    fruit = f"{colour} {said}" if colour and not (name == "boat") else said
    one = fruit if count > 1 else f"{'an' if fruit[0] in 'aeiou' else 'a'} {fruit}"
    texts = [fruit, one, said, f"a drawing of {one}", f"{['', one, 'two ' + fruit, 'three ' + fruit][count]}"]
    if name == "boat":
        texts += [f"{said} with {colour} sails", f"{colour} sails on a boat"]
    if name == "tree" and colour == "orange":
        texts += ["trees in autumn" if count > 1 else "a tree in autumn"] * 2
    if where:
        texts += [f"{one} {w}" for w in WHERE[where]]
    if other:
        texts += [f"{one} beside a tree"] * 2
    return texts


def landscapes(c):
    rng = c.rng
    kind = rng.choice(["sunset", "mountains", "night", "city", "rainbow", "forest", "day"])
    y = SIDE * rng.uniform(0.5, 0.75)
    if kind == "sunset":
        c.sky(c.near((255, 120, 80)), c.near((255, 210, 110)))
        c.disc(rng.uniform(40, 120), y - rng.uniform(-6, 30), rng.uniform(14, 26), (255, 225, 120))
        c.ground((40, 85, 125), y)
        return ["a sunset", "the sun sets over the water", "evening by the sea", "an orange sky in the evening", "the sun above the ocean"]
    if kind == "mountains":
        c.sky(c.near((140, 200, 230)), c.near((230, 245, 255)))
        for x in sorted(rng.uniform(0, SIDE) for _ in range(rng.randint(2, 3))):
            h = rng.uniform(60, 110)
            c.shape(x, SIDE, h, [(-0.8, 0), (0, -1.1), (0.8, 0)], c.near((100, 115, 140)))
            c.shape(x, SIDE, h, [(-0.22, -0.8), (0, -1.1), (0.22, -0.8), (0.08, -0.86), (-0.06, -0.78)], (250, 252, 255))
        return ["mountains", "mountains covered in snow", "mountains with snow on their peaks", "a mountain range", "high mountains under the sky"]
    if kind in ("night", "city"):
        c.sky(c.near((12, 20, 55), 8), c.near((25, 30, 75), 8))
        for _ in range(rng.randint(15, 40)):
            c.disc(rng.uniform(0, SIDE), rng.uniform(0, 110), rng.uniform(0.6, 1.6), (255, 255, 240))
        if kind == "night":
            c.disc(rng.uniform(30, 130), rng.uniform(25, 60), rng.uniform(12, 20), (245, 240, 220))
            c.ground((18, 25, 45), SIDE * 0.82)
            return ["a night sky", "the moon at night", "stars in the night sky", "a dark night", "the moon and the stars"]
        for n in range(rng.randint(3, 6)):
            x, h = rng.uniform(10, 150), rng.uniform(50, 120)
            c.box(x, SIDE - 12, 1, -14, -h, 14, 0, c.near((45, 55, 85)))
            for a in range(3):
                for b in range(int(h // 16)):
                    c.box(x, SIDE - h - 8, 1, -9 + a * 8, b * 14, -5 + a * 8, b * 14 + 7, (255, 232, 165))
        return ["a city", "tall buildings at night", "a town in the dark", "skyscrapers with lit windows", "the skyline of a town"]
    c.sky(c.near(rng.choice(SKIES[:4])), c.near((235, 247, 255)))
    if kind == "rainbow":
        for n, colour in enumerate(["red", "orange", "yellow", "green", "blue", "purple"]):
            c.disc(SIDE / 2, y, 75 - 6 * n, COLOURS[colour])
        c.disc(SIDE / 2, y, 39, c.near((200, 230, 250)))
        c.ground(rng.choice(GREENS), y)
        return ["a rainbow", "a rainbow in the sky", "a colourful rainbow over the meadow"]
    c.ground(rng.choice(GREENS), y)
    if kind == "forest":
        for n in range(rng.randint(4, 8)):
            tree(c, rng.uniform(5, 155), y + rng.uniform(5, 30), rng.uniform(50, 75), c.near(rng.choice(GREENS)))
        return ["a forest", "many green trees", "trees in the woods", "a wood"]
    for _ in range(rng.randint(1, 3)):
        x, up = rng.uniform(20, 140), rng.uniform(15, 50)
        for a in (-12, 0, 12):
            c.disc(x + a, up, 10, (252, 252, 252))
    c.disc(rng.uniform(20, 140), rng.uniform(15, 40), rng.uniform(10, 18), (255, 212, 80))
    return ["a green meadow under a blue sky", "the sun and clouds over a field", "a sunny day", "a field in summer"]


def drawing(rng):
    """-> (picture, true sentences)."""
    canvas = Canvas(rng)
    return canvas.picture, (things if rng.random() < 0.68 else landscapes)(canvas)
