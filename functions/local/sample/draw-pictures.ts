/** The pictures of the built-in collection: drawn as SVG here, stored as JPEG, PNG and WebP. */

import sharp from 'sharp';

interface Picture {
  readonly name: string;
  readonly svg: string;
}

const WIDTH = 480;
const HEIGHT = 360;

const COLOURS: Readonly<Record<string, string>> = {
  red: '#d62828',
  orange: '#f3722c',
  yellow: '#f9c74f',
  green: '#43aa3c',
  blue: '#2456c8',
  purple: '#7b2cbf',
  pink: '#ff7eb6',
  black: '#1b1b1e',
};

const at = (x: number, y: number, scale: number, content: string) =>
  `<g transform="translate(${x} ${y}) scale(${scale})">${content}</g>`;

/** Shapes one unit across, centred on the origin. */
const SHAPES: Readonly<Record<string, string>> = {
  circle: '<circle r="0.5"/>',
  square: '<rect x="-0.5" y="-0.5" width="1" height="1"/>',
  triangle: '<path d="M0 -0.5L0.55 0.45H-0.55Z"/>',
  star: `<path d="M${Array.from({ length: 10 }, (_, i) => {
    const radius = i % 2 === 0 ? 0.55 : 0.23;
    const angle = (i * Math.PI) / 5 - Math.PI / 2;
    return `${(radius * Math.cos(angle)).toFixed(3)} ${(radius * Math.sin(angle)).toFixed(3)}`;
  }).join('L')}Z"/>`,
  heart: '<path d="M0 0.5C-0.9 -0.1 -0.45 -0.65 0 -0.25C0.45 -0.65 0.9 -0.1 0 0.5Z"/>',
};

const shape = (name: string, colour: string, x: number, y: number, size: number) =>
  `<g fill="${COLOURS[colour]}">${at(x, y, size, SHAPES[name]!)}</g>`;

const background = (colour: string) => `<rect width="${WIDTH}" height="${HEIGHT}" fill="${colour}"/>`;
const sky = (top: string, bottom: string) =>
  `<linearGradient id="sky" x2="0" y2="1"><stop stop-color="${top}"/><stop offset="1" stop-color="${bottom}"/></linearGradient>${background('url(#sky)')}`;
const ground = (colour: string, y = 250) => `<rect y="${y}" width="${WIDTH}" height="${HEIGHT - y}" fill="${colour}"/>`;
const sun = (x: number, y: number, radius = 34) => `<circle cx="${x}" cy="${y}" r="${radius}" fill="#ffd34d"/>`;
const cloud = (x: number, y: number) =>
  `<g fill="#fff" opacity="0.95"><ellipse cx="${x}" cy="${y}" rx="48" ry="20"/><circle cx="${x - 16}" cy="${y - 14}" r="22"/><circle cx="${x + 18}" cy="${y - 12}" r="18"/></g>`;
const tree = (x: number, y: number, size = 1, leaves = '#2f8f3a') =>
  at(
    x,
    y,
    size,
    `<rect x="-9" y="-40" width="18" height="60" fill="#7a4a21"/><g fill="${leaves}"><circle cy="-85" r="48"/><circle cx="-34" cy="-58" r="32"/><circle cx="34" cy="-58" r="32"/></g>`,
  );
const house = (x: number, y: number, wall: string, roof: string) =>
  at(
    x,
    y,
    1,
    `<rect x="-70" y="-90" width="140" height="110" fill="${wall}"/><path d="M-86 -90L0 -160L86 -90Z" fill="${roof}"/><rect x="-16" y="-40" width="32" height="60" fill="#5b3716"/><rect x="-56" y="-70" width="30" height="28" fill="#cfe8ff"/><rect x="26" y="-70" width="30" height="28" fill="#cfe8ff"/>`,
  );
const car = (x: number, y: number, paint: string) =>
  at(
    x,
    y,
    1,
    `<path d="M-110 0V-36Q-110 -46 -96 -48L-62 -52L-34 -88H36L66 -52L100 -46Q112 -44 112 -30V0Z" fill="${paint}"/><path d="M-48 -54L-28 -80H-4V-54ZM6 -54V-80H30L50 -54Z" fill="#d7efff"/><g fill="#222"><circle cx="-62" r="24"/><circle cx="64" r="24"/></g><g fill="#bbb"><circle cx="-62" r="10"/><circle cx="64" r="10"/></g>`,
  );
const boat = (x: number, y: number, sail: string) =>
  at(
    x,
    y,
    1,
    `<path d="M-80 0H80L56 36H-56Z" fill="#8a5a2b"/><rect x="-3" y="-130" width="6" height="130" fill="#5b3716"/><path d="M6 -126L74 -14H6Z" fill="${sail}"/><path d="M-8 -110L-58 -14H-8Z" fill="${sail}" opacity="0.8"/>`,
  );
const flower = (x: number, y: number, petals: string) =>
  at(
    x,
    y,
    1,
    `<rect x="-3" width="6" height="80" fill="#2f8f3a"/>${Array.from({ length: 6 }, (_, i) => `<ellipse cy="-24" rx="13" ry="22" fill="${petals}" transform="rotate(${i * 60})"/>`).join('')}<circle r="13" fill="#ffd34d"/>`,
  );
const stars = Array.from(
  { length: 40 },
  (_, i) =>
    `<circle cx="${(i * i * 31 + i * 97) % WIDTH}" cy="${(i * i * 17 + i * 53) % 230}" r="${1 + (i % 3) * 0.7}" fill="#fff"/>`,
).join('');
const window9 = Array.from(
  { length: 9 },
  (_, i) =>
    `<rect x="${-30 + (i % 3) * 22}" y="${-170 + Math.floor(i / 3) * 44}" width="14" height="22" fill="#ffe9a8"/>`,
).join('');
const tower = (x: number, height: number, colour: string) =>
  at(x, 300, 1, `<rect x="-42" y="${-height}" width="84" height="${height}" fill="${colour}"/>${window9}`);

const SCENES: readonly Picture[] = [
  {
    name: 'sunset over the sea',
    svg:
      sky('#ff7b54', '#ffd56b') +
      sun(240, 210, 52) +
      ground('#26547c', 220) +
      '<path d="M170 240h140M190 262h100M206 286h70" stroke="#ffd56b" stroke-width="6" opacity="0.8"/>',
  },
  {
    name: 'snowy mountains',
    svg:
      sky('#8ecae6', '#e7f5ff') +
      '<path d="M-20 360L130 110L230 260L330 80L500 360Z" fill="#64748b"/><path d="M130 110L96 168L128 156L150 174L172 173ZM330 80L284 160L322 144L352 166L382 172Z" fill="#fff"/>',
  },
  {
    name: 'night sky with moon and stars',
    svg: `${background('#0b1437') + stars}<circle cx="350" cy="90" r="44" fill="#f4f1de"/>${ground('#131a2c', 290)}`,
  },
  {
    name: 'green tree on a meadow',
    svg: sky('#7cc6fe', '#dff3ff') + cloud(110, 80) + ground('#6cbf4b') + tree(260, 270, 1.5),
  },
  {
    name: 'forest of green trees',
    svg:
      sky('#a9d6e5', '#e8f7ee') +
      ground('#3f7d3a', 240) +
      tree(80, 270) +
      tree(180, 290, 1.2, '#23702e') +
      tree(300, 270, 1.1) +
      tree(410, 295, 1.3, '#23702e'),
  },
  {
    name: 'autumn trees',
    svg:
      sky('#bcd4e6', '#f7ede2') + ground('#b08a4a') + tree(130, 275, 1.2, '#e07a1f') + tree(320, 280, 1.4, '#c8401f'),
  },
  {
    name: 'red house under a blue sky',
    svg: sky('#56b4f5', '#cdeaff') + cloud(360, 80) + ground('#79c257') + house(220, 270, '#c8402f', '#5b2a1f'),
  },
  {
    name: 'yellow house beside a tree',
    svg:
      sky('#6ec1f5', '#e3f4ff') +
      sun(410, 70) +
      ground('#79c257') +
      house(160, 270, '#f6d365', '#a0522d') +
      tree(360, 275, 1.2),
  },
  {
    name: 'red car on a road',
    svg:
      sky('#a8dadc', '#f1faee') +
      ground('#8ab17d', 200) +
      ground('#55585f', 250) +
      '<path d="M0 305h480" stroke="#fff" stroke-width="6" stroke-dasharray="40 26"/>' +
      car(240, 284, '#d62828'),
  },
  {
    name: 'blue car on a road',
    svg:
      sky('#ffd6a5', '#fdf0e0') +
      ground('#8ab17d', 200) +
      ground('#55585f', 250) +
      '<path d="M0 305h480" stroke="#fff" stroke-width="6" stroke-dasharray="40 26"/>' +
      car(240, 284, '#2563b8'),
  },
  {
    name: 'sailing boat on the water',
    svg: sky('#8fd3f4', '#e8f8ff') + cloud(120, 70) + ground('#2a7fae', 230) + boat(250, 250, '#ffffff'),
  },
  {
    name: 'boat with a red sail',
    svg: sky('#9ad1f0', '#f3fbff') + sun(90, 80) + ground('#1f6f9c', 230) + boat(270, 250, '#d62828'),
  },
  {
    name: 'red flowers in the grass',
    svg:
      sky('#bde0fe', '#f1fbff') +
      ground('#58a94a', 230) +
      flower(110, 230, '#d62828') +
      flower(240, 210, '#d62828') +
      flower(370, 235, '#d62828'),
  },
  { name: 'purple flower', svg: background('#eef7e8') + at(240, 150, 1.9, flower(0, 0, '#8e44ad')) },
  {
    name: 'city at night',
    svg:
      background('#10172f') +
      stars +
      tower(80, 190, '#27304f') +
      tower(190, 250, '#323c60') +
      tower(300, 210, '#27304f') +
      tower(410, 270, '#323c60') +
      ground('#0a0f20', 300),
  },
  {
    name: 'beach with a palm tree',
    svg:
      sky('#59c3f3', '#d7f3ff') +
      sun(90, 70) +
      ground('#2aa7c7', 200) +
      ground('#f2d7a0', 255) +
      '<path d="M330 300Q345 210 330 130" stroke="#8a5a2b" stroke-width="16" fill="none"/><g fill="#2f8f3a"><path d="M330 130Q270 90 230 130Q290 120 330 130ZM330 130Q390 90 430 130Q370 120 330 130ZM330 130Q310 70 260 70Q310 100 330 130ZM330 130Q350 70 400 70Q350 100 330 130Z"/></g>',
  },
  {
    name: 'snowman in the snow',
    svg:
      sky('#b8cfe0', '#eef5fa') +
      ground('#ffffff', 240) +
      '<g fill="#fff" stroke="#b9c6d2" stroke-width="3"><circle cx="240" cy="260" r="64"/><circle cx="240" cy="176" r="46"/><circle cx="240" cy="112" r="32"/></g><circle cx="230" cy="106" r="4"/><circle cx="250" cy="106" r="4"/><path d="M240 114l30 6l-30 4z" fill="#f3722c"/><rect x="212" y="52" width="56" height="34" fill="#222"/><rect x="200" y="80" width="80" height="8" fill="#222"/>',
  },
  {
    name: 'traffic light',
    svg:
      background('#c9d6df') +
      '<rect x="190" y="40" width="100" height="250" rx="18" fill="#222"/><rect x="232" y="290" width="16" height="70" fill="#444"/><circle cx="240" cy="90" r="32" fill="#e63946"/><circle cx="240" cy="165" r="32" fill="#f9c74f"/><circle cx="240" cy="240" r="32" fill="#43aa3c"/>',
  },
  {
    name: 'rainbow over a field',
    svg:
      sky('#9fd3f7', '#eaf7ff') +
      ['#d62828', '#f3722c', '#f9c74f', '#43aa3c', '#277da1', '#7b2cbf']
        .map(
          (colour, i) =>
            `<circle cx="240" cy="270" r="${210 - i * 14}" fill="none" stroke="${colour}" stroke-width="14"/>`,
        )
        .join('') +
      ground('#6cbf4b', 262),
  },
  {
    name: 'hot air balloon',
    svg:
      sky('#7cc6fe', '#e9f7ff') +
      cloud(90, 240) +
      cloud(390, 90) +
      '<path d="M240 40C330 40 340 150 262 214H218C140 150 150 40 240 40Z" fill="#e4572e"/><path d="M240 40C276 60 276 160 250 214H230C204 160 204 60 240 40Z" fill="#f9c74f"/><path d="M220 214l6 30M260 214l-6 30" stroke="#5b3716" stroke-width="3"/><rect x="222" y="244" width="36" height="28" fill="#8a5a2b"/>',
  },
];

const SHAPE_PICTURES: readonly Picture[] = [
  ...[
    ['red', 'circle'],
    ['blue', 'square'],
    ['green', 'triangle'],
    ['yellow', 'star'],
    ['pink', 'heart'],
    ['black', 'circle'],
    ['orange', 'square'],
    ['purple', 'star'],
  ].map(([colour, name]) => ({
    name: `${colour} ${name}`,
    svg: background('#f7f7f5') + shape(name!, colour!, 240, 180, 190),
  })),
  {
    name: 'two red circles',
    svg: background('#f7f7f5') + shape('circle', 'red', 150, 180, 130) + shape('circle', 'red', 330, 180, 130),
  },
  {
    name: 'three blue triangles',
    svg: background('#f7f7f5') + [110, 240, 370].map((x) => shape('triangle', 'blue', x, 180, 100)).join(''),
  },
  {
    name: 'four green squares',
    svg:
      background('#f7f7f5') +
      [
        [150, 100],
        [330, 100],
        [150, 260],
        [330, 260],
      ]
        .map(([x, y]) => shape('square', 'green', x!, y!, 100))
        .join(''),
  },
  {
    name: 'yellow star above a blue square',
    svg: background('#f7f7f5') + shape('star', 'yellow', 240, 100, 130) + shape('square', 'blue', 240, 260, 120),
  },
  {
    name: 'red heart beside a green circle',
    svg: background('#f7f7f5') + shape('heart', 'red', 150, 180, 150) + shape('circle', 'green', 330, 180, 140),
  },
];

export interface DrawnFile {
  /** Path in the collection. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** All pictures as files; the format changes from one to the next, so that a first run meets several. */
export async function drawPictures(): Promise<DrawnFile[]> {
  const drawings = [
    ...SCENES.map((picture) => ({ ...picture, folder: 'scenes' })),
    ...SHAPE_PICTURES.map((picture) => ({ ...picture, folder: 'shapes' })),
  ];
  return Promise.all(
    drawings.map(async ({ name, folder, svg }, i) => {
      const format = (['jpeg', 'png', 'webp'] as const)[i % 3]!;
      const document = `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}">${svg}</svg>`;
      const bytes = await sharp(Buffer.from(document)).toFormat(format, { quality: 90 }).toBuffer();
      return { path: `${folder}/${name}.${format === 'jpeg' ? 'jpg' : format}`, bytes };
    }),
  );
}
