/**
 * Teaching by example: a panel beside the results. While it is open, choosing an item puts it into the class that is being
 * filled, or, once a classifier is trained, asks which class it belongs to.
 */

import { type Api, type Entry, explain, type Modality, objectPath } from './api.ts';
import { fileName, percent, plural } from './describe.ts';
import { button, h, icon } from './element.ts';
import { confusionTable, lossCurve } from './plots.ts';

export interface Teach {
  /** Whether the panel takes the item. */
  readonly takes: (entry: Entry) => boolean;
  readonly toggle: () => void;
}

interface TaughtClass {
  readonly name: string;
  readonly entries: Map<string, Entry>;
}

/** What a classifier is asked about: the modality names the input. */
type Input = Readonly<Partial<Record<Modality, unknown>>>;

/** With fewer there is nothing to measure on. */
const EXAMPLES_A_CLASS = 3;
const FOLLOW_EVERY_MS = 500;
const TEXT_CHARACTERS = 16_000;
const TASK = 'class';
/** For a few dozen examples of one kind of content: a person waits for it. */
const RECIPE = { modalityDropout: 0, hiddenUnits: 256, learningRate: 5e-4 };

export function createTeach(api: Api): Teach {
  const classes: TaughtClass[] = [];
  let filling: TaughtClass | undefined;
  let trained: string | undefined;
  let job: string | undefined;

  const name = h('input', {
    value: 'my-classes',
    attributes: { 'aria-label': 'Name of the classifier', maxlength: 63 },
  });
  const newClass = h('input', { attributes: { placeholder: 'New class', 'aria-label': 'New class', maxlength: 100 } });
  const list = h('div', { class: 'teach-classes', attributes: { role: 'group', 'aria-label': 'Classes' } });
  const hint = h('p', { class: 'quiet', attributes: { role: 'status' } });
  const outcome = h('div', { class: 'teach-outcome', attributes: { 'aria-live': 'polite' } });
  const train = button('Train', { class: 'primary', onClick: () => void start() });
  const panel = h(
    'aside',
    { class: 'teach', hidden: true, ariaLabel: 'Teach' },
    h('header', {}, h('h2', {}, 'Teach'), button('Close', { icon: 'close', bare: true, onClick: () => toggle() })),
    h('label', {}, 'Name', name),
    list,
    h(
      'form',
      {
        on: {
          submit: (event) => {
            event.preventDefault();
            addClass(newClass.value.trim());
          },
        },
      },
      newClass,
      button('Add class', { icon: 'add', bare: true, onClick: () => addClass(newClass.value.trim()) }),
    ),
    hint,
    train,
    outcome,
  );
  document.body.append(panel);

  const toggle = () => {
    panel.hidden = !panel.hidden;
    document.body.classList.toggle('teaching', !panel.hidden);
    draw();
    if (!panel.hidden) newClass.focus();
  };

  function addClass(label: string): void {
    if (label === '' || classes.some((each) => each.name === label)) return;
    filling = { name: label, entries: new Map() };
    classes.push(filling);
    trained = undefined;
    newClass.value = '';
    draw();
  }

  function draw(): void {
    list.replaceChildren(
      ...classes.map((each) =>
        h(
          'div',
          { class: 'teach-class' },
          button(`${each.name} · ${each.entries.size}`, {
            attributes: { 'aria-pressed': String(each === filling && trained === undefined) },
            onClick: () => {
              filling = each;
              trained = undefined;
              draw();
            },
          }),
          button(`Remove the class ${each.name}`, {
            icon: 'close',
            bare: true,
            onClick: () => {
              classes.splice(classes.indexOf(each), 1);
              if (filling === each) filling = classes.at(-1);
              draw();
            },
          }),
        ),
      ),
    );
    const ready = classes.length > 1 && classes.every(({ entries }) => entries.size >= EXAMPLES_A_CLASS);
    train.disabled = !ready || job !== undefined;
    hint.textContent =
      trained !== undefined
        ? `Choose an item to ask ${trained} about it.`
        : filling === undefined
          ? 'Name the first class.'
          : `Choose items to put them into “${filling.name}”; choose again to take one back.${ready ? '' : ` Training needs two classes with ${EXAMPLES_A_CLASS} items each.`}`;
  }

  function take(entry: Entry): void {
    if (trained !== undefined) {
      void ask(trained, entry);
      return;
    }
    if (filling === undefined) return;
    const had = filling.entries.delete(entry.key);
    for (const { entries } of classes) entries.delete(entry.key); // an item has one class
    if (!had) filling.entries.set(entry.key, entry);
    draw();
  }

  async function start(): Promise<void> {
    const classifier = name.value.trim();
    try {
      train.disabled = true;
      outcome.replaceChildren(h('p', { class: 'quiet' }, 'Storing the examples…'));
      const dataset = `teach/${classifier}.jsonl`;
      await store(dataset, await rows());
      ({ id: job } = await api.train({ name: classifier, dataset, recipe: RECIPE }));
      if (await follow(job)) await showResult(classifier);
    } catch (error) {
      outcome.replaceChildren(h('p', { class: 'failure' }, icon('warning'), explain(error)));
    } finally {
      job = undefined;
      draw();
    }
  }

  async function rows(): Promise<string> {
    const examples = classes.flatMap(({ name: label, entries }) =>
      [...entries.values()].map((entry) => ({ label, entry })),
    );
    const lines = examples.map(async ({ label, entry }) => {
      const inputs = entry.modality === 'text' ? { text: await textOf(entry) } : { [entry.modality!]: entry.key };
      return JSON.stringify({ inputs, labels: { [TASK]: label } });
    });
    return (await Promise.all(lines)).join('\n');
  }

  async function store(key: string, text: string): Promise<void> {
    const body = new Blob([text]);
    const contentType = 'application/x-ndjson';
    const { url, method, headers } = await api.createUpload({ key, contentType, sizeBytes: body.size });
    const response = await fetch(url, { method, headers, body }); // the grant is leave enough
    if (!response.ok) throw new Error(`The examples could not be stored: the server answered ${response.status}.`);
  }

  const textOf = async ({ key }: Entry) => (await (await api.object(objectPath(key))).text()).slice(0, TEXT_CHARACTERS);

  /** Draws the losses until the job has ended; whether it succeeded. */
  async function follow(id: string): Promise<boolean> {
    for (;;) {
      const { status, progress, curve, failure } = await api.job(id);
      const ended = status !== 'queued' && status !== 'running';
      if (ended && failure !== undefined) throw new Error(failure.message);
      outcome.replaceChildren(
        h('p', {}, ended ? `Training ${status}.` : `Training, ${percent(progress)}`),
        lossCurve(curve.map(({ values }) => values)),
        ended ? '' : button('Cancel', { onClick: () => void api.cancel(id) }),
      );
      if (ended) return status === 'succeeded';
      await new Promise((resolve) => setTimeout(resolve, FOLLOW_EVERY_MS));
    }
  }

  async function showResult(classifier: string): Promise<void> {
    const { versions } = await api.classifier(classifier);
    const { version, metrics, tasks } = versions.at(-1)!;
    const { accuracy, rows: measured, confusion } = metrics[TASK]!;
    trained = classifier;
    outcome.prepend(
      h('h3', {}, `${classifier}, version ${version}`),
      h(
        'p',
        {},
        `Right for ${percent(accuracy.value)} (${percent(accuracy.low)} to ${percent(accuracy.high)}) of ${plural(measured, 'item')} that it was not shown`,
      ),
      confusion === undefined ? '' : confusionTable(tasks[0]!.classes, confusion),
    );
  }

  async function ask(classifier: string, entry: Entry): Promise<void> {
    const answer = h('p', { class: 'teach-answer' }, `${fileName(entry.key)}…`);
    outcome.querySelector('.teach-answer')?.remove();
    outcome.prepend(answer);
    try {
      const input: Input =
        entry.modality === 'text' ? { text: await textOf(entry) } : { [entry.modality!]: { item: entry.key } };
      const { labels } = await api.classify({ input, classifier });
      const said = labels.slice(0, 3).map(({ name: label, probability }) => `${label} ${percent(probability)}`);
      answer.textContent = `${fileName(entry.key)}: ${said.join(', ')}`;
    } catch (error) {
      answer.textContent = explain(error);
    }
  }

  return {
    takes: (entry) => {
      if (panel.hidden || entry.modality === null || (filling ?? trained) === undefined) return false;
      take(entry);
      return true;
    },
    toggle,
  };
}
