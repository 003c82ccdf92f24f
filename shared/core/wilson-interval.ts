/** How sure a measured share is. */

/**
 * (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n), z = 1.96. [0, 1] without observations.
 * E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
 */
export function wilsonInterval(successes: number, n: number): readonly [number, number] {
  if (n === 0) return [0, 1];
  const z2 = 1.959964 ** 2;
  const p = successes / n;
  const centre = p + z2 / (2 * n);
  const margin = Math.sqrt(z2 * ((p * (1 - p)) / n + z2 / (4 * n * n)));
  return [Math.max(0, (centre - margin) / (1 + z2 / n)), Math.min(1, (centre + margin) / (1 + z2 / n))];
}
