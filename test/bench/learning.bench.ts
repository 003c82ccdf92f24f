/**
 * Training speed of a classifier head over two encoders (1792 -> 1024 ReLU, dropout 0.5 -> 10, batch 32, Adam) beside
 * TensorFlow.js and PyTorch. Peers take turns, because other load on the machine changes while it runs.
 *
 *   npm run bench -- learning [--seconds S] [--rounds R] [--threads T] [--python PATH]
 */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createRandom } from '#shared/core/random.ts';
import type { Expression } from '#shared/learning/graph/expression.ts';
import { createNoise, dense, dropout, heNormal, type Noise } from '#shared/learning/graph/layers.ts';
import { crossEntropy } from '#shared/learning/graph/losses.ts';
import { input, relu } from '#shared/learning/graph/operators.ts';
import { adam } from '#shared/learning/graph/optimisers.ts';
import { openTrainer } from '#shared/learning/graph/trainer.ts';
import { STEP, trainingStep } from '#shared/learning/graph/training-step.ts';
import { createOnnxSession } from '#shared/runtime/onnx-session.ts';
import { machine, median, table } from './statistics.ts';

const PEERS = join(import.meta.dirname, 'learning-peers');
const [B, D, H, K] = [32, 1_792, 1_024, 10];
const STEPS_A_RUN = 25;

/** Steps, seconds, seconds of processor time. */
type Measurement = readonly [steps: number, seconds: number, busySeconds: number];

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '5' },
      rounds: { type: 'string', default: '3' },
      threads: { type: 'string', default: '2' },
      python: { type: 'string', default: 'python3' },
    },
  });
  const seconds = Number(values.seconds);
  const threads = Number(values.threads);
  installPeers();
  const peers: Readonly<Record<string, () => Promise<Measurement> | Measurement | undefined>> = {
    Chiasm: () => trainHere(seconds, threads, STEPS_A_RUN),
    'Chiasm, one step in a run': () => trainHere(seconds, threads, 1),
    'TensorFlow.js, CPU': () => measured(process.execPath, ['tensorflow.mjs', 'cpu', values.seconds]),
    'TensorFlow.js, WASM': () => measured(process.execPath, ['tensorflow.mjs', 'wasm', values.seconds]),
    PyTorch: () => measured(values.python, ['pytorch.py', values.seconds, values.threads]),
  };
  const found = new Map<string, Measurement[]>();
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [name, measure] of Object.entries(peers)) {
      const measurement = await measure();
      if (measurement !== undefined) found.set(name, [...(found.get(name) ?? []), measurement]);
    }
  }
  process.stdout.write(`${await machine()}; ${threads} threads\n${report(found)}`);
}

function report(found: ReadonlyMap<string, readonly Measurement[]>): string {
  const rate = (name: string) => median(found.get(name)!.map(([steps, seconds]) => steps / seconds));
  const busyMs = (name: string) => median(found.get(name)!.map(([steps, , busy]) => (1_000 * busy) / steps));
  const rows = [...found.keys()].map((name) => [
    name,
    rate(name).toPrecision(3),
    (rate('Chiasm') / rate(name)).toFixed(2),
    busyMs(name).toFixed(1),
    (busyMs(name) / busyMs('Chiasm')).toFixed(2),
  ]);
  return table([['', 'steps/s', 'Chiasm is faster by', 'processor ms a step', 'Chiasm needs less by'], ...rows]);
}

async function trainHere(seconds: number, threads: number, stepsARun: number): Promise<Measurement> {
  const numbers = createRandom(1);
  const hidden = dense('hidden', D, H, numbers, heNormal);
  const output = dense('output', H, K, numbers);
  const network = (x: Expression, noise: Noise) => output(dropout(relu(hidden(x)), 0.5, noise));
  const loss = crossEntropy(network(input('x', [B, D]), createNoise(STEP, 1)), input('y', [B, K]));
  const step = trainingStep(loss, { optimiser: adam() });
  const deps = { openSession: createOnnxSession, sessionOptions: { threads } };
  const trainer = await openTrainer(step, () => 1e-4, deps);
  const x = Float32Array.from({ length: stepsARun * B * D }, () => numbers.normal());
  const y = Float32Array.from({ length: stepsARun * B * K }, (_, i) => Number(Math.floor(i / K) % K === i % K));
  await trainer.run(1, { x: x.slice(0, B * D), y: y.slice(0, B * K) });
  const usedBefore = process.cpuUsage();
  const startedMs = performance.now();
  let steps = 0;
  while (performance.now() - startedMs < seconds * 1_000) {
    await trainer.run(stepsARun, { x, y });
    steps += stepsARun;
  }
  const { user, system } = process.cpuUsage(usedBefore);
  const elapsedSeconds = (performance.now() - startedMs) / 1_000;
  await trainer.close();
  return [steps, elapsedSeconds, (user + system) / 1e6];
}

/** What a peer's program prints; undefined, with a line that says so, where it does not run. */
function measured(command: string, args: readonly string[]): Measurement | undefined {
  const { stdout, stderr, status, error } = spawnSync(command, args, { cwd: PEERS, encoding: 'utf8' });
  if (status === 0) return JSON.parse(stdout.slice(stdout.lastIndexOf('['))) as Measurement;
  process.stdout.write(`left out: ${args[0]} (${error?.message ?? stderr.trim().split('\n').at(-1)})\n`);
  return undefined;
}

function installPeers(): void {
  if (existsSync(join(PEERS, 'node_modules'))) return;
  const { status, stderr } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: PEERS, encoding: 'utf8' });
  if (status !== 0) throw new Error(`cannot install what is compared with: ${stderr}`);
}
