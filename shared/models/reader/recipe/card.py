"""Writes chiasm.json, the model card: digests of the files that a loader reads, the line below which it is better not to answer, limits, data. Measured figures
are those of `npm run evaluate -- vqa ... --json` over the shipped files (easy-vqa.json, daquar.json in a folder):

    python3 recipe/card.py --model shared/models/reader --reports DIR
"""
import argparse
import hashlib
import json
from pathlib import Path

FILES = ["onnx/model.onnx", "tokenizer.json", "tokenizer_config.json", "config.json", "preprocessor_config.json"]
DATA = [
    {"name": "easy-VQA, train part", "licence": "MIT", "use": "colours and shapes of drawn pictures"},
    {"name": "DAQUAR, train questions of a published split without its held-out pictures", "licence": "research", "use": "indoor photographs"},
    {"name": "Flickr8k, train and validation photographs", "licence": "research", "use": "questions made from captions"},
    {"name": "Fashion Product Images", "licence": "MIT (Kaggle)", "use": "questions made from product attributes; held-out products left out"},
    {"name": "drawn scenes (recipe/questions.py)", "licence": "Apache-2.0", "use": "how many, what colour, where"},
]
LIMITS = [
    "It answers from a list: one to three words, in English.",
    "Photographs are seen at 192 x 192 pixels: small things, faces and text are lost. About indoor photographs it is wrong about three times in four.",
    "It answers what is usual for such a question where it cannot see. Confidence says so; a picture's text is not read and cannot give it orders.",
    "Some of the training data is for research only; whoever sells a product with the model should read the data licences.",
]
MEASURED = {"easy-vqa": "easy-VQA test", "daquar": "DAQUAR test (split of tezansahu)"}
SCORES = {"exact": "exact match", "first": "first answer of a list", "wuPalmer": "Wu-Palmer"}


def metrics_of(folder):
    """-> [{name, value, low, high, n}] of the reports that lie in `folder`; n counts questions."""
    found = []
    for file, data in MEASURED.items():
        path = Path(folder) / f"{file}.json"
        report = json.loads(path.read_text(encoding="utf8")) if path.exists() else {}
        for score, name in SCORES.items():
            if report.get(score):
                found.append({"name": f"{data}, {name}", **{k: round(report[score][k], 4) for k in ("value", "low", "high")}, "n": report["questions"]})
    return found


def write_card(folder, abstain_below, metrics=()):
    folder = Path(folder)
    write_json(folder / "chiasm.json", {
        "name": "chiasm-reader", "version": "2", "licence": "Apache-2.0", "summary": "Answers short questions about a picture from a list of answers.",
        "abstainBelow": abstain_below,
        "files": {f: {"sha256": hashlib.sha256((folder / f).read_bytes()).hexdigest(), "sizeBytes": (folder / f).stat().st_size} for f in FILES},
        "metrics": list(metrics), "limits": LIMITS, "data": DATA})


def write_json(path, value):
    Path(path).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf8")


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", required=True), p.add_argument("--reports", required=True)
    given = p.parse_args()
    before = json.loads((Path(given.model) / "chiasm.json").read_text(encoding="utf8"))
    write_card(given.model, before["abstainBelow"], metrics_of(given.reports))
