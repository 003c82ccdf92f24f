/** `npm run models -- list`: what there is and what is here, for a person. */

import { styleText } from 'node:util';
import type { Modality } from '#shared/core/modality.ts';
import { type CatalogueEntry, downloadBytes } from '#shared/models/catalogue-entry.ts';

export interface Listed {
  readonly entry: CatalogueEntry;
  readonly here: boolean;
}

export interface ListOptions {
  readonly colour: boolean;
  /** Models in the data folder that no catalogue has. */
  readonly others: readonly string[];
  readonly bundled: readonly string[];
}

const FINDS: Readonly<Record<Modality, string>> = { image: 'pictures', audio: 'sounds', text: 'texts' };
const HEADERS = ['name', 'for', 'languages', 'size', 'dim', 'licence', 'published'] as const;

export function printList(models: readonly Listed[], options: ListOptions): string {
  const paint = (format: Parameters<typeof styleText>[0], text: string) =>
    options.colour ? styleText(format, text, { validateStream: false }) : text;
  const rows = models.map(({ entry, here }) => ({ here, free: entry.licence.commercialUse, cells: cells(entry) }));
  const widths = HEADERS.map((header, i) => Math.max(header.length, ...rows.map((row) => row.cells[i]!.length)));
  const pad = (texts: readonly string[]) =>
    texts
      .map((text, i) => text.padEnd(widths[i]!))
      .join('  ')
      .trimEnd();
  const lines = rows.map(({ here, free, cells: [name = '', ...rest] }) => {
    const mark = here ? paint('green', '●') : free ? ' ' : paint('yellow', '!');
    const line = pad([name, ...rest]);
    const title = line.slice(0, widths[0]!);
    return `${mark} ${paint('bold', title)}${free ? line.slice(title.length) : paint('dim', line.slice(title.length))}`;
  });
  const notes = [
    `${paint('green', '●')} here: npm start -- --model NAME, one for speech: --speech NAME`,
    ...(options.bundled.length > 0 ? [`  bundled: ${options.bundled.join(', ')}`] : []),
    ...(options.others.length > 0 ? [`  also here: ${options.others.join(', ')}`] : []),
    '  the others: npm run models -- pull NAME',
    ...models.flatMap(({ entry: { name, licence } }) =>
      licence.commercialUse
        ? []
        : [
            `${paint('yellow', '!')} ${name}: ${paint('yellow', 'not for commercial use')} (${licence.note ?? licence.name})`,
          ],
    ),
  ];
  return `  ${paint('dim', pad(HEADERS))}\n${lines.join('\n')}\n\n${notes.join('\n')}\n`;
}

function cells(entry: CatalogueEntry): string[] {
  const [figure] = entry.published;
  return [
    entry.name,
    entry.task ??
      entry.modalities
        .filter((modality) => modality !== 'text' || entry.modalities.length === 1)
        .map((modality) => FINDS[modality])
        .join(', '),
    entry.languages,
    formatBytes(downloadBytes(entry)),
    String(entry.dimensions ?? '-'),
    `${entry.licence.name}${entry.licence.commercialUse ? '' : ' (research only)'}`,
    figure ? `${figure.metric} ${(figure.value * 100).toFixed(1)} %` : '',
  ];
}

/** `89 MB`, `1.5 GB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1e9) return `${Math.round(bytes / 1e6)} MB`;
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
