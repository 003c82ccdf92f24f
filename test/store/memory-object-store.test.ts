import { createMemoryObjectStore } from '#shared/store/memory-object-store.ts';
import { describeObjectStore } from './object-store-contract.ts';

describeObjectStore('MemoryObjectStore', { create: () => createMemoryObjectStore(), propertyRuns: 100 });
