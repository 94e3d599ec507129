import { openEmbeddedFolder } from '../../test/embedded-folder.ts';
import { storeContract } from '../store.contract.ts';

storeContract('embedded', openEmbeddedFolder);
