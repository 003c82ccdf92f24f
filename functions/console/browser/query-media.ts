/** Turns dropped, pasted and recorded files into terms of a query, no larger than a search needs. */

import type { Term } from './view.ts';

const LARGE_PICTURE_BYTES = 1_000_000;
const LARGEST_SIDE = 1024; // several times what any encoder looks at
const RECORDING_RATE_HZ = 16_000; // what speech and sound encoders take in

/** @throws Error for what is neither a picture nor a sound, with what to do instead */
export async function termOfFile(file: File): Promise<Term> {
  if (file.type.startsWith('image/')) {
    return {
      kind: 'media',
      modality: 'image',
      name: file.name || 'Picture',
      data: await smallerPicture(file),
      weight: 1,
    };
  }
  if (file.type.startsWith('audio/') || file.type === 'video/ogg') {
    return { kind: 'media', modality: 'audio', name: file.name || 'Sound', data: file, weight: 1 };
  }
  throw new Error(
    `“${file.name}” is neither a picture nor a sound. Drop it beside the box to add it to the collection.`,
  );
}

/** A photograph of many megabytes would be sent again at each keystroke. What the browser cannot decode goes as it is. */
async function smallerPicture(file: File): Promise<Blob> {
  if (file.size <= LARGE_PICTURE_BYTES) return file;
  const bitmap = await createImageBitmap(file).catch(() => undefined);
  if (bitmap === undefined) return file;
  const scale = Math.min(1, LARGEST_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = new OffscreenCanvas(Math.round(bitmap.width * scale), Math.round(bitmap.height * scale));
  canvas.getContext('2d')!.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: 'image/jpeg', quality: 0.95 });
}

export interface Recording {
  /** Ends the recording. */
  readonly stop: () => void;
  /** Resolves after `stop`. */
  readonly term: Promise<Term>;
}

/** @throws DOMException when there is no microphone or its use is refused */
export async function startRecording(): Promise<Recording> {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const recorder = new MediaRecorder(stream);
  const pieces: Blob[] = [];
  recorder.addEventListener('dataavailable', ({ data }) => pieces.push(data));
  const stopped = new Promise((resolve) => recorder.addEventListener('stop', resolve, { once: true }));
  recorder.start();
  const term = stopped.then(async (): Promise<Term> => {
    for (const track of stream.getTracks()) track.stop();
    const samples = await decode(new Blob(pieces));
    return { kind: 'media', modality: 'audio', name: 'Recording', data: encodeWav(samples), weight: 1 };
  });
  return { stop: () => recorder.stop(), term };
}

/** Browsers record in containers of their own; WAV is read everywhere. Returns mono samples at `RECORDING_RATE_HZ`. */
async function decode(recorded: Blob): Promise<Float32Array> {
  const context = new OfflineAudioContext(1, 1, RECORDING_RATE_HZ);
  const decoded = await context.decodeAudioData(await recorded.arrayBuffer());
  return decoded.getChannelData(0);
}

/** 16-bit mono WAV of samples in [-1, 1]. */
function encodeWav(samples: Float32Array): Blob {
  const header = new DataView(new ArrayBuffer(44));
  const ascii = (offset: number, text: string) => {
    for (let i = 0; i < text.length; i++) header.setUint8(offset + i, text.charCodeAt(i));
  };
  ascii(0, 'RIFF');
  header.setUint32(4, 36 + samples.length * 2, true);
  ascii(8, 'WAVEfmt ');
  header.setUint32(16, 16, true); // length of the format chunk
  header.setUint16(20, 1, true); // PCM
  header.setUint16(22, 1, true); // mono
  header.setUint32(24, RECORDING_RATE_HZ, true);
  header.setUint32(28, RECORDING_RATE_HZ * 2, true);
  header.setUint16(32, 2, true); // bytes a frame
  header.setUint16(34, 16, true); // bits a sample
  ascii(36, 'data');
  header.setUint32(40, samples.length * 2, true);
  const pcm = Int16Array.from(samples, (sample) => Math.round(Math.max(-1, Math.min(1, sample)) * 32767));
  return new Blob([header, pcm], { type: 'audio/wav' });
}
