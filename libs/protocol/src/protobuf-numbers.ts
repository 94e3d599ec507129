// Imported before the generated code, which looks at `util.Long` when it is loaded: int64 fields are below 2^53
// with us and are `number` everywhere; without this protobufjs decodes Long objects.
import protobuf from 'protobufjs/minimal.js';

(protobuf.util as { Long: unknown }).Long = null;
protobuf.configure();
