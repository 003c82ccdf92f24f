/** Data sets in their own formats, as lists of samples. What is recognised is told by the files in the folder. */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { ClassLabel } from '#shared/classify/zero-shot.ts';
import { ChiasmError } from '#shared/core/errors.ts';
import { readJsonFile, readJsonLines } from './read-json-file.ts';

/** Pictures with the texts that describe them. */
export interface CaptionedImage {
  readonly path: string;
  readonly captions: readonly string[];
}

/** Pictures or sounds with one class each. */
export interface LabelledFile {
  readonly path: string;
  readonly modality: 'image' | 'audio';
  readonly label: string;
}

export interface DatasetOptions {
  /** Only samples of this `split` (or `fold`). */
  readonly split?: string | undefined;
  /** Of tables with several label columns, the one to predict. */
  readonly label?: string | undefined;
  /** Only the K most frequent classes. */
  readonly classes?: number | undefined;
  /** COCO: the annotation file; the folder holds its pictures. */
  readonly annotations?: string | undefined;
  /** At most this many samples, the first ones. */
  readonly limit?: number | undefined;
}

const captionRow = z.looseObject({ image: z.string(), captions: z.array(z.string()), split: z.string().optional() });
const titleRow = z.looseObject({ image: z.string(), title: z.string() });
const cocoFile = z.object({
  images: z.array(z.object({ id: z.number(), file_name: z.string() })),
  annotations: z.array(z.object({ image_id: z.number(), caption: z.string() })),
});

const IMAGE_NAME = /\.(jpe?g|png|webp|gif|avif|tiff?)$/i;
const AUDIO_NAME = /\.(wav|mp3|ogg|opus|flac|m4a)$/i;

/**
 * `captions.jsonl` {image, captions, split?}; `items.jsonl` {image, title}; or with `annotations` MSCOCO's captions file.
 * @throws ChiasmError `invalid_request` when the folder holds none of them
 */
export async function readCaptionedImages(folder: string, options: DatasetOptions): Promise<CaptionedImage[]> {
  const samples = await readCaptions(folder, options);
  if (samples.length === 0) throw unknownFormat(folder, 'no sample fits the given split');
  return samples.slice(0, options.limit);
}

async function readCaptions(folder: string, options: DatasetOptions): Promise<CaptionedImage[]> {
  if (options.annotations !== undefined) return readCoco(folder, options.annotations);
  const files = await readdir(folder);
  if (files.includes('captions.jsonl')) {
    const rows = await readJsonLines(join(folder, 'captions.jsonl'), captionRow);
    const chosen = rows.filter(({ split }) => options.split === undefined || split === options.split);
    return chosen.map(({ image, captions }) => ({ path: join(folder, image), captions }));
  }
  if (files.includes('items.jsonl')) {
    const rows = await readJsonLines(join(folder, 'items.jsonl'), titleRow);
    return rows.map(({ image, title }) => ({ path: join(folder, image), captions: [title] }));
  }
  throw unknownFormat(folder, 'expected captions.jsonl, items.jsonl, or MSCOCO pictures with --annotations FILE');
}

async function readCoco(folder: string, annotations: string): Promise<CaptionedImage[]> {
  const { images, annotations: rows } = await readJsonFile(annotations, cocoFile);
  const present = new Set(await readdir(folder));
  const captions = Map.groupBy(rows, (annotation) => annotation.image_id);
  return images
    .filter(({ file_name }) => present.has(file_name))
    .map(({ id, file_name }) => ({
      path: join(folder, file_name),
      captions: (captions.get(id) ?? []).map(({ caption }) => caption),
    }))
    .filter((image) => image.captions.length > 0);
}

/**
 * `labels.jsonl` {audio | image, label, fold?}; `items.jsonl` with a label column; or one folder for each class.
 * @throws ChiasmError `invalid_request` when the folder holds none of them
 */
export async function readLabelledFiles(folder: string, options: DatasetOptions): Promise<LabelledFile[]> {
  const files = await readdir(folder, { withFileTypes: true });
  const names = files.map((file) => file.name);
  const table = names.find((name) => name === 'labels.jsonl' || name === 'items.jsonl');
  const samples = table === undefined ? await readClassFolders(folder) : await readTable(folder, table, options);
  const chosen = mostFrequentClasses(samples, options.classes);
  if (chosen.length === 0) {
    throw unknownFormat(folder, 'expected labels.jsonl, items.jsonl with --label COLUMN, or a folder for each class');
  }
  return chosen.slice(0, options.limit);
}

async function readTable(folder: string, table: string, options: DatasetOptions): Promise<LabelledFile[]> {
  const rows = await readJsonLines(join(folder, table), z.record(z.string(), z.unknown()));
  const column = options.label ?? 'label';
  return rows.flatMap((row): LabelledFile[] => {
    const file = row.audio ?? row.image;
    const label = row[column];
    const inSplit = options.split === undefined || row.split === options.split || row.fold === options.split;
    if (typeof file !== 'string' || typeof label !== 'string' || !inSplit) return [];
    return [{ path: join(folder, file), modality: row.audio === undefined ? 'image' : 'audio', label }];
  });
}

async function readClassFolders(folder: string): Promise<LabelledFile[]> {
  const classes = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  const samples = await Promise.all(
    classes.map(async ({ name: label }) => {
      const files = (await readdir(join(folder, label), { recursive: true })).sort();
      return files.flatMap((file): LabelledFile[] => {
        const path = join(folder, label, file);
        if (IMAGE_NAME.test(file)) return [{ path, modality: 'image', label }];
        return AUDIO_NAME.test(file) ? [{ path, modality: 'audio', label }] : [];
      });
    }),
  );
  return samples.flat();
}

const classPrompts = z.record(z.string(), z.array(z.string().min(1)).min(1));

/**
 * Phrases that stand for each class, from a JSON object of class -> phrases. More classes than asked for may be in it.
 * @throws ChiasmError `not_found`, `invalid_request` also when a class has none
 */
export async function readClassPrompts(path: string, classes: readonly string[]): Promise<Required<ClassLabel>[]> {
  const prompts = new Map(Object.entries(await readJsonFile(path, classPrompts)));
  return classes.map((name) => {
    const phrases = prompts.get(name);
    if (phrases !== undefined) return { name, prompts: phrases };
    throw new ChiasmError(
      'invalid_request',
      `${path}: expected phrases for each class, there are none for ${JSON.stringify(name)}`,
    );
  });
}

function mostFrequentClasses(samples: readonly LabelledFile[], classes = Number.POSITIVE_INFINITY): LabelledFile[] {
  const groups = [...Map.groupBy(samples, (sample) => sample.label)];
  const kept = groups.sort(([, a], [, b]) => b.length - a.length).slice(0, Math.min(classes, groups.length));
  const names = new Set(kept.map(([label]) => label));
  return samples.filter((sample) => names.has(sample.label));
}

function unknownFormat(folder: string, expected: string): ChiasmError {
  return new ChiasmError('invalid_request', `cannot evaluate on ${folder}: ${expected}`);
}
