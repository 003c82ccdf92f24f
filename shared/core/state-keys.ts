/** The only file that spells the keys of Chiasm's own state. `infra` grants and the handlers read by the same names. */

export const SPACES_PREFIX = 'spaces/';

/** Which spaces answer, and which one is being built beside them: one small object, changed by compare-and-swap. */
export const SPACES_KEY = 'spaces.json';

/** Where one space (the vectors of one model version) keeps its index. */
export const spaceKeys = (space: string) => ({
  prefix: `spaces/${space}/`,
  manifest: `spaces/${space}/manifest.json`,
  deltas: `spaces/${space}/delta/`,
  /** `digest` is the SHA-256 of the file in hexadecimal: the name lets a reader verify what it read. */
  delta: (ulid: string, digest: string) => `spaces/${space}/delta/${ulid}-${digest}.arrow`,
  generations: `spaces/${space}/generation/`,
  generation: (number: number, ulid: string) => `spaces/${space}/generation/${number}-${ulid}/`,
});

/** The space that a delta's key belongs to; undefined for the key of anything else. */
export function spaceOfDelta(key: string): string | undefined {
  return /^spaces\/([^/]+)\/delta\/[^/]+\.arrow$/.exec(key)?.[1];
}

/** Reports of the imports of whole buckets; nothing reads them but people. */
export const importKeys = { prefix: 'imports/' };

/** What the newest build of a model's space, or its estimate, came to; for a person and for what started it. */
export const BUILD_REPORT_KEY = 'builds/report.json';

/** A thumbnail belongs to one version of one object: `keyDigest` is the SHA-256 of its key, so that erasing can list it. */
export const thumbnailKeys = {
  prefix: 'thumbnails/',
  of: (keyDigest: string) => `thumbnails/${keyDigest}/`,
  one: (keyDigest: string, etag: string, widthPixels: number) => `thumbnails/${keyDigest}/${etag}-${widthPixels}.webp`,
};

/** Long tasks: one record for each, and the checkpoint it goes on from after a crash. */
export const jobKeys = {
  prefix: 'jobs/record/',
  record: (id: string) => `jobs/record/${id}.json`,
  checkpoint: (id: string) => `jobs/checkpoint/${id}`,
};

/**
 * Vectors of training examples, by the object that they come from: a picture or sound itself, or the data set whose rows
 * hold the texts. `keyDigest` is the SHA-256 of its key, so that erasing can list it.
 */
export const featureKeys = {
  of: (keyDigest: string) => `features/${keyDigest}/`,
  /** `content` names what was embedded: an etag or a digest. */
  one: (keyDigest: string, space: string, content: string) => `features/${keyDigest}/${space}-${content}.f32`,
};

/** Trained classifiers: versions are never changed once written; the manifest says which one is live. */
export const classifierKeys = {
  prefix: 'classifiers/',
  of: (name: string) => `classifiers/${name}/`,
  manifest: (name: string) => `classifiers/${name}/manifest.json`,
  card: (name: string, version: number) => `classifiers/${name}/version/${version}/card.json`,
  model: (name: string, version: number) => `classifiers/${name}/version/${version}/model.onnx`,
};

/** Bridges between spaces: the files of every training have a folder of their own; `current` names the one in use. */
export const alignmentKeys = {
  prefix: 'alignments/',
  of: (name: string) => `alignments/${name}/`,
  current: (name: string) => `alignments/${name}/current.json`,
  file: (name: string, training: string, file: string) => `alignments/${name}/${training}/${file}`,
};
