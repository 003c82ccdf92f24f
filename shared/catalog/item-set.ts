/** A set of small whole numbers (item ids of one catalog) as bits. */

export interface ItemSet {
  readonly bits: Uint32Array;
}

/** An empty set of numbers below `capacity`. */
export function createItemSet(capacity: number): ItemSet {
  return { bits: new Uint32Array(Math.ceil(capacity / 32)) };
}

export function hasItem(set: ItemSet, id: number): boolean {
  return ((set.bits[id >>> 5]! >>> (id & 31)) & 1) === 1; // past the end: undefined >>> n is 0
}

export function addItem(set: ItemSet, id: number): void {
  set.bits[id >>> 5]! |= 1 << (id & 31);
}

export function sizeOf({ bits }: ItemSet): number {
  let size = 0;
  for (const word of bits) {
    // sums of neighbouring bits, pairs and nibbles, then of the four bytes (Warren, "Hacker's Delight", 5-1)
    const pairs = word - ((word >>> 1) & 0x55555555);
    const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
    size += Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
  }
  return size;
}

/** left and right, right and left: sets of equal capacity. */
export function intersection(left: ItemSet, right: ItemSet): ItemSet {
  return { bits: left.bits.map((word, i) => word & right.bits[i]!) };
}

export function union(left: ItemSet, right: ItemSet): ItemSet {
  return { bits: left.bits.map((word, i) => word | right.bits[i]!) };
}

/** What is in `left` and not in `right`. */
export function difference(left: ItemSet, right: ItemSet): ItemSet {
  return { bits: left.bits.map((word, i) => word & ~right.bits[i]!) };
}
