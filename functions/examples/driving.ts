/**
 * Driving: radar frames and the camera frames nearest in time, aligned by canonical correlation. Each pair in turn is left
 * out and sought with the maps of the others. Seventeen frames of one minute in fog: an exercise, not a result.
 */

import { wilsonInterval } from '#shared/core/wilson-interval.ts';
import { linearCca, project } from '#shared/learning/alignment/linear-cca.ts';
import type { Workbench } from './compose.ts';
import type { Example } from './example.ts';
import { tableHead, tableRow, withInterval } from './report.ts';

const DIMENSIONS = 4;
/** More than the default: there are far fewer pairs than numbers in a vector. */
const REGULARISATION = 1;
const NEAREST = 3;

export const driving: Example = {
  expects: 'frames.jsonl {radar, camera}',
  run: async (bench, print) => {
    const frames = await bench.readRows('frames.jsonl');
    const radar = await embed(
      bench,
      frames.map((frame) => frame.radar!),
    );
    const camera = await embed(
      bench,
      frames.map((frame) => frame.camera!),
    );
    const ranks = frames.map((_, left) => rankOfPartner(radar, camera, left));
    print(`${frames.length} frames, each sought with maps that were fitted without it\n`);
    print(tableHead(['from radar to camera', 'right, %', 'chance, %']));
    for (const k of [1, NEAREST]) {
      const found = ranks.filter((rank) => rank < k).length;
      const [low, high] = wilsonInterval(found, ranks.length);
      const share = { value: found / ranks.length, low, high };
      print(tableRow([`among the nearest ${k}`, withInterval(share), ((100 * k) / ranks.length).toFixed(1)]));
    }
  },
};

async function embed({ embedder, readBytes }: Workbench, files: readonly string[]): Promise<readonly Float32Array[]> {
  const vectors: Float32Array[] = [];
  for (const file of files) vectors.push(await embedder.image(await readBytes(file)));
  return vectors;
}

const toMatrix = (vectors: readonly Float32Array[]) => ({
  rows: vectors.length,
  columns: vectors[0]!.length,
  data: Float64Array.from(vectors.flatMap((vector) => [...vector])),
});

/** How many camera frames lie nearer to the radar frame that was left out than its own; equal frames count as its own. */
function rankOfPartner(radar: readonly Float32Array[], camera: readonly Float32Array[], left: number): number {
  const others = (vectors: readonly Float32Array[]) => toMatrix(vectors.filter((_, i) => i !== left));
  const maps = linearCca(others(radar), others(camera), DIMENSIONS, REGULARISATION);
  const query = project(toMatrix([radar[left]!]), maps.from).data;
  const candidates = project(toMatrix(camera), maps.to).data;
  const cosines = camera.map((_, i) => cosine(query, candidates.subarray(i * DIMENSIONS, (i + 1) * DIMENSIONS)));
  return cosines.filter((value) => value > cosines[left]!).length;
}

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [product, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    product += a[i]! * b[i]!;
    aa += a[i]! ** 2;
    bb += b[i]! ** 2;
  }
  return product / Math.sqrt(aa * bb || 1);
}
