"""A run of every stage in about a minute on data that it draws itself: scenes as photographs with captions, tones as sounds. Nothing is read from outside
but WordNet, and that only where it is installed."""
import atexit
import json
import random
import shutil
import subprocess
import tempfile
import wave
from copy import deepcopy
from pathlib import Path

import numpy as np

from scenes import scene


def write_tone(path, hertz, seconds, rng):
    path.parent.mkdir(parents=True, exist_ok=True)
    t = np.arange(int(16000 * seconds)) / 16000
    samples = (0.4 * np.sin(2 * np.pi * hertz * t) + 0.01 * np.array([rng.gauss(0, 1) for _ in t])) * 32767
    with wave.open(str(path), "wb") as w:
        w.setnchannels(1), w.setsampwidth(2), w.setframerate(16000)
        w.writeframes(samples.clip(-32767, 32767).astype(np.int16).tobytes())


def smoke_data(folder, rng):
    (folder / "flickr" / "images").mkdir(parents=True)
    lines = []
    for n in range(24):
        picture, texts = scene(rng, 96)
        picture.save(folder / "flickr" / "images" / f"{n}_x.png")
        lines.append(json.dumps({"image": f"images/{n}_x.png", "split": "train" if n < 16 else "validation", "captions": texts}))
    (folder / "flickr" / "captions.jsonl").write_text("\n".join(lines))
    (folder / "fashion" / "images").mkdir(parents=True)
    lines = []
    for n in range(24):
        picture, _ = scene(rng, 60)
        colour, kind = rng.choice(["Red", "Blue"]), rng.choice(["Shirts", "Shoes"])
        picture.save(folder / "fashion" / "images" / f"{n}.png")
        lines.append(json.dumps({"image": f"images/{n}.png", "title": f"{colour} {kind} {n}", "gender": "Men", "articleType": kind, "baseColour": colour, "usage": "Casual"}))
    (folder / "fashion" / "items.jsonl").write_text("\n".join(lines))
    (folder / "fashion" / "held-out-ids.txt").write_text("999\n")
    lines = []
    for n in range(8):
        label = ["Rain", "Rooster"][n % 2]
        write_tone(folder / "esc10" / f"{n}.wav", 300 + 900 * (n % 2), 1.5, rng)
        lines.append(json.dumps({"audio": f"{n}.wav", "label": label, "fold": str([1, 4][n // 4])}))
    (folder / "esc10" / "labels.jsonl").write_text("\n".join(lines))
    for n, word in enumerate(["go", "stop"]):
        write_tone(folder / "speech-commands" / word / f"s{n}_nohash_0.wav", 500 + 400 * n, 1, rng)
    (folder / "speech-commands" / "held-out-files.txt").write_text("go/x_nohash_1.wav\n")


def smoke_arguments(arguments):
    import sources
    sources.FASHION_VALIDATION = 12
    for name in ("pack", "joint"):
        __import__(name).FASHION_VALIDATION = 12
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    smoke_data(folder / "data", random.Random(1))
    arguments.data, arguments.mirrors, arguments.work = str(folder / "data"), str(folder / "mirrors"), str(folder / "work")
    arguments.out = arguments.out or str(folder / "starter")
    arguments.scenes, arguments.word_steps, arguments.word_batch, arguments.joint_steps, arguments.batch = 48, 6, 16, 6, 16
    arguments.tune_steps, arguments.tune_batch, arguments.sound_steps, arguments.sound_variants, arguments.word_variants = 4, 16, 4, 1, 1
    return arguments


def teach_noise(arguments):
    """Features that no teacher has said, for as many pictures as were packed."""
    from pack import open_store
    from teacher import targets
    rows = len(open_store(arguments.work)[1])
    lesson = targets(np.random.default_rng(1).random((rows, 1280)).astype(np.float16))
    assert np.allclose(np.linalg.norm(lesson.astype(np.float32), axis=1), 1, atol=1e-2)
    np.save(Path(arguments.work) / "taught.npy", lesson)


def mirror_of(folder, files):
    """A git repository at `folder` that holds `files`: {name: picture or text}."""
    git = lambda *command: subprocess.run(["git", "-C", str(folder), "-c", "user.name=smoke", "-c", "user.email=smoke@example.org", *command], check=True, capture_output=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content) if isinstance(content, str) else content.save(folder / name, "JPEG")
    git("init"), git("add", "."), git("commit", "-m", "pictures")


def check_leaks():
    """A picture that one set keeps for validation, cut to a square there, is found where another set holds it squashed; others are not."""
    from leaks import leaks
    rng, tiny, mini = random.Random(2), "rangeetpan/IMagenet", "Deo0330/split_minidataset"
    wide = [scene(rng, 96)[0].resize((128, 96)) for _ in range(4)]
    middle = wide[1].resize((64, 64), box=(16, 0, 112, 96))
    with tempfile.TemporaryDirectory() as folder:
        mirror_of(Path(folder) / tiny.replace("/", "+") / "repo", {"tiny-imagenet-200/val/images/val_0.JPEG": middle,
                                                                        "tiny-imagenet-200/val/val_annotations.txt": "val_0.JPEG\tn02099601\t0\t0\t9\t9\n"})
        mirror_of(Path(folder) / mini.replace("/", "+") / "repo", {f"train/n02099601/{n}.jpg": picture.resize((84, 84)) for n, picture in enumerate(wide)})
        assert leaks(folder, [(mini, f"train/n02099601/{n}.jpg", 2099601) for n in range(4)], 1) == {(mini, "train/n02099601/1.jpg")}


def check_gradients():
    """The convolution with a weight gradient of its own has the gradients of the ordinary one."""
    import torch
    from towers import WeightGradientByProduct
    for kernel, stride in ((3, 1), (3, 2), (1, 2)):
        x, weight = torch.randn(2, 6, 8, 8, dtype=torch.float64, requires_grad=True), torch.randn(4, 6, kernel, kernel, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(lambda x, weight: WeightGradientByProduct.apply(x, weight, stride), (x, weight))


def check_blocked():
    """The training pass of `blocked.py`, where it can be compiled, has the values, gradients and running statistics of the ordinary one."""
    import torch
    from blocked import library
    from towers import VisionTower
    if library() is None:
        return
    torch.manual_seed(1)
    tower = VisionTower((16, 32), (1, 2)).train()
    again, pictures = deepcopy(tower), torch.randn(8, 3, 64, 64)
    again.blocked = True
    wanted, found = tower.features(pictures)[:2], again.features(pictures)[:2]
    direction = torch.randn_like(wanted[0])
    for (embedding, pooled) in (wanted, found):
        ((embedding * direction).sum() + pooled.sum()).backward()
    same = lambda a, b: (a - b).norm() < 1e-2 * a.norm() + 1e-6
    assert all(same(a, b) for a, b in zip(wanted, found))
    assert all(same(a.grad, b.grad) for a, b in zip(tower.parameters(), again.parameters()))
    assert all(same(a.float(), b.float()) for a, b in zip(tower.buffers(), again.buffers()))
    with torch.no_grad():
        assert same(tower.eval().features(pictures)[0], again.eval().features(pictures)[0])


def check_read_back(arguments):
    """The towers that `--begin` reads from the exported files, with one more block in them, give the vectors of those that were exported."""
    import torch
    from joint import Material, finished
    from export import sound_tower
    from shipped import shipped_audio, shipped_text, shipped_vision
    from sources import WordNet
    vision, text, tokenizer = finished(arguments)
    pictures = Material(arguments, WordNet(arguments.wordnet)).sample(32)
    deeper = dict(widths=tuple(arguments.widths), blocks=(*arguments.blocks[:-1], arguments.blocks[-1] + 1))
    again, again_tokenizer = shipped_text(arguments.out)
    ids = torch.from_numpy(tokenizer.batch(["a red circle", "two blue squares"]))
    audio, heard = sound_tower(arguments), (torch.rand(16, 100, 64), torch.full((16, 1), 100.0))
    with torch.no_grad():
        pairs = {"sound": (audio.from_mel(*heard), shipped_audio(arguments.out, audio.widths, *heard).from_mel(*heard)),
                 "picture": (vision.features(pictures)[0], shipped_vision(arguments.out, deeper, pictures).features(pictures)[0]), "text": (text(ids), again.eval()(ids))}
    assert again_tokenizer.vocabulary == tokenizer.vocabulary
    for name, (wanted, found) in pairs.items():
        worst = float((wanted * found).sum(1).min())
        assert worst > 0.999, f"the {name} tower read back has a cosine of {worst:.4f} to the exported one"


def check_blended(arguments):
    """A share of the exported weights stays, once; a file blended with itself stays as it is."""
    import torch
    from blend import blend_files, blend_stage, blended
    from joint import finished
    from shipped import weights_of
    from sources import WordNet
    assert blended({"x": torch.tensor(1.0), "n": torch.tensor(1)}, {"x": torch.tensor(3.0), "n": torch.tensor(2)}, 0.25) == {"x": torch.tensor(2.5), "n": torch.tensor(2)}
    joint, file = Path(arguments.work) / "joint.pt", Path(arguments.out) / "onnx" / "vision_model.onnx"
    arguments.begin, arguments.keep_pictures = arguments.out, 0.5
    blend_stage(arguments, WordNet(arguments.wordnet))
    written = joint.stat().st_mtime_ns
    blend_stage(arguments, WordNet(arguments.wordnet))
    assert torch.load(joint)["kept"] == 0.5 and joint.stat().st_mtime_ns == written
    assert torch.isfinite(finished(arguments)[0].features(torch.zeros(1, 3, 64, 64))[0]).all()
    copy = Path(arguments.work) / "copy.onnx"
    shutil.copy(file, copy)
    blend_files(file, copy, 0.3)
    assert all(np.allclose(a, b, rtol=2e-3) for a, b in zip(weights_of(file).values(), weights_of(copy).values()))
