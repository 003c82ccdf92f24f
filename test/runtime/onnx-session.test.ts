import { createOnnxSession } from '#shared/runtime/onnx-session.ts';
import { describeSession } from './session-contract.ts';

describeSession('a session on the calling thread', createOnnxSession);
