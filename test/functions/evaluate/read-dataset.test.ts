import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readCaptionedImages, readClassPrompts, readLabelledFiles } from '#functions/evaluate/read-dataset.ts';
import { temporaryFolder } from '../../store/temporary-folder.ts';

const lines = (...rows: unknown[]) => rows.map((row) => JSON.stringify(row)).join('\n');

async function dataset(files: Record<string, string>): Promise<string> {
  const folder = await temporaryFolder();
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(folder, name, '..'), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

describe('captioned pictures', () => {
  it('are read from captions.jsonl, one split or all', async () => {
    const folder = await dataset({
      'captions.jsonl': lines(
        { image: 'a.jpg', split: 'train', captions: ['one', 'two'] },
        { image: 'b.jpg', split: 'test', captions: ['three'] },
      ),
    });
    expect(await readCaptionedImages(folder, { split: 'test' })).toEqual([
      { path: join(folder, 'b.jpg'), captions: ['three'] },
    ]);
    expect(await readCaptionedImages(folder, {})).toHaveLength(2);
    await expect(readCaptionedImages(folder, { split: 'dev' })).rejects.toThrow(/no sample fits/);
  });

  it('are read from titles in items.jsonl', async () => {
    const folder = await dataset({ 'items.jsonl': lines({ image: 'a.jpg', title: 'Red Shoes', kind: 'Shoes' }) });
    expect(await readCaptionedImages(folder, {})).toEqual([{ path: join(folder, 'a.jpg'), captions: ['Red Shoes'] }]);
  });

  it("are read from MSCOCO's annotations, as far as their pictures are there", async () => {
    const folder = await dataset({ 'images/1.jpg': '', 'captions.json': '' });
    const annotations = join(folder, 'captions.json');
    await writeFile(
      annotations,
      JSON.stringify({
        images: [
          { id: 7, file_name: '1.jpg' },
          { id: 8, file_name: 'missing.jpg' },
        ],
        annotations: [
          { image_id: 7, caption: 'a dog' },
          { image_id: 8, caption: 'a cat' },
          { image_id: 7, caption: 'an animal' },
        ],
      }),
    );
    const images = join(folder, 'images');
    expect(await readCaptionedImages(images, { annotations })).toEqual([
      { path: join(images, '1.jpg'), captions: ['a dog', 'an animal'] },
    ]);
  });

  it('are refused with the line that does not fit', async () => {
    const folder = await dataset({ 'captions.jsonl': lines({ image: 'a.jpg', captions: ['x'] }, { image: 3 }) });
    await expect(readCaptionedImages(folder, {})).rejects.toThrow(/captions\.jsonl:2/);
    await expect(readCaptionedImages(await dataset({ 'x.txt': '' }), {})).rejects.toThrow(/expected captions\.jsonl/);
  });
});

describe('labelled files', () => {
  it('are read from labels.jsonl, one fold or all', async () => {
    const folder = await dataset({
      'labels.jsonl': lines({ audio: 'a.ogg', label: 'Rain', fold: '1' }, { audio: 'b.ogg', label: 'Dog', fold: '2' }),
    });
    expect(await readLabelledFiles(folder, { split: '2' })).toEqual([
      { path: join(folder, 'b.ogg'), modality: 'audio', label: 'Dog' },
    ]);
  });

  it('are read from a column of items.jsonl, the most frequent classes', async () => {
    const rows = ['Shirt', 'Shoe', 'Shirt', 'Hat'].map((kind, i) => ({ image: `${i}.jpg`, kind }));
    const folder = await dataset({ 'items.jsonl': lines(...rows) });
    const samples = await readLabelledFiles(folder, { label: 'kind', classes: 1 });
    expect(samples.map(({ label }) => label)).toEqual(['Shirt', 'Shirt']);
  });

  it('are read from a folder for each class', async () => {
    const folder = await dataset({ 'cat/1.jpg': '', 'dog/deep/2.png': '', 'dog/notes.txt': '', 'bark/3.wav': '' });
    const samples = await readLabelledFiles(folder, {});
    expect(samples.map(({ label, modality }) => `${label} ${modality}`).sort()).toEqual([
      'bark audio',
      'cat image',
      'dog image',
    ]);
  });
});

describe('phrases of classes', () => {
  it('are read for the classes that are asked for', async () => {
    const folder = await dataset({
      'prompts.json': JSON.stringify({ go: ['a person saying go', 'go'], stop: ['stop'] }),
    });
    expect(await readClassPrompts(join(folder, 'prompts.json'), ['stop'])).toEqual([
      { name: 'stop', prompts: ['stop'] },
    ]);
  });

  it.each(['off', 'constructor'])('are missed for %s', async (name) => {
    const folder = await dataset({ 'prompts.json': JSON.stringify({ go: ['go'] }) });
    await expect(readClassPrompts(join(folder, 'prompts.json'), ['go', name])).rejects.toThrow(
      `prompts.json: expected phrases for each class, there are none for "${name}"`,
    );
  });

  it('are refused where a class has an empty list', async () => {
    const folder = await dataset({ 'prompts.json': '{"go": []}' });
    await expect(readClassPrompts(join(folder, 'prompts.json'), ['go'])).rejects.toThrow(/at go/);
  });
});
