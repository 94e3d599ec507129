/**
 * Decodes a `Frame` fast. A frame of our own clients holds only its body, so the fast path looks for a single
 * body.
 */
import protobuf from 'protobufjs/minimal.js';
import { cim } from './generated.ts';
import { WireReader } from './wire-reader.ts';

/** The tag of `Frame.send`, and the number of its bytes. */
const SEND_TAG = 0x92;
const TAG_BYTES = 2;
const READER = new WireReader();

type Body = (frame: cim.Frame, reader: protobuf.Reader) => void;

/** Bodies in the order of their field numbers, beginning with the first body. */
const BODIES: readonly Body[] = [
  (frame, reader) => (frame.login = cim.Login.decode(reader)),
  (frame, reader) => (frame.welcome = cim.Welcome.decode(reader)),
  (frame, reader) => (frame.send = cim.Send.decode(reader)),
  (frame, reader) => (frame.receipt = cim.Receipt.decode(reader)),
  (frame, reader) => (frame.delivered = cim.Delivered.decode(reader)),
  (frame, reader) => (frame.deliver = cim.Deliver.decode(reader)),
  (frame, reader) => (frame.ack = cim.Ack.decode(reader)),
  (frame, reader) => (frame.resume = cim.Resume.decode(reader)),
  (frame, reader) => (frame.resumed = cim.Resumed.decode(reader)),
  (frame, reader) => (frame.ping = cim.Ping.decode(reader)),
  (frame, reader) => (frame.pong = cim.Pong.decode(reader)),
  (frame, reader) => (frame.goaway = cim.Goaway.decode(reader)),
  (frame, reader) => (frame.error = cim.Error.decode(reader)),
  (frame, reader) => (frame.counters = cim.Counters.decode(reader)),
  (frame, reader) => (frame.find = cim.Find.decode(reader)),
  (frame, reader) => (frame.found = cim.Found.decode(reader)),
];

/**
 * Does the same as `cim.Frame.decode` in a fifth of its time for a frame with one body: the generated decoder
 * clears all other bodies after it has read one.
 * @throws when the bytes are not a valid frame
 */
export function decodeFrame(bytes: Uint8Array): cim.Frame {
  const [first = 0, second] = bytes;
  // A field from 16 to 31 with a length has the tag 1 nnnn 010, 0000 0001.
  const body = (first & 0x87) === 0x82 && second === 1 ? BODIES[(first >> 3) & 0x0f] : undefined;
  if (body === undefined) return cim.Frame.decode(bytes);
  const frame = new cim.Frame();
  const send = first === SEND_TAG ? sendOf(bytes) : undefined;
  if (send !== undefined) {
    frame.send = send;
    return frame;
  }
  const reader = protobuf.Reader.create(bytes);
  reader.pos = TAG_BYTES;
  if (reader.size() !== reader.len - reader.pos) return cim.Frame.decode(bytes);
  body(frame, reader);
  return frame;
}

/**
 * Decodes a `Send`, which nearly all frames of a client are. Undefined: the generated decoder has to read the
 * frame.
 */
function sendOf(bytes: Uint8Array): cim.Send | undefined {
  READER.open(bytes, TAG_BYTES);
  READER.wants(READER.number());
  const send = new cim.Send();
  for (let tag = READER.tag(); tag !== 0; tag = READER.tag()) {
    if (tag === 0x08) send.to = READER.number();
    else if (tag === 0x12) send.group = READER.knownText();
    else if (tag === 0x1a) send.producer = READER.knownText();
    else if (tag === 0x20) send.counter = READER.number();
    else if (tag === 0x2a) send.content = READER.bytes();
    else if (tag === 0x30) send.again = READER.number() !== 0;
    else READER.giveUp();
  }
  return READER.unfamiliar ? undefined : send;
}
