/** Builds DOM elements: the whole of the console's "framework". Text is always set as text, never parsed as HTML. */

export type Child = Node | string | undefined | false;

type Properties<E extends HTMLElement> = {
  readonly class?: string;
  /** Attributes by their HTML names; `true` sets an empty one, `undefined` and `false` leave it out. */
  readonly attributes?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Custom properties of CSS, by their names with the dashes. */
  readonly style?: Readonly<Record<`--${string}`, string | number>>;
  readonly on?: { readonly [K in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[K]) => void };
} & Partial<
  Pick<
    E,
    Extract<
      keyof E,
      | 'hidden'
      | 'disabled'
      | 'value'
      | 'checked'
      | 'type'
      | 'href'
      | 'id'
      | 'title'
      | 'draggable'
      | 'ariaLabel'
      | 'ariaHidden'
    >
  >
>;

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties<HTMLElementTagNameMap[K]> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const { class: className, attributes = {}, style = {}, on = {}, ...rest } = properties;
  const element = document.createElement(tag);
  if (className !== undefined) element.className = className;
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : String(value));
  }
  for (const [name, value] of Object.entries(style)) element.style.setProperty(name, String(value));
  for (const [name, listener] of Object.entries(on)) element.addEventListener(name, listener as EventListener);
  Object.assign(element, rest);
  element.append(...present(children));
  return element;
}

export function present(children: readonly Child[]): (Node | string)[] {
  return children.filter((child): child is Node | string => child !== undefined && child !== false);
}

/** @throws when the page that the server rendered lacks the place: server and script do not belong together */
export function place<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no element #${id}`);
  return element as T;
}

/** Outlines on a grid of 24, drawn with a stroke. */
const ICONS = {
  add: 'M12 5v14M5 12h14',
  close: 'M6 6l12 12M18 6L6 18',
  picture: 'M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9h.01',
  microphone: 'M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3zM6 11a6 6 0 0 0 12 0M12 17v4',
  stop: 'M7 7h10v10H7z',
  play: 'M8 5l11 7-11 7z',
  pause: 'M9 5v14M15 5v14',
  sound: 'M4 10v4M8 7v10M12 4v16M16 8v8M20 10v4',
  text: 'M5 6h14M5 11h14M5 16h9',
  filter: 'M4 7h16M7 12h10M10 17h4',
  similar: 'M4 8h10v12H4zM10 8V4h10v12h-6',
  open: 'M14 4h6v6M20 4l-9 9M10 5H5v14h14v-5',
  bin: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13',
  left: 'M15 5l-7 7 7 7',
  right: 'M9 5l7 7-7 7',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  folder: 'M4 6h6l2 3h8v10H4z',
  teach: 'M12 5L2 10l10 5l10-5zM6 12v5c3 2.5 9 2.5 12 0v-5',
  help: 'M9 9a3 3 0 1 1 4.5 2.6c-1 .6-1.5 1.1-1.5 2.4M12 17.5h.01M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18',
  warning: 'M12 4l9 16H3zM12 10v4M12 17h.01',
} as const;

export type IconName = keyof typeof ICONS;

const SVG = 'http://www.w3.org/2000/svg';

export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>>,
  children: readonly Node[] = [],
): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export function icon(name: IconName): SVGSVGElement {
  return svg('svg', { viewBox: '0 0 24 24', class: 'icon', 'aria-hidden': 'true' }, [svg('path', { d: ICONS[name] })]);
}

/** A sound's peaks as one mirrored outline that stretches to whatever box it is put in. */
export function waveform(peaks: readonly number[], className: string): SVGSVGElement {
  const loudest = Math.max(...peaks, 0.05);
  const bars = peaks.map((peak, i) => {
    const height = Math.max(2, (peak / loudest) * 96);
    return `M${i * 2 + 0.35} ${50 - height / 2}h1.3v${height}h-1.3z`;
  });
  const size = { viewBox: `0 0 ${peaks.length * 2} 100`, preserveAspectRatio: 'none' };
  return svg('svg', { ...size, class: className, 'aria-hidden': 'true' }, [svg('path', { d: bars.join('') })]);
}

/** A figure from 0 to 1, as words over a bar. */
export function meter(words: string, value: number): HTMLElement {
  return h(
    'p',
    { class: 'match' },
    words,
    h('span', { class: 'meter', ariaHidden: 'true', style: { '--probability': value.toFixed(3) } }),
  );
}

export function button(
  label: string,
  options: {
    readonly icon?: IconName;
    /** Show only the icon; the label is then spoken and shown as a tool tip. */
    readonly bare?: boolean;
    readonly class?: string;
    readonly attributes?: Readonly<Record<string, string | number | boolean | undefined>>;
    readonly onClick: (event: MouseEvent) => void;
  },
): HTMLButtonElement {
  const { bare = false } = options;
  return h(
    'button',
    {
      type: 'button',
      class: `button ${bare ? 'bare' : ''} ${options.class ?? ''}`.trim(),
      ...(bare && { title: label }),
      attributes: { ...(bare && { 'aria-label': label }), ...options.attributes },
      on: { click: options.onClick },
    },
    options.icon && icon(options.icon),
    !bare && label,
  );
}
