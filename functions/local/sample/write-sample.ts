/**
 * The built-in collection: what `npm start` indexes when it is given no folder, so that the first search shows something.
 * Everything in it is drawn, computed or written here; it may be used and passed on freely.
 */

import { mkdir, rename, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type DrawnFile, drawPictures } from './draw-pictures.ts';
import { synthesiseSounds } from './synthesise-sounds.ts';

const TEXTS: Readonly<Record<string, string>> = {
  'notes/packing list.md': `# Packing list for the mountains

Warm socks, a rain jacket, a head lamp with new batteries, the map of the valley, bread and cheese for two days.
The hut has blankets, so the sleeping bags stay at home.`,
  'notes/pancakes.md': `# Pancakes

Two eggs, a quarter of a litre of milk, 150 grams of flour and a pinch of salt. Let the batter rest for half an hour.
Bake them in butter on a hot pan, one minute on each side, and eat them with apple sauce.`,
  'notes/how to sail.md': `# How to sail

Turn the bow into the wind and the sails flap: the boat stops. Bear away until they fill, pull the sheet in until they
just do not flap, and the boat moves. When the wind is too strong, let the sheet go first and think afterwards.`,
  'notes/garden.txt': `The tulips came up in March, the roses in June. The old apple tree carried more fruit than ever. Next year: sow the
beans later, water in the evening, and keep the neighbour's cat out of the flower bed.`,
};

/** Writes the collection below `folder` once; what a person has changed or deleted there since stays so. */
export async function writeSample(folder: string): Promise<void> {
  if (
    await stat(folder).then(
      () => true,
      () => false,
    )
  )
    return;
  const texts = Object.entries(TEXTS).map(([path, text]): DrawnFile => ({ path, bytes: Buffer.from(text) }));
  const files = [...(await drawPictures()), ...synthesiseSounds(), ...texts];
  const unfinished = `${folder}.unfinished`; // renamed at the end, so that a killed process leaves no half collection
  for (const { path, bytes } of files) {
    const target = join(unfinished, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, bytes);
  }
  await rename(unfinished, folder);
}
