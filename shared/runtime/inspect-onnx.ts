/**
 * Looks at an ONNX file before ONNX Runtime does: is it one, how large are its weights, which files beside it does it
 * name. Reads only the protobuf's structure (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto), never the weights.
 */

import { realpathSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, resolve, sep } from 'node:path';
import { ChiasmError } from '#shared/core/errors.ts';
import { type ByteSource, bytesSource, withFileSource } from './byte-source.ts';
import { type Field, readFields, readText, readVarint } from './protobuf-reader.ts';

export interface OnnxSummary {
  readonly irVersion: number;
  /** Declared size of all weights, inside and outside the file. */
  readonly weightBytes: number;
  /** Files with weights, relative to the model's folder. */
  readonly externalFiles: readonly string[];
}

export interface InspectOptions {
  /** @default 2 GiB */
  readonly maxWeightBytes?: number;
}

const DEFAULT_MAX_WEIGHT_BYTES = 2 ** 31;
/** A protobuf message cannot be larger; ORT's parser refuses it too. */
const MAX_PROTOBUF_BYTES = 2 ** 31 - 1;
/** Graphs in the branches of If and Loop in graphs; real models stay under 5. */
const MAX_GRAPH_DEPTH = 16;

/** Bytes of an element by TensorProto.DataType; sub-byte types are packed. */
const ELEMENT_BYTES: Readonly<Record<number, number>> = {
  1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 8: 0, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 14: 8, 15: 16, 16: 2,
  17: 1, 18: 1, 19: 1, 20: 1, 21: 0.5, 22: 0.5, 23: 0.5, 24: 1, 25: 0.25, 26: 0.25,
}; // biome-ignore format: a table

/**
 * @param model a path or the bytes. Bytes may not refer to other files.
 * @throws ChiasmError `model_invalid` for what is not ONNX, is cut off, or reaches outside its folder; `too_large` for weights over the limit
 */
export function inspectOnnx(model: string | Uint8Array, options: InspectOptions = {}): OnnxSummary {
  const name = typeof model === 'string' ? model : 'the model';
  const folder = typeof model === 'string' ? dirname(model) : undefined;
  const inspect = (source: ByteSource) => inspectSource(source, name, folder, options);
  return typeof model === 'string' ? withFileSource(openable(model), inspect) : inspect(bytesSource(model));
}

function openable(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isFile()) return path;
  throw new ChiasmError('model_invalid', `${path} is ${stats ? 'not a file' : 'missing'}; expected an ONNX model`);
}

function inspectSource(
  source: ByteSource,
  name: string,
  folder: string | undefined,
  options: InspectOptions,
): OnnxSummary {
  const stranger = describeStranger(source);
  if (stranger !== undefined) throw new ChiasmError('model_invalid', `${name} is not an ONNX model: ${stranger}`);
  if (source.sizeBytes > MAX_PROTOBUF_BYTES) {
    throw new ChiasmError('too_large', `${name} has ${source.sizeBytes} bytes; an ONNX file holds at most 2 GiB`);
  }
  const survey = createSurvey(folder);
  let irVersion = 0;
  try {
    irVersion = surveyModel(source, survey);
  } catch (error) {
    if (!(error instanceof ChiasmError)) throw error;
    throw new ChiasmError(error.code, `${name} is damaged or not an ONNX model: ${error.message}`, { cause: error });
  }
  if (irVersion === 0 || !survey.sawGraph) {
    throw new ChiasmError(
      'model_invalid',
      `${name} is not an ONNX model: it has no ${irVersion ? 'graph' : 'IR version'}`,
    );
  }
  const limit = options.maxWeightBytes ?? DEFAULT_MAX_WEIGHT_BYTES;
  if (survey.weightBytes > limit) {
    const size = (bytes: number) => `${(bytes / 2 ** 30).toFixed(2)} GiB`;
    throw new ChiasmError(
      'too_large',
      `${name} declares ${size(survey.weightBytes)} of weights; the limit is ${size(limit)}`,
    );
  }
  return { irVersion, weightBytes: survey.weightBytes, externalFiles: [...survey.externalFiles] };
}

/** What a file is that people put in a model's place; undefined when it may be ONNX. */
function describeStranger(source: ByteSource): string | undefined {
  if (source.sizeBytes === 0) return 'it is empty';
  const head = Buffer.from(source.view(0, 64).subarray(0, 64));
  const text = head.toString('latin1');
  if (head[0] === 0x80 && head[1]! >= 2 && head[1]! <= 5) return 'it is a Python pickle, which is never loaded';
  if (text.startsWith('PK\u0003\u0004')) return 'it is a ZIP archive (a PyTorch checkpoint?); export the model to ONNX';
  if (text.startsWith('version https://git-lfs')) return 'it is a Git LFS pointer; run "git lfs pull" in the folder';
  if (text.startsWith('\u0089HDF')) return 'it is an HDF5 file; export the model to ONNX';
  if (text.slice(4, 8) === 'TFL3') return 'it is a TensorFlow Lite model';
  if (text.slice(8, 10) === '{"') return 'it is a safetensors file; export the model to ONNX';
  if (/^\s*[<{]/.test(text)) return 'it is a text file (a saved web page?); download it again';
  return undefined;
}

interface Survey {
  weightBytes: number;
  sawGraph: boolean;
  readonly externalFiles: Set<string>;
  readonly folder: string | undefined;
}

const createSurvey = (folder: string | undefined): Survey => ({
  weightBytes: 0,
  sawGraph: false,
  externalFiles: new Set(),
  folder,
});

/** ModelProto: ir_version 1, graph 7, training_info 20 (TrainingInfoProto: graphs 1 and 2), functions 25 (nodes 7). */
function surveyModel(source: ByteSource, survey: Survey): number {
  let irVersion = 0;
  for (const field of readFields(source, 0, source.sizeBytes)) {
    if (field.number === 1 && field.wireType === 0) irVersion = field.value;
    if (field.wireType !== 2) continue;
    if (field.number === 7) {
      survey.sawGraph = true;
      surveyGraph(source, field, survey, 0);
    } else if (field.number === 20) {
      for (const inner of messages(source, field)) if (inner.number <= 2) surveyGraph(source, inner, survey, 0);
    } else if (field.number === 25) {
      for (const inner of messages(source, field)) if (inner.number === 7) surveyNode(source, inner, survey, 0);
    }
  }
  return irVersion;
}

/** GraphProto: node 1, initializer 5, sparse_initializer 15 (SparseTensorProto: values 1, indices 2). */
function surveyGraph(source: ByteSource, graph: Field, survey: Survey, depth: number): void {
  if (depth > MAX_GRAPH_DEPTH) throw new ChiasmError('model_invalid', `graphs nest deeper than ${MAX_GRAPH_DEPTH}`);
  for (const field of messages(source, graph)) {
    if (field.number === 1) surveyNode(source, field, survey, depth);
    else if (field.number === 5) surveyTensor(source, field, survey);
    else if (field.number === 15) surveySparseTensor(source, field, survey);
  }
}

/** NodeProto: attribute 5. AttributeProto: t 5, g 6, tensors 10, graphs 11, sparse_tensor 22, sparse_tensors 23. */
function surveyNode(source: ByteSource, node: Field, survey: Survey, depth: number): void {
  for (const attribute of messages(source, node)) {
    if (attribute.number !== 5) continue;
    for (const field of messages(source, attribute)) {
      if (field.number === 5 || field.number === 10) surveyTensor(source, field, survey);
      else if (field.number === 6 || field.number === 11) surveyGraph(source, field, survey, depth + 1);
      else if (field.number === 22 || field.number === 23) surveySparseTensor(source, field, survey);
    }
  }
}

function surveySparseTensor(source: ByteSource, sparse: Field, survey: Survey): void {
  for (const field of messages(source, sparse)) if (field.number <= 2) surveyTensor(source, field, survey);
}

/** TensorProto: dims 1 (packed or not), data_type 2, external_data 13, data_location 14 (1 is external). */
function surveyTensor(source: ByteSource, tensor: Field, survey: Survey): void {
  let elements = 1;
  let elementBytes = 0;
  const external = new Map<string, string>();
  for (const field of readFields(source, tensor.start, tensor.end)) {
    if (field.number === 1) elements *= dimensions(source, field);
    else if (field.number === 2) elementBytes = ELEMENT_BYTES[field.value] ?? 8;
    else if (field.number === 13) external.set(...keyAndValue(source, field));
  }
  if (!Number.isFinite(elements))
    throw new ChiasmError('model_invalid', 'a tensor has a negative or endless dimension');
  survey.weightBytes += elements * elementBytes;
  const location = external.get('location');
  if (location !== undefined) {
    requireExternalFile(survey, location, Number(external.get('offset') ?? 0), elements * elementBytes);
  }
}

function dimensions(source: ByteSource, field: Field): number {
  if (field.wireType === 0) return field.value;
  let product = 1;
  for (let offset = field.start; offset < field.end; ) {
    const { value, next } = readVarint(source, offset, field.end);
    product *= value;
    offset = next;
  }
  return product;
}

/** StringStringEntryProto: key 1, value 2. */
function keyAndValue(source: ByteSource, entry: Field): [string, string] {
  let key = '';
  let value = '';
  for (const field of messages(source, entry)) {
    if (field.number === 1) key = readText(source, field);
    if (field.number === 2) value = readText(source, field);
  }
  return [key, value];
}

/** A model reads weights from its own folder only: a path that leaves it would read any file of the machine. */
function requireExternalFile(survey: Survey, location: string, offset: number, sizeBytes: number): void {
  const refuse = (why: string) =>
    new ChiasmError('model_invalid', `its weights are in the file ${JSON.stringify(location.slice(0, 200))}, ${why}`);
  if (survey.folder === undefined) throw refuse('and a model in memory cannot refer to files');
  const path = resolve(survey.folder, location);
  if (isAbsolute(location) || !path.startsWith(resolve(survey.folder) + sep)) {
    throw refuse('which is outside the folder of the model');
  }
  if (!survey.externalFiles.has(location)) {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (!stats?.isFile()) throw refuse(`which is missing beside ${basename(survey.folder)}'s other files`);
    if (!realpathSync(path).startsWith(realpathSync(survey.folder) + sep)) {
      throw refuse('which is a link that leaves the folder of the model; copy the files with "cp -L"');
    }
    survey.externalFiles.add(location);
  }
  if (!(offset >= 0) || offset + sizeBytes > statSync(path).size) {
    throw refuse(`which is too short: it should hold ${sizeBytes} bytes from ${offset}`);
  }
}

/** The length-delimited fields of a message. */
function* messages(source: ByteSource, message: Field): Generator<Field> {
  for (const field of readFields(source, message.start, message.end)) if (field.wireType === 2) yield field;
}
