"""Sounds and their words. The log-mel of every clip is kept in a few versions (mixed, stretched, louder, softer); the sound tower is trained from scratch
against the texts of the frozen text tower."""
import csv
import io
import json
import random
import subprocess
import time
import wave
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as nf

from shipped import shipped_audio
from sources import Mirror
from towers import AudioTower

RATE, LONGEST_S, SHORTEST_S = 16000, 5, 1
HELD_OUT_FOLDS = (4, 5)  # fold 4 is for validation here, fold 5 for acceptance
SPOKEN = ["down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes"]
ESC10 = {"Dog bark": "dog", "Rain": "rain", "Sea waves": "sea_waves", "Baby cry": "crying_baby", "Clock tick": "clock_tick", "Person sneeze": "sneezing",
         "Helicopter": "helicopter", "Chainsaw": "chainsaw", "Rooster": "rooster", "Fire crackling": "crackling_fire"}
SOUND_TEXTS = {
    "dog": ["dog barking", "a dog barks", "barking dog", "dog bark", "the sound of a dog", "dog"], "rooster": ["rooster crowing", "a rooster", "cock-a-doodle-doo", "a crowing cock", "rooster"],
    "pig": ["pig grunting", "a pig", "oink", "the sound of a pig"], "cow": ["cow mooing", "a cow", "moo", "cattle"], "frog": ["frog croaking", "a frog", "croaking frogs"],
    "cat": ["cat meowing", "a cat meows", "meow", "cat", "the sound of a cat"], "hen": ["hen clucking", "a chicken", "clucking hens"], "insects": ["insects buzzing", "flying insects", "a fly buzzing"],
    "sheep": ["sheep bleating", "a sheep", "baa", "a goat or sheep"], "crow": ["crow cawing", "a crow", "caw"], "rain": ["rain", "rain falling", "rainfall", "the sound of rain", "heavy rain"],
    "sea_waves": ["sea waves", "waves on the beach", "ocean waves", "the sound of the sea", "surf"], "crackling_fire": ["fire crackling", "a crackling fire", "campfire", "burning wood", "fire"],
    "crickets": ["crickets chirping", "crickets at night", "cricket"], "chirping_birds": ["birds chirping", "birdsong", "a bird singing", "birds"], "water_drops": ["water dripping", "water drops", "a dripping tap"],
    "wind": ["wind blowing", "strong wind", "the wind"], "pouring_water": ["pouring water", "water poured into a glass"], "toilet_flush": ["toilet flushing", "a toilet flush"],
    "thunderstorm": ["thunderstorm", "thunder", "thunder and lightning"], "crying_baby": ["baby crying", "a crying baby", "baby cry", "an infant cries", "a child crying"],
    "sneezing": ["person sneezing", "a sneeze", "person sneeze", "someone sneezes", "achoo"], "clapping": ["clapping hands", "applause", "people clapping"], "breathing": ["breathing", "a person breathing"],
    "coughing": ["coughing", "a person coughs", "cough"], "footsteps": ["footsteps", "a person walking", "walking feet"], "laughing": ["laughing", "people laughing", "laughter"],
    "brushing_teeth": ["brushing teeth", "a toothbrush"], "snoring": ["snoring", "a sleeping person snores"], "drinking_sipping": ["drinking", "sipping a drink"],
    "door_wood_knock": ["knocking on a door", "a knock at the door"], "mouse_click": ["mouse click", "clicking a computer mouse"], "keyboard_typing": ["typing on a keyboard", "keyboard typing"],
    "door_wood_creaks": ["a creaking door", "door creaks"], "can_opening": ["opening a can", "a can being opened"], "washing_machine": ["washing machine", "a washing machine running"],
    "vacuum_cleaner": ["vacuum cleaner", "vacuuming the floor"], "clock_alarm": ["alarm clock", "an alarm clock ringing", "alarm"], "clock_tick": ["clock ticking", "clock tick", "the tick of a clock", "tick tock", "a ticking clock"],
    "glass_breaking": ["breaking glass", "glass shatters"], "helicopter": ["helicopter", "a helicopter flying", "helicopter rotor", "chopper"], "chainsaw": ["chainsaw", "a chain saw cutting wood", "chain saw"],
    "siren": ["siren", "an emergency siren", "police siren"], "car_horn": ["car horn", "a car honking"], "engine": ["engine", "a running engine", "motor"], "train": ["train", "a train passing", "railway"],
    "church_bells": ["church bells", "bells ringing"], "airplane": ["airplane", "an airplane flying", "jet plane"], "fireworks": ["fireworks", "fireworks exploding"], "hand_saw": ["hand saw", "sawing wood"],
    **json.loads((Path(__file__).parent / "spoken-commands.json").read_text(encoding="utf8")),
}


def decode(data, suffix=""):
    """Any audio bytes -> float32 mono at 16 kHz."""
    if data[:4] == b"RIFF":
        with wave.open(io.BytesIO(data)) as w:
            if w.getframerate() == RATE and w.getnchannels() == 1 and w.getsampwidth() == 2:
                return np.frombuffer(w.readframes(w.getnframes()), np.int16).astype(np.float32) / 32768
    command = ["ffmpeg", "-v", "error", "-i", "pipe:0", "-ac", "1", "-ar", str(RATE), "-f", "f32le", "pipe:1"]
    return np.frombuffer(subprocess.run(command, input=data, capture_output=True, check=True).stdout, np.float32).copy()


def sound_validation(data):
    """-> (ESC-10 fold 4, spoken commands): lists of (samples, class name)."""
    folder = Path(data) / "esc10"
    rows = [json.loads(line) for line in open(folder / "labels.jsonl")]
    esc = [(decode((folder / r["audio"]).read_bytes()), ESC10[r["label"]]) for r in rows if int(r["fold"]) == HELD_OUT_FOLDS[0]]
    spoken = [(decode(p.read_bytes()), p.parent.name) for p in sorted((Path(data) / "speech-commands").glob("*/*.wav"))]
    return esc, spoken


def sound_clips(arguments):
    """-> (train, validation): lists of (samples, class name, source)."""
    train, validation, seen = [], [], set()
    folder = Path(arguments.data) / "esc10"
    for line in open(folder / "labels.jsonl"):
        row = json.loads(line)
        seen.add(Path(row["audio"]).stem)
        part = validation if int(row["fold"]) in HELD_OUT_FOLDS else train
        part.append((decode((folder / row["audio"]).read_bytes()), ESC10[row["label"]], "esc"))
    esc = Mirror(arguments.mirrors, "caitlinnguyen0/ESC-50")
    if esc.there:
        for row in csv.DictReader(io.StringIO(esc.text("meta/esc50.csv"))):
            # of fold 4 only the ten validation classes are left out: what is at hand of the other forty lies almost all in that fold
            if row["fold"] == "5" or (row["fold"] == "4" and row["category"] in ESC10.values()) or Path(row["filename"]).stem in seen:
                continue
            data = esc.read("audio/" + row["filename"])
            if data and len(data) > 1000:
                train.append((decode(data), row["category"], "esc"))
    folder = Path(arguments.data) / "speech-commands"
    held = {line.strip() for line in open(folder / "held-out-files.txt")}
    ours = set()
    for path in sorted(folder.glob("*/*.wav")):
        ours.add(f"{path.parent.name}/{path.name}")
        validation.append((decode(path.read_bytes()), path.parent.name, "spoken"))
    # people who speak in the validation or held-out files do not speak in the training files
    speakers = {name.split("/")[1].split("_nohash")[0] for name in held | ours if "_nohash" in name}
    words = Mirror(arguments.mirrors, "thegtagamer/PICO-tinyML-benchmark")
    for name in words.names("MLTK_keyworkSpotting/dataset/"):
        short = "/".join(name.split("/")[-2:])
        if name.endswith(".wav") and short not in held and short not in ours and short.split("/")[1].split("_nohash")[0] not in speakers:
            train.append((decode(words.read(name)), short.split("/")[0], "spoken"))
    return train, validation


def padded(samples, least=SHORTEST_S * RATE, most=LONGEST_S * RATE):
    samples = samples[:most]
    return np.pad(samples, (0, max(0, least - len(samples))))


def changed(samples, rng, others):
    """One more way to hear the same: speed, loudness, place in time, noise, a softer sound beneath."""
    speed = rng.uniform(0.88, 1.14)
    samples = np.interp(np.arange(0, len(samples) - 1, speed), np.arange(len(samples)), samples).astype(np.float32)
    samples = np.roll(samples, rng.randint(0, max(1, len(samples) // 12)))
    samples = samples * 10 ** rng.uniform(-0.9, 0.3)
    if rng.random() < 0.5:
        other = others[rng.randrange(len(others))][0]
        other = np.resize(other, len(samples))
        loud, soft = np.abs(samples).mean() + 1e-5, np.abs(other).mean() + 1e-5
        samples = samples + other * (loud / soft * 10 ** rng.uniform(-2.0, -0.6))
    if rng.random() < 0.5:
        samples = samples + np.random.default_rng(rng.randrange(1 << 30)).normal(0, 10 ** rng.uniform(-4.5, -2.5), len(samples))
    return np.clip(samples, -1, 1).astype(np.float32)


def text_matrix(text_tower, tokenizer, names, device):
    """Mean text embedding of each class's texts, in both query templates."""
    rows = []
    with torch.no_grad():
        for name in names:
            ids = torch.from_numpy(tokenizer.batch([t.format(said) for said in SOUND_TEXTS[name] for t in ("{}", "the sound of {}")])).to(device)
            rows.append(nf.normalize(text_tower(ids).mean(0), dim=0))
    return torch.stack(rows)


def heard_clips(tower, arguments, log):
    """-> (train [(log-mel float16 [T, F], frames, class name)], validation [the same]); kept in a file."""
    path = Path(arguments.work) / "sounds.pt"
    if path.exists():
        return torch.load(path, weights_only=False)
    rng, (train, validation) = random.Random(arguments.seed), sound_clips(arguments)
    esc, spoken = ([c for c in train if c[2] == kind] for kind in ("esc", "spoken"))
    log(f"sound: {len(esc)} clips, {len(spoken)} spoken words, {len(validation)} for validation")

    def heard(samples):
        with torch.no_grad():
            mel, frames = tower.log_mel(torch.from_numpy(padded(samples))[None])
        return mel[0].half(), frames[0]

    versions = [(c, v) for kind, count in ((esc, arguments.sound_variants), (spoken, arguments.word_variants)) for v in range(count) for c in kind]
    items = [(*heard(samples if v == 0 else changed(samples, rng, esc if rng.random() < 0.7 and esc else train)), name) for (samples, name, _), v in versions]
    result = items, [(*heard(samples), name) for samples, name, _ in validation]
    torch.save(result, path)
    log(f"sound: {len(items)} versions")
    return result


def piece(mel, frames, most, rng):
    """A stretch of at most `most` frames that holds sound, with SpecAugment: two bands of bins and one stretch of time silenced, louder or softer."""
    mel, count = mel.float(), int(min(float(frames), mel.shape[0]))
    start = rng.randint(0, max(0, count - most))
    mel = mel[start:start + most] + 0.12 * rng.uniform(-1, 1)
    for _ in range(2):
        f = rng.randint(0, 8)
        low = rng.randint(0, mel.shape[1] - f)
        mel[:, low:low + f] = 0
    t = rng.randint(0, mel.shape[0] // 6)
    first = rng.randint(0, mel.shape[0] - t)
    mel[first:first + t] = 0
    shift = rng.randint(0, 12) if mel.shape[0] <= 110 else 0
    return torch.roll(mel, shift, 0).clamp(min=0), min(count - start, most) + shift


def collate(rows):
    longest = max(mel.shape[0] for mel, _ in rows)
    return torch.stack([nf.pad(mel, (0, 0, 0, longest - mel.shape[0])) for mel, _ in rows]), torch.tensor([[float(f)] for _, f in rows])


def right_share(tower, texts, names, items, chosen):
    """Share of the validation sounds whose own class text (among `chosen`) is nearest."""
    places, right = [names.index(c) for c in chosen], []
    tower.eval()
    with torch.no_grad():
        for mel, frames, name in items:
            if name in chosen:
                z = tower.from_mel(mel[None].float().to(texts.device), frames[None].to(texts.device))
                right.append(chosen[int((z @ texts[places].T).argmax())] == name)
    return float(np.mean(right)) if right else 0.0


def sound_stage(arguments):
    from joint import finished
    from train import log, rate, save
    work, device, rng = Path(arguments.work), arguments.device, random.Random(arguments.seed)
    if (work / "sound.pt").exists():
        return
    torch.manual_seed(arguments.seed)
    _, text, tokenizer = finished(arguments)
    tower = AudioTower(tuple(arguments.sound_widths))
    items, validation = heard_clips(tower, arguments, log)
    if arguments.begin is not None:
        tower = shipped_audio(arguments.begin, tuple(arguments.sound_widths), *collate([(mel.float(), frames) for mel, frames, _ in validation]))
    names = sorted({i[2] for i in items + validation})
    texts, index = text_matrix(text, tokenizer, names, device), {n: k for k, n in enumerate(names)}
    noises, words = ({n: [i for i in items if i[2] == n and (n in SPOKEN or n.startswith("_")) == spoken] for n in names} for spoken in (False, True))
    kinds = [{n: rows for n, rows in group.items() if rows} for group in (noises, words)]
    tower = tower.to(device)
    optimiser = torch.optim.AdamW([{"params": tower.parameters(), "top": arguments.sound_rate}], arguments.sound_rate, weight_decay=0.05)
    tower.dropout, started, told, step = 0.2, time.time(), time.time(), 0
    spent = lambda: (time.time() - started) / (arguments.sound_minutes * 60)
    while step < arguments.sound_steps and spent() < 1:
        rate(optimiser, max(step / arguments.sound_steps, spent()), step)
        tower.train()
        group = kinds[step % 2] or kinds[(step + 1) % 2]
        weights = [len(rows) ** 0.5 for rows in group.values()]  # between every class alike and every clip alike
        drawn = [rng.choice(group[n]) for n in rng.choices(list(group), weights, k=24 if step % 2 == 0 else 72)]
        mel, frames = collate([piece(m, f, 260, rng) for m, f, _ in drawn])
        target = torch.tensor([index[n] for _, _, n in drawn], device=device)
        with torch.autocast(torch.device(device).type, torch.bfloat16) if arguments.half else nullcontext():
            z = tower.from_mel(mel.to(device), frames.to(device))
        z = z.float()
        loss = nf.cross_entropy(z @ texts.T * 25, target, label_smoothing=0.05) + 0.5 * (1 - (z * texts[target]).sum(1)).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(tower.parameters(), 2.0)
        optimiser.step()
        step += 1
        if time.time() - told > 30:
            told = time.time()
            log(f"sound: step {step}, loss {loss.item():.3f}, right {(z @ texts.T).argmax(1).eq(target).float().mean().item():.3f}, {spent():.0%} of the time")
    tower.dropout = 0.0
    spoken = sorted({n for _, _, n in validation if n in SPOKEN or n.startswith("_")})
    noisy = sorted({n for _, _, n in validation} - set(spoken))
    log(f"sound: step {step}, fold {HELD_OUT_FOLDS[0]} of ESC-10 {right_share(tower, texts, names, validation, noisy):.3f}, spoken words {right_share(tower, texts, names, validation, spoken):.3f}")
    save(work / "sound.pt", tower=tower.cpu().state_dict(), widths=tuple(arguments.sound_widths))
