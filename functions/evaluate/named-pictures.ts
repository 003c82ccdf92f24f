/** Pictures with what is said of them: captions, or values of label columns. */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ChiasmError } from '#shared/core/errors.ts';
import { type DatasetOptions, readCaptionedImages, readLabelledFiles } from './read-dataset.ts';
import { readJsonLines } from './read-json-file.ts';

export interface NamedPicture {
  readonly path: string;
  /** Sentences of people; none where the data set has labels. */
  readonly captions: readonly string[];
  readonly labels: readonly Label[];
}

export interface Label {
  readonly column: string;
  readonly value: string;
}

/** Columns that are no labels. */
const OTHER_COLUMNS: ReadonlySet<string> = new Set(['image', 'title', 'id', 'split']);

/**
 * Captions from captions.jsonl or MSCOCO, labels from the columns of items.jsonl (all but titles and numbers, or those of
 * `label`, separated by commas), from labels.jsonl, or from a folder for each class.
 * @throws ChiasmError `invalid_request` when the folder holds none of them
 */
export async function readNamedPictures(folder: string, options: DatasetOptions): Promise<readonly NamedPicture[]> {
  const files = await readdir(folder);
  if (options.annotations !== undefined || files.includes('captions.jsonl')) {
    const captioned = await readCaptionedImages(folder, options);
    return captioned.map(({ path, captions }) => ({ path, captions, labels: [] }));
  }
  if (files.includes('items.jsonl')) return readItems(folder, options);
  const labelled = (await readLabelledFiles(folder, options)).filter(({ modality }) => modality === 'image');
  return labelled.map(({ path, label }) => ({ path, captions: [], labels: [{ column: 'label', value: label }] }));
}

async function readItems(folder: string, { label, split, limit }: DatasetOptions): Promise<readonly NamedPicture[]> {
  const rows = await readJsonLines(join(folder, 'items.jsonl'), z.looseObject({ image: z.string() }));
  const wanted = label?.split(',');
  const unknown = wanted?.find((column) => !rows.some((row) => column in row));
  if (unknown !== undefined) {
    throw new ChiasmError('invalid_request', `--label: no row of ${folder}/items.jsonl has the column ${unknown}`);
  }
  const isLabel = (column: string) => wanted?.includes(column) ?? !OTHER_COLUMNS.has(column);
  return rows
    .filter((row) => split === undefined || row.split === split)
    .slice(0, limit)
    .map((row) => ({
      path: join(folder, row.image),
      captions: [],
      labels: Object.entries(row).flatMap(([column, value]): Label[] =>
        typeof value === 'string' && /[a-z]/i.test(value) && isLabel(column) ? [{ column, value }] : [],
      ),
    }));
}
