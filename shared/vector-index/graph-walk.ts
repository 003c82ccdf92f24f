/**
 * Searching a graph that hnswlib has built, over codes of one byte a number of its points: a tenth of the memory, and a
 * step is a call of a SIMD kernel. Only read; `build-graph.ts` has hnswlib build and change the file.
 * Source: Malkov and Yashunin 2018, "Efficient and robust approximate nearest neighbor search using HNSW graphs",
 * algorithms 2 and 5, and hnswlib's `saveIndex` for the file.
 */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { ChiasmError } from '#shared/core/errors.ts';
import { type CodedMatrix, createCodedMatrix } from './coded-matrix.ts';

export interface GraphWalk {
  /**
   * Labels of about the `ef` nearest points of `query` [d] by dot product, best first. Deleted ones are left out after the
   * walk: `build-graph.ts` has moved them to the origin, where hardly any query's nearest are.
   */
  search(query: Float32Array, ef: number): Int32Array;
}

const HEADER_BYTES = 96;
const CHUNK_BYTES = 1024 * 1024; // about 2 ms of coding between two turns of the event loop
/** In the third byte of a point's list of links. */
const DELETED = 0x1_0000;
/** Rounds that are told apart in a byte. */
const ROUNDS = 255;

interface Links {
  /** Links of point i on the lowest layer are `lists` from starts[i] to starts[i + 1]. */
  readonly starts: Int32Array;
  readonly lists: Int32Array;
  /** Where the lists of a point on higher layers begin in `upper`: for each layer a count and `width` places. */
  readonly upperStarts: ReadonlyMap<number, number>;
  readonly upper: Int32Array;
  readonly width: number;
  readonly entry: number;
  readonly layers: number;
}

/** `path` must have been verified: its offsets are trusted. `dimensions` are those of the graph's points. */
export async function openGraph(path: string, dimensions: number): Promise<GraphWalk> {
  const file = openSync(path, 'r');
  try {
    const read = (at: number, bytes: number, buffer = new ArrayBuffer(bytes)) => {
      if (readSync(file, new Uint8Array(buffer), 0, bytes, at) === bytes) return buffer;
      throw new ChiasmError('state_corrupt', `${path} became shorter while it was read; restore it`, {
        retryable: true,
      });
    };
    const header = new DataView(read(0, HEADER_BYTES));
    const size = (at: number) => Number(header.getBigUint64(at, true));
    const [count, pointBytes, mostLinks, mostUpperLinks] = [size(16), size(24), size(64), size(56)];
    const coded = createCodedMatrix(count, dimensions, mostLinks + 1);
    const labels = new Int32Array(count);
    const starts = new Int32Array(count + 1);
    const lists = new Int32Array(count * mostLinks);
    const chunkPoints = Math.max(1, Math.floor(CHUNK_BYTES / pointBytes));
    const dataAt = (1 + mostLinks) * 4;
    const words = new Int32Array(Math.min(count, chunkPoints) * (pointBytes / 4));
    const chunkVectors = new Float32Array(Math.min(count, chunkPoints) * dimensions);
    for (let first = 0; first < count; first += chunkPoints) {
      const points = Math.min(chunkPoints, count - first);
      read(HEADER_BYTES + first * pointBytes, points * pointBytes, words.buffer);
      const vectors = chunkVectors.subarray(0, points * dimensions);
      for (let i = 0; i < points; i++) {
        const at = (i * pointBytes) / 4;
        const links = words[at]! & 0xffff;
        lists.set(words.subarray(at + 1, at + 1 + links), starts[first + i]!);
        starts[first + i + 1] = starts[first + i]! + links;
        vectors.set(new Float32Array(words.buffer, at * 4 + dataAt, dimensions), i * dimensions);
        const label = words[at + dataAt / 4 + dimensions]!;
        labels[first + i] = words[at]! & DELETED ? -1 - label : label;
      }
      coded.code(first, vectors);
      await setImmediate();
    }
    const end = HEADER_BYTES + count * pointBytes;
    const rest = new Int32Array(read(end, fstatSync(file).size - end));
    const upperStarts = new Map<number, number>();
    for (let point = 0, at = 0; point < count; point++) {
      const bytes = rest[at++]!;
      if (bytes > 0) upperStarts.set(point, at);
      at += bytes / 4;
    }
    return createWalk(coded, labels, {
      starts,
      lists,
      upperStarts,
      upper: rest,
      width: mostUpperLinks + 1,
      entry: header.getUint32(52, true),
      layers: header.getInt32(48, true),
    });
  } finally {
    closeSync(file);
  }
}

function createWalk(coded: CodedMatrix, labels: Int32Array, links: Links): GraphWalk {
  const { starts, lists, upperStarts, upper, width } = links;
  const { wanted, scores } = coded;
  /** The round in which a point was last looked at. */
  const seen = new Uint8Array(labels.length);
  let round = 0;

  const descend = () => {
    let nearest = links.entry;
    wanted[0] = nearest;
    coded.compare(1);
    let best = scores[0]!;
    for (let layer = links.layers; layer > 0; ) {
      const at = upperStarts.get(nearest)! + (layer - 1) * width;
      const count = upper[at]! & 0xffff;
      wanted.set(upper.subarray(at + 1, at + 1 + count));
      coded.compare(count);
      const before = nearest;
      for (let i = 0; i < count; i++) {
        if (scores[i]! <= best) continue;
        best = scores[i]!;
        nearest = wanted[i]!;
      }
      if (nearest === before) layer--;
    }
    return { nearest, best };
  };

  return {
    search: (query, ef) => {
      if (labels.length === 0) return new Int32Array();
      coded.setQuery(query);
      if (round === ROUNDS) seen.fill(0);
      round = (round % ROUNDS) + 1;
      // the ef best points so far, best first; one whose links were followed is held as -1 - point
      const found = new Int32Array(ef);
      const foundScores = new Float32Array(ef);
      const { nearest, best } = descend();
      found[0] = nearest;
      foundScores[0] = best;
      seen[nearest] = round;
      let size = 1;
      for (let next = 0; next < size; ) {
        const point = found[next]!;
        if (point < 0) {
          next++;
          continue;
        }
        found[next] = -1 - point;
        let count = 0;
        for (let i = starts[point]!; i < starts[point + 1]!; i++) {
          const other = lists[i]!;
          if (seen[other] === round) continue;
          seen[other] = round;
          wanted[count++] = other;
        }
        coded.compare(count);
        for (let i = 0; i < count; i++) {
          const score = scores[i]!;
          if (size === ef && score <= foundScores[ef - 1]!) continue;
          let place = size < ef ? size++ : ef - 1;
          for (; place > 0 && foundScores[place - 1]! < score; place--) {
            foundScores[place] = foundScores[place - 1]!;
            found[place] = found[place - 1]!;
          }
          foundScores[place] = score;
          found[place] = wanted[i]!;
          if (place < next) next = place;
        }
      }
      return found
        .subarray(0, size)
        .map((point) => labels[-1 - point]!)
        .filter((label) => label >= 0);
    },
  };
}
