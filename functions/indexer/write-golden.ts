/** Writes `golden.json` into a model folder while an image is packed: `node write-golden.mjs FOLDER`, on the CPU. */

import { writeGoldenVectors } from '#shared/encoders/golden-vectors.ts';
import { openGoldenModel } from './compose.ts';

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('expected the folder of a model');
const encoder = await openGoldenModel(folder);
await writeGoldenVectors(folder, encoder);
await encoder.close();
