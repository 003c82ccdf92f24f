/** The network of `learning.bench.ts` in TensorFlow.js: node tensorflow.mjs cpu|wasm SECONDS. Prints steps, seconds, processor seconds. */

import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';

const [backend, seconds] = process.argv.slice(2);
await tf.setBackend(backend);
await tf.ready();

const [B, D, H, K] = [32, 1792, 1024, 10];
const weights = [
  tf.variable(tf.randomNormal([D, H], 0, Math.sqrt(2 / D))),
  tf.variable(tf.zeros([H])),
  tf.variable(tf.randomNormal([H, K], 0, Math.sqrt(1 / H))),
  tf.variable(tf.zeros([K])),
];
const x = tf.randomNormal([B, D]);
const y = tf.oneHot(tf.range(0, B, 1, 'int32').mod(tf.scalar(K, 'int32')), K);
const adam = tf.train.adam(1e-4);
const loss = () => {
  const hidden = tf.dropout(tf.relu(tf.add(tf.matMul(x, weights[0]), weights[1])), 0.5);
  return tf.losses.softmaxCrossEntropy(y, tf.add(tf.matMul(hidden, weights[2]), weights[3]));
};
const step = () => adam.minimize(loss, true, weights).dataSync()[0]; // waits for the result

step();
let steps = 0;
const usedBefore = process.cpuUsage();
const startedMs = performance.now();
while (performance.now() - startedMs < seconds * 1000) {
  step();
  steps++;
}
const { user, system } = process.cpuUsage(usedBefore);
process.stdout.write(JSON.stringify([steps, (performance.now() - startedMs) / 1e3, (user + system) / 1e6]));
