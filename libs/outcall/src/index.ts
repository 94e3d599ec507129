/** Calls to business systems over HTTP: signed, with a deadline, and kept away from addresses inside the network. */
export { CircuitBreaker, type CircuitState } from './circuit-breaker.ts';
export { Outcall, type OutcallAnswer, type OutcallFailure, type OutcallRequest } from './outcall.ts';
export { newWebhookSecret, signatureHeaders, webhookSecretProblem } from './signature.ts';
export { loggedHost, outcallUrlProblem } from './target.ts';
