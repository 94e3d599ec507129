// This file is imported before the generated code, which reads `util.Long` when it loads. Without it
// protobufjs decodes int64 fields to Long objects. All int64 fields of ours are below 2^53, so they are
// decoded to `number`.
import protobuf from 'protobufjs/minimal.js';

(protobuf.util as { Long: unknown }).Long = null;
protobuf.configure();
