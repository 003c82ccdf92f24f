/** The spaces: which answer, which one is built beside them, and what is kept of former models. */

import { createRoute, z } from '@hono/zod-openapi';
import { ChiasmError } from '#shared/core/errors.ts';
import type { ApiApp } from '../api-env.ts';
import type { AppDependencies, ModelChange } from '../app-dependencies.ts';
import { jsonAnswer, modalitySchema, problemAnswer } from '../schemas/common.ts';

const servedSchema = z
  .object({
    id: z.string(),
    dimensions: z.int(),
    modalities: z.array(modalitySchema).openapi({ description: 'Whose items are searched in this space.' }),
    items: z.int(),
    parts: z.int(),
  })
  .openapi('Space');

const buildingSchema = z
  .object({
    spaces: z.array(servedSchema),
    startedAt: z.iso.datetime(),
    former: z.enum(['keep', 'drop']).openapi({ description: 'What becomes of the live spaces after the switch.' }),
    progress: z.number().openapi({ description: '0 to 1.' }),
    done: z.int(),
    total: z.int(),
    failed: z.int(),
    itemsPerSecond: z.number().optional(),
    secondsLeft: z.number().optional(),
    held: z.string().optional().openapi({ description: 'Why the switch waits for `POST /v1/spaces/switch`.' }),
    estimate: z
      .object({
        items: z.int(),
        seconds: z
          .number()
          .openapi({ description: 'On this machine, by a sample that was embedded before the start.' }),
        sizeBytes: z.int(),
      })
      .optional(),
  })
  .openapi('SpaceBuild');

const spacesSchema = z
  .object({
    live: z.array(servedSchema).openapi({ description: 'They answer searches; the first one holds every item.' }),
    building: buildingSchema.optional(),
    kept: z
      .array(z.object({ id: z.string(), model: z.string(), dimensions: z.int(), sizeBytes: z.int() }))
      .openapi({ description: 'Of former models, for a way back.' }),
  })
  .openapi('Spaces');

const getSpaces = createRoute({
  method: 'get',
  path: '/v1/spaces',
  tags: ['System'],
  summary: 'The indexes of the models in use, the progress of a change of the model, and what is kept',
  responses: { 200: jsonAnswer(spacesSchema, 'Now.'), ...problemAnswer },
});

const switchSpaces = createRoute({
  method: 'post',
  path: '/v1/spaces/switch',
  tags: ['System'],
  summary: 'Let the new model answer before its index holds everything',
  responses: { 200: jsonAnswer(spacesSchema, 'After the switch.'), ...problemAnswer },
});

const dropSpace = createRoute({
  method: 'delete',
  path: '/v1/spaces/{id}',
  tags: ['System'],
  summary: 'Erase the index of a former model, or end a change of the model',
  request: { params: z.object({ id: z.string().openapi({ param: { name: 'id', in: 'path', required: true } }) }) },
  responses: { 204: { description: 'Every file of the space is removed.' }, ...problemAnswer },
});

type WireSpaces = z.infer<typeof spacesSchema>;

export function registerSpaceRoutes(app: ApiApp, deps: AppDependencies): void {
  app.openapi(getSpaces, async (c) => c.json(await readSpaces(deps), 200));

  app.openapi(switchSpaces, async (c) => {
    await steered(deps).switchNow();
    return c.json(await readSpaces(deps), 200);
  });

  app.openapi(dropSpace, async (c) => {
    await steered(deps).drop(c.req.valid('param').id);
    return c.body(null, 204);
  });
}

function steered({ modelChange }: AppDependencies): ModelChange {
  if (modelChange !== undefined) return modelChange;
  throw new ChiasmError('invalid_request', 'this program does not change its model while it runs');
}

async function readSpaces({ spaces, modelChange }: AppDependencies): Promise<WireSpaces> {
  const { building, kept } = (await modelChange?.describe()) ?? { kept: [] };
  return {
    live: spaces.members.map(toWireSpace),
    ...(building && { building: { ...building, spaces: building.spaces.members.map(toWireSpace) } }),
    kept: kept.map(({ id, model, dimensions, sizeBytes }) => ({ id, model, dimensions, sizeBytes })),
  };
}

function toWireSpace({ encoder, index, modalities }: AppDependencies['spaces']['members'][number]) {
  const { items, parts } = index.statistics();
  const { id, dimensions } = encoder.space;
  return { id, dimensions, modalities: [...modalities], items, parts };
}
