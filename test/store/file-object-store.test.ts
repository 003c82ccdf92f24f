import { createFileObjectStore } from '#shared/store/file-object-store.ts';
import { describeObjectStore } from './object-store-contract.ts';
import { temporaryFolder } from './temporary-folder.ts';

describeObjectStore('FileObjectStore', { create: async () => createFileObjectStore(await temporaryFolder()) });
