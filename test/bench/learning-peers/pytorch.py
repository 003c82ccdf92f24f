"""The network of learning.bench.ts in PyTorch: python3 pytorch.py SECONDS THREADS. Prints steps, seconds, processor seconds."""

import sys
import time

import torch
from torch import nn

seconds, threads = float(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(threads)
model = nn.Sequential(nn.Linear(1792, 1024), nn.ReLU(), nn.Dropout(0.5), nn.Linear(1024, 10))
adam = torch.optim.Adam(model.parameters(), lr=1e-4)
criterion = nn.CrossEntropyLoss()
x, y = torch.randn(32, 1792), torch.arange(32) % 10


def step():
    adam.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    adam.step()


step()
steps, started, used = 0, time.perf_counter(), time.process_time()
while time.perf_counter() - started < seconds:
    step()
    steps += 1
print([steps, time.perf_counter() - started, time.process_time() - used], end="")
