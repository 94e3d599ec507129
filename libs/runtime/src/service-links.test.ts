import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readConfig } from './config.ts';
import { isServiceLink } from './service-links.ts';
import { pick, settingNames, settings } from './settings.ts';

/** The variables that Kubernetes sets for one Service, as its documentation says. */
const service = (name: string, host: string, port: number, protocol = 'tcp') => {
  const url = `${protocol}://${host.includes(':') ? `[${host}]` : host}:${port}`;
  const link = `${name}_PORT_${port}_${protocol.toUpperCase()}`;
  return {
    [`${name}_SERVICE_HOST`]: host,
    [`${name}_SERVICE_PORT`]: String(port),
    [`${name}_SERVICE_PORT_HTTP_API`]: String(port),
    [`${name}_PORT`]: url,
    [link]: url,
    [`${link}_PROTO`]: protocol,
    [`${link}_PORT`]: String(port),
    [`${link}_ADDR`]: host,
  };
};
const read = (env: Record<string, string>) =>
  readConfig('route', pick(settings, 'routePort', 'logLevel'), [], env, settingNames);

describe('the variables that Kubernetes sets for a Service', () => {
  for (const name of ['CIM', 'CIM_ROUTE', 'CIM_IM_SERVER_2', 'CIM_REDIS'])
    test(`do not stop a program, for the Service ${name}`, () => {
      for (const [host, port, protocol] of [
        ['10.96.0.7', 8083, 'tcp'],
        ['fd00::7', 80, 'udp'],
      ] as const) {
        const answer = read(service(name, host, port, protocol));
        assert.equal(answer.kind, 'values', JSON.stringify(answer));
        assert.equal(answer.values.routePort, 8083);
      }
    });

  test('leave a setting of the same name to the operator', () => {
    const answer = read({ ...service('CIM_ROUTE', '10.96.0.7', 80), CIM_ROUTE_PORT: '9000' });
    assert.equal(answer.kind, 'values');
    assert.equal(answer.values.routePort, 9000);
  });

  test('are told from what an operator misspelt', () => {
    for (const [name, value] of [
      ['CIM_ROUTE_PROT', '8083'],
      ['CIM_ROUTE_PROT', 'tcp://10.96.0.7:8083'],
      ['CIM_PORT', '8083'],
      ['CIM_PORT', 'tcp://10.96.0.7:8083/'],
      ['CIM_PORT', 'http://10.96.0.7:8083'],
      ['CIM_PORT', 'tcp://cim:8083'],
      ['CIM_PORT', 'tcp://10.96.0.7:99999'],
      ['CIM_PORT', 'tcp://10.96.0.777:80'],
      ['CIM_PORT_8083_TCP', 'tcp://10.96.0.7:8084'],
      ['CIM_PORT_8083_TCP', 'udp://10.96.0.7:8083'],
      ['CIM_PORT_8083_TCP_PORT', '8084'],
      ['CIM_PORT_8083_TCP_PROTO', 'udp'],
      ['CIM_PORT_8083_TCP_ADDR', 'cim'],
      ['CIM_PORT_8083_TCP_NAME', 'cim'],
      ['CIM_SERVICE_PORT', '8083'],
      ['CIM_SERVICE_HOST', 'cim.example'],
      ['CIM_SERVICE', '10.96.0.7'],
      ['cim_SERVICE_HOST', '10.96.0.7'],
      ['XCIM_SERVICE_HOST', '10.96.0.7'],
    ] as const)
      assert.equal(isServiceLink(name, value, { [name]: value }), false, `${name}=${value}`);
    const answer = read({ ...service('CIM', '10.96.0.7', 80), CIM_PORT: '8083', CIM_SERVICE_PORT: 'http' });
    assert.equal(answer.kind, 'problems');
    assert.deepEqual(
      answer.problems.map((line) => line.split(' ')[0]),
      ['CIM_SERVICE_PORT', 'CIM_PORT'],
    );
  });

  test('do not hide a port that is given wrongly', () => {
    const answer = read({ CIM_ROUTE_PORT: 'tcp://route:80' });
    assert.equal(answer.kind, 'problems');
  });
});
