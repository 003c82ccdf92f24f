/** The files in a drop or of a picker, with the paths that become their keys. */

import { h } from './element.ts';

export interface PathedFile {
  readonly file: File;
  /** Slash-separated, with the names of the dropped folders. */
  readonly path: string;
}

/** Rubbish that operating systems leave in folders, and everything hidden. */
const IGNORED = /(^|\/)(\.|Thumbs\.db$|desktop\.ini$|__MACOSX\/)/;

/**
 * All files of a drop, folders walked to their ends. The entries must be taken from `items` before the first `await`, which
 * is why this is not simply an async generator.
 */
export async function filesOfDrop(transfer: DataTransfer): Promise<readonly PathedFile[]> {
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  const found: PathedFile[] = [];
  await Promise.all(entries.map((entry) => walk(entry, found)));
  return found.filter(({ path }) => !IGNORED.test(path));
}

/** Lets the person choose, and calls `then` unless nothing was chosen. */
export function pickFiles(
  options: { readonly folder?: boolean; readonly accept?: string },
  then: (files: readonly PathedFile[]) => void,
): void {
  const { folder = false, accept } = options;
  const input = h('input', { type: 'file', attributes: { multiple: true, accept, webkitdirectory: folder } });
  input.addEventListener('change', () => {
    const files = [...(input.files ?? [])].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
    then(files.filter(({ path }) => !IGNORED.test(path)));
  });
  input.click();
}

async function walk(entry: FileSystemEntry, found: PathedFile[]): Promise<void> {
  if (isFile(entry)) {
    const file = await new Promise<File>((resolve, reject) => entry.file(resolve, reject));
    found.push({ file, path: entry.fullPath.replace(/^\//, '') });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    const batch = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (batch.length === 0) return; // a reader gives at most 100 entries at a time
    for (const child of batch) await walk(child, found);
  }
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}
