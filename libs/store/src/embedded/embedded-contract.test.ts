import { openEmbeddedFolder } from '../../test/embedded-folder.ts';
import { storeContract } from '../store.contract.ts';
import { timelinesContract } from '../timelines.contract.ts';

storeContract('embedded', openEmbeddedFolder);
timelinesContract(openEmbeddedFolder);
