/** The rows of CIM's contract that touch the transport, over a WebSocket. */
process.env['CIM_TEST_WIRE'] = 'ws';
await import('./cim-contract.test.ts');
