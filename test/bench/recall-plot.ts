/** Recall against queries a second, as an SVG: one line for each engine, speed on a logarithmic axis. */

interface Curve {
  readonly name: string;
  readonly points: readonly { readonly recall: number; readonly queriesPerSecond: number }[];
}

const WIDTH = 760;
const HEIGHT = 440;
const LEFT = 70;
const RIGHT = 590;
const TOP = 40;
const BOTTOM = 390;
const LEAST_RECALL = 0.8;
const COLOURS = ['#d1495b', '#00798c', '#edae49', '#30638e', '#66a182', '#8d6a9f', '#555555'];

export function drawRecallAgainstSpeed(curves: readonly Curve[], title: string): string {
  const speeds = curves.flatMap(({ points }) => points.map(({ queriesPerSecond }) => queriesPerSecond));
  const low = Math.floor(Math.log10(Math.min(...speeds)));
  const high = Math.ceil(Math.log10(Math.max(...speeds)));
  const x = (recall: number) => LEFT + ((recall - LEAST_RECALL) / (1 - LEAST_RECALL)) * (RIGHT - LEFT);
  const y = (speed: number) => BOTTOM - ((Math.log10(speed) - low) / Math.max(1, high - low)) * (BOTTOM - TOP);
  const text = (at: readonly [number, number], content: string, anchor = 'middle') =>
    `<text x="${at[0].toFixed(1)}" y="${at[1].toFixed(1)}" text-anchor="${anchor}">${content}</text>`;
  const line = (from: readonly [number, number], to: readonly [number, number]) =>
    `<line x1="${from[0].toFixed(1)}" y1="${from[1].toFixed(1)}" x2="${to[0].toFixed(1)}" y2="${to[1].toFixed(1)}" stroke="#ddd"/>`;
  const heading = `Recall@10 against queries a second, ${title}`;
  const parts = [text([WIDTH / 2, 22], heading)];
  for (let recall = LEAST_RECALL; recall < 1.001; recall += 0.05) {
    parts.push(line([x(recall), TOP], [x(recall), BOTTOM]), text([x(recall), BOTTOM + 18], recall.toFixed(2)));
  }
  for (let power = low; power <= high; power++) {
    parts.push(line([LEFT, y(10 ** power)], [RIGHT, y(10 ** power)]));
    parts.push(text([LEFT - 8, y(10 ** power) + 4], (10 ** power).toLocaleString('en'), 'end'));
  }
  parts.push(text([(LEFT + RIGHT) / 2, BOTTOM + 38], 'recall@10'));
  curves.forEach(({ name, points }, i) => {
    const colour = COLOURS[i % COLOURS.length]!;
    const shown = points.filter(({ recall }) => recall >= LEAST_RECALL);
    const places = shown.map((point) => [x(point.recall), y(point.queriesPerSecond)] as const);
    const path = places.map(([px, py]) => `${px.toFixed(1)},${py.toFixed(1)}`).join(' ');
    parts.push(`<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`);
    for (const [px, py] of places)
      parts.push(`<circle cx="${px.toFixed(1)}" cy="${py.toFixed(1)}" r="3.5" fill="${colour}"/>`);
    const label = TOP + 14 + i * 20;
    parts.push(`<circle cx="${RIGHT + 22}" cy="${label - 4}" r="4" fill="${colour}"/>`);
    parts.push(text([RIGHT + 34, label], shown.length > 0 ? name : `${name} (below ${LEAST_RECALL})`, 'start'));
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="13"><title>${heading}</title><rect width="100%" height="100%" fill="#fff"/>${parts.join('\n')}</svg>\n`;
}
