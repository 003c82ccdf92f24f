/**
 * The networks of classifiers as expressions: how modalities are fused (the seed's 3.2) and what label sets share (3.3).
 * The same layers are used with noise in training and without it when they are evaluated and exported.
 */

import { createRandom, type Random } from '#shared/core/random.ts';
import type { Expression } from '#shared/learning/graph/expression.ts';
import { dropout, type Initialiser, type Layer, logSoftmax, type Noise } from '#shared/learning/graph/layers.ts';
import {
  add,
  concatenate,
  constant,
  exp,
  logSumExp,
  matMul,
  maximum,
  multiply,
  negate,
  parameter,
  relu,
  reshape,
  slice,
  subtract,
  sum,
} from '#shared/learning/graph/operators.ts';
import { type InputSpec, widthOf } from './model-inputs.ts';
import type { Recipe } from './recipe.ts';
import type { Task } from './tasks.ts';

export interface NetworkInputs {
  /** For each kind of content [B, width], not yet normalised. */
  readonly contents: readonly Expression[];
  /** [B, M]: 1 where the content is there. */
  readonly present: Expression;
}

export interface NetworkOutputs {
  /** For each task [B, K]: logits, or logarithms of probabilities. */
  readonly logits: readonly Expression[];
  /** For each task and each kind of content [B, K]: what the content says by itself. Decision fusion only. */
  readonly decisions?: readonly (readonly Expression[])[];
  /** For each task [B, M]: how much each kind of content counts; rows sum to 1. Decision and attention fusion. */
  readonly weights?: readonly Expression[];
  /** What keeps the parameters of soft sharing together. */
  readonly penalty?: Expression;
}

/** @param noise in training: dropout draws from it */
export type Network = (inputs: NetworkInputs, noise?: Noise) => NetworkOutputs;

/** Added to the logit of content that is not there; exp of it is 0 in float32. */
const MISSING_LOGIT = -1e9;
/** Standardised numbers of a signal beyond this many deviations count as this many: a slip of a sensor stays harmless. */
const MAX_DEVIATIONS = 10;
const ATTENTION_HEADS = 4;

export function createNetwork(specs: readonly InputSpec[], tasks: readonly Task[], recipe: Recipe): Network {
  const numbers = createRandom(recipe.seed);
  const fusions = { feature: featureFusion, decision: decisionFusion, attention: attentionFusion };
  const fuse = fusions[recipe.fusion](specs, tasks, recipe, numbers);
  const shares = equalShares(specs);
  return ({ contents, present }, noise) => {
    const here = specs.map((_, m) => slice(present, 1, m, m + 1));
    const normalised = specs.map((spec, m) => multiply(normalise(contents[m]!, spec), multiply(here[m]!, shares[m]!)));
    return fuse({ contents: normalised, present, here }, noise);
  };
}

/**
 * sqrt(sum_j width_j / (M width_m)) for each kind of content m: all begin with the same variance between them, so that seven numbers of a
 * signal are not drowned by the 256 of a picture. 1 for kinds of the same width.
 */
function equalShares(specs: readonly InputSpec[]): readonly number[] {
  const widths = specs.map(widthOf);
  const mean = widths.reduce((total, width) => total + width, 0) / widths.length;
  return widths.map((width) => Math.sqrt(mean / width));
}

interface FusionInputs extends NetworkInputs {
  /** Columns of `present`, [B, 1] each. */
  readonly here: readonly Expression[];
}

type Fusion = (
  specs: readonly InputSpec[],
  tasks: readonly Task[],
  recipe: Recipe,
  numbers: Random,
) => (inputs: FusionInputs, noise?: Noise) => NetworkOutputs;

/** (x - mean) scale; what is missing in a signal becomes 0, and its mask goes along. */
function normalise(content: Expression, spec: InputSpec): Expression {
  const { length, masked, mean, scale, kind } = spec;
  const row = (values: readonly number[]) => constant([1, length], Float32Array.from(values));
  const numbers = masked ? slice(content, 1, 0, length) : content;
  const standard = multiply(subtract(numbers, row(mean)), row(scale));
  if (kind !== 'signal') return standard;
  const clipped = negate(maximum(negate(maximum(standard, -MAX_DEVIATIONS)), -MAX_DEVIATIONS));
  if (!masked) return clipped;
  const mask = slice(content, 1, length, 2 * length);
  return concatenate([multiply(clipped, mask), mask], 1);
}

/** U(-a, a), a = 1 / sqrt(inputs): what PyTorch's Linear begins with. */
const linearUniform: Initialiser = (shape, numbers) => {
  const bound = 1 / Math.sqrt(shape[0]!);
  return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => (2 * numbers.uniform() - 1) * bound);
};

/** x W + b, with the parameters at hand. */
function linear(name: string, inputs: number, outputs: number, numbers: Random) {
  const weight = parameter(`${name}/weight`, [inputs, outputs], linearUniform([inputs, outputs], numbers));
  const bias = parameter(`${name}/bias`, [outputs], new Float32Array(outputs));
  const apply: Layer = (x) => add(matMul(x, weight), bias);
  return { apply, parameters: [weight, bias] as const };
}

/** One network over all features: concatenate, hidden units, classes. */
const featureFusion: Fusion = (specs, tasks, recipe, numbers) => {
  const width = specs.reduce((total, spec) => total + widthOf(spec), 0);
  const head = createHeads('fused', width, tasks, recipe, numbers);
  return ({ contents }, noise) => {
    const joined = concatenate(contents, 1);
    return head(joined, noise);
  };
};

/**
 * y = sum_m alpha_m f_m(x_m), where alpha_m >= 0 sum to 1 over the content that is there: one network for each kind of
 * content, and for each task learned logits of the alphas.
 */
const decisionFusion: Fusion = (specs, tasks, recipe, numbers) => {
  const heads = specs.map((spec) => createHeads(spec.name, widthOf(spec), tasks, recipe, numbers));
  const alphas = tasks.map(({ name }) => parameter(`alpha/${name}`, [1, specs.length], new Float32Array(specs.length)));
  return ({ contents, present }, noise) => {
    const outputs = heads.map((head, m) => head(contents[m]!, noise));
    const missing = multiply(subtract(1, present), MISSING_LOGIT);
    const logAlphas = alphas.map((alpha) => logSoftmax(add(missing, alpha)));
    const logits = tasks.map((task, t) => {
      const K = task.classes.length;
      const weighted = outputs.map(({ logits: own }, m) => add(logSoftmax(own[t]!), slice(logAlphas[t]!, 1, m, m + 1)));
      return reshape(logSumExp(stacked(weighted, K), 1), [contents[0]!.shape[0]!, K]);
    });
    const penalties = outputs.flatMap(({ penalty }) => penalty ?? []);
    return {
      logits,
      decisions: tasks.map((_, t) => outputs.map((output) => output.logits[t]!)),
      weights: logAlphas.map(exp),
      ...(penalties.length > 0 && { penalty: penalties.reduce((total, penalty) => add(total, penalty)) }),
    };
  };
};

/**
 * Every kind of content is a token of hidden units; learned queries of each task attend to the tokens that are there
 * (multi-head attention pooling: Vaswani et al. 2017 with queries that do not depend on the input, as Lee et al. 2019), and
 * the classes are read from what is pooled. Units of different kinds of content meet in the sum only.
 */
const attentionFusion: Fusion = (specs, tasks, recipe, numbers) => {
  const { hiddenUnits } = recipe;
  const heads = hiddenUnits % ATTENTION_HEADS === 0 ? ATTENTION_HEADS : 1;
  const trunks = trunkOwners(tasks, recipe).map((owner) => {
    const layers = specs.map((spec) => linear(`${spec.name}/${owner}`, widthOf(spec), hiddenUnits, numbers));
    return { layers, parameters: layers.flatMap(({ parameters }) => parameters) };
  });
  const keys = tasks.map((task) =>
    specs.map((spec) => linear(`${spec.name}/${task.name}/keys`, hiddenUnits, heads, numbers)),
  );
  const levels = recipe.sharing === 'hierarchical' ? upperLevels('attended', tasks, recipe, numbers) : undefined;
  const classes = classLayers('attended', tasks, recipe, numbers);
  return ({ contents, present, here }, noise) => {
    const [batch] = contents[0]!.shape as [number];
    const missing = here.map((column) => multiply(subtract(1, column), MISSING_LOGIT));
    const tokens = trunks.map(({ layers }) =>
      contents.map((content, m) => dropout(relu(layers[m]!.apply(content)), recipe.dropout, noise)),
    );
    const attended = tasks.map((_, t) => {
      const own = tokens[t] ?? tokens[0]!;
      // a learned query times a linear key of a token is a linear function of the token: one column for each head
      const scores = own.map((token, m) => add(keys[t]![m]!.apply(token), missing[m]!));
      const attention = exp(logSoftmax(stacked(scores, heads), 1));
      const parts = own.map((token, m) =>
        multiply(
          reshape(token, [batch, heads, hiddenUnits / heads]),
          reshape(slice(attention, 1, m, m + 1), [batch, heads, 1]),
        ),
      );
      const weights = multiply(reshape(sum(attention, [2]), [batch, specs.length]), multiply(present, 1 / heads));
      return { pooled: reshape(sumOf(parts), [batch, hiddenUnits]), weights };
    });
    const rise = levels?.(noise);
    return {
      logits: attended.map(({ pooled }, t) => classes[t]!.apply(rise === undefined ? pooled : rise(t, pooled))),
      weights: attended.map(({ weights }) => weights),
      ...(recipe.sharing === 'soft' && trunks.length > 1 && { penalty: distance(trunks, recipe.softPenalty) }),
    };
  };
};

/** Rows [B, K] of each kind of content as [B, M, K]. */
function stacked(rows: readonly Expression[], K: number): Expression {
  return concatenate(
    rows.map((row) => reshape(row, [row.shape[0]!, 1, K])),
    1,
  );
}

const sumOf = (terms: readonly Expression[]): Expression => terms.reduce((total, term) => add(total, term));

type Heads = (features: Expression, noise?: Noise) => Pick<NetworkOutputs, 'logits' | 'penalty'>;

/** From features [B, width] to the classes of every task, with what the recipe lets the tasks share. */
function createHeads(name: string, width: number, tasks: readonly Task[], recipe: Recipe, numbers: Random): Heads {
  const { hiddenUnits, sharing } = recipe;
  const trunks = trunkOwners(tasks, recipe).map((owner) => linear(`${name}/${owner}`, width, hiddenUnits, numbers));
  const levels = sharing === 'hierarchical' ? upperLevels(name, tasks, recipe, numbers) : undefined;
  const classes = classLayers(name, tasks, recipe, numbers);
  return (features, noise) => {
    const hidden = once((trunk: (typeof trunks)[number], x: Expression) =>
      dropout(relu(trunk.apply(x)), recipe.dropout, noise),
    );
    const rise = levels?.(noise);
    return {
      logits: tasks.map((_, t) => {
        const lowest = hidden(trunks[t] ?? trunks[0]!, features);
        return classes[t]!.apply(rise === undefined ? lowest : rise(t, lowest));
      }),
      ...(sharing === 'soft' && trunks.length > 1 && { penalty: distance(trunks, recipe.softPenalty) }),
    };
  };
}

/** Who has a layer over the features: every task its own, or all one in common. */
const trunkOwners = (tasks: readonly Task[], { sharing }: Recipe): readonly string[] =>
  sharing === 'hard' || sharing === 'hierarchical' ? ['shared'] : tasks.map(({ name }) => name);

const classLayers = (name: string, tasks: readonly Task[], { hiddenUnits }: Recipe, numbers: Random) =>
  tasks.map((task) => linear(`${name}/${task.name}/classes`, hiddenUnits, task.classes.length, numbers));

/** What tasks share is computed once, with the same noise. */
function once<Owner extends object>(make: (owner: Owner, x: Expression) => Expression) {
  const made = new Map<Owner, Map<Expression, Expression>>();
  return (owner: Owner, x: Expression): Expression => {
    const known = made.get(owner) ?? new Map<Expression, Expression>();
    const result = known.get(x) ?? make(owner, x);
    made.set(owner, known.set(x, result));
    return result;
  };
}

/** weight sum_t ||theta_t - mean theta||^2, of the trunks' parameters theta. */
function distance(trunks: readonly { readonly parameters: readonly Expression[] }[], weight: number): Expression {
  const squares = trunks[0]!.parameters.flatMap((_, i) => {
    const own = trunks.map(({ parameters }) => parameters[i]!);
    const mean = multiply(sumOf(own), 1 / own.length);
    return own.map((each) => {
      const difference = subtract(each, mean);
      return sum(multiply(difference, difference));
    });
  });
  return multiply(sumOf(squares.map((square) => reshape(square, [1, 1]))), weight);
}

/** At most this deep; more tasks lie side by side. */
const LEVELS = 3;

/**
 * Tasks at different depths: those with few classes read the lowest layer, finer ones read layers above, each of which adds
 * to the one below (Sogaard and Goldberg 2016, for tasks of one network). From the lowest layer [B, H] to that of a task.
 */
function upperLevels(name: string, tasks: readonly Task[], { hiddenUnits, dropout: rate }: Recipe, numbers: Random) {
  const depths = taskDepths(tasks);
  const layers = Array.from({ length: Math.max(...depths) }, (_, i) =>
    linear(`${name}/level ${i + 1}`, hiddenUnits, hiddenUnits, numbers),
  );
  return (noise?: Noise) => {
    const raised = once((layer: (typeof layers)[number], x: Expression) =>
      add(x, dropout(relu(layer.apply(x)), rate, noise)),
    );
    return (t: number, lowest: Expression): Expression =>
      layers.slice(0, depths[t]!).reduce((hidden, layer) => raised(layer, hidden), lowest);
  };
}

/** For each task its level, 0 for the ones with the fewest classes. */
export function taskDepths(tasks: readonly Task[]): readonly number[] {
  const sizes = [...new Set(tasks.map(({ classes }) => classes.length))].sort((a, b) => a - b);
  const levels = Math.min(LEVELS, sizes.length);
  return tasks.map(({ classes }) => Math.floor((sizes.indexOf(classes.length) * levels) / sizes.length));
}
