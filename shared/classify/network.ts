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
const TOKEN_UNITS = 256;
const ATTENTION_HEADS = 4;

export function createNetwork(specs: readonly InputSpec[], tasks: readonly Task[], recipe: Recipe): Network {
  const numbers = createRandom(recipe.seed);
  const fusions = { feature: featureFusion, decision: decisionFusion, attention: attentionFusion };
  const fuse = fusions[recipe.fusion](specs, tasks, recipe, numbers);
  return ({ contents, present }, noise) => {
    const here = specs.map((_, m) => slice(present, 1, m, m + 1));
    const normalised = specs.map((spec, m) => multiply(normalise(contents[m]!, spec), here[m]!));
    return fuse({ contents: normalised, present, here }, noise);
  };
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
    return head(() => joined, noise);
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
    const outputs = heads.map((head, m) => head(() => contents[m]!, noise));
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
 * Every kind of content is a token; learned queries of each task attend to the tokens that are there (multi-head attention
 * pooling: Vaswani et al. 2017 with queries that do not depend on the input, as Lee et al. 2019).
 */
const attentionFusion: Fusion = (specs, tasks, recipe, numbers) => {
  const units = TOKEN_UNITS;
  const part = units / ATTENTION_HEADS;
  const tokens = specs.map((spec) => linear(`${spec.name}/token`, widthOf(spec), units, numbers));
  const values = specs.map((spec) => linear(`${spec.name}/value`, units, units, numbers));
  const keys = specs.map((spec) => linear(`${spec.name}/key`, units, tasks.length * ATTENTION_HEADS, numbers));
  const head = createHeads('attended', units, tasks, recipe, numbers);
  return ({ contents, present, here }, noise) => {
    const [batch] = contents[0]!.shape as [number];
    const queries = tasks.length * ATTENTION_HEADS;
    const shown = contents.map((content, m) => relu(tokens[m]!.apply(content)));
    // a learned query times a linear key of a token is a linear function of the token: one column for each query
    const scores = shown.map((token, m) => add(keys[m]!.apply(token), multiply(subtract(1, here[m]!), MISSING_LOGIT)));
    const attention = exp(logSoftmax(stacked(scores, queries), 1));
    const weightOf = (m: number, query: number) =>
      slice(reshape(attention, [batch, specs.length * queries]), 1, m * queries + query, m * queries + query + 1);
    const pooled = tasks.map((_, t) => {
      const heads = Array.from({ length: ATTENTION_HEADS }, (_unused, h) =>
        sumOf(
          shown.map((token, m) =>
            multiply(slice(values[m]!.apply(token), 1, h * part, (h + 1) * part), weightOf(m, t * ATTENTION_HEADS + h)),
          ),
        ),
      );
      return concatenate(heads, 1);
    });
    const weights = tasks.map((_, t) => {
      const columns = specs.map((_spec, m) =>
        sumOf(Array.from({ length: ATTENTION_HEADS }, (_unused, h) => weightOf(m, t * ATTENTION_HEADS + h))),
      );
      return multiply(concatenate(columns, 1), multiply(present, 1 / ATTENTION_HEADS));
    });
    return { ...head((t) => pooled[t]!, noise), weights };
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

type Heads = (features: (task: number) => Expression, noise?: Noise) => Pick<NetworkOutputs, 'logits' | 'penalty'>;

/** From features [B, width] to the classes of every task, with what the recipe lets the tasks share. */
function createHeads(name: string, width: number, tasks: readonly Task[], recipe: Recipe, numbers: Random): Heads {
  if (recipe.sharing === 'hierarchical') return hierarchicalHeads(name, width, tasks, recipe, numbers);
  const { hiddenUnits, sharing } = recipe;
  const owners = sharing === 'hard' ? ['shared'] : tasks.map((task) => task.name);
  const trunks = owners.map((owner) => linear(`${name}/${owner}`, width, hiddenUnits, numbers));
  const classes = tasks.map((task) =>
    linear(`${name}/${task.name}/classes`, hiddenUnits, task.classes.length, numbers),
  );
  return (features, noise) => {
    const hidden = once((trunk: (typeof trunks)[number], x: Expression) =>
      dropout(relu(trunk.apply(x)), recipe.dropout, noise),
    );
    return {
      logits: tasks.map((_, t) => classes[t]!.apply(hidden(trunks[sharing === 'hard' ? 0 : t]!, features(t)))),
      ...(sharing === 'soft' && trunks.length > 1 && { penalty: distance(trunks, recipe.softPenalty) }),
    };
  };
}

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
 * Tasks at different depths: those with few classes read lower layers, finer ones read layers above, each of which adds
 * to the one below (Sogaard and Goldberg 2016, for tasks of one network).
 */
function hierarchicalHeads(
  name: string,
  width: number,
  tasks: readonly Task[],
  recipe: Recipe,
  numbers: Random,
): Heads {
  const { hiddenUnits } = recipe;
  const depths = taskDepths(tasks);
  const levels = Math.max(...depths) + 1;
  const layers = Array.from({ length: levels }, (_, level) =>
    linear(`${name}/level ${level}`, level === 0 ? width : hiddenUnits, hiddenUnits, numbers),
  );
  const classes = tasks.map((task) =>
    linear(`${name}/${task.name}/classes`, hiddenUnits, task.classes.length, numbers),
  );
  return (features, noise) => {
    const rectified = once((layer: (typeof layers)[number], x: Expression) =>
      dropout(relu(layer.apply(x)), recipe.dropout, noise),
    );
    const raised = once((layer: (typeof layers)[number], x: Expression) => add(x, rectified(layer, x)));
    return {
      logits: tasks.map((_, t) => {
        const lowest = rectified(layers[0]!, features(t));
        const top = layers.slice(1, depths[t]! + 1).reduce((hidden, layer) => raised(layer, hidden), lowest);
        return classes[t]!.apply(top);
      }),
    };
  };
}

/** For each task its level, 0 for the ones with the fewest classes. */
export function taskDepths(tasks: readonly Task[]): readonly number[] {
  const sizes = [...new Set(tasks.map(({ classes }) => classes.length))].sort((a, b) => a - b);
  const levels = Math.min(LEVELS, sizes.length);
  return tasks.map(({ classes }) => Math.floor((sizes.indexOf(classes.length) * levels) / sizes.length));
}
