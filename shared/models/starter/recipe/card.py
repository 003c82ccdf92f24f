"""Writes chiasm.json, the model card: digests of the files that a loader reads, calibration and metrics from evaluation.json, data, limits. With --reports
it takes the figures that `npm run evaluate -- ... --json` measured over the TypeScript loader (retrieval-flickr.json, retrieval-products.json,
classification-kinds.json, classification-esc10.json) in place of evaluate.py's."""
import argparse
import hashlib
import json
from pathlib import Path

from evaluate import PRIOR

FILES = ["onnx/text_model.onnx", "onnx/vision_model.onnx", "onnx/audio_model.onnx", "tokenizer.json", "tokenizer_config.json", "config.json", "preprocessor_config.json"]
DATA = [
    {"name": "Tiny-ImageNet, mini-ImageNet, Imagenette, Imagewoof, one photograph for each ImageNet class", "licence": "ImageNet terms (research)", "use": "pictures of classes"},
    {"name": "cats and dogs (Kaggle), places (Intel), cars (Stanford), flowers (Kaggle)", "licence": "none stated", "use": "pictures of classes"},
    {"name": "CIFAR-10", "licence": "none stated", "use": "pictures of classes"},
    {"name": "Flickr8k (the 6,000 photographs of its training part), COCO train2017 (80 photographs)", "licence": "research; captions of COCO CC-BY 4.0", "use": "photographs with captions"},
    {"name": "Fashion Product Images", "licence": "MIT (Kaggle)", "use": "titles and attributes; held-out products left out"},
    {"name": "clothing-dataset", "licence": "CC0", "use": "kinds of clothes"},
    {"name": "GroceryStoreDataset", "licence": "MIT", "use": "groceries"},
    {"name": "drawn scenes (recipe/scenes.py)", "licence": "Apache-2.0", "use": "colours, shapes, numbers, places"},
    {"name": "Flickr30k, Flickr8k train and COCO val2017 caption texts", "licence": "research; CC-BY 4.0", "use": "paraphrases for the text tower (texts only)"},
    {"name": "MobileNetV2 of google-coral/test_data (a teacher: its features of the training pictures)", "licence": "Apache-2.0; trained on ImageNet, which holds pictures of the validation sets of Tiny-ImageNet and Imagenette",
     "use": "targets of the picture tower"},
    {"name": "WordNet 3.0", "licence": "WordNet licence", "use": "synonyms, kinds, glosses"},
    {"name": "ESC-10 folds 1 to 3 and the other forty classes of ESC-50 (folds 2 to 4 of what was at hand)", "licence": "CC-BY-NC 3.0 (ESC-10: CC-BY 3.0)", "use": "sounds"},
    {"name": "Speech Commands (subset)", "licence": "CC-BY 4.0", "use": "spoken words"},
]
LIMITS = [
    "A very small model, trained from scratch for about ten and a half hours on two shared CPU cores: expect hits among the first ten rather than in the first place. It is far behind SigLIP 2 and CLIP, to which one setting switches.",
    "Pictures are seen at 96 x 96 pixels (given as 112 x 112): small things, text and faces are lost.",
    "It knows about 280 kinds of everyday objects and animals, clothes, groceries, plain shapes and colours, fifty kinds of sounds and ten spoken words, in English. It does not know people or places by name and counts poorly.",
    "About 6,000 captioned photographs were at hand: long captions are matched mostly by a few of their words.",
    f"Match probabilities hold for collections where one pair in {round(1 / PRIOR)} is a match, for single words one in eight; rarer matches deserve a higher threshold.",
    "Some of the training data is for research only; whoever sells a product with the model should read the data licences.",
]
RECALLS = {"retrieval-flickr": "Flickr8k captions over 113 photographs", "retrieval-products": "product titles over 800 pictures"}
SHARES = {"classification-kinds": "article type among 20, zero-shot", "classification-esc10": "ESC-10 fold 4, zero-shot, class names as they are"}


def with_reports(metrics, folder):
    found = {m["name"]: m for m in metrics}

    def put(name, estimate, **more):
        found[name] = {**found.get(name, {"clipVitB32": None}), "name": name, **{k: round(estimate[k], 4) for k in ("value", "low", "high")}, "n": estimate["n"], **more}

    for file, name in RECALLS.items():
        report = json.loads((Path(folder) / f"{file}.json").read_text())
        for k in (1, 5, 10):
            put(f"{name}, R@{k}", report["textToImage"][str(k)])
    for file, name in SHARES.items():
        report = json.loads((Path(folder) / f"{file}.json").read_text())
        put(name, report["accuracy"], chance=round(report["chance"], 4))
    return list(found.values())


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--model", required=True), p.add_argument("--evaluation"), p.add_argument("--reports"), p.add_argument("--version", default="8")
    arguments = p.parse_args()
    folder = Path(arguments.model)
    measured = json.loads(Path(arguments.evaluation).read_text()) if arguments.evaluation else {"metrics": [], "calibration": {}}
    if arguments.reports:
        measured["metrics"] = with_reports(measured["metrics"], arguments.reports)
    flat = {"scale": 20.0, "bias": -7.0}
    card = {
        "name": "chiasm-starter", "version": arguments.version, "licence": "Apache-2.0",
        "summary": "Text, pictures and sound in one space of 256 dimensions; small enough to ship with the program and to run on two CPU cores.",
        "dimensions": 256, "modalities": ["text", "image", "audio"],
        "files": {name: {"sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest(), "sizeBytes": (folder / name).stat().st_size} for name in FILES},
        "calibration": {pair: measured["calibration"].get(pair, flat) for pair in ("text-image", "text-audio", "text-text", "image-image", "audio-audio", "audio-image")},
        "queryTemplates": {"image": ["{}", "a photo of a {}"], "audio": ["{}", "the sound of {}"]},
        "metrics": measured["metrics"], "limits": LIMITS, "data": DATA,
    }
    (folder / "chiasm.json").write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf8")


if __name__ == "__main__":
    main()
