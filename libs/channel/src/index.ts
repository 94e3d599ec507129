/** A framed channel over any duplex stream: outbox, limits, heartbeat, close reasons. */
export * from './byte-stream.ts';
export * from './channel.ts';
export * from './doors/public-door.ts';
export * from './doors/visits.ts';
export * from './heartbeat.ts';
export * from './shared-read.ts';
export * from './timing-wheel.ts';
export * from './turn-flusher.ts';
