/**
 * Sessions over onnxruntime-node. Its `run` works on the calling thread and holds the event loop for as long as it
 * takes; a server uses `threaded-session.ts`, which runs this in a thread of its own.
 */

import { InferenceSession, listSupportedBackends, Tensor as OrtTensor } from 'onnxruntime-node';
import { ChiasmError } from '#shared/core/errors.ts';
import { inspectOnnx } from './inspect-onnx.ts';
import { threadSettings } from './physical-cores.ts';
import type { Session, SessionOptions, Tensor, TensorInfo, Tensors } from './session.ts';

const LOG_ERRORS_ONLY = 3; // ORT's warnings about graph optimisation are no help to anybody here

export async function createOnnxSession(model: string | Uint8Array, options: SessionOptions = {}): Promise<Session> {
  inspectOnnx(model, options);
  const session = await createOrtSession(model, options);
  const pending = new Set<Promise<unknown>>();
  let closing: Promise<void> | undefined;

  const track = async <Result>(work: Promise<Result>): Promise<Result> => {
    pending.add(work);
    try {
      return await work;
    } finally {
      pending.delete(work);
    }
  };

  return {
    inputs: session.inputMetadata.map(describeValue),
    outputs: session.outputMetadata.map(describeValue),
    run: (inputs, outputs) => {
      if (closing) return Promise.reject(new ChiasmError('internal', 'the session is closed; open the model again'));
      return track(runOrtSession(session, inputs, outputs ?? session.outputNames));
    },
    close: () => {
      closing ??= Promise.allSettled(pending).then(() => session.release());
      return closing;
    },
  };
}

async function createOrtSession(model: string | Uint8Array, options: SessionOptions): Promise<InferenceSession> {
  const providers = options.executionProviders ?? ['cpu'];
  requireBuiltIn(providers);
  const ortOptions: InferenceSession.SessionOptions = {
    executionProviders: [...providers],
    graphOptimizationLevel: options.optimisation ?? 'all',
    logSeverityLevel: LOG_ERRORS_ONLY,
    extra: { session: { intra_op: { allow_spinning: options.spinning ? '1' : '0' } } },
    ...threadSettings(options.threads),
  };
  try {
    return await (typeof model === 'string'
      ? InferenceSession.create(model, ortOptions)
      : InferenceSession.create(model, ortOptions));
  } catch (error) {
    throw describeLoadFailure(error, typeof model === 'string' ? model : 'the model', providers);
  }
}

/** ORT drops a provider that it was built without, and goes on with the rest; here nothing gets slow unseen. */
function requireBuiltIn(providers: readonly string[]): void {
  const built = listSupportedBackends().map(({ name }) => name);
  const absent = providers.find((provider) => !built.includes(provider));
  if (absent === undefined) return;
  const choice = `this build of ONNX Runtime has ${built.join(', ')}`;
  throw new ChiasmError('internal', `there is no execution provider ${absent}; ${choice}`);
}

/** With an accelerator ORT does not say whether the model or the machine is at fault, so both are named. */
function describeLoadFailure(error: unknown, name: string, providers: readonly string[]): ChiasmError {
  const reason = messageOf(error);
  const accelerators = providers.filter((provider) => provider !== 'cpu').join(', ');
  if (accelerators === '') {
    return new ChiasmError('model_invalid', `ONNX Runtime cannot load ${name}: ${reason}`, { cause: error });
  }
  const advice = `check that this machine has ${accelerators} and its libraries, or use the execution provider cpu`;
  return new ChiasmError('internal', `ONNX Runtime cannot load ${name} on ${accelerators}: ${reason}; ${advice}`, {
    cause: error,
  });
}

async function runOrtSession(session: InferenceSession, inputs: Tensors, outputs: readonly string[]): Promise<Tensors> {
  const feeds = Object.fromEntries(
    Object.entries(inputs).map(([name, { type, data, shape }]) => [name, new OrtTensor(type, data, [...shape])]),
  );
  let results: InferenceSession.OnnxValueMapType;
  try {
    results = await session.run(feeds, [...outputs]);
  } catch (error) {
    throw new ChiasmError('internal', `ONNX Runtime refused the run: ${messageOf(error)}`, { cause: error });
  }
  return Object.fromEntries(outputs.map((name) => [name, toTensor(name, results[name])]));
}

function toTensor(name: string, value: OrtTensor | undefined): Tensor {
  if (value?.type === 'float32') return { type: 'float32', shape: value.dims, data: value.data as Float32Array };
  if (value?.type === 'int64') return { type: 'int64', shape: value.dims, data: value.data as BigInt64Array };
  throw new ChiasmError('model_invalid', `output ${name} is ${value?.type ?? 'absent'}; expected float32 or int64`);
}

function describeValue(value: InferenceSession.ValueMetadata): TensorInfo {
  return value.isTensor
    ? { name: value.name, type: value.type, shape: value.shape }
    : { name: value.name, type: 'not a tensor', shape: [] };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
