/** The kinds of content that are embedded. Video and signals join this list with the features that read them. */

export const MODALITIES = ['image', 'audio', 'text'] as const;

export type Modality = (typeof MODALITIES)[number];
