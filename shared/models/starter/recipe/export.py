"""Towers -> compact ONNX files. Weights are stored as float16; a Cast brings them back to float32 when the session loads (constant folding), so arithmetic
is float32 everywhere."""
import json
from pathlib import Path

import numpy as np
import torch

LARGE = 2048  # elements; smaller tensors stay float32
EXACT = ("fourier", "mel")  # the front end of the sound tower keeps all its digits


def export_graph(module, example, inputs, outputs, dynamic, path):
    extra = {"dynamo": False} if int(torch.__version__.split(".")[0]) >= 2 else {}
    module.eval()
    torch.onnx.export(module, example, str(path), opset_version=14, input_names=inputs, output_names=outputs, dynamic_axes=dynamic, **extra)


def compact(path):
    """Rewrites the large float32 initialisers of an ONNX file as float16."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    model = onnx.load(path)
    graph, kept, nodes = model.graph, [], []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < LARGE or any(word in tensor.name for word in EXACT):
            kept.append(tensor)
            continue
        kept.append(numpy_helper.from_array(values.astype(np.float16), tensor.name + ".half"))
        nodes.append(helper.make_node("Cast", [tensor.name + ".half"], [tensor.name], to=TensorProto.FLOAT))
    old = list(graph.node)
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes + old)
    model.producer_name, model.producer_version = "chiasm-starter", "1"
    for node in graph.node:
        node.ClearField("doc_string")
    onnx.checker.check_model(model)
    onnx.save(model, path)


def agreement(path, module, feeds):
    """Smallest cosine between the file's first output (onnxruntime) and the PyTorch tower's, over several inputs."""
    try:
        import onnxruntime
    except ImportError:
        return None
    session = onnxruntime.InferenceSession(str(path))
    name, worst = session.get_inputs()[0].name, 1.0
    for feed in feeds:
        with torch.no_grad():
            wanted = module(torch.from_numpy(feed))
        wanted = (wanted[0] if isinstance(wanted, tuple) else wanted).numpy()
        worst = min(worst, float((session.run(None, {name: feed})[0] * wanted).sum(1).min()))
    return worst


def sound_tower(arguments):
    from towers import AudioTower
    state = torch.load(Path(arguments.work) / "sound.pt", map_location="cpu")
    tower = AudioTower(state["widths"])
    tower.load_state_dict(state["tower"])
    return tower.eval()


def export_all(arguments):
    from joint import finished, has_joint
    from towers import DIMENSIONS, SEEN, SIDE, AudioTower
    from train import log
    out = Path(arguments.out)
    (out / "onnx").mkdir(parents=True, exist_ok=True)
    vision, text, tokenizer = finished(arguments)
    vision, text, rng = vision.cpu(), text.cpu(), np.random.default_rng(1)
    work = Path(arguments.work)
    joint, heard = has_joint(work), (work / "sound.pt").exists()
    untouched = {"vision": not joint, "text": not joint and not (work / "tune.pt").exists(), "audio": not heard}
    audio = sound_tower(arguments) if heard else AudioTower(tuple(arguments.sound_widths))
    sentences = ["two dogs run on the grass", "a red car", "Nike Men's Blue T-shirt, size M", "x"]
    plan = [
        ("vision", vision, torch.zeros(2, 3, SIDE, SIDE), ["pixel_values"], ["image_embeds", "feature_map"], {"pixel_values": {0: "B"}, "image_embeds": {0: "B"}, "feature_map": {0: "B"}},
         [rng.uniform(-1, 1, (2, 3, SIDE, SIDE)).astype(np.float32), np.linspace(-1, 1, 3 * SIDE * SIDE, dtype=np.float32).reshape(1, 3, SIDE, SIDE)]),
        ("text", text, torch.from_numpy(tokenizer.batch(sentences)), ["input_ids"], ["text_embeds"], {"input_ids": {0: "B", 1: "T"}, "text_embeds": {0: "B"}},
         [tokenizer.batch(sentences), tokenizer.batch(sentences[:1]), np.pad(tokenizer.batch(sentences), ((0, 0), (0, 9)))]),
        ("audio", audio, torch.randn(2, 20000) * 0.1, ["input_values"], ["audio_embeds"], {"input_values": {0: "B", 1: "S"}, "audio_embeds": {0: "B"}},
         [(rng.normal(0, 0.1, (2, n)) * np.hanning(n)).astype(np.float32) for n in (16000, 33333, 80000)]),
    ]
    for name, tower, example, inputs, outputs, dynamic, feeds in plan:
        path = out / "onnx" / f"{name}_model.onnx"
        if untouched[name]:
            if arguments.begin is None:
                raise SystemExit(f"export: no {name} tower was trained in {work}; run its stage, or name a model folder with --begin whose file is to stay")
            path.write_bytes((Path(arguments.begin) / "onnx" / path.name).read_bytes())
            log(f"export: {path.name} as it was")
            continue
        export_graph(tower, example, inputs, outputs, dynamic, path)
        compact(str(path))
        cosine = agreement(path, tower, feeds)
        if name == "audio" and arguments.keep_sound:
            from blend import blend_files
            blend_files(Path(arguments.begin) / "onnx" / path.name, path, arguments.keep_sound)
        log(f"export: {path.name} {path.stat().st_size / 1e6:.2f} MB" + (f", cosine with PyTorch at least {cosine:.5f}" if cosine is not None else ", not compared (no onnxruntime)"))
    tokenizer.save(out)
    write_json(out / "config.json", {
        "model_type": "chiasm-starter", "projection_dim": DIMENSIONS,
        "text_config": {"vocab_size": len(tokenizer.vocabulary), "hidden_size": text.tokens.embedding_dim, "num_hidden_layers": len(text.layers), "num_attention_heads": text.layers[0].attention.heads,
                        "max_position_embeddings": text.places.shape[0], "pad_token_id": 0},
        "vision_config": {"image_size": SIDE, "patch_size": vision.step * SIDE // SEEN, "num_channels": 3, "feature_map_channels": vision.channels,
                          **{name: list(counts) for name, counts in vision.shape.items()}},
        "audio_config": {"sampling_rate": 16000, "num_mel_bins": audio.BINS, "widths": list(audio.widths)}})
    write_json(out / "preprocessor_config.json", {
        "image_processor_type": "CLIPImageProcessor", "do_convert_rgb": True, "do_resize": True, "size": {"height": SIDE, "width": SIDE}, "resample": 2, "do_center_crop": False,
        "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
        "audio": {"feature_extractor_type": "Wav2Vec2FeatureExtractor", "sampling_rate": 16000, "feature_size": 1, "do_normalize": False, "padding_value": 0.0, "max_length_s": 5, "min_length_s": 1}})


def write_json(path, value):
    Path(path).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf8")
