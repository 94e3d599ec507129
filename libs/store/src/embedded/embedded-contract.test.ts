import { openEmbeddedFolder } from '../../test/embedded-folder.ts';
import { conversationRowsContract } from '../conversation-rows.contract.ts';
import { groupsContract } from '../groups.contract.ts';
import { storeContract } from '../store.contract.ts';
import { timelinesContract } from '../timelines.contract.ts';

storeContract('embedded', openEmbeddedFolder);
timelinesContract(openEmbeddedFolder);
groupsContract(openEmbeddedFolder);
conversationRowsContract(openEmbeddedFolder);
