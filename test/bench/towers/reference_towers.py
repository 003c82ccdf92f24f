"""The published towers written out in PyTorch, for `whole-towers.ts`: a request on standard input, vectors [B, D] on standard output.

Weights come as one file of numbers, in the order in which `towers.ts` makes them; pictures are files, read as the processors of transformers do it.
"""
import json
import sys

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

request = json.load(sys.stdin)
weights = torch.from_numpy(np.fromfile(request['weights'], dtype='<f4'))
taken = 0


def take(*shape):
    global taken
    taken += int(np.prod(shape))
    return weights[taken - int(np.prod(shape)):taken].reshape(shape)


def linear(x, N):
    return x @ take(x.shape[-1], N) + take(N)


def layer_norm(x, epsilon):
    D = x.shape[-1]
    return F.layer_norm(x, (D,), take(D), take(D), epsilon)


def attention(query, memory, heads, mask=None):
    D = query.shape[-1]
    (q, q_bias), (k, k_bias), (v, v_bias), (out, out_bias) = [(take(D, D).T, take(D)) for _ in range(4)]
    query, memory = query.transpose(0, 1), memory.transpose(0, 1)
    joined, _ = F.multi_head_attention_forward(
        query, memory, memory, D, heads, None, torch.cat([q_bias, k_bias, v_bias]), None, None, False, 0.0, out, out_bias,
        training=False, need_weights=False, attn_mask=mask, use_separate_proj_weight=True,
        q_proj_weight=q, k_proj_weight=k, v_proj_weight=v)
    return joined.transpose(0, 1)


def quick_gelu(x):
    return x * torch.sigmoid(1.702 * x)


def tanh_gelu(x):
    return F.gelu(x, approximate='tanh')


def feed_forward(x, activation):
    return linear(activation(linear(x, 4 * x.shape[-1])), x.shape[-1])


def encode(x, heads, activation, epsilon, mask=None):
    for _ in range(12):
        normal = layer_norm(x, epsilon)
        x = x + attention(normal, normal, heads, mask)
        x = x + feed_forward(layer_norm(x, epsilon), activation)
    return x


def patches(pixels, P, D):
    return F.conv2d(pixels, take(D, 3, P, P), take(D), stride=P).flatten(2).transpose(1, 2)


def clip_vision():
    pixels = pictures(crop=True, resample=Image.BICUBIC, mean=[0.48145466, 0.4578275, 0.40821073], std=[0.26862954, 0.26130258, 0.27577711])
    x = patches(pixels, 32, 768)
    x = torch.cat([take(1, 1, 768).expand(len(x), 1, 768), x], 1) + take(50, 768)
    x = encode(layer_norm(x, 1e-5), 12, quick_gelu, 1e-5)
    return layer_norm(x[:, 0], 1e-5) @ take(768, 512)


def clip_text(ids):
    T = len(ids)
    take(77, 77)  # the graph's own mask
    positions, table = take(77, 512), take(49408, 512)
    mask = torch.full((T, T), -torch.inf).triu(1)
    x = layer_norm(encode((table[ids] + positions[:T])[None], 8, quick_gelu, 1e-5, mask), 1e-5)
    return x[:, ids.index(max(ids))] @ take(512, 512)


def siglip_vision():
    x = patches(pictures(crop=False, resample=Image.BILINEAR, mean=[0.5] * 3, std=[0.5] * 3), 16, 768) + take(196, 768)
    x = layer_norm(encode(x, 12, tanh_gelu, 1e-6), 1e-6)
    x = attention(take(1, 1, 768).expand(len(x), 1, 768), x, 12)
    return (x + feed_forward(layer_norm(x, 1e-6), tanh_gelu))[:, 0]


def siglip_text(ids):
    positions, table = take(64, 768), take(32000, 768)
    x = layer_norm(encode((table[ids] + positions)[None], 12, tanh_gelu, 1e-6), 1e-6)
    return linear(x[:, -1], 768)


def pictures(crop, resample, mean, std):
    rows = []
    for path in request['pictures']:
        image = Image.open(path).convert('RGB')
        w, h = image.size
        size = (224, 224) if not crop else (224, int(224 * h / w)) if w <= h else (int(224 * w / h), 224)
        image = image.resize(size, resample)
        left, top = (size[0] - 224) // 2, (size[1] - 224) // 2
        rows.append(np.asarray(image.crop((left, top, left + 224, top + 224)), np.float32) / 255)
    scaled = (np.stack(rows) - np.float32(mean)) / np.float32(std)
    return torch.from_numpy(scaled).permute(0, 3, 1, 2)


def each_text(tower):
    global taken
    rows = []
    for ids in request['ids']:
        taken = 0
        rows.append(tower(ids))
    return torch.cat(rows)


TOWERS = {
    'clip_vision': clip_vision,
    'clip_text': lambda: each_text(clip_text),
    'siglip_vision': siglip_vision,
    'siglip_text': lambda: each_text(siglip_text),
}
with torch.no_grad():
    rows = TOWERS[request['tower']]()
assert taken == len(weights), f'{len(weights) - taken} weights were not used'
sys.stdout.buffer.write(rows.contiguous().numpy().tobytes())
