"""Golden values of the exported files: what onnxruntime gives for a fixed sentence, a picture with a formula and a tone with a formula.

    picture  SIDE x SIDE, pixel (x, y): red = (3 x + y) mod 256, green = (x + 2 y) mod 256, blue = (x y) mod 256
    tone     16,000 samples, sample n = 0.5 sin(2 pi 440 n / 16000)
"""
import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image

from evaluate import Model
from towers import SIDE

SENTENCE = "two dogs running on the grass"


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--model", required=True), p.add_argument("--out", required=True)
    arguments = p.parse_args()
    model = Model(arguments.model)
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    picture = Image.fromarray(np.stack([(3 * x + y) % 256, (x + 2 * y) % 256, (x * y) % 256], 2).astype(np.uint8))
    tone = (0.5 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)).astype(np.float32)
    values = {"text": model.text([SENTENCE])[0], "image": model.pictures([picture])[0], "audio": model.sounds([tone])[0]}
    golden = {"origin": "recipe/golden.py, onnxruntime on the CPU", "sentence": SENTENCE, "side": SIDE, "hertz": 440, "samples": 16000,
              **{kind: [round(float(a), 5) for a in v] for kind, v in values.items()}}
    Path(arguments.out).write_text(json.dumps(golden, indent=None, separators=(",", ":")).replace('],"', '],\n"') + "\n")


if __name__ == "__main__":
    main()
