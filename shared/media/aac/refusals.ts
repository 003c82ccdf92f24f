/** The two ways in which AAC is refused, worded for the user. */

import { ChiasmError } from '#shared/core/errors.ts';

export function damaged(reason: string): ChiasmError {
  return new ChiasmError('corrupt_input', `the AAC sound is damaged: ${reason}`);
}

/** `what` is a clause: "this is ..." */
export function unsupported(what: string): ChiasmError {
  return new ChiasmError('unsupported_type', `${what}, which is not read: save it as AAC-LC, MP3, Ogg, FLAC or WAV`);
}
