/**
 * The API as a function of AWS Lambda behind API Gateway, with streamed answers: bytes of any kind as they are, tokens as they
 * come. Model and index are loaded while the function starts, so that a snapshot of it holds them.
 */

import { streamHandle } from 'hono/aws-lambda';
import { composeApi } from './compose.ts';
import { readEnvironment } from './env.ts';

export const handler = streamHandle(await composeApi(readEnvironment()));
