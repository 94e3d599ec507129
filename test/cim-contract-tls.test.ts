/** The rows of CIM's contract that touch the transport, over TLS. */
process.env['CIM_TEST_WIRE'] = 'tls';
await import('./cim-contract.test.ts');
