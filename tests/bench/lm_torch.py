"""One training step of a language model in PyTorch: what `lin-train -m MODEL` does, for its time.

usage: lm_torch.py gla|deltanet|transformer DIM HEADS LAYERS MLP VOCABULARY BATCH LENGTH [STEPS]

Mixing is in the chunk form with matrix products over all sequences and heads at once, the best that
plain PyTorch operations give: chunks of 16 for GLA (its decay overflows in larger ones), of 64 for
DeltaNet.  Prints the median seconds of a step (forward, backward, AdamW), after two to warm up.
SPDX-License-Identifier: MIT
"""

import os
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F


def rms(x, weight):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * weight


def gla_chunks(q, k, v, g, chunk=16):
    """q, k, g [B, H, T, K], v [B, H, T, V]"""
    batch, heads, length, width = q.shape
    state = q.new_zeros(batch, heads, width, v.shape[-1])
    q = q * width**-0.5
    out = []
    for s in range(0, length, chunk):
        qs, ks, vs = q[:, :, s : s + chunk], k[:, :, s : s + chunk], v[:, :, s : s + chunk]
        b = g[:, :, s : s + chunk].cumsum(2)
        scaled = qs * b.exp()
        within = (scaled @ (ks * (-b).exp()).transpose(2, 3)).tril()
        out.append(scaled @ state + within @ vs)
        last = b[:, :, -1:]
        state = last.exp().transpose(2, 3) * state + (ks * (last - b).exp()).transpose(2, 3) @ vs
    return torch.cat(out, 2)


def delta_chunks(q, k, v, beta, chunk=64):
    """q, k [B, H, T, K], v [B, H, T, V], beta [B, H, T, 1]"""
    batch, heads, length, width = q.shape
    state = q.new_zeros(batch, heads, width, v.shape[-1])
    q = q * width**-0.5
    out = []
    for s in range(0, length, chunk):
        qs, ks, vs = q[:, :, s : s + chunk], k[:, :, s : s + chunk], v[:, :, s : s + chunk]
        bs = beta[:, :, s : s + chunk]
        eye = torch.eye(ks.shape[2])
        lower = eye + ((bs * ks) @ ks.transpose(2, 3)).tril(-1)
        both = torch.linalg.solve_triangular(lower, torch.cat([bs * vs, bs * ks], -1), upper=False)
        u, w = both[..., : vs.shape[-1]], both[..., vs.shape[-1] :]
        u = u - w @ state
        out.append(qs @ state + (qs @ ks.transpose(2, 3)).tril() @ u)
        state = state + ks.transpose(2, 3) @ u
    return torch.cat(out, 2)


class Mix(nn.Module):
    def __init__(self, kind, dim, heads):
        super().__init__()
        self.kind, self.heads = kind, heads
        keys = dim // 2 if kind == "gla" else dim
        self.q, self.k = (nn.Linear(dim, keys, bias=False) for _ in range(2))
        self.v, self.o = (nn.Linear(dim, dim, bias=False) for _ in range(2))
        if kind == "gla":
            self.low = nn.Linear(dim, 16, bias=False)
            self.decay = nn.Linear(16, keys)
            self.gate = nn.Linear(dim, dim, bias=False)
        if kind == "deltanet":
            self.beta = nn.Linear(dim, heads, bias=False)
            widths = (keys, keys, dim)
            self.conv = nn.ModuleList(nn.Conv1d(c, c, 4, groups=c, padding=3, bias=False) for c in widths)
        self.norm = nn.Parameter(torch.ones(dim // heads))

    def split(self, x):
        return x.view(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

    def forward(self, x):
        q, k, v = self.q(x), self.k(x), self.v(x)
        if self.kind == "deltanet":
            q, k, v = (
                F.silu(c(y.transpose(1, 2))[..., : x.shape[1]]).transpose(1, 2)
                for c, y in zip(self.conv, (q, k, v))
            )
        q, k, v = self.split(q), self.split(k), self.split(v)
        if self.kind == "gla":
            o = gla_chunks(q, k, v, self.split(F.logsigmoid(self.decay(self.low(x))) / 16))
        elif self.kind == "deltanet":
            q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)
            o = delta_chunks(q, k, v, self.split(torch.sigmoid(self.beta(x))))
        else:
            return self.o(self.attention(q, k, v))
        o = rms(o, self.norm).transpose(1, 2).reshape(x.shape)
        return self.o(o * F.silu(self.gate(x)) if self.kind == "gla" else o)

    def attention(self, q, k, v):
        length, half = q.shape[2], q.shape[3] // 2
        angle = torch.arange(length)[:, None] * 10000.0 ** (-torch.arange(half) / half)
        c, s = angle.cos(), angle.sin()
        q, k = (
            torch.cat([y[..., :half] * c - y[..., half:] * s, y[..., half:] * c + y[..., :half] * s], -1)
            for y in (q, k)
        )
        scores = q @ k.transpose(2, 3) * q.shape[3] ** -0.5
        mask = torch.ones(length, length, dtype=torch.bool).triu(1)
        o = scores.masked_fill(mask, -torch.inf).softmax(-1) @ v
        return o.transpose(1, 2).reshape(o.shape[0], length, -1)


class Model(nn.Module):
    def __init__(self, kind, dim, heads, layers, mlp, vocabulary):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, dim)
        self.mixes = nn.ModuleList(Mix(kind, dim, heads) for _ in range(layers))
        self.gates, self.ups = (
            nn.ModuleList(nn.Linear(dim, mlp, bias=False) for _ in range(layers)) for _ in range(2)
        )
        self.downs = nn.ModuleList(nn.Linear(mlp, dim, bias=False) for _ in range(layers))
        self.norms = nn.ParameterList(nn.Parameter(torch.ones(dim)) for _ in range(2 * layers + 1))
        self.head = nn.Linear(dim, vocabulary, bias=False)

    def forward(self, ids):
        h = self.embed(ids)
        for i, mix in enumerate(self.mixes):
            h = h + mix(rms(h, self.norms[2 * i]))
            x = rms(h, self.norms[2 * i + 1])
            h = h + self.downs[i](F.silu(self.gates[i](x)) * self.ups[i](x))
        return self.head(rms(h, self.norms[-1]))


def main():
    kind = sys.argv[1]
    dim, heads, layers, mlp, vocabulary, batch, length = map(int, sys.argv[2:9])
    steps = int(sys.argv[9]) if len(sys.argv) > 9 else 5
    torch.manual_seed(1)
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    model = Model(kind, dim, heads, layers, mlp, vocabulary)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.01)
    ids = torch.randint(0, vocabulary, (batch, length + 1))
    times = []
    for _ in range(steps + 2):
        started = time.perf_counter()
        optimiser.zero_grad()
        logits = model(ids[:, :-1])
        F.cross_entropy(logits.reshape(-1, vocabulary), ids[:, 1:].reshape(-1)).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        times.append(time.perf_counter() - started)
    print(sorted(times[2:])[steps // 2])


main()
