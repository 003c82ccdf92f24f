"""From the data folders to the ONNX files: pack, teach, words, joint, blend, tune, sound, export. Each stage leaves a file in --work and is skipped when it is there,
the joint stage continues from its last checkpoint. Runs on a CPU (float32) and on CUDA (bfloat16 autocast) unchanged.

    python3 recipe/train.py --data DIR --mirrors DIR --work DIR --out shared/models/starter
    python3 recipe/train.py --smoke          # about a minute, on data that it makes itself
"""
import argparse
import math
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import torch

from blocked import BLOCK, library, processor
from sources import WordNet, larger_pictures
from tokenizer import Tokenizer, count_words, train_tokenizer
from towers import TextTower
from words import TextPairs


# glibc's allocator: nothing goes back to the system between steps, and huge pages where the system offers them
MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(8 << 30), "MALLOC_TRIM_THRESHOLD_": str(8 << 30), "MALLOC_TOP_PAD_": str(256 << 20), "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}


def keep_memory():
    """Starts this program again with `MEMORY` in its environment, which only a new process heeds."""
    if sys.platform == "linux" and not MEMORY.keys() <= os.environ.keys():
        os.execve(sys.executable, sys.orig_argv, {**MEMORY, **os.environ})


def log(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def contrast(a, b, positive, scale):
    """Mean over rows of -sum_j w_ij log softmax_j(scale a_i . b_j), w = positive / row sum; rows without a positive do not count."""
    logits = scale * (a @ b.T)
    share = positive / positive.sum(1, keepdim=True).clamp(min=1)
    there = (positive.sum(1) > 0).float()
    return -((share * logits.log_softmax(1)).sum(1) * there).sum() / there.sum().clamp(min=1)


def rate(optimiser, progress, step, warm=100):
    for group in optimiser.param_groups:
        group["lr"] = group["top"] * min(1.0, (step + 1) / warm) * (0.02 + 0.98 * (0.5 + 0.5 * math.cos(math.pi * min(1.0, progress))))


def save(path, **state):
    torch.save(state, str(path) + ".part")
    os.replace(str(path) + ".part", path)


def train_words(arguments, wordnet):
    """Text tower alone: two texts of one meaning are to find each other among all of a batch, and to stay away from nonsense."""
    path = Path(arguments.work) / "words.pt"
    if path.exists():
        state = torch.load(path, map_location="cpu")
        tokenizer = Tokenizer(state["vocabulary"])
        tower = TextTower(len(tokenizer.vocabulary))
        tower.load_state_dict(state["tower"])
        return tower, tokenizer
    facts = [(source, fact) for source, _, _, fact in larger_pictures(arguments.mirrors, arguments.data, wordnet)]
    pairs = TextPairs(arguments, wordnet, facts)
    tokenizer = train_tokenizer(count_words(pairs.corpus()))
    log(f"words: {len(pairs.captions)} photographs with captions, {len(pairs.nouns)} nouns, {len(tokenizer.vocabulary)} pieces")
    torch.manual_seed(arguments.seed)
    rng, tower = random.Random(arguments.seed), TextTower(len(tokenizer.vocabulary)).to(arguments.device)
    scale = torch.nn.Parameter(torch.tensor(math.log(20.0), device=arguments.device))
    optimiser = torch.optim.AdamW([{"params": tower.parameters(), "top": 1.5e-3}, {"params": [scale], "top": 1e-3, "weight_decay": 0.0}], 1e-3, weight_decay=0.02)
    tower.train()
    tower.word_dropout, started, step = 0.1, time.time(), 0
    while step < arguments.word_steps and time.time() - started < arguments.word_minutes * 60:
        rate(optimiser, max(step / arguments.word_steps, (time.time() - started) / (arguments.word_minutes * 60)), step)
        first, second, strange = pairs.batch(arguments.word_batch, rng)
        z = tokenizer.encode_with(tower, first + second + strange, arguments.device)
        n = len(first)
        a, b = z[:n], z[n:]
        positive = torch.eye(n, len(b), device=z.device)
        sharp = scale.exp().clamp(max=60)
        loss = 0.5 * contrast(a, b, positive, sharp) + 0.5 * contrast(b[:n], torch.cat([a, b[n:]]), torch.eye(n, len(a) + len(b) - n, device=z.device), sharp)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(tower.parameters(), 1.0)
        optimiser.step()
        step += 1
        if step % 50 == 0:
            found = (a @ b.T).argmax(1).eq(torch.arange(n, device=z.device)).float().mean().item()
            log(f"words: step {step}, loss {loss.item():.3f}, found {found:.2f}, scale {sharp.item():.0f}, {step * 2 * n / (time.time() - started):.0f} texts/s")
    tower.word_dropout = 0.0
    save(path, tower=tower.state_dict(), vocabulary=tokenizer.vocabulary)
    return tower.cpu(), tokenizer


def first_words(arguments, wordnet):
    """The text tower that the joint stage begins with."""
    if arguments.begin is None:
        return train_words(arguments, wordnet)
    from shipped import shipped_text
    return shipped_text(arguments.begin)


def joint_worker(worker, arguments, meeting):
    from joint import train_joint
    torch.set_num_threads(max(1, arguments.threads // arguments.workers))
    torch.distributed.init_process_group("gloo", init_method="file://" + meeting, rank=worker, world_size=arguments.workers)
    wordnet = WordNet(arguments.wordnet)
    train_joint(arguments, wordnet, *first_words(arguments, wordnet), worker)


def joint_stage(arguments, wordnet):
    if (Path(arguments.work) / "joint.pt").exists():
        return
    text, tokenizer = first_words(arguments, wordnet)
    if arguments.workers > 1:
        torch.multiprocessing.spawn(joint_worker, (arguments, tempfile.mktemp()), arguments.workers)
        return
    from joint import train_joint
    train_joint(arguments, wordnet, text, tokenizer)


def has_bfloat16():
    """Whether this machine multiplies bfloat16 faster than float32."""
    if torch.cuda.is_available():
        return True
    flags = processor()
    return "avx512_bf16" in flags or "amx_bf16" in flags


def blocked_is_faster():
    """Whether `blocked.py` runs here, and neither CUDA nor a matrix unit is there."""
    return not torch.cuda.is_available() and "amx_bf16" not in processor() and library() is not None


def whole_numbers(text):
    return [int(n) for n in text.split(",")]


def parser():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", help="folder of the development data (flickr/, fashion/, esc10/, speech-commands/)")
    p.add_argument("--mirrors", help="folder of bare git mirrors, <owner>+<name>/repo")
    p.add_argument("--wordnet", default="/usr/share/wordnet")
    p.add_argument("--work", default="starter-work", help="folder for what is packed and for checkpoints")
    p.add_argument("--out")
    p.add_argument("--stages", default="pack,teach,words,joint,blend,tune,sound,export")
    p.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    p.add_argument("--begin", help="a model folder whose towers the training goes on from, instead of from random numbers")
    p.add_argument("--keep-pictures", type=float, default=0.0, help="share of the picture tower's weights that stays as --begin has it")
    p.add_argument("--keep-sound", type=float, default=0.0, help="the same of the sound tower's")
    p.add_argument("--half", action=argparse.BooleanOptionalAction, default=has_bfloat16(), help="convolutions in bfloat16")
    p.add_argument("--blocked", action=argparse.BooleanOptionalAction, default=blocked_is_faster(), help="the picture tower in float32 by Winograd's convolutions, see blocked.py")
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("--workers", type=int, default=1, help="CPU processes that share the joint stage")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--scenes", type=int, default=6000)
    p.add_argument("--tiny-per-class", type=int, default=500)
    p.add_argument("--cifar-per-class", type=int, default=5000)
    p.add_argument("--fashion", type=int, default=44000)
    p.add_argument("--widths", type=whole_numbers, default=[64, 128, 256], help="channels of the picture tower's stages")
    p.add_argument("--blocks", type=whole_numbers, default=[1, 2, 2], help="residual blocks of each stage")
    p.add_argument("--small-side", type=int, default=48, help="side of the pictures in the first part of the training")
    p.add_argument("--small-share", type=float, default=0.5, help="how long that part is")
    p.add_argument("--word-steps", type=int, default=4000)
    p.add_argument("--word-minutes", type=float, default=12)
    p.add_argument("--word-batch", type=int, default=256)
    p.add_argument("--rate", type=float, default=1.4e-3)
    p.add_argument("--joint-steps", type=int, default=100000)
    p.add_argument("--joint-minutes", type=float, default=60, help="of processor time of one worker")
    p.add_argument("--batch", type=int, default=128, help="pictures a step, for each worker")
    p.add_argument("--score-minutes", type=float, default=10)
    p.add_argument("--tune-pictures", type=int, default=100000, help="of the packed ones")
    p.add_argument("--tune-steps", type=int, default=3000)
    p.add_argument("--tune-minutes", type=float, default=15, help="of processor time")
    p.add_argument("--tune-batch", type=int, default=256)
    p.add_argument("--tune-rate", type=float, default=4e-4)
    p.add_argument("--sound-steps", type=int, default=100000)
    p.add_argument("--sound-minutes", type=float, default=10)
    p.add_argument("--sound-widths", type=whole_numbers, default=[32, 48, 96, 160])
    p.add_argument("--sound-rate", type=float, default=2e-3)
    p.add_argument("--sound-variants", type=int, default=8, help="versions of each clip")
    p.add_argument("--word-variants", type=int, default=3, help="versions of each spoken word")
    p.add_argument("--smoke", action="store_true")
    return p


def main():
    arguments = parser().parse_args()
    if "--blocked" in sys.argv and library() is None:
        raise SystemExit("--blocked needs a processor with AVX-512, g++ and oneDNN 2's headers (Debian: libdnnl-dev)")
    if (arguments.keep_pictures or arguments.keep_sound) and arguments.begin is None:
        raise SystemExit("--keep-pictures and --keep-sound keep a share of what --begin FOLDER holds: name that folder")
    arguments.blocked = arguments.blocked and all(width % BLOCK == 0 for width in arguments.widths)
    torch.set_num_threads(arguments.threads)
    if arguments.smoke:
        from smoke import smoke_arguments
        arguments = smoke_arguments(arguments)
    stages = arguments.stages.split(",")
    Path(arguments.work).mkdir(parents=True, exist_ok=True)
    wordnet = WordNet(arguments.wordnet)
    if "pack" in stages:
        from pack import pack
        pack(arguments)
    if "teach" in stages:
        from teacher import teach_stage
        teach_stage(arguments)
    if arguments.smoke:
        from smoke import teach_noise
        teach_noise(arguments)
    if "words" in stages:
        first_words(arguments, wordnet)
    if "joint" in stages:
        joint_stage(arguments, wordnet)
    if "blend" in stages:
        from blend import blend_stage
        blend_stage(arguments, wordnet)
    if "tune" in stages:
        from tune import tune_stage
        tune_stage(arguments, wordnet)
    if "sound" in stages:
        from sound import sound_stage
        sound_stage(arguments)
    if "export" in stages:
        from export import export_all
        export_all(arguments)
    if arguments.smoke:
        from smoke import check_blended, check_blocked, check_gradients, check_leaks, check_read_back
        check_leaks()
        check_gradients()
        check_blocked()
        check_read_back(arguments)
        check_blended(arguments)


if __name__ == "__main__":
    keep_memory()
    main()
